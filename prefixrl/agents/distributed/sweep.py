"""Sweeps: the same job under several hyperparameters and seeds, side by side on a Ray cluster, by Ray Tune.

    sweep.yaml: base job, trials --> Tune: which trial runs where, and again when its actor dies --> trial: a job
    OUT/trials/NAME: an ordinary run directory, with `trial.json` once the job has used its budget

Tune draws the trials and places them. Its own state lies in a temporary folder and is never read back: it is pickled,
and what a sweep needs to go on is in the run directories.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from prefixrl.agents.job import JobConfig, apply_overrides
from prefixrl.agents.live import LiveView, Snapshot
from prefixrl.agents.session import JobResult
from prefixrl.errors import InputError, PrefixrlError
from prefixrl.files import atomic_write
from prefixrl.synthesis.ray_cluster import joined

PLAN = "sweep.yaml"
RESULT = "trial.json"
TRIALS_AT_MOST = 10_000

_RANGE = re.compile(r"(?P<low>[^:]+?)\.\.(?P<high>[^:]+?)(?P<log>:log)?")
_REPORT_EVERY_S = 5.0
# Times that a trial is begun anew after the death of the process that it runs in.
_DEATHS_AT_MOST = 3
_QUIET = {"TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0"}


@dataclass(frozen=True)
class Trial:
    """One job of a sweep.

    :param name: of its run directory
    :param overrides: of the base job, `key.sub=value`
    """

    name: str
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class TrialResult:
    """How a trial stands.

    :param figures: `hypervolume`, `evaluations`, `seconds`, `front_size`; None where it has not ended
    :param failure: why it could not run; None for no reason
    """

    trial: Trial
    run: Path
    figures: Mapping[str, Any] | None
    failure: str | None

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        told = dict(self.figures or {})
        return {"run": str(self.run), "overrides": list(self.trial.overrides), **told, "failure": self.failure}


def plan_trials(base: JobConfig, over: Sequence[str], seeds: Sequence[int], samples: int = 1) -> list[Trial]:
    """The trials of a sweep, every one of them a job that can be read.

    :param over: `key.sub=v1,v2` for a grid, `key.sub=LOW..HIGH` or `key.sub=LOW..HIGH:log` for draws from a range,
        whole numbers where both ends are
    :param seeds: of the jobs, each for every combination
    :param samples: draws for each combination of the grid; drawn by the base job's seed
    :raises InputError: unknown keys, values out of range, too many trials
    """
    from ray.tune.search.variant_generator import generate_variants

    space = dict(_domain(text) for text in over)
    drawn = any(not isinstance(domain, dict) for domain in space.values())
    if samples > 1 and not drawn:
        raise InputError(f"several samples need a range to draw from, --over key=LOW..HIGH: {samples}")
    generator = np.random.RandomState(base.seed % 2**32)
    trials: dict[str, Trial] = {}
    for _ in range(samples):
        for _, values in generate_variants(space, random_state=generator):
            for seed in seeds:
                stated = {**values, "seed": seed}
                texts = tuple(f"{key}={json.dumps(_plain(value))}" for key, value in stated.items())
                apply_overrides(base, texts)
                trial = Trial(_name(stated), texts)
                trials[trial.name] = trial
                if len(trials) > TRIALS_AT_MOST:
                    raise InputError(f"a sweep has at most {TRIALS_AT_MOST} trials: more")
    return list(trials.values())


def _domain(text: str) -> tuple[str, Any]:
    """A key and what Tune draws for it."""
    from ray import tune

    key, separator, stated = text.partition("=")
    if not separator or not key.strip() or not stated.strip():
        raise InputError(f"what is swept has the form key.sub=v1,v2 or key.sub=LOW..HIGH: {text!r}")
    key = key.strip()
    if key == "seed":
        raise InputError(f"seeds are swept by --seeds and --first-seed: {text!r}")
    if (match := _RANGE.fullmatch(stated.strip())) is None:
        return key, tune.grid_search(_values(stated, text))
    try:
        low, high = (json.loads(match[end]) for end in ("low", "high"))
        whole, log = isinstance(low, int) and isinstance(high, int), match["log"] is not None
        if not low < high or (log and low <= 0):
            raise ValueError
    except (ValueError, TypeError):
        rule = "a range goes from a number to a larger one, both above zero where it is logarithmic"
        raise InputError(f"{rule}: {text!r}") from None
    if whole:
        return key, tune.lograndint(low, high + 1) if log else tune.randint(low, high + 1)
    return key, tune.loguniform(low, high) if log else tune.uniform(low, high)


def _values(stated: str, text: str) -> list[Any]:
    """The values of a grid: a YAML list without its brackets, so that lists and quoted commas can be values."""
    try:
        values = yaml.safe_load(f"[{stated}]")
    except yaml.YAMLError:
        raise InputError(f"the values of what is swept must be YAML: {text!r}") from None
    # YAML wants a point in 1e-3; a person does not.
    return [_number(value) for value in values]


def _number(value: Any) -> Any:
    with contextlib.suppress(ValueError):
        return float(value) if isinstance(value, str) and re.match(r"[-+]?\d", value) else value
    return value


def _plain(value: Any) -> Any:
    """Without numpy's types."""
    return value.item() if isinstance(value, np.generic) else value


