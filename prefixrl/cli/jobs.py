"""`prefixrl train` and `prefixrl search`: one job description, run by the agent or by a baseline."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefixrl.cli.common import print_json
from prefixrl.cli.options import (
    ConstraintOptions,
    EvaluatorOptions,
    JsonOption,
    LibraryOptions,
    PdkOption,
    PoolOptions,
    grouped,
)
from prefixrl.errors import InputError

if TYPE_CHECKING:
    from prefixrl.agents.job import JobConfig
    from prefixrl.agents.live import LiveView
    from prefixrl.agents.session import JobResult

TRAIN_EXAMPLE = (
    "Example: prefixrl train --preset small --width 16 --time 10m --out runs/first; prefixrl train --resume runs/first"
)
SEARCH_EXAMPLE = "Example: prefixrl search --method sa --width 16 --evaluations 2000 --out runs/annealed"
DEFAULT_PRESET = "small"
RAY_HELP = "off: this process; local: a Ray of this machine that ends with the job; HOST:PORT or auto: a Ray cluster."
METHOD_HELP = "random, greedy, sa, guided, ga, mcts, exhaustive, sb3-dqn or maskable-ppo. Default: sa."


@dataclass(frozen=True)
class JobOptions:
    """Which job, where it stands, and how it is shown."""

    preset: Annotated[str | None, typer.Option("--preset", help="A named job; an unknown name lists them all.")] = None
    config: Annotated[Path | None, typer.Option("--config", help="A job description (YAML).")] = None
    start_from: Annotated[
        list[str] | None,
        typer.Option("--start-from", help="Begin with the front of a run or published:NAME; repeatable."),
    ] = None
    network_from: Annotated[
        Path | None,
        typer.Option("--network-from", help="Begin with the network of a run, of this width or another."),
    ] = None
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key.sub=value, any key of the job; repeatable.")
    ] = None
    out: Annotated[Path | None, typer.Option("--out", help="Run directory: new or empty.")] = None
    resume: Annotated[Path | None, typer.Option("--resume", help="Go on with the job of this run directory.")] = None
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No live view.")] = False

    def view(self) -> LiveView:
        """The live view that is asked for."""
        from prefixrl.agents.live import LiveView

        return LiveView(quiet=self.quiet)

    def new_job(self, overrides: list[str]) -> JobConfig:
        """The job of preset and file, refined by the overrides."""
        from prefixrl.agents.job import load_job

        unstated = self.preset is None and self.config is None
        return load_job(DEFAULT_PRESET if unstated else self.preset, self.config, overrides)

    def new_folder(self) -> Path:
        """Where a new job goes.

        :raises InputError: nowhere
        """
        if self.out is None:
            raise InputError("a job needs a directory for its results, --out DIR: none given")
        return self.out

    def check_resumed(self, run: Path, learning: bool) -> str:
        """Check what is said of a job to resume: nothing that it has itself, and a command that runs its method.

        :return: the method
        :raises InputError: something else
        """
        from prefixrl.agents.job import AGENTS, BASELINES, load_job
        from prefixrl.designs import RunDirectory

        stated = {
            "--preset": self.preset,
            "--config": self.config,
            "--out": self.out,
            "--start-from": self.start_from,
            "--network-from": self.network_from,
        }
        for option, value in stated.items():
            if value is not None:
                rule = "a resumed job has its own description and directory"
                raise InputError(f"{rule}, {option} cannot be given: {str(value)!r}")
        method = load_job(config=RunDirectory.open(run).config_path).method
        if method not in (AGENTS if learning else BASELINES):
            command = "search" if learning else "train"
            raise InputError(f"this job was begun by another command and is resumed by 'prefixrl {command}': {run}")
        return method


@dataclass(frozen=True)
class ProblemOptions:
    """What to design, for how long: single keys of the job, stated or None."""

    width: Annotated[int | None, typer.Option("--width", "-n", help="Bits.")] = None
    circuit: Annotated[str | None, typer.Option("--circuit", help="Circuit kind, such as adder.")] = None
    pdk: PdkOption = None
    evaluator: Annotated[str | None, typer.Option("--evaluator", help="native, yosys, openroad or analytic.")] = None
    judge: Annotated[
        str | None, typer.Option("--judge", help="Timer of the final front: auto, opensta, yosys or none.")
    ] = None
    evaluations: Annotated[int | None, typer.Option("--evaluations", help="Unique designs to evaluate.")] = None
    time: Annotated[str | None, typer.Option("--time", help="Duration such as 90s, 10m or 2h.")] = None
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of every random stream.")] = None


@grouped
def train(
    job: JobOptions,
    problem: ProblemOptions,
    library: LibraryOptions,
    surroundings: ConstraintOptions,
    chosen: EvaluatorOptions,
    pooling: PoolOptions,
    ray: Annotated[str, typer.Option("--ray", help=RAY_HELP)] = "off",
    json: JsonOption = False,
) -> None:
    """Launch a training job, or resume one. Ctrl-C saves and ends; every evaluated design is in the store at once."""
    _require_torch()
    overrides = job_overrides(problem, library, surroundings, chosen, pooling, job)
    new = job.new_job(overrides) if job.resume is None else None
    method = job.check_resumed(_resumed(job), learning=True) if new is None else new.method
    # The guided agent learns from the walk that it does, and goes on by walking it again: it runs as a search does.
    run = _searched if method == "guided" else _trained
    _report(run(job, new, overrides, ray), json)


def _trained(job: JobOptions, new: JobConfig | None, overrides: list[str], ray: str) -> JobResult:
    """Run a job that learns from replay, the new one or that of `--resume`."""
    if ray == "off":
        from prefixrl.agents import training

        if new is None:
            return training.resume(_resumed(job), job.view(), overrides)
        return training.train(new, job.new_folder(), job.view())
    from prefixrl.synthesis.pool import require_pool

    require_pool("ray")
    from prefixrl.agents.distributed import training as distributed

    if new is None:
        return distributed.resume(_resumed(job), ray, job.view(), overrides)
    return distributed.train(new, job.new_folder(), ray, job.view())


def _searched(job: JobOptions, new: JobConfig | None, overrides: list[str], ray: str = "off") -> JobResult:
    """Run a job that walks, the new one or that of `--resume`; of a cluster it takes the evaluators."""
    from prefixrl.agents import search as searches
    from prefixrl.agents.job import apply_overrides

    if ray != "off":
        pool = ["evaluator.pool=ray"]
        overrides, new = [*overrides, *pool], None if new is None else apply_overrides(new, pool)
        # The pool joins the cluster that the variable names, else it starts one here.
        os.environ.pop("RAY_ADDRESS", None)
        if ray != "local":
            os.environ["RAY_ADDRESS"] = ray
    if new is None:
        return searches.resume(_resumed(job), job.view(), overrides)
    return searches.search(new, job.new_folder(), job.view())


def _resumed(job: JobOptions) -> Path:
    assert job.resume is not None, "a job is new or resumed"
    return job.resume


@grouped
def search(
    job: JobOptions,
    problem: ProblemOptions,
    library: LibraryOptions,
    surroundings: ConstraintOptions,
    chosen: EvaluatorOptions,
    pooling: PoolOptions,
    method: Annotated[str | None, typer.Option("--method", help=METHOD_HELP)] = None,
    json: JsonOption = False,
) -> None:
    """Run the same job by a baseline, with the same store and budget."""
    from prefixrl.agents.job import BASELINES

    if method is not None and method not in BASELINES:
        raise InputError(f"the method must be one of {', '.join(BASELINES)}: {method!r}")
    overrides = job_overrides(problem, library, surroundings, chosen, pooling, job)
    new = None
    if job.resume is None:
        new = job.new_job([f"method={method or 'sa'}", *overrides])
    elif method is not None:
        raise InputError(f"a resumed job keeps its own method, --method cannot be given: {method!r}")
    else:
        job.check_resumed(job.resume, learning=False)
    _report(_searched(job, new, overrides), json)


def job_overrides(
    problem: ProblemOptions,
    library: LibraryOptions,
    surroundings: ConstraintOptions,
    chosen: EvaluatorOptions,
    pooling: PoolOptions,
    job: JobOptions,
) -> list[str]:
    """The options as overrides of the job description; `--set` comes last and wins."""
    from prefixrl.agents.job import parse_duration

    library.check_against(problem.pdk)
    stated: dict[str, Any] = {
        "circuit.width": problem.width,
        "circuit.kind": problem.circuit,
        "pdk": problem.pdk,
        "pdk.liberty": library.liberty,
        "pdk.lef": library.lef,
        "pdk.dont_use": library.dont_use,
        "constraints.named": library.constraints,
        "constraints.driving_cell": library.driving_cell,
        "constraints.output_load_ff": library.load_ff,
        "constraints.profile": surroundings.profile,
        "constraints.unit_delay_ns": surroundings.unit_delay,
        "constraints.max_fanout": surroundings.max_fanout,
        "constraints.max_transition_ns": surroundings.max_transition,
        "evaluator.name": problem.evaluator,
        **{f"evaluator.{name}": value for name, value in chosen.stated().items()},
        "evaluator.judge": problem.judge,
        "evaluator.pool": pooling.pool,
        "evaluator.workers": pooling.workers,
        "evaluator.timeout_s": pooling.timeout_s,
        "evaluator.memory_mib": pooling.memory_mib,
        "budget.evaluations": problem.evaluations,
        "budget.time_s": None if problem.time is None else parse_duration(problem.time),
        "seed": problem.seed,
        "start_from": job.start_from or None,
        "network_from": None if job.network_from is None else str(job.network_from),
    }
    given = {key: value for key, value in stated.items() if value is not None}
    # JSON is YAML in one line, whatever stands in a name.
    texts = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in given.items()]
    return [*texts, *_other_limits(problem), *(job.settings or [])]


def _other_limits(problem: ProblemOptions) -> list[str]:
    """A budget that is stated is the whole budget: the preset's other limits would cut it short unasked."""
    limits = {"budget.evaluations": problem.evaluations, "budget.time_s": problem.time}
    if not any(limits.values()):
        return []
    return [f"{key}=null" for key, value in {**limits, "budget.steps": None}.items() if value is None]


