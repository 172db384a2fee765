"""Comparing fronts: hypervolume ratio, area saved at equal delay, coverage; and methods of several seeds.

Intervals are those that Agarwal et al. (Deep Reinforcement Learning at the Edge of the Statistical Precipice, NeurIPS
2021) recommend: the interquartile mean over seeds and problems, with a percentile bootstrap whose resampling is
stratified by problem; here by `scipy.stats.bootstrap`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prefixrl.designs.front import FrontPoint, best_at, front_of, hypervolume
from prefixrl.errors import InputError

Floats = NDArray[np.float64]

RESAMPLES = 2000
CONFIDENCE = 0.95
SEED = 0
_TRIMMED = 0.25
"""Cut off at either end: what is left of the sorted scores is their interquartile range."""


@dataclass(frozen=True)
class AreaSaved:
    """What one front saves against another at equal delay, in percent of the other's area.

    :param mean_percent: over the delays that both fronts reach, each weighed by how long it lasts
    :param largest_percent: at `largest_at_ns`
    :param range_ns: from the slower one of the fastest points to the slower one of the slowest
    """

    mean_percent: float
    largest_percent: float
    largest_at_ns: float
    range_ns: tuple[float, float]


@dataclass(frozen=True)
class FrontComparison:
    """One front beside another.

    :param hypervolume_ratio: its hypervolume over the other's; None where the other has none within the reference
    :param saved: None where there is no delay that both reach
    :param covers: share of the other's points that one of its own equals or beats in both figures
    :param covered: share of its own points that one of the other's equals or beats
    """

    hypervolume_ratio: float | None
    saved: AreaSaved | None
    covers: float
    covered: float


@dataclass(frozen=True)
class Estimate:
    """An interquartile mean and its 95 % interval, which is None for a single score."""

    value: float
    interval: tuple[float, float] | None


def compare_fronts(
    ours: Sequence[FrontPoint], theirs: Sequence[FrontPoint], reference: tuple[float, float]
) -> FrontComparison:
    """Compare two fronts of one problem.

    :param ours: by rising delay
    :param theirs: by rising delay
    :param reference: (delay_ns, area_um2) of the hypervolumes
    :raises InputError: one of them is empty
    """
    if not (ours and theirs):
        raise InputError("two fronts can be compared where both have a design: one is empty")
    volume = hypervolume(theirs, reference)
    return FrontComparison(
        hypervolume_ratio=hypervolume(ours, reference) / volume if volume > 0 else None,
        saved=area_saved(ours, theirs, reference[0]),
        covers=coverage(ours, theirs),
        covered=coverage(theirs, ours),
    )


def area_saved(
    ours: Sequence[FrontPoint], theirs: Sequence[FrontPoint], longest_ns: float = np.inf
) -> AreaSaved | None:
    """Area saved at equal delay over the delays that both fronts reach; exact, since fronts are step functions.

    :param longest_ns: delays beyond it do not count
    """
    begin = max(ours[0].delay_ns, theirs[0].delay_ns)
    end = min(max(ours[-1].delay_ns, theirs[-1].delay_ns), longest_ns)
    if end < begin:
        return None
    steps = sorted({begin, *(p.delay_ns for p in (*ours, *theirs) if begin < p.delay_ns <= end)})
    percents = [_saved_percent(ours, theirs, delay) for delay in steps]
    lengths = np.diff([*steps, end])
    best = int(np.argmax(percents))
    mean = float(np.average(percents, weights=lengths)) if lengths.sum() > 0 else percents[0]
    return AreaSaved(mean, percents[best], steps[best], (begin, end))


def _saved_percent(ours: Sequence[FrontPoint], theirs: Sequence[FrontPoint], delay_ns: float) -> float:
    mine, other = best_at(ours, delay_ns), best_at(theirs, delay_ns)
    assert mine is not None, delay_ns
    assert other is not None, delay_ns
    return 100.0 * (other.area_um2 - mine.area_um2) / other.area_um2


def coverage(ours: Sequence[FrontPoint], theirs: Sequence[FrontPoint]) -> float:
    """Share of `theirs` that a point of `ours` equals or beats in both figures (Zitzler and Thiele 1998, C metric)."""
    covered = sum(
        any(mine.delay_ns <= other.delay_ns and mine.area_um2 <= other.area_um2 for mine in ours) for other in theirs
    )
    return covered / len(theirs)


def pooled(fronts: Sequence[Sequence[FrontPoint]]) -> list[FrontPoint]:
    """The best that several runs found together."""
    return front_of(point for front in fronts for point in front)


def interquartile_mean(scores: Sequence[Sequence[float]]) -> Estimate:
    """The interquartile mean over all runs of all problems, with its stratified bootstrap interval.

    :param scores: for each problem the scores of its runs
    """
    from scipy.stats import bootstrap

    samples = [np.asarray(each, dtype=np.float64) for each in scores]
    value = float(_iqm(*samples, axis=0))
    if any(len(each) < 2 for each in samples):
        return Estimate(value, None)
    if all(np.ptp(each) == 0 for each in samples):
        return Estimate(value, (value, value))
    result = bootstrap(
        samples,
        _iqm,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(SEED),
    )
    return Estimate(value, (float(result.confidence_interval.low), float(result.confidence_interval.high)))


def _iqm(*samples: Floats, axis: int = -1) -> Floats:
    from scipy.stats import trim_mean

    return np.asarray(trim_mean(np.concatenate(samples, axis=axis), _TRIMMED, axis=axis))


def probability_of_improvement(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> float:
    """How often a run of ours has a higher score than one of theirs of the same problem, ties counted half.

    :param ours: for each problem the scores of its runs
    :param theirs: the same problems
    """
    shares = []
    for mine, other in zip(ours, theirs, strict=True):
        difference = np.subtract.outer(np.asarray(mine), np.asarray(other))
        shares.append(float(np.mean((difference > 0) + 0.5 * (difference == 0))))
    return float(np.mean(shares))
