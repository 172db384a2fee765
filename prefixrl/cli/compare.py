"""`prefixrl compare`: fronts of runs, methods, libraries or evaluators beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from prefixrl.cli.common import output_console, print_json
from prefixrl.cli.options import JsonOption

if TYPE_CHECKING:
    from rich.table import Table

    from prefixrl.designs.comparison import Estimate
    from prefixrl.designs.methods import MethodReport, ProblemReport

EXAMPLE = (
    "Example: prefixrl compare runs/annealed runs/learned; "
    "prefixrl compare sa=runs/sa-0,runs/sa-1,runs/sa-2 learned=runs/q-0,runs/q-1,runs/q-2"
)


def compare(
    methods: Annotated[
        list[str],
        typer.Argument(
            help="RUN, front.json, published:NAME, a folder of runs, or NAME=RUN,RUN,... for several seeds."
        ),
    ],
    reference: Annotated[
        str | None, typer.Option("--reference", help="Reference point of the hypervolume: DELAY_NS,AREA_UM2.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Compare fronts with the first one: hypervolume, area saved at equal delay, coverage; intervals over seeds.

    Hypervolumes are interquartile means over seeds with 95 % intervals (stratified bootstrap, scipy). Area saved and
    coverage are those of the best that all seeds of a method found together.
    """
    from prefixrl.cli.pareto import parse_reference
    from prefixrl.designs.methods import compare_methods, read_method

    report = compare_methods([read_method(text) for text in methods], parse_reference(reference) if reference else None)
    if json:
        print_json(report.to_json())
    else:
        _print(report)


def _print(report: MethodReport) -> None:
    console = output_console()
    for problem in report.problems:
        kind, width, _, _ = problem.problem
        delay, area = problem.reference
        console.print(f"{width}-bit {kind}, reference point {delay:.4f} ns, {area:.1f} um2", highlight=False)
        if problem.differing:
            console.print(f"each judged by its own: {', '.join(problem.differing)}", highlight=False)
        console.print(_volumes(problem))
        console.print(_savings(problem))
    if report.overall:
        console.print(_overall(report))


def _new_table(title: str) -> Table:
    from rich.table import Table

    return Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0), header_style="bold")


def _volumes(problem: ProblemReport) -> Table:
    table = _new_table("Hypervolume (ns um2)")
    table.add_column("method", overflow="fold")
    for heading in ("runs", "hypervolume", "95 % interval", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    first = problem.standings[0].hypervolume.value
    for standing in problem.standings:
        volume = standing.hypervolume
        ratio = f"{volume.value / first:.4f}" if first > 0 else ""
        table.add_row(standing.method, str(standing.runs), f"{volume.value:.3f}", _interval(volume, 3), ratio)
    return table


def _savings(problem: ProblemReport) -> Table:
    table = _new_table(f"Against {problem.standings[0].method}, at equal delay")
    table.add_column("method", overflow="fold")
    for heading in ("saved, mean", "largest", "at ns", "from ns", "to ns", "covers", "covered"):
        table.add_column(heading, justify="right", no_wrap=True)
    for standing in problem.standings:
        against = standing.against
        if against is None:
            continue
        saved = against.saved
        figures = ["no common", "delay", "", "", ""]
        if saved is not None:
            low, high = saved.range_ns
            figures = [f"{saved.mean_percent:.2f} %", f"{saved.largest_percent:.2f} %"]
            figures += [f"{each:.4f}" for each in (saved.largest_at_ns, low, high)]
        table.add_row(standing.method, *figures, f"{100 * against.covers:.0f} %", f"{100 * against.covered:.0f} %")
    return table


def _overall(report: MethodReport) -> Table:
    table = _new_table("Over all problems and seeds")
    table.add_column("method", overflow="fold")
    for heading in ("IQM of the ratio", "95 % interval", "better run"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, (estimate, probability) in report.overall.items():
        table.add_row(name, f"{estimate.value:.4f}", _interval(estimate, 4), f"{100 * probability:.0f} %")
    return table


def _interval(estimate: Estimate, digits: int) -> str:
    if estimate.interval is None:
        return "one run"
    low, high = estimate.interval
    return f"{low:.{digits}f} to {high:.{digits}f}"
