"""Agents and searches at equal budget: hypervolume against unique evaluations, over seeds. `prefixrl bench agents`.

Every budget is a run of its own, because methods plan with their budget (a temperature that falls, a share of random
edits). Hypervolumes are in ns um2 within the reference point of the width, which is the same for all methods and seeds.
The evaluation cache makes repeats quick; it changes no count, for what came out of it is counted like the rest.

Letters: S seeds, T marks of a curve.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prefixrl.agents import search as searches
from prefixrl.agents.job import BASELINES, JobConfig, load_job
from prefixrl.agents.live import LiveView, Snapshot
from prefixrl.agents.session import JobResult
from prefixrl.designs import DesignStore
from prefixrl.designs.front import merged_classical_front, savings
from prefixrl.errors import InputError

AGENT = "qlearning"
CONTENDERS = (AGENT, *BASELINES)
CUT = 0.25
"""Share of the values that an interquartile mean leaves out at either end."""
RESAMPLES = 2000
CONFIDENCE = 0.95
MARKS = 40
"""Points of a curve of hypervolume against evaluations, evenly over the largest budget."""

_BUDGET = ("budget.time_s=null", "budget.steps=null", "budget.final_designs=0", "evaluator.judge=none")


@dataclass(frozen=True)
class Contest:
    """What is compared.

    :param methods: `qlearning` or baselines, each once
    :param widths: bits
    :param budgets: unique evaluations
    :param seeds: each once
    :param against: the method by whose final hypervolume the others' evaluations are counted
    :param preset: what all jobs begin from
    :param overrides: `key.sub=value` texts for all jobs
    """

    methods: Sequence[str]
    widths: Sequence[int]
    budgets: Sequence[int]
    seeds: Sequence[int]
    against: str = "sa"
    preset: str = "small"
    overrides: Sequence[str] = ()

    def __post_init__(self) -> None:
        for method in self.methods:
            if method not in CONTENDERS:
                raise InputError(f"a method must be one of {', '.join(CONTENDERS)}: {method!r}")
        for name in ("methods", "widths", "budgets", "seeds"):
            values = list(getattr(self, name))
            if not values or len(set(values)) < len(values):
                raise InputError(f"{name} of a comparison must be given, each once: {values}")
        if self.against not in self.methods:
            raise InputError(f"the method to compare with must take part ({', '.join(self.methods)}): {self.against!r}")
        for method, width, budget in itertools.product(self.methods, self.widths, self.budgets):
            self.job(method, width, budget, self.seeds[0])

    def job(self, method: str, width: int, budget: int, seed: int) -> JobConfig:
        """One run.

        :raises InputError: a value out of its range
        """
        stated = [f"method={method}", f"circuit.width={width}", f"budget.evaluations={budget}", f"seed={seed}"]
        return load_job(self.preset, overrides=[*self.overrides, *_BUDGET, *stated])


@dataclass(frozen=True)
class _Run:
    """What one run came to.

    :param trace: (unique evaluations, hypervolume) as the run went, rising in both
    :param saved_percent: area saved against the classical structures, mean over delays
    :param cached: share of the evaluations that came out of the cache, so how much `seconds` is worth
    """

    hypervolume: float
    saved_percent: float
    seconds: float
    cached: float
    trace: Sequence[tuple[int, float]]

    def at(self, evaluations: float) -> float:
        """Hypervolume after so many evaluations; the classical structures' before the first."""
        return max(volume for count, volume in self.trace if count <= evaluations or count == 0)


