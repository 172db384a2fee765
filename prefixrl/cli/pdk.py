"""`prefixrl pdk list|show|check|calibrate`: the cell libraries that this machine has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefixrl.cli.common import output_console, print_json
from prefixrl.cli.options import JsonOption, LibraryOptions, grouped

if TYPE_CHECKING:
    from prefixrl.circuits.cells import Cell
    from prefixrl.synthesis.pdk import Pdk
    from prefixrl.synthesis.pdk_check import PdkCheck
    from prefixrl.synthesis.pdk_places import PdkStatus

EXAMPLE = "Example: prefixrl pdk list; prefixrl pdk check nangate45; prefixrl pdk check --liberty my_library.lib.gz"

app = typer.Typer(
    help="List, show and check the process design kits of this machine.", no_args_is_help=True, rich_markup_mode=None
)

ROLE_NAMES = ("INV", "BUF", "NAND2", "NOR2", "AOI21", "OAI21", "XOR2", "XNOR2", "AND2", "OR2", "AO21", "OA21")

PdkArgument = Annotated[str | None, typer.Argument(help="A PDK's name or a Liberty file.")]


@app.command("list", epilog="Example: prefixrl pdk list --json")
def list_command(json: JsonOption = False) -> None:
    """List the PDKs that are known by name: found or not, from where, and how to get those that are missing."""
    from rich.markup import escape
    from rich.table import Table

    from prefixrl.synthesis.pdk import list_pdks

    statuses = list_pdks()
    if json:
        print_json([_status_document(each) for each in statuses])
        return
    table = Table(box=None, pad_edge=False)
    for column in ("name", "found", "from", "what it is"):
        table.add_column(column, overflow="fold")
    for each in statuses:
        found = each.found is not None
        table.add_row(each.name, "yes" if found else "no", _origin(each), escape(each.title))
    output_console().print(table)
    for each in statuses:
        if each.found is None:
            typer.echo(f"to get {each.name}: {each.how_to_get}")
    typer.echo("any other library: --liberty FILE (Liberty, gzip'd or not)")


def _origin(status: PdkStatus) -> str:
    from prefixrl.synthesis.pdk import load_pdk

    return "" if status.found is None else load_pdk(status.name).origin


def _status_document(status: PdkStatus) -> dict[str, object]:
    return {
        "name": status.name,
        "title": status.title,
        "found": status.found is not None,
        "origin": _origin(status),
        "looked_for": list(status.looked_for),
        "how_to_get": status.how_to_get,
    }


def _cells(pdk: Pdk) -> dict[str, Cell]:
    """The smallest cell of every role that the library has."""
    library = pdk.library()
    found = {name: library.role(name) for name in ROLE_NAMES}
    return {name: role.cell for name, role in found.items() if role is not None}


@app.command("show", epilog="Example: prefixrl pdk show nangate45")
@grouped
def show_command(
    library: LibraryOptions,
    name: PdkArgument = None,
    json: JsonOption = False,
) -> None:
    """Show a PDK's files, default constraints, and the cells that circuits are mapped to."""
    from rich.table import Table

    pdk = library.load(name)
    roles = _cells(pdk)
    document = {
        "name": pdk.name,
        "origin": pdk.origin,
        "content_hash": pdk.content_hash,
        "liberty": [str(path) for path in pdk.liberty],
        "lef": [str(path) for path in pdk.lef],
        "driving_cell": pdk.driving_cell,
        "output_load_ff": pdk.output_load_ff,
        "dont_use": list(pdk.dont_use),
        "cells": {role: {"cell": cell.name, "area_um2": cell.area_um2} for role, cell in roles.items()},
    }
    if json:
        print_json(document)
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    for key, value in document.items():
        if key != "cells":
            table.add_row(key, ", ".join(value) if isinstance(value, list) else str(value))
    for role, cell in roles.items():
        table.add_row(role, f"{cell.name}, {cell.area_um2:g} um2")
    output_console().print(table)


@app.command("check", epilog=EXAMPLE)
@grouped
def check_command(
    library: LibraryOptions,
    name: PdkArgument = None,
    json: JsonOption = False,
) -> None:
    """Synthesise a small adder on a PDK, prove it, and say what is missing and what that disables."""
    from prefixrl.synthesis.pdk_check import check_pdk

    check = check_pdk(library.load(name))
    if json:
        print_json(check.to_json())
    else:
        _print_check(check)
    if not check.ok:
        raise typer.Exit(1)


def _print_check(check: PdkCheck) -> None:
    usable, total = check.cells
    typer.echo(f"{check.name} from {check.origin}: {usable} of {total} cells can be used")
    if check.failure is not None:
        typer.echo(f"  of no use: {check.failure}")
    if check.points:
        typer.echo(f"  8-bit Sklansky adder, proven by {check.proof}")
        for label, (delay_ns, area_um2) in (("fastest", check.points[0]), ("smallest", check.points[-1])):
            typer.echo(f"    {label:8} {delay_ns:.4f} ns  {area_um2:.2f} um2")
    typer.echo("  composed of other cells, because the library lacks them: " + (", ".join(check.composed) or "none"))
    for missing in check.missing:
        typer.echo(f"  missing: {missing.what} ({missing.disables})")


@app.command(
    "calibrate", epilog="Example: prefixrl pdk calibrate nangate45; prefixrl pdk calibrate --reference openroad.csv"
)
@grouped
def calibrate_command(
    library: LibraryOptions,
    name: PdkArgument = None,
    width: Annotated[list[int], typer.Option("--width", "-n", help="Bits; repeatable.", min=2, max=256)] = [16, 32],  # noqa: B006
    pin_order: Annotated[str, typer.Option("--pin-order", help="Of the placement: datapath or free.")] = "datapath",
    reference: Annotated[
        Path | None, typer.Option("--reference", help="Table of placed netlists, instead of running OpenROAD.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Fit the wires of `--wires datapath` to placement: the number for `--wire-detour`, and how well it fits."""
    from prefixrl.synthesis.native.wire_calibration import added_by_openroad, added_in_table, calibrate

    pdk = library.load(name)
    added = added_in_table(reference, width) if reference else added_by_openroad(pdk, width, pin_order)
    figures = calibrate(pdk, added)
    if json:
        print_json(figures)
    else:
        _print_calibration(figures)


def _print_calibration(figures: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(title=f"Delay that wires add on {figures['pdk']} (ps)", title_justify="left", box=None)
    table.add_column("structure")
    for heading in ("bits", "placement", "model"):
        table.add_column(heading, justify="right")
    for row in figures["rows"]:
        table.add_row(row["structure"], str(row["width"]), f"{row['placement_ps']:.1f}", f"{row['model_ps']:.1f}")
    output_console().print(table)
    in_use = figures["in_use"]
    typer.echo(f"wire_detour: {figures['detour']:g} fits best, within {figures['rms_ps']:.1f} ps (root mean square)")
    typer.echo(f"in use is {in_use['detour']:g}, within {in_use['rms_ps']:.1f} ps")
