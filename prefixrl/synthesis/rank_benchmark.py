"""Every evaluator of this machine on the same graphs: how fast each is, and whether they rank designs alike."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prefixrl.circuits import Circuit
from prefixrl.errors import EvaluationFailed, InputError, ToolError
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.curve import AreaDelayCurve
from prefixrl.synthesis.curve_benchmark import stepped_area
from prefixrl.synthesis.evaluator import EVALUATOR_NAMES, Evaluator, effort_options, efforts, make_evaluator
from prefixrl.synthesis.pdk import Pdk, load_pdk
from prefixrl.synthesis.signoff_benchmark import random_graph

QUANTILES = (0.25, 0.5, 0.75, 1.0)
"""Delays at which areas are compared: those that such a part of the graphs can meet. At the last one all can."""

DEFAULT_SECONDS = 900.0


@dataclass(frozen=True)
class _Trial:
    """What one evaluator made of the graphs, in their order; None for those that it could not evaluate."""

    curves: Sequence[AreaDelayCurve | None]
    seconds: float

    @property
    def count(self) -> int:
        return sum(curve is not None for curve in self.curves)

    def areas(self, quantile: float) -> np.ndarray:
        """[graphs] Area (um2) at the delay that such a part of the graphs can meet; NaN for those that cannot."""
        fastest = [curve.fastest.delay_ns for curve in self.curves if curve is not None]
        delay_ns = float(np.quantile(fastest, quantile, method="inverted_cdf"))
        areas = [math.inf if curve is None else stepped_area(curve, delay_ns) for curve in self.curves]
        return np.array([area if math.isfinite(area) else math.nan for area in areas])


def compare_evaluators(
    width: int = 32, graphs: int = 100, pdk: Pdk | None = None, seconds: float = DEFAULT_SECONDS, seed: int = 0
) -> dict[str, Any]:
    """Curves per second of each evaluator and effort, and Kendall's rank correlation of area at equal delay.

    Evaluators have delays of their own (a model's units, with or without wires), so a delay is equal where it asks
    equally much: where the same part of all graphs can meet it. The correlation of two evaluators is that over the
    graphs that meet it under both, mean over four such delays (`QUANTILES`).

    :param width: bits of the adders
    :param graphs: how many random legal graphs
    :param pdk: what to synthesise to; the default PDK where None
    :param seconds: what each evaluator may take; a slow one sees the first graphs only
    :param seed: of the random graphs
    :raises InputError: fewer than 2 graphs, or no time
    :returns: `random_graphs`; `curves_per_s` and `judged` (how many of the graphs) by evaluator; `missing` (why this
        machine cannot run an evaluator); `kendall` by pair (None where there is nothing to rank)
    """
    if graphs < 2 or not seconds > 0:
        raise InputError(f"ranks need at least 2 graphs and some time: {graphs}, {seconds} s")
    chosen = load_pdk() if pdk is None else pdk
    generator = np.random.default_rng(seed)
    random_graphs = [random_graph(width, generator) for _ in range(graphs)]
    trials: dict[str, _Trial] = {}
    missing: dict[str, str] = {}
    for name, effort in [(each, effort) for each in EVALUATOR_NAMES for effort in efforts(each)]:
        label = f"{name} {effort}".strip()
        try:
            evaluator = make_evaluator(name, chosen, **effort_options(name, effort))
        except InputError as error:
            missing[label] = str(error)
            continue
        try:
            trials[label] = _trial(evaluator, random_graphs, seconds)
        finally:
            evaluator.close()
    return {
        "random_graphs": graphs,
        "curves_per_s": {label: trial.count / trial.seconds for label, trial in trials.items()},
        "judged": {label: trial.count for label, trial in trials.items()},
        "missing": missing,
        "kendall": _correlations(trials),
    }


def _trial(evaluator: Evaluator, graphs: Sequence[PrefixGraph], seconds: float) -> _Trial:
    constraints = default_constraints(evaluator.pdk)
    width = graphs[0].width

    def curve_of(graph: PrefixGraph) -> AreaDelayCurve | None:
        try:
            return evaluator.evaluate(Circuit("adder", graph), constraints)
        except (EvaluationFailed, ToolError):
            return None

    curve_of(structure("sklansky", width))  # starts the tools and compiles what is compiled at first use
    curves: list[AreaDelayCurve | None] = []
    begin = time.perf_counter()
    for graph in graphs:
        curves.append(curve_of(graph))
        if time.perf_counter() - begin > seconds:
            break
    elapsed = time.perf_counter() - begin
    return _Trial([*curves, *[None] * (len(graphs) - len(curves))], elapsed)


def _correlations(trials: Mapping[str, _Trial]) -> dict[str, float | None]:
    usable = {label: trial for label, trial in trials.items() if trial.count >= 2}
    pairs = itertools.combinations(usable.items(), 2)
    return {f"{one} / {two}": _correlation(first, second) for (one, first), (two, second) in pairs}


def _correlation(one: _Trial, two: _Trial) -> float | None:
    """Kendall's tau-b of the areas, mean over the delays; None where no delay leaves anything to rank."""
    from scipy.stats import kendalltau

    found: list[float] = []
    # A slow evaluator saw fewer graphs: delays are equal only among the graphs that both saw.
    both = [a is not None and b is not None for a, b in zip(one.curves, two.curves, strict=True)]
    first, second = (_Trial([c for c, kept in zip(t.curves, both, strict=True) if kept], 0.0) for t in (one, two))
    if sum(both) < 2:
        return None
    for quantile in QUANTILES:
        areas, others = first.areas(quantile), second.areas(quantile)
        met = ~(np.isnan(areas) | np.isnan(others))
        if met.sum() >= 2 and len(set(areas[met])) > 1 and len(set(others[met])) > 1:
            found.append(float(kendalltau(areas[met], others[met]).statistic))
    return sum(found) / len(found) if found else None
