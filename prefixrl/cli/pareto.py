"""`prefixrl pareto`: the front of one or more runs beside the classical structures."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefixrl.cli.common import output_console, print_json
from prefixrl.cli.options import JsonOption
from prefixrl.errors import InputError

if TYPE_CHECKING:
    from prefixrl.designs import FrontPoint, FrontSource

EXAMPLE = (
    "Example: prefixrl pareto runs/demo --plot front.png --html report.html; "
    "prefixrl pareto runs/a published:adder32 --json"
)

SOURCES_HELP = "Run directories, front.json files or published:NAME."


def pareto(
    runs: Annotated[list[str], typer.Argument(help=SOURCES_HELP)],
    plot: Annotated[Path | None, typer.Option("--plot", help="Write a plot, PNG or SVG by its suffix.")] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write an interactive report: one page that needs no network.")
    ] = None,
    netlists: Annotated[
        int | None,
        typer.Option("--netlists", min=0, help="Netlists that the report takes apart, at most. Default: by width."),
    ] = None,
    classical: Annotated[
        bool, typer.Option("--classical", help="Evaluate the classical structures where a front comes without them.")
    ] = False,
    reference: Annotated[
        str | None, typer.Option("--reference", help="Reference point of the hypervolume: DELAY_NS,AREA_UM2.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Print the front of runs of one problem, with what it saves against the best classical structure."""
    from prefixrl.designs.report import front_document
    from prefixrl.designs.source import common_classical, common_front, common_reference, open_sources

    sources = open_sources(runs)
    if classical and not common_classical(sources):
        sources[0] = _with_classical(sources[0])
    curves = common_classical(sources)
    point = common_reference(sources, curves, parse_reference(reference) if reference else None)
    front = sources[0].front if len(sources) == 1 else common_front(sources)
    if plot:
        _plot(plot, sources, curves, point)
    if html:
        _report_page(html, sources, point, netlists)
    if json:
        print_json(front_document(sources[0].context, front, point, curves))
        return
    _print_report(sources, front, curves, point)
    for path in (plot, html):
        if path:
            typer.echo(f"wrote {path}")


def parse_reference(text: str) -> tuple[float, float]:
    """The reference point that a user states.

    :raises InputError: not two positive finite figures
    """
    try:
        delay, area = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"a reference point is DELAY_NS,AREA_UM2: {text!r}") from None
    if not (0 < delay < float("inf") and 0 < area < float("inf")):
        raise InputError(f"a reference point has two positive finite figures: {text!r}")
    return delay, area


def _with_classical(source: FrontSource) -> FrontSource:
    from prefixrl.designs.maker import Maker, classical_curves

    typer.echo("evaluating the classical structures", err=True)
    with Maker(source.context) as maker:
        return replace(source, classical=classical_curves(maker))


def _plot(
    path: Path, sources: list[FrontSource], classical: dict[str, list[FrontPoint]], reference: tuple[float, float]
) -> None:
    from prefixrl.designs.plots import plot_front

    fronts = {source.label: source.front for source in sources}
    plot_front(path, sources[0].context, fronts, classical, reference=reference)


def _report_page(path: Path, sources: list[FrontSource], reference: tuple[float, float], netlists: int | None) -> None:
    from prefixrl.designs.page import write_page

    command = shlex.join(["prefixrl", *sys.argv[1:]])
    write_page(path, sources, reference=reference, netlists=netlists, command=command)


def _print_report(
    sources: list[FrontSource],
    front: list[FrontPoint],
    classical: dict[str, list[FrontPoint]],
    reference: tuple[float, float],
) -> None:
    from prefixrl.designs import hypervolume
    from prefixrl.designs.front import merged_classical_front
    from prefixrl.designs.report import classical_table, failures_table, front_table

    console, context = output_console(), sources[0].context
    console.print(f"{context.width}-bit {context.circuit} on {context.pdk}, judged by {context.evaluator}")
    console.print(front_table(front, classical or None, title="Front"))
    if classical:
        console.print(classical_table(classical))
    for source in sources:
        if source.failures:
            console.print(failures_table(source.failures))
        designs = "" if source.designs is None else f"{source.designs} designs, "
        console.print(
            f"{source.label}: {designs}{len(source.front)} on the front, "
            f"hypervolume {hypervolume(source.front, reference):.3f} ns um2",
            highlight=False,
        )
    if classical:
        baseline = hypervolume(merged_classical_front(classical), reference)
        console.print(f"classical structures: hypervolume {baseline:.3f} ns um2", highlight=False)
    console.print(f"reference point {reference[0]:.4f} ns, {reference[1]:.1f} um2", highlight=False)
