"""`prefixrl unit`: FP8 and MX arithmetic units around prefix circuits: list, build, verify, report, task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefixrl.cli.common import output_console, print_json
from prefixrl.cli.options import JsonOption, grouped
from prefixrl.cli.unit_options import PlanOptions, UnitOptions, build
from prefixrl.cli.unit_report import report_command
from prefixrl.cli.unit_task import task_command

if TYPE_CHECKING:
    from prefixrl.units.registry import Built

EXAMPLE = "Example: prefixrl unit build mx_dot --format e4m3 --out mx; prefixrl unit verify fp8_mul --format e5m2"

app = typer.Typer(
    help="FP8 and MX arithmetic units built around prefix circuits.", no_args_is_help=True, rich_markup_mode=None
)
app.command(
    "report", epilog="Example: prefixrl unit report fp8_mul --ours runs/mul; prefixrl unit report int8_dot -k 4"
)(report_command)
app.command("task", epilog="Example: prefixrl unit task mx_dot --out mx_dot.yaml")(task_command)
UnitArgument = Annotated[str, typer.Argument(metavar="UNIT", help="A unit's name, see 'prefixrl unit list'.")]


@app.command("list", epilog="Example: prefixrl unit list; prefixrl unit list fp8_fma --c-format fp32")
@grouped
def list_command(
    options: UnitOptions,
    unit: Annotated[
        str | None, typer.Argument(metavar="[UNIT]", help="One unit: its ports and prefix circuits.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the units, or what is in one of them."""
    if unit is not None:
        document = _describe(build(unit, options, PlanOptions()))
        print_json(document) if json else _print_unit(document)
        return
    from prefixrl.units.registry import UNITS

    rows = [{"unit": each.name, "does": each.title, "takes": list(each.takes)} for each in UNITS.values()]
    if json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("unit", "does", "takes"):
        table.add_column(heading, no_wrap=heading == "unit")
    for row in rows:
        table.add_row(str(row["unit"]), str(row["does"]), ", ".join(map(str, row["takes"])))
    output_console().print(table)


@app.command("build", epilog="Example: prefixrl unit build fp8_mul --adder my_graph.json --out mul")
@grouped
def build_command(
    unit: UnitArgument,
    out: Annotated[Path, typer.Option("--out", help="Directory to write into: new or empty.")],
    options: UnitOptions,
    plans: PlanOptions,
    module: Annotated[str | None, typer.Option("--module", help="The module's name. Default: the unit's.")] = None,
    check: Annotated[bool, typer.Option("--verify/--no-verify", help="Verify before anything is written.")] = True,
    json: JsonOption = False,
) -> None:
    """Write a unit: Verilog, a self-checking testbench, a manifest. Verified first."""
    from prefixrl.designs.export import check_folder
    from prefixrl.units.output import write_files

    check_folder(out)
    built = build(unit, options, plans, module)
    verified = _verify(built, None, 0) if check else None
    files = write_files(built, out, None if verified is None else _document(verified))
    if json:
        print_json({"folder": str(out), "files": [str(path) for path in files], **_describe(built)})
        return
    _print_unit(_describe(built))
    if verified is not None:
        typer.echo(f"  verified: {verified['mode']}, {verified['patterns']:,} patterns")
    for path in files:
        typer.echo(f"  {path}")


@app.command("verify", epilog="Example: prefixrl unit verify fp8_fma --format e4m3; prefixrl unit verify fp8_mul --all")
@grouped
def verify_command(
    unit: UnitArgument,
    options: UnitOptions,
    plans: PlanOptions,
    patterns: Annotated[
        int | None, typer.Option("--patterns", help="At most so many. Default: all up to 2^24, else 2^18.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of random patterns.")] = 0,
    circuits: Annotated[
        bool, typer.Option("--circuits/--no-circuits", help="Prove the prefix circuits inside by themselves too.")
    ] = True,
    every: Annotated[
        bool,
        typer.Option("--all", help="All formats and modes that the other options leave open."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Compare a unit, as it is written, with exact arithmetic; all patterns where there are few enough."""
    if every:
        _verify_all(unit, options, plans, patterns, seed, circuits, json)
        return
    found = _verify(build(unit, options, plans), patterns, seed, circuits)
    if json:
        print_json(found)
        return
    typer.echo(f"{found['unit']}: PASS")
    typer.echo(f"  {found['mode']}: {found['patterns']:,} patterns, {found['gates']:,} AND gates")
    if circuits:
        typer.echo(f"  {found['circuits']} prefix circuits proven equivalent")
    typer.echo(
        f"  {found['patterns_per_s'] / 1e6:.2f} million patterns a processor second (simulation alone "
        f"{found['simulated_per_s'] / 1e6:.1f}), {found['total_s']:.1f} s altogether"
    )


def _verify_all(
    unit: str, options: UnitOptions, plans: PlanOptions, patterns: int | None, seed: int, circuits: bool, as_json: bool
) -> None:
    """Verify every variant; a line each, or all in one document."""
    import time

    from prefixrl.units.coverage import variants
    from prefixrl.units.registry import build_unit

    known: set[str] = set()
    rows = []
    started = time.perf_counter()
    for parameters in variants(unit, options.parameters()):
        found = _verify(build_unit(unit, parameters, plans.plan()), patterns, seed, circuits, known)
        rows.append(found)
        if not as_json:
            typer.echo(f"{found['unit']}: PASS, {found['mode']}, {found['patterns']:,} patterns")
    total = {
        "variants": len(rows),
        "patterns": sum(row["patterns"] for row in rows),
        "circuits": len(known),
        "processor_s": sum(row["processor_s"] for row in rows),
        "total_s": time.perf_counter() - started,
    }
    if as_json:
        print_json({**total, "rows": rows})
        return
    typer.echo(
        f"all {total['variants']} variants: {total['patterns']:,} patterns, {total['circuits']} circuits proven, "
        f"{total['total_s']:.0f} s ({total['processor_s']:.0f} s of one processor)"
    )


def _verify(
    built: Built, patterns: int | None, seed: int, circuits: bool = True, known: set[str] | None = None
) -> dict[str, Any]:
    from prefixrl.units.verify import verify

    found = verify(built, patterns=patterns, seed=seed, circuits=circuits, known=known)
    return {
        "unit": found.unit,
        "mode": found.mode,
        "patterns": found.patterns,
        "operand_pairs": found.operand_pairs,
        "circuits": found.circuits,
        "gates": found.gates,
        "patterns_per_s": found.patterns_per_s,
        "simulated_per_s": found.patterns / max(found.simulation_s, 1e-9),
        "processor_s": found.processor_s,
        "total_s": found.total_s,
    }


def _document(found: dict[str, Any]) -> dict[str, Any]:
    """What a manifest keeps of a verification: nothing that depends on the machine's speed."""
    return {key: found[key] for key in ("mode", "patterns", "circuits", "gates")}


def _describe(built: Built) -> dict[str, Any]:
    from prefixrl.units.output import describe_unit

    return describe_unit(built)


def _print_unit(document: dict[str, Any]) -> None:
    typer.echo(f"{document['description']}")
    for direction in ("inputs", "outputs"):
        ports = ", ".join(f"{name} [{width}]" for name, width in document[direction].items())
        typer.echo(f"  {direction}: {ports}")
    if document["latency"]:
        typer.echo(f"  latency: {document['latency']} clock cycles")
    for circuit in document["circuits"]:
        where = f"{circuit['count']} x " if circuit["count"] > 1 else ""
        typer.echo(f"  {circuit['role']}: {where}{circuit['width']}-bit {circuit['kind']}, {circuit['structure']}")