def _name(stated: Mapping[str, Any]) -> str:
    """A folder's name that says what is particular and is no other trial's; without the `=` and `,` of `compare`."""
    told = "_".join(
        f"{key.rpartition('.')[2]}-{value:.4g}" if isinstance(value, float) else f"{key.rpartition('.')[2]}-{value}"
        for key, value in stated.items()
    )
    digest = hashlib.sha256(json.dumps({key: _plain(value) for key, value in stated.items()}).encode()).hexdigest()
    return f"{re.sub(r'[^A-Za-z0-9.+-]+', '_', told)[:80]}-{digest[:6]}"


class Sweep:
    """A sweep's folder.

    :param path: with `sweep.yaml` and `trials/`
    """

    def __init__(self, path: Path, base: JobConfig, trials: Sequence[Trial]) -> None:
        self.path, self.base, self.trials = path, base, list(trials)

    @classmethod
    def create(cls, path: str | Path, base: JobConfig, trials: Sequence[Trial]) -> Sweep:
        """A new one.

        :raises InputError: the folder exists and is not empty, or cannot be written
        """
        path = Path(path)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(f"a sweep needs a new or empty directory (--resume goes on with an old one): {path}")
        listed = [{"name": trial.name, "overrides": list(trial.overrides)} for trial in trials]
        text = yaml.safe_dump({"base": base.model_dump(mode="json"), "trials": listed}, sort_keys=False, width=120)
        try:
            path.mkdir(parents=True, exist_ok=True)
            atomic_write(path / PLAN, text)
        except OSError as error:
            raise InputError(f"the directory of a sweep must be writable ({error.strerror}): {path}") from None
        return cls(path, base, trials)

    @classmethod
    def open(cls, path: str | Path) -> Sweep:
        """One that exists.

        :raises InputError: it does not, or its description is damaged
        """
        plan = Path(path) / PLAN
        try:
            data = yaml.safe_load(plan.read_text(encoding="utf-8"))
            base = JobConfig.model_validate(data["base"])
            trials = [Trial(str(row["name"]), tuple(row["overrides"])) for row in data["trials"]]
        except OSError as error:
            raise InputError(f"a sweep must have a {PLAN} ({error.strerror}): {path}") from None
        except (yaml.YAMLError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"the description of a sweep is damaged ({type(error).__name__}): {plan}") from None
        if any(not re.fullmatch(r"[A-Za-z0-9.+_-]+", trial.name) or trial.name[0] == "." for trial in trials):
            raise InputError(f"the description of a sweep is damaged (the name of a trial): {plan}")
        return cls(Path(path), base, trials)

    def folder(self, trial: Trial) -> Path:
        """The run directory of a trial."""
        return self.path / "trials" / trial.name

    def results(self, failures: Mapping[str, str] | None = None) -> list[TrialResult]:
        """How the trials stand, the largest hypervolume first, those that have not ended last.

        :param failures: reasons by the names of trials
        """
        found = []
        for trial in self.trials:
            figures, failure = _finished(self.folder(trial)), (failures or {}).get(trial.name)
            found.append(TrialResult(trial, self.folder(trial), figures, None if figures else failure))
        return sorted(found, key=lambda each: -each.figures["hypervolume"] if each.figures else np.inf)