class _Recorder(LiveView):
    """Keeps what a job tells, and shows nothing."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.trace = [(0, 0.0)]
        self.cached = 0.0

    def show(self, snapshot: Snapshot, force: bool = False) -> None:
        """Take down a step of the front."""
        self.cached = snapshot.cached / max(snapshot.evaluations, 1)
        if snapshot.evaluations == 0:
            self.trace[0] = (0, snapshot.hypervolume)
        elif snapshot.hypervolume > self.trace[-1][1]:
            self.trace.append((snapshot.evaluations, snapshot.hypervolume))


def bench_agents(contest: Contest, tell: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Run a comparison, one job after the other, in a folder that is deleted at the end.

    :param tell: gets a line after every run
    :returns: what was asked, and under `rows` one row per width, method and budget: the interquartile mean of the
        hypervolume with a bootstrap interval, area saved, seconds, the share of evaluations out of the cache,
        `evaluations_needed` (those after which the mean over these runs was what `against` ends with at this budget;
        null where it stays below), and for the largest budget the `curve` [T] over `marks` [T]
    :raises InputError: a width or setting that cannot be run
    """
    runs: dict[tuple[int, str, int], list[_Run]] = {}
    for width, method, budget in itertools.product(contest.widths, contest.methods, sorted(contest.budgets)):
        runs[width, method, budget] = [_run(contest.job(method, width, budget, seed)) for seed in contest.seeds]
        volumes = " ".join(f"{run.hypervolume:.4g}" for run in runs[width, method, budget])
        tell(f"{width} bits, {method}, {budget} evaluations: hypervolumes {volumes}")
    goals = {
        (width, budget): interquartile_mean([run.hypervolume for run in runs[width, contest.against, budget]])
        for width, budget in itertools.product(contest.widths, contest.budgets)
    }
    return {
        "preset": contest.preset,
        "against": contest.against,
        "seeds": list(contest.seeds),
        "confidence": CONFIDENCE,
        "rows": [
            _row(width, method, budget, found, goals[width, budget], budget == max(contest.budgets))
            for (width, method, budget), found in runs.items()
        ],
    }


def _run(job: JobConfig) -> _Run:
    recorder = _Recorder()
    with tempfile.TemporaryDirectory(prefix="prefixrl-bench-") as folder:
        result = _start(job, Path(folder) / "run", recorder)
        with DesignStore.open(result.run / "designs.sqlite") as store:
            saved = [
                saving.saved_percent for saving in savings(result.front, merged_classical_front(store.classical()))
            ]
    if result.ended_by == "stopped":
        raise KeyboardInterrupt
    trace = [*recorder.trace, (result.evaluations, result.hypervolume)]
    return _Run(
        result.hypervolume, statistics.fmean(saved) if saved else 0.0, result.seconds, recorder.cached, tuple(trace)
    )


def _start(job: JobConfig, out: Path, view: LiveView) -> JobResult:
    if job.method != AGENT:
        return searches.search(job, out, view)
    from prefixrl.agents import training

    return training.train(job, out, view)


def _row(width: int, method: str, budget: int, runs: Sequence[_Run], goal: float, curve: bool) -> dict[str, Any]:
    volumes = [run.hypervolume for run in runs]
    low, high = bootstrap_interval(volumes)
    row: dict[str, Any] = {
        "width": width,
        "method": method,
        "evaluations": budget,
        "hypervolume": interquartile_mean(volumes),
        "low": low,
        "high": high,
        "saved_percent": interquartile_mean([run.saved_percent for run in runs]),
        "evaluations_needed": _needed(runs, goal),
        "seconds": statistics.median(run.seconds for run in runs),
        "cached": statistics.fmean(run.cached for run in runs),
        "hypervolumes": volumes,
    }
    if curve:
        marks = np.unique(np.linspace(0, budget, MARKS + 1).round().astype(int)).tolist()
        row["marks"] = marks
        row["curve"] = [interquartile_mean([run.at(mark) for run in runs]) for mark in marks]
    return row


def _needed(runs: Sequence[_Run], goal: float) -> int | None:
    """Evaluations after which the mean hypervolume of runs reaches a goal; it changes only where one of them does."""
    counts = sorted({count for run in runs for count, _ in run.trace})
    reached = (count for count in counts if interquartile_mean([run.at(count) for run in runs]) >= goal)
    return next(reached, None)


def interquartile_mean(values: Iterable[float]) -> float:
    """The mean of the middle half of S values: a quarter of them, rounded down, is left out at either end."""
    from scipy.stats import trim_mean

    return float(trim_mean(np.asarray(list(values), np.float64), CUT))


def bootstrap_interval(values: Sequence[float]) -> tuple[float, float]:
    """Percentile interval of the interquartile mean, over resamples of S values (Agarwal et al. 2021); repeatable."""
    from scipy.stats import trim_mean

    generator = np.random.default_rng(0)
    sample: NDArray[np.float64] = np.asarray(values, np.float64)
    drawn = sample[generator.integers(len(sample), size=(RESAMPLES, len(sample)))]
    means = trim_mean(drawn, CUT, axis=1)
    tail = 100.0 * (1.0 - CONFIDENCE) / 2.0
    low, high = np.percentile(means, [tail, 100.0 - tail])
    return float(low), float(high)
