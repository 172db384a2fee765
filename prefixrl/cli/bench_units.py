"""`prefixrl bench units`: the gain of designed adders in whole units, and the speed of their verification."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefixrl.cli.common import output_console, print_json, progress
from prefixrl.cli.options import JsonOption, LibraryOptions, PdkOption, grouped
from prefixrl.errors import InputError

if TYPE_CHECKING:
    from prefixrl.graphs import PrefixGraph
    from prefixrl.synthesis.pdk import Pdk
    from prefixrl.units.benchmark import Designer
    from prefixrl.units.registry import Built
    from prefixrl.units.task import Task

# Graphs of a front that are tried in the whole unit: hardly any front has more.
_GRAPHS = 100
_COLUMNS = 160


@grouped
def units_command(
    library: LibraryOptions,
    unit: Annotated[list[str] | None, typer.Option("--unit", help="A unit; repeatable. Default: all.")] = None,
    block: Annotated[int, typer.Option("--block", "-k", min=1, max=128, help="Products or elements of a block.")] = 8,
    evaluations: Annotated[
        int, typer.Option("--evaluations", min=1, help="Adders that annealing tries for each unit's arrivals.")
    ] = 150,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the searches.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="A new JSON file for the result.")] = None,
    pdk: PdkOption = None,
    json: JsonOption = False,
) -> None:
    """Area of whole units with our adders, plain + and classical ones at equal clock; patterns verified a second."""
    import json as codec

    from prefixrl.files import atomic_write
    from prefixrl.units.benchmark import bench_units, default_cases
    from prefixrl.units.registry import unit_named

    if out is not None and (out.exists() or not out.parent.is_dir()):
        raise InputError(f"a result is written to a new file in a folder that exists: {str(out)!r}")
    names = {unit_named(name).name for name in unit or ()}
    cases = [case for case in default_cases(block) if not names or case[0] in names]
    kit = library.load(pdk)
    rows: list[dict[str, Any]] = []
    found = {"pdk": kit.name, "block": block, "evaluations": evaluations, "seed": seed, **_origin(), "units": rows}
    with tempfile.TemporaryDirectory(prefix="prefixrl-bench-") as folder:
        for row in bench_units(cases, kit, _annealing(kit, Path(folder), evaluations, seed), progress):
            rows.append(row)
            if out is not None:
                # What is there when it is ended early counts.
                atomic_write(out, codec.dumps(found, indent=1, allow_nan=False) + "\n")
    print_json(found) if json else _print(found)


def _annealing(kit: Pdk, folder: Path, evaluations: int, seed: int) -> Designer:
    """Annealing on the arrivals of a unit's adder; graphs evenly over the front, and of published fronts that fit."""
    from prefixrl.agents.job import load_job
    from prefixrl.agents.live import LiveView
    from prefixrl.agents.search import search
    from prefixrl.cli.unit_report import load_graphs
    from prefixrl.designs.published import published_names
    from prefixrl.units.task import job_text

    def design(built: Built, task: Task) -> Mapping[str, PrefixGraph]:
        number = len(list(folder.glob("*.yaml")))
        file, run = folder / f"{number}.yaml", folder / f"run{number}"
        file.write_text(job_text(built, task, kit))
        budget = f"budget={{evaluations: {evaluations}, final_designs: 0}}"
        fixed = ["evaluator.workers=1", "evaluator.effort=fast", "evaluator.judge=none"]
        search(
            load_job(config=file, overrides=["method=sa", f"seed={seed}", budget, *fixed]), run, LiveView(quiet=True)
        )
        found = load_graphs([str(run)], _GRAPHS)
        published = f"adder{task.circuit.width}"
        if task.circuit.kind == "adder" and published in published_names():
            found |= load_graphs([f"published:{published}"], _GRAPHS)
        return found

    return design


def _origin() -> dict[str, Any]:
    """The command and the versions that made a result."""
    from prefixrl import __version__
    from prefixrl.tools import find_tool

    tool = find_tool("yosys")
    command = shlex.join(["prefixrl", *sys.argv[1:]])
    return {"command": command, "prefixrl": __version__, "yosys": None if tool is None else tool.version}


def _print(found: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("unit", "adder", "clock", "+", "classical", "ours", "vs +", "vs cl.", "chosen", "INT8", "M/s"):
        table.add_column(heading, justify="left" if heading in ("unit", "chosen") else "right", no_wrap=True)
    for unit in found["units"]:
        for number, row in enumerate(unit["rows"]):
            table.add_row(*_cells(unit, row, number == 0))
    output_console(_COLUMNS).print(table)
    typer.echo(f"{found['pdk']}; clocks in ns: the fastest classical one and 1.03, 1.1, 1.25 times it; areas in um2")
    typer.echo("chosen: the smallest of all that was tried; M/s: million operand pairs verified a processor second")


def _cells(unit: dict[str, Any], row: dict[str, Any], first: bool) -> list[str]:
    saved = row["saved_percent"]
    rate = unit["verification"]["operand_pairs_per_s"]
    return [
        unit["unit"] if first else "",
        f"{unit['adder']['width']}" if first else "",
        f"{row['clock_ns']:.3f}",
        *("-" if row[group] is None else f"{row[group]['area_um2']:.1f}" for group in ("plus", "classical", "ours")),
        *("-" if saved[group] is None else f"{saved[group]:+.1f} %" for group in ("plus", "classical")),
        row["chosen"]["label"],
        "-" if row["int8_um2"] is None else f"{row['int8_um2']:.1f}",
        f"{rate / 1e6:.1f}" if first else "",
    ]
