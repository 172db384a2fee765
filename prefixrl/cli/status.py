"""`prefixrl status`: where runs stand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefixrl.cli.common import output_console, print_json
from prefixrl.cli.options import JsonOption

if TYPE_CHECKING:
    from prefixrl.designs.status import RunStatus

EXAMPLE = "Example: prefixrl status runs/demo; prefixrl status runs/* --json"


def status(
    runs: Annotated[list[Path], typer.Argument(help="Run directories, whether their jobs are at work or not.")],
    json: JsonOption = False,
) -> None:
    """Say where runs stand: designs evaluated, budget, rate, front, hypervolume against the classical structures."""
    from prefixrl.designs.status import run_status

    found = [run_status(path) for path in runs]
    if json:
        print_json([{**each.to_json(), "live": _live(path)} for path, each in zip(runs, found, strict=True)])
        return
    for path, each in zip(runs, found, strict=True):
        _print(each)
        _print_live(path)


def _print(status: RunStatus) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(status):
        table.add_row(name, value)
    console = output_console()
    console.print(f"{status.run}: {status.state}", highlight=False, markup=False)
    console.print(table, highlight=False)


def _live(run: Path) -> dict[str, Any] | None:
    """What the loop and its roles last said of themselves (`status.json`); None where the job never wrote it."""
    from prefixrl.agents.status import NAME, read_status

    if not (run / NAME).is_file():
        return None
    snapshot, age_s = read_status(run)
    figures = dict(snapshot.figures)
    return {"phase": snapshot.phase, "seconds_ago": age_s, "steps": snapshot.steps, "figures": figures}


def _print_live(run: Path) -> None:
    live = _live(run)
    if live is None:
        return
    from rich.columns import Columns
    from rich.text import Text

    console = output_console()
    console.print(f"{live['phase']}, {_clock(live['seconds_ago'])} ago", highlight=False, markup=False)
    figures = [Text(f"{name} {value:.4g}") for name, value in live["figures"].items()]
    if figures:
        console.print(Columns(figures, padding=(0, 2)), highlight=False)


def _rows(status: RunStatus) -> list[tuple[str, str]]:
    seed = "" if status.seed is None else f", seed {status.seed}"
    what = f"{status.width}-bit {status.circuit} on {status.pdk}, judged by {status.evaluator}"
    share = _share(status)
    rows = [
        ("problem", what),
        ("method", f"{status.method}{seed}"),
        ("evaluated", f"{status.evaluations:,} designs{share}, {status.per_second:.1f} per second"),
        ("stored", f"{status.designs:,} designs, {status.failed:,} failed"),
        ("time", f"{_clock(status.seconds)}, last design {_clock(status.since_last_s)} ago"),
    ]
    if status.front:
        ends = f"fastest {status.fastest_ns:.4f} ns, smallest {status.smallest_um2:.2f} um2"
        rows.append(("front", f"{status.front} points; {ends}"))
    if status.hypervolume is not None and status.classical_hypervolume:
        ratio = status.hypervolume / status.classical_hypervolume
        rows.append(("hypervolume", f"{status.hypervolume:.3f} ns um2, {ratio:.4f} times the classical structures'"))
    if status.best_saving_percent is not None:
        rows.append(("most saved", f"{status.best_saving_percent:.1f} % of the area at equal delay"))
    if status.checkpoint:
        rows.append(("checkpoint", status.checkpoint))
    return rows


def _share(status: RunStatus) -> str:
    if limit := status.budget.get("evaluations"):
        return f" of {limit:,.0f}"
    if limit := status.budget.get("time_s"):
        return f" in {_clock(min(status.seconds, limit))} of {_clock(limit)}"
    return ""


def _clock(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
