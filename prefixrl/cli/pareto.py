"""`prefixrl pareto`: the front of one or more runs beside the classical structures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefixrl.cli.common import output_console, print_json
from prefixrl.cli.options import JsonOption
from prefixrl.errors import InputError

if TYPE_CHECKING:
    from prefixrl.designs import DesignContext, FrontPoint

EXAMPLE = "Example: prefixrl pareto runs/demo --plot front.png; prefixrl pareto runs/a runs/b --json"


@dataclass(frozen=True)
class RunFront:
    """What one run's store holds: its own front and the curves of the classical structures it was started with."""

    label: str
    context: DesignContext
    front: list[FrontPoint]
    classical: dict[str, list[FrontPoint]]
    failures: dict[str, int]
    designs: int


def pareto(
    runs: Annotated[list[Path], typer.Argument(help="Run directories.")],
    plot: Annotated[Path | None, typer.Option("--plot", help="Write a plot, PNG or SVG by its suffix.")] = None,
    reference: Annotated[
        str | None, typer.Option("--reference", help="Reference point of the hypervolume: DELAY_NS,AREA_UM2.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Print the front of runs of one problem, with what it saves against the best classical structure."""
    from prefixrl.designs import front_of, reference_point
    from prefixrl.designs.report import front_document

    loaded = [load_run(path) for path in runs]
    first = loaded[0]
    for run in loaded[1:]:
        first.context.check_comparable(run.context)
    classical = {name: curve for run in reversed(loaded) for name, curve in run.classical.items()}
    point = _parse_reference(reference) if reference else reference_point(classical)
    front = first.front if len(loaded) == 1 else front_of(p for run in loaded for p in run.front)
    if plot:
        _plot(plot, loaded, classical, point)
    if json:
        print_json(front_document(first.context, front, point))
    else:
        _print_report(loaded, front, classical, point)
        if plot:
            typer.echo(f"wrote {plot}")


def load_run(path: Path) -> RunFront:
    """Read one run directory's store.

    :raises InputError: no run directory, or a store that cannot be read
    """
    from prefixrl.designs import DesignStore, RunDirectory

    run = RunDirectory.open(path)
    with DesignStore.open(run.store_path) as store:
        return RunFront(path.name, store.context, store.front(), store.classical(), store.failures(), store.count())


def _parse_reference(text: str) -> tuple[float, float]:
    try:
        delay, area = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"a reference point is DELAY_NS,AREA_UM2: {text!r}") from None
    if not (0 < delay < float("inf") and 0 < area < float("inf")):
        raise InputError(f"a reference point has two positive finite figures: {text!r}")
    return delay, area


def _plot(
    path: Path, loaded: list[RunFront], classical: dict[str, list[FrontPoint]], reference: tuple[float, float]
) -> None:
    from prefixrl.designs.plots import plot_front

    fronts = {run.label: run.front for run in loaded}
    plot_front(path, loaded[0].context, fronts, classical, reference=reference)


def _print_report(
    loaded: list[RunFront],
    front: list[FrontPoint],
    classical: dict[str, list[FrontPoint]],
    reference: tuple[float, float],
) -> None:
    from prefixrl.designs import hypervolume
    from prefixrl.designs.front import merged_classical_front
    from prefixrl.designs.report import classical_table, failures_table, front_table

    console, context = output_console(), loaded[0].context
    console.print(f"{context.width}-bit {context.circuit} on {context.pdk}, judged by {context.evaluator}")
    console.print(front_table(front, classical, title="Front"))
    console.print(classical_table(classical))
    for run in loaded:
        if run.failures:
            console.print(failures_table(run.failures))
        console.print(
            f"{run.label}: {run.designs} designs, {len(run.front)} on the front, "
            f"hypervolume {hypervolume(run.front, reference):.3f} ns um2",
            highlight=False,
        )
    baseline = hypervolume(merged_classical_front(classical), reference)
    console.print(f"classical structures: hypervolume {baseline:.3f} ns um2", highlight=False)
    console.print(f"reference point {reference[0]:.4f} ns, {reference[1]:.1f} um2", highlight=False)
