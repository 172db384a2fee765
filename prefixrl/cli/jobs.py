"""`prefixrl train` and `prefixrl search`: one job description, run by the agent or by a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefixrl.cli.common import JsonOption, print_json
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
BASELINES = ("random", "greedy", "sa")

PresetOption = Annotated[str | None, typer.Option("--preset", help="A named job; an unknown name lists them all.")]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="A job description (YAML).")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="key.sub=value, any key of the job; repeatable.")]
WidthOption = Annotated[int | None, typer.Option("--width", "-n", help="Bits.")]
CircuitOption = Annotated[str | None, typer.Option("--circuit", help="Circuit kind, such as adder.")]
PdkOption = Annotated[str | None, typer.Option("--pdk", help="A PDK's name or a Liberty file.")]
EvaluatorOption = Annotated[str | None, typer.Option("--evaluator", help="yosys, openroad or analytic.")]
EvaluationsOption = Annotated[int | None, typer.Option("--evaluations", help="Unique designs to evaluate.")]
TimeOption = Annotated[str | None, typer.Option("--time", help="Duration such as 90s, 10m or 2h.")]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Seed of every random stream.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="Run directory: new or empty.")]
ResumeOption = Annotated[Path | None, typer.Option("--resume", help="Go on with the job of this run directory.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No live view.")]


def train(
    preset: PresetOption = None,
    config: ConfigOption = None,
    settings: SetOption = None,
    width: WidthOption = None,
    circuit: CircuitOption = None,
    pdk: PdkOption = None,
    evaluator: EvaluatorOption = None,
    evaluations: EvaluationsOption = None,
    time: TimeOption = None,
    seed: SeedOption = None,
    out: OutOption = None,
    resume: ResumeOption = None,
    ray: Annotated[str, typer.Option("--ray", help="off; local and ADDRESS are not there yet.")] = "off",
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Launch a training job, or resume one. Ctrl-C saves and ends; every evaluated design is in the store at once."""
    if ray != "off":
        raise InputError(f"distributed training is not part of this version, --ray takes only off: {ray!r}")
    _require_torch()
    overrides = _overrides(settings, width, circuit, pdk, evaluator, evaluations, time, seed)
    from prefixrl.agents import training

    view = _view(quiet)
    if resume is not None:
        _only_overrides(preset, config, out)
        _check_method(resume, learning=True)
        result = training.resume(resume, view, overrides)
    else:
        job = _new_job(preset, config, overrides)
        result = training.train(job, _required_out(out), view)
    _report(result, json)


def search(
    method: Annotated[str | None, typer.Option("--method", help="random, greedy or sa. Default: sa.")] = None,
    preset: PresetOption = None,
    config: ConfigOption = None,
    settings: SetOption = None,
    width: WidthOption = None,
    circuit: CircuitOption = None,
    pdk: PdkOption = None,
    evaluator: EvaluatorOption = None,
    evaluations: EvaluationsOption = None,
    time: TimeOption = None,
    seed: SeedOption = None,
    out: OutOption = None,
    resume: ResumeOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Run the same job by a baseline without learning, with the same store and budget."""
    if method is not None and method not in BASELINES:
        raise InputError(f"the method must be one of {', '.join(BASELINES)}: {method!r}")
    overrides = _overrides(settings, width, circuit, pdk, evaluator, evaluations, time, seed)
    from prefixrl.agents import search as baselines

    view = _view(quiet)
    if resume is not None:
        if method is not None:
            raise InputError(f"a resumed job keeps its own method, --method cannot be given: {method!r}")
        _only_overrides(preset, config, out)
        _check_method(resume, learning=False)
        result = baselines.resume(resume, view, overrides)
    else:
        job = _new_job(preset, config, [f"method={method or 'sa'}", *overrides])
        result = baselines.search(job, _required_out(out), view)
    _report(result, json)


def _overrides(
    settings: list[str] | None,
    width: int | None,
    circuit: str | None,
    pdk: str | None,
    evaluator: str | None,
    evaluations: int | None,
    time: str | None,
    seed: int | None,
) -> list[str]:
    """The options as overrides of the job description; `--set` comes last and wins."""
    import yaml

    from prefixrl.agents.job import parse_duration

    stated: dict[str, Any] = {
        "circuit.width": width,
        "circuit.kind": circuit,
        "pdk": pdk,
        "evaluator.name": evaluator,
        "budget.evaluations": evaluations,
        "budget.time_s": None if time is None else parse_duration(time),
        "seed": seed,
    }
    # A budget that is stated is the whole budget: the preset's other limits would cut it short unasked.
    if evaluations is not None or time is not None:
        stated["budget.steps"] = "null"
    if evaluations is not None and time is None:
        stated["budget.time_s"] = "null"
    if time is not None and evaluations is None:
        stated["budget.evaluations"] = "null"
    given = {key: value for key, value in stated.items() if value is not None}

    def text(value: Any) -> str:
        return "null" if value == "null" else yaml.safe_dump(value, default_flow_style=True).splitlines()[0]

    return [*(f"{key}={text(value)}" for key, value in given.items()), *(settings or [])]


def _new_job(preset: str | None, config: Path | None, overrides: list[str]) -> JobConfig:
    from prefixrl.agents.job import load_job

    return load_job(DEFAULT_PRESET if preset is None and config is None else preset, config, overrides)


def _required_out(out: Path | None) -> Path:
    if out is None:
        raise InputError("a job needs a directory for its results, --out DIR: none given")
    return out


def _only_overrides(preset: str | None, config: Path | None, out: Path | None) -> None:
    for option, value in (("--preset", preset), ("--config", config), ("--out", out)):
        if value is not None:
            raise InputError(f"a resumed job has its own description and directory, {option} cannot be given: {value}")


def _check_method(run: Path, learning: bool) -> None:
    """A job is resumed by the command that began it."""
    from prefixrl.agents.job import load_job
    from prefixrl.designs import RunDirectory

    method = load_job(config=RunDirectory.open(run).config_path).method
    if (method == "qlearning") != learning:
        command = "train" if method == "qlearning" else "search"
        raise InputError(f"this job was begun by another command and is resumed by 'prefixrl {command}': {run}")


def _require_torch() -> None:
    from importlib.util import find_spec

    from prefixrl.errors import ToolMissing

    for package in ("torch", "safetensors", "tensorboard"):
        if find_spec(package) is None:
            raise ToolMissing(f"training needs more packages (pip install 'prefixrl[train]'): {package}")


def _view(quiet: bool) -> LiveView:
    from prefixrl.agents.live import LiveView

    return LiveView(quiet=quiet)


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
    }
    if as_json:
        print_json(figures)
        return
    front = f"{len(result.front)} points on the front, hypervolume {result.hypervolume:.3f} ns um2"
    typer.echo(f"{result.run}: {result.evaluations} designs in {result.seconds:.0f} s, {front} ({result.ended_by})")
    if result.ended_by == "stopped":
        typer.echo(f"go on with --resume {result.run}")
    else:
        typer.echo(f"next: prefixrl pareto {result.run} --plot front.png")
        typer.echo(f"      prefixrl export {result.run} --pick knee --out DIR")
