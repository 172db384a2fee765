"""`prefixrl unit report`: a unit measured as a whole, its final adder exchanged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefixrl.cli.common import output_console, print_json, progress
from prefixrl.cli.options import JsonOption, LibraryOptions, PdkOption, grouped
from prefixrl.cli.unit_options import UnitOptions, load_choice
from prefixrl.errors import InputError

if TYPE_CHECKING:
    from prefixrl.graphs import PrefixGraph
    from prefixrl.units.report import Comparison, Row

MAXIMUM_GRAPHS = 16
_COLUMNS = 132


@grouped
def report_command(
    unit: Annotated[str, typer.Argument(metavar="UNIT", help="A unit's name, see 'prefixrl unit list'.")],
    options: UnitOptions,
    library: LibraryOptions,
    ours: Annotated[
        list[str] | None,
        typer.Option("--ours", help="A run, a published front, or a graph file; of a front all graphs. Repeatable."),
    ] = None,
    clock: Annotated[list[float] | None, typer.Option("--clock", help="A clock target in ns; repeatable.")] = None,
    classical: Annotated[
        list[str] | None, typer.Option("--classical", help="A classical structure to try; repeatable. Default: all.")
    ] = None,
    beside: Annotated[bool, typer.Option("--int8/--no-int8", help="The INT8 counterpart beside it.")] = True,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only exchange the main adder: nothing is mapped together with it.")
    ] = False,
    power: Annotated[bool, typer.Option("--power", help="Energy per operation of the chosen netlists.")] = False,
    signoff: Annotated[str | None, typer.Option("--signoff", help="opensta: an independent timer's word.")] = None,
    pdk: PdkOption = None,
    json: JsonOption = False,
) -> None:
    """Area of the whole unit at several clocks: plain +, the best classical structure, ours; what the adder decides."""
    from prefixrl.cli.judging import check_signoff
    from prefixrl.units.registry import build_unit
    from prefixrl.units.report import Comparison, counterpart, document

    check_signoff(signoff)
    if any(not 0 < each < 1e3 for each in clock or ()):
        raise InputError(f"a clock is a time above 0 ns and below 1000 ns: {clock}")
    kit = library.load(pdk)
    built = build_unit(unit, options.parameters())
    comparison = Comparison(built, kit, load_graphs(ours or ()), classical, progress, quick)
    other = counterpart(built) if beside else None
    int8 = Comparison(build_unit(*other), kit, None, ["sklansky", "brent-kung"], progress, quick) if other else None
    rows = comparison.rows(clock, int8)
    found = document(comparison, rows, int8)
    if power or signoff:
        found["checks"] = _checks(comparison, rows, power, signoff)
    if json:
        print_json(found)
    else:
        _print(found, rows)


def load_graphs(specs: tuple[str, ...] | list[str], most: int = MAXIMUM_GRAPHS) -> dict[str, PrefixGraph]:
    """Graphs by label, of a front no more than `most`, evenly over it.

    :raises InputError: a name that is none of a run, a front or a graph file
    """
    from prefixrl.designs.source import is_source, open_source

    graphs: dict[str, PrefixGraph] = {}
    for spec in specs:
        if not is_source(spec):
            choice = load_choice(spec, "")
            if isinstance(choice, str):
                raise InputError(f"ours is a run, a front or a graph file, the structures are tried anyway: {spec!r}")
            graphs[Path(spec).stem] = choice
            continue
        # Of one graph the front may have many sizes.
        unique = list({point.graph: point for point in open_source(spec).front}.values())
        count = min(len(unique), most)
        places = sorted({round(place * (len(unique) - 1) / max(count - 1, 1)) for place in range(count)})
        graphs |= {unique[place].id: unique[place].graph for place in places}
    return graphs


def _checks(comparison: Comparison, rows: list[Row], power: bool, signoff: str | None) -> list[dict[str, Any]]:
    from prefixrl.units.checks import check_rows

    return check_rows(comparison, rows, power, signoff is not None)


def _print(found: dict[str, Any], rows: list[Row]) -> None:
    from rich.table import Table

    from prefixrl.units.report import MERGED

    adder = found["adder"]
    typer.echo(f"{found['unit']} on {found['pdk']}: final {adder['kind']} of {adder['width']} bits; areas in um2")
    table = Table(box=None, pad_edge=False)
    headings = ["clock ns", "+", "classical", "which", "ours", "which", "vs +", "vs cl.", "path", "area"]
    headings += ["INT8"] if found["beside"] else []
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "which" else "right", no_wrap=True)
    for row in rows:
        cells = [
            f"{row.clock_ns:.4f}",
            _area(row.plus),
            _area(row.classical),
            _label(row.classical),
            _area(row.ours),
            _label(row.ours),
            _percent(row.saved_percent("plus")),
            _percent(row.saved_percent("classical")),
            "-" if row.path_share is None else f"{row.path_share:.0%}",
            "-" if row.area_share is None else f"{row.area_share:.0%}",
        ]
        table.add_row(*cells, *([f"{row.int8_um2:.1f}" if row.int8_um2 else "-"] if found["beside"] else []))
    output_console(_COLUMNS).print(table)
    typer.echo("path, area: the final adder's parts of the critical path and of the area")
    for line in found["remarks"]:
        typer.echo(line)
    if any(each and MERGED in each.label for row in rows for each in (row.classical, row.ours)):
        typer.echo("*: mapped together with its surroundings")
    if found["beside"]:
        typer.echo(f"INT8: {found['beside']}")
    for check in found.get("checks", ()):
        energy = f", {check['energy_fj']:.0f} fJ per operation" if "energy_fj" in check else ""
        timed = f", OpenSTA {check['opensta_ns']:.4f} ns" if "opensta_ns" in check else ""
        typer.echo(f"{check['clock_ns']:.4f} ns, {check['group']}: {check['delay_ns']:.4f} ns{timed}{energy}")


def _area(entry: Any) -> str:
    return "-" if entry is None else f"{entry.area_um2:.1f}"


def _label(entry: Any) -> str:
    from prefixrl.units.report import MERGED

    return "-" if entry is None else entry.label.replace(f" {MERGED}", "*")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:+.1f} %"
