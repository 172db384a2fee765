"""`prefixrl leaderboard`: the fronts that come with prefixrl, and whether they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from prefixrl.cli.common import output_console, print_json, progress
from prefixrl.cli.options import JsonOption

if TYPE_CHECKING:
    from prefixrl.designs.leaderboard import Row, Verification

EXAMPLE = "Example: prefixrl leaderboard; prefixrl leaderboard adder32 --verify"


def leaderboard(
    names: Annotated[list[str] | None, typer.Argument(help="Published fronts. Default: all.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Evaluate every design again, make every netlist again and prove it.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Print the best fronts found so far with where they come from; with --verify, exit code 1 where one does not hold.

    Fronts of a library that this machine does not have are passed over, unless they are named.

    Any of them is taken from here without training: prefixrl export published:NAME --pick "delay<=0.30" --out DIR
    """
    from prefixrl.designs.leaderboard import rows
    from prefixrl.designs.leaderboard import verify as verify_front

    found = rows(names or ())
    results = [verify_front(row.name, progress) for row in found] if verify else []
    if json:
        print_json(_document(found, results))
    else:
        _print_rows(found)
        if verify:
            _print_results(results)
    if not all(result.holds or (result.skipped and not names and not result.complaints) for result in results):
        raise typer.Exit(1)


def _document(found: list[Row], results: list[Verification]) -> list[dict[str, object]]:
    from dataclasses import asdict

    documents: list[dict[str, object]] = [row.to_json() for row in found]
    for document, result in zip(documents, results, strict=False):
        document["verification"] = {**asdict(result), "holds": result.holds}
    return documents


def _print_rows(found: list[Row]) -> None:
    from rich.table import Table

    console = output_console()
    if not found:
        console.print("this installation has no published fronts")
        return
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("front", no_wrap=True)
    for heading in ("bits", "points", "least ns", "least um2", "hypervolume"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("library", no_wrap=True)
    table.add_column("judged by", overflow="fold")
    for row in found:
        figures = (str(row.width), str(row.points), f"{row.fastest_ns:.4f}", f"{row.smallest_um2:.2f}")
        table.add_row(row.name, *figures, f"{row.hypervolume:.3f}", row.pdk, row.evaluator)
    console.print(table, highlight=False)
    for row in found:
        parts = [(name, value) for name, value in row.origin._asdict().items() if value]
        told = "; ".join(value if name == "command" else f"{name} {value}" for name, value in parts)
        console.print(f"{row.name}: {told or 'its folder does not say where it comes from'}", highlight=False)


def _print_results(results: list[Verification]) -> None:
    from prefixrl.designs.leaderboard import few

    for result in results:
        typer.echo(_told(result))
        for complaint in few(result.complaints):
            typer.echo(f"  {complaint}")


def _told(result: Verification) -> str:
    if result.skipped is not None:
        return f"{result.name} is not verified: {result.skipped}"
    word = "holds" if result.holds else "DOES NOT HOLD"
    saved = ""
    if result.saved_mean_percent is not None:
        saved = f"; saves {result.saved_mean_percent:.1f} % in mean, {result.saved_most_percent:.1f} % at most"
    figures = f"{result.reproduced} of {result.points} came out again, {result.proven} proven equivalent"
    return f"{result.name} {word}: {figures}{saved}"
