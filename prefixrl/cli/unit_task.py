"""`prefixrl unit task`: what a unit asks of its final adder, as a job description."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prefixrl.cli.common import print_json
from prefixrl.cli.options import JsonOption, LibraryOptions, PdkOption, grouped
from prefixrl.cli.unit_options import UnitOptions
from prefixrl.errors import InputError


@grouped
def task_command(
    unit: Annotated[str, typer.Argument(metavar="UNIT", help="A unit's name, see 'prefixrl unit list'.")],
    out: Annotated[Path, typer.Option("--out", help="The YAML file to write; it must not exist.")],
    options: UnitOptions,
    library: LibraryOptions,
    clock: Annotated[
        float | None, typer.Option("--clock", help="Delay in ns that the unit is sized for. Default: 1.05 x its least.")
    ] = None,
    pdk: PdkOption = None,
    json: JsonOption = False,
) -> None:
    """Measure arrivals and load at the final adder of the whole unit, and write the job that designs it.

    The job goes to 'prefixrl train --config FILE' or 'prefixrl search --config FILE', the result back into the unit by
    'prefixrl unit build UNIT --adder RUN --pick knee'.
    """
    from prefixrl.agents.job import load_job
    from prefixrl.files import atomic_write
    from prefixrl.units.registry import build_unit
    from prefixrl.units.task import job_text, task_of

    if out.exists() or not out.parent.is_dir():
        raise InputError(f"a task is written to a new file in a folder that exists: {str(out)!r}")
    kit = library.load(pdk)
    built = build_unit(unit, options.parameters())
    task = task_of(built, kit, clock)
    try:
        atomic_write(out, job_text(built, task, kit))
    except OSError as error:
        raise InputError(f"a task needs a writable folder ({error.strerror}): {str(out)!r}") from None
    load_job(config=out)
    circuit = task.circuit
    if json:
        print_json(
            {
                "unit": built.description,
                "file": str(out),
                "circuit": circuit.kind,
                "width": circuit.width,
                "carry_in": circuit.carry_in,
                "carry_out": circuit.carry_out,
                "arrivals_ns": task.arrivals_ns,
                "offset_ns": task.offset_ns,
                "load_ff": task.load_ff,
                "unit_delay_ns": task.unit_delay_ns,
            }
        )
        return
    typer.echo(f"{built.description}: final {circuit.kind} of {circuit.width} bits, {task.load_ff:.2f} fF a bit")
    for name, times in task.arrivals_ns.items():
        typer.echo(f"  {name} ns: {' '.join('-' if time is None else f'{time:.3f}' for time in times)}")
    typer.echo(f"  {out}")
