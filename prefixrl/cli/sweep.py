"""`prefixrl sweep`: one job under several hyperparameters and seeds, side by side on Ray."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from prefixrl.cli.common import output_console, print_json, progress
from prefixrl.cli.jobs import METHOD_HELP, JobOptions, ProblemOptions, job_overrides
from prefixrl.cli.options import (
    ConstraintOptions,
    EvaluatorOptions,
    JsonOption,
    LibraryOptions,
    PoolOptions,
    grouped,
)
from prefixrl.errors import InputError, ToolMissing

if TYPE_CHECKING:
    from prefixrl.agents.distributed.sweep import Sweep, TrialResult

EXAMPLE = (
    "Example: prefixrl sweep --preset small --method sa --evaluations 500 --over search.starts=[sklansky],[brent-kung] "
    "--seeds 3 --out runs/sweep; prefixrl sweep --resume runs/sweep"
)
RAY_HELP = "local: a Ray of this machine that ends with the sweep; HOST:PORT or auto: a Ray cluster."


@grouped
def sweep(
    job: JobOptions,
    problem: ProblemOptions,
    library: LibraryOptions,
    surroundings: ConstraintOptions,
    chosen: EvaluatorOptions,
    pooling: PoolOptions,
    method: Annotated[str | None, typer.Option("--method", help=f"qlearning, {METHOD_HELP}")] = None,
    over: Annotated[
        list[str] | None,
        typer.Option("--over", help="key.sub=v1,v2 (grid), key.sub=LOW..HIGH or LOW..HIGH:log (draws); repeatable."),
    ] = None,
    samples: Annotated[int, typer.Option("--samples", min=1, help="Draws from the ranges.")] = 1,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Seeds of every combination.")] = 1,
    parallel: Annotated[int | None, typer.Option("--parallel", min=1, help="Trials side by side at most.")] = None,
    gpus: Annotated[float, typer.Option("--gpus", min=0, help="GPUs of each trial, such as 0.25.")] = 0.0,
    ray: Annotated[str, typer.Option("--ray", help=RAY_HELP)] = "local",
    json: JsonOption = False,
) -> None:
    """Run one job under several hyperparameters and seeds (Ray Tune). Every trial is a run directory under --out.

    A sweep that was killed goes on with --resume: trials that have ended stay, those begun go on from their stores.
    The best trial by hypervolume comes first.
    """
    from prefixrl.synthesis.pool import require_pool

    require_pool("ray")
    for package in ("pandas", "pyarrow", "tensorboardX"):
        if find_spec(package) is None:
            raise ToolMissing(f"sweeps need more packages (pip install 'prefixrl[ray]'): {package}")
    from prefixrl.agents.distributed.sweep import run_sweep

    overrides = job_overrides(problem, library, surroundings, chosen, pooling, job)
    if method is not None:
        overrides.insert(0, f"method={method}")
    found = _new(job, overrides, over or [], samples, seeds) if job.resume is None else _resumed(job, overrides, over)
    tell = (lambda line: None) if job.quiet else progress
    results = run_sweep(found, ray, parallel, gpus, tell)
    if json:
        print_json({"sweep": str(found.path), "trials": [result.to_json() for result in results]})
    else:
        _print(found, results)
    if all(result.figures is None for result in results):
        raise typer.Exit(1)


def _new(job: JobOptions, overrides: list[str], over: list[str], samples: int, seeds: int) -> Sweep:
    from prefixrl.agents.distributed.sweep import Sweep, plan_trials

    out, base = job.new_folder(), job.new_job(overrides)
    return Sweep.create(out, base, plan_trials(base, over, range(base.seed, base.seed + seeds), samples))


def _resumed(job: JobOptions, overrides: list[str], over: list[str] | None) -> Sweep:
    from prefixrl.agents.distributed.sweep import Sweep

    stated = [*(str(value) for value in (job.preset, job.config, job.out) if value), *overrides, *(over or [])]
    if stated:
        raise InputError(f"a resumed sweep has its own description, nothing of it can be given: {stated[0]!r}")
    assert job.resume is not None
    return Sweep.open(job.resume)


def _print(sweep: Sweep, results: list[TrialResult]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("trial", overflow="fold")
    for heading in ("hypervolume", "designs", "front", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        name, figures = result.trial.name.rpartition("-")[0], result.figures
        if figures is None:
            table.add_row(f"{name}: {result.failure or 'not ended'}")
            continue
        volume, designs = f"{figures['hypervolume']:.3f}", f"{figures['evaluations']:,}"
        table.add_row(name, volume, designs, str(figures["front_size"]), f"{figures['seconds']:.0f}")
    console = output_console()
    console.print(table, highlight=False, markup=False)
    if any(result.figures is None for result in results):
        console.print(f"go on with --resume {sweep.path}", highlight=False, markup=False)
    elif results:
        console.print(f"next: prefixrl pareto '{results[0].run}'", highlight=False, markup=False, soft_wrap=True)
