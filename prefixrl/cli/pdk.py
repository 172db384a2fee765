"""`prefixrl pdk list|show|check`: the cell libraries that this machine has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from prefixrl.cli.common import (
    DrivingCellOption,
    JsonOption,
    LibertyOption,
    LoadOption,
    load_setting,
    output_console,
    print_json,
)
from prefixrl.errors import InputError

if TYPE_CHECKING:
    from prefixrl.circuits.cells import Cell
    from prefixrl.synthesis.pdk import Pdk

EXAMPLE = "Example: prefixrl pdk list; prefixrl pdk check nangate45; prefixrl pdk check --liberty my_library.lib.gz"

app = typer.Typer(
    help="List, show and check the process design kits of this machine.", no_args_is_help=True, rich_markup_mode=None
)

ROLE_NAMES = ("INV", "BUF", "NAND2", "NOR2", "AOI21", "OAI21", "XOR2", "XNOR2", "AND2", "OR2", "AO21", "OA21")
MAPPED_ROLES = ("INV", "NOR2", "AOI21", "OAI21", "XOR2", "XNOR2")

PdkArgument = Annotated[str | None, typer.Argument(help="A PDK's name or a Liberty file.")]


@app.command("list", epilog="Example: prefixrl pdk list --json")
def list_command(json: JsonOption = False) -> None:
    """List the PDKs that are known by name: found or not, from where, and how to get those that are missing."""
    from rich.table import Table

    from prefixrl.synthesis.pdk import list_pdks

    rows = [(each, *_origin(each.name)) for each in list_pdks()]
    if json:
        print_json(
            [
                {
                    "name": each.name,
                    "title": each.title,
                    "found": found,
                    "origin": origin,
                    "how_to_get": each.how_to_get,
                }
                for each, found, origin in rows
            ]
        )
        return
    table = Table(box=None, pad_edge=False)
    for column in ("name", "found", "origin or how to get it", "what it is"):
        table.add_column(column, overflow="fold")
    for each, found, origin in rows:
        table.add_row(each.name, "yes" if found else "no", origin if found else each.how_to_get, each.title)
    output_console().print(table)
    typer.echo("Any other library: --liberty FILE (Liberty, gzip'd or not)")


def _origin(name: str) -> tuple[bool, str]:
    from prefixrl.synthesis.pdk import load_pdk

    try:
        return True, load_pdk(name).origin
    except InputError:
        return False, ""


def _cells(pdk: Pdk) -> dict[str, Cell]:
    """The smallest cell of every role that the library has."""
    library = pdk.library()
    found = {name: library.role(name) for name in ROLE_NAMES}
    return {name: role.cell for name, role in found.items() if role is not None}


@app.command("show", epilog="Example: prefixrl pdk show nangate45")
def show_command(
    name: PdkArgument = None,
    liberty: LibertyOption = None,
    driving_cell: DrivingCellOption = None,
    load_ff: LoadOption = None,
    json: JsonOption = False,
) -> None:
    """Show a PDK's files, default constraints, and the cells that circuits are mapped to."""
    from rich.table import Table

    pdk, constraints = load_setting(name or "nangate45", liberty, driving_cell, load_ff)
    roles = _cells(pdk)
    document = {
        "name": pdk.name,
        "origin": pdk.origin,
        "content_hash": pdk.content_hash,
        "liberty": [str(path) for path in pdk.liberty],
        "driving_cell": constraints.driving_cell,
        "output_load_ff": constraints.output_load_ff,
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
def check_command(
    name: PdkArgument = None,
    liberty: LibertyOption = None,
    driving_cell: DrivingCellOption = None,
    load_ff: LoadOption = None,
    width: Annotated[int, typer.Option("--width", "-n", help="Bits of the adder that is tried.")] = 8,
    json: JsonOption = False,
) -> None:
    """Synthesise a small adder on a PDK, prove it, and say what is missing."""
    from prefixrl.circuits import Circuit
    from prefixrl.circuits.proof import prove_netlist
    from prefixrl.graphs import load_graph
    from prefixrl.synthesis.evaluator import make_evaluator

    pdk, constraints = load_setting(name or "nangate45", liberty, driving_cell, load_ff)
    circuit = Circuit("adder", load_graph("sklansky", width))
    evaluator = make_evaluator("yosys", pdk, effort="fast")
    try:
        curve = evaluator.evaluate(circuit, constraints)
        netlist = evaluator.realize(circuit, constraints, curve.fastest, "adder")
    finally:
        evaluator.close()
    proof = prove_netlist(netlist, circuit, pdk.library(), pdk.plain_liberty())
    absent = [role for role in MAPPED_ROLES if role not in _cells(pdk)]
    fastest, smallest = curve.fastest, curve.smallest
    if json:
        points = {
            label: {"delay_ns": point.delay_ns, "area_um2": point.area_um2}
            for label, point in (("fastest", fastest), ("smallest", smallest))
        }
        print_json({"name": pdk.name, "width": width, "proof": proof.method, "composed": absent, **points})
        return
    typer.echo(f"{pdk.name}: {width}-bit Sklansky adder, proven by {proof.method}")
    typer.echo(f"  fastest  {fastest.delay_ns:.4f} ns  {fastest.area_um2:.2f} um2")
    typer.echo(f"  smallest {smallest.delay_ns:.4f} ns  {smallest.area_um2:.2f} um2")
    typer.echo("  composed of other cells, because the library lacks them: " + (", ".join(absent) or "none"))
