"""`prefixrl board`: the smallest prefix graphs of a width and depth, against theory and published records."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefixrl.cli.common import output_console, print_json
from prefixrl.cli.options import JsonOption
from prefixrl.errors import InputError

if TYPE_CHECKING:
    from prefixrl.theory.board import Entry

EXAMPLE = "Example: prefixrl board -n 64 --out runs/theory; prefixrl board --verify runs/theory"


def board(
    width: Annotated[
        list[int] | None, typer.Option("--width", "-n", help="Bits; repeatable. Default: 8 to 128.")
    ] = None,
    carries: Annotated[
        int, typer.Option("--carries", help="Size of the family searched, 1 to 6; 3 has all records.")
    ] = 3,
    anneal: Annotated[int, typer.Option("--anneal", help="Edits tried on each graph not proven optimal.")] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the annealing.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Write graphs that are smaller than those there.")] = None,
    verify: Annotated[
        Path | None, typer.Option("--verify", help="Read and verify the graphs of a folder instead.")
    ] = None,
    exhaustive: Annotated[int | None, typer.Option("--exhaustive", help="Count all graphs of a width, 2 to 9.")] = None,
    json: JsonOption = False,
) -> None:
    """Find the fewest nodes for each width and depth, without synthesis, and compare with bounds and records."""
    from prefixrl.theory.board import WIDTHS, make_board, read_board, write_board

    if exhaustive is not None:
        _truth(exhaustive, json)
        return
    if verify is not None:
        entries = read_board(verify)
    else:
        entries = make_board(width or WIDTHS, carries, anneal, seed)
        if out is not None:
            written = write_board(entries, out, ["prefixrl", *sys.argv[1:]], seed)
            typer.echo(f"wrote {len(written)} graphs to {out}", err=True)
    if json:
        print_json([entry.to_json() for entry in entries])
    else:
        _print(entries)


def _print(entries: Sequence[Entry]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("bits", "depth", "size", "bound", "record", "fanout"):
        table.add_column(name, justify="right")
    table.add_column("standing")
    for entry in entries:
        record = "" if entry.record is None else str(entry.record.size)
        figures = (entry.graph.width, entry.depth, entry.graph.size, entry.bound)
        table.add_row(*map(str, figures), record, str(entry.graph.max_fanout), entry.standing)
    output_console().print(table)


def _truth(width: int, as_json: bool) -> None:
    """Every legal graph of a width: how many, and the fronts that nothing can beat."""
    from prefixrl.graphs.enumeration import count_graphs
    from prefixrl.theory.truth import MEASURES, true_front

    if not 2 <= width <= 9:
        raise InputError(f"all graphs can be counted for widths from 2 to 9: {width}")
    report: dict[str, Any] = {"width": width, "graphs": count_graphs(width)}
    if width <= 8:
        for name, measure in MEASURES.items():
            report[name] = [[point.delay, point.area] for point in true_front(width, measure)]
    if as_json:
        print_json(report)
        return
    typer.echo(f"{report['graphs']} legal prefix graphs of {width} bits")
    for name in MEASURES:
        if name in report:
            typer.echo(f"{name}: " + ", ".join(f"{area:g}@{delay:g}" for delay, area in report[name]))