def run_sweep(
    sweep: Sweep, address: str, parallel: int | None = None, gpus: float = 0.0, tell: Callable[[str], None] = print
) -> list[TrialResult]:
    """Run the trials that have not ended, as many side by side as the cluster has room for.

    :param address: of a Ray cluster, or `local`; on several machines the sweep's folder must be on all of them
    :param parallel: at most so many side by side
    :param gpus: that each trial takes
    :param tell: told a line whenever a trial ends
    :raises InputError: there is no such cluster
    """
    waiting = [trial for trial in sweep.trials if _finished(sweep.folder(trial)) is None]
    if not waiting:
        return sweep.results()
    os.environ.update(_QUIET)
    # Tune prints tables whatever it is told.
    nowhere = contextlib.redirect_stdout(io.StringIO())
    with joined(address), tempfile.TemporaryDirectory() as folder, nowhere:
        from ray import tune

        teller = _teller(tell, len(sweep.trials), len(sweep.trials) - len(waiting))
        cpus = sweep.base.evaluator.workers
        job = tune.with_parameters(_run_trial, base=sweep.base.model_dump_json(), out=str(sweep.path.resolve()))
        tuner = tune.Tuner(
            tune.with_resources(job, {"cpu": cpus, "gpu": gpus}),
            param_space={"trial": tune.grid_search([[trial.name, *trial.overrides] for trial in waiting])},
            tune_config=tune.TuneConfig(max_concurrent_trials=parallel),
            run_config=tune.RunConfig(
                name="sweep",
                storage_path=folder,
                verbose=0,
                callbacks=[teller],
                failure_config=tune.FailureConfig(max_failures=_DEATHS_AT_MOST),
            ),
        )
        outcomes = tuner.fit()
        failures: dict[str, str] = {}
        for outcome in (outcomes[number] for number in range(len(outcomes))):
            name = outcome.config["trial"][0] if outcome.config else ""
            failures[name] = (outcome.metrics or {}).get("failure") or "its process died time and again"
    return sweep.results(failures)


def _run_trial(config: Mapping[str, Any], base: str, out: str) -> dict[str, Any]:
    """What Tune runs: one job, begun or gone on with. A job that cannot run is a result."""
    name, *overrides = config["trial"]
    job = apply_overrides(JobConfig.model_validate(json.loads(base)), overrides)
    run = Path(out) / "trials" / name
    try:
        result = _run_job(job, run, _Reporting())
    except PrefixrlError as error:
        return {"hypervolume": 0.0, "failure": str(error).splitlines()[0]}
    figures = {
        "hypervolume": result.hypervolume,
        "evaluations": result.evaluations,
        "seconds": round(result.seconds, 3),
        "front_size": len(result.front),
    }
    atomic_write(run / RESULT, json.dumps(figures) + "\n")
    return {**figures, "failure": None}


def _run_job(job: JobConfig, run: Path, view: LiveView) -> JobResult:
    from prefixrl.agents import search as searches
    from prefixrl.agents import training

    runner: Any = training if job.method == "qlearning" else searches
    begin: Callable[..., JobResult] = runner.train if job.method == "qlearning" else runner.search
    if (run / "designs.sqlite").exists():
        resumed: JobResult = runner.resume(run, view)
        return resumed
    shutil.rmtree(run, ignore_errors=True)  # killed before it had a store
    return begin(job, run, view)


class _Reporting(LiveView):
    """Tells Tune where a trial stands."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self._told_at = time.monotonic()

    def show(self, snapshot: Snapshot, force: bool = False) -> None:
        """See `LiveView`."""
        from ray import tune

        if time.monotonic() - self._told_at > _REPORT_EVERY_S:
            tune.report({"hypervolume": snapshot.hypervolume, "evaluations": snapshot.evaluations})
            self._told_at = time.monotonic()


def _teller(tell: Callable[[str], None], trials: int, ended: int) -> Any:
    """Of Tune's callbacks the one that tells a line for every trial that ends."""
    from ray import tune

    class Teller(tune.Callback):
        def __init__(self) -> None:
            self.ended = ended

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:
            self.ended += 1
            figures = trial.last_result
            told = figures.get("failure") or f"hypervolume {figures['hypervolume']:.3f} ns um2"
            tell(f"{self.ended} of {number}: {trial.config['trial'][0]}: {told}")

    number = trials
    return Teller()


def _finished(run: Path) -> dict[str, Any] | None:
    """The figures of a trial that has used its budget."""
    try:
        figures: dict[str, Any] = json.loads((run / RESULT).read_text(encoding="utf-8"))
        return {**figures, "hypervolume": float(figures["hypervolume"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None