def _require_torch() -> None:
    from importlib.util import find_spec

    from prefixrl.errors import ToolMissing

    for package in ("torch", "safetensors", "tensorboard"):
        if find_spec(package) is None:
            raise ToolMissing(f"training needs more packages (pip install 'prefixrl[train]'): {package}")


def _report(result: JobResult, as_json: bool) -> None:
    figures = {
        "run": str(result.run),
        "ended_by": result.ended_by,
        "evaluations": result.evaluations,
        "steps": result.steps,
        "seconds": round(result.seconds, 3),
        "front_size": len(result.front),
        "hypervolume": result.hypervolume,
        "reference_point": {"delay_ns": result.reference[0], "area_um2": result.reference[1]},
        "judge": None if result.judgement is None else result.judgement.to_json(),
    }
    if as_json:
        print_json(figures)
        return
    front = f"{len(result.front)} points on the front, hypervolume {result.hypervolume:.3f} ns um2"
    typer.echo(f"{result.run}: {result.evaluations} designs in {result.seconds:.0f} s, {front} ({result.ended_by})")
    if (judged := result.judgement) is not None:
        errors = f"{judged.mean_error_percent:.2g} % in mean, {judged.worst_error_percent:.2g} % at worst"
        typer.echo(f"judge {judged.judge}: delays of the {judged.points} netlists of the front are off by {errors}")
    if result.ended_by == "stopped":
        typer.echo(f"go on with --resume {result.run}")
    else:
        typer.echo(f"next: prefixrl pareto {result.run} --plot front.png")
        typer.echo(f"      prefixrl export {result.run} --pick knee --out DIR")
