"""How well the fast effort's few points describe a curve, against the dense sweep of the full effort."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prefixrl.circuits import Circuit
from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import classical_structures, structure
from prefixrl.synthesis.constraints import Constraints, default_constraints
from prefixrl.synthesis.curve import AREA_SCALE_PER_UM2, DELAY_SCALE_PER_NS, AreaDelayCurve
from prefixrl.synthesis.pdk import Pdk, load_pdk
from prefixrl.synthesis.yosys import YosysEvaluator

SAMPLES = 50
"""Delays at which two curves are compared, evenly between the fastest that both reach and the dense one's slowest."""

_RANDOM_STARTS = ("sklansky", "brent-kung", "kogge-stone", "ripple-carry")
_RANDOM_EDITS = 24


@dataclass(frozen=True)
class _Comparison:
    """One graph's fast curve against its dense one; excesses are fractions of the dense curve's area."""

    title: str
    points: int
    dense_points: int
    stepped: np.ndarray
    interpolated: np.ndarray
    fastest: float
    optimum: float
    fast_seconds: float
    dense_seconds: float


def bench_curves(
    widths: Sequence[int] = (16, 32),
    structures: Iterable[str] | None = None,
    random_graphs: int = 8,
    pdk: Pdk | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """The fast effort's curves of adders against dense ones.

    Dense is all that the full effort finds (48 walks of 25 targets), pooled with the fast effort's points. The excess
    area at a delay is taken two ways: `stepped`, the smallest netlist there is that is no slower; `interpolated`, the
    monotone cubic (PCHIP) through the points, for both curves, as the reward reads it.

    :param widths: bits of the adders
    :param structures: names of classical structures; all that differ at the width where None
    :param random_graphs: how many random graphs per width: classical ones after random edits
    :param pdk: what to synthesise to; the default PDK where None
    :param seed: of the random graphs
    :raises InputError: a width out of range, an unknown structure, or no graphs at all
    :returns: per width `{graphs, points, dense_points, stepped_mean, stepped_worst, interpolated_mean,
        interpolated_worst, fastest_mean, fastest_worst, optimum_mean, optimum_worst, fast_ms, dense_ms}`: excesses of
        area as fractions (worst: the worst graph's mean over its delays), of the least delay, and of the scalarised
        cost at equal weights; `worst_graph` names the graph of `stepped_worst`
    """
    chosen = load_pdk() if pdk is None else pdk
    constraints = default_constraints(chosen)
    generator = np.random.default_rng(seed)
    fast, dense = YosysEvaluator(chosen), YosysEvaluator(chosen, "full", check_rtl=False)
    names = None if structures is None else tuple(structures)
    results: dict[str, Any] = {"pdk": chosen.name, "samples": SAMPLES, "widths": {}}
    try:
        for width in widths:
            graphs = _graphs(width, names, random_graphs, generator)
            compared = [_compare(title, graph, constraints, fast, dense) for title, graph in graphs.items()]
            results["widths"][str(width)] = _summary(compared)
    finally:
        fast.close()
        dense.close()
    return results


def _graphs(
    width: int, names: tuple[str, ...] | None, random_graphs: int, generator: np.random.Generator
) -> dict[str, PrefixGraph]:
    chosen = classical_structures(width) if names is None else {name: structure(name, width) for name in names}
    graphs = dict(chosen)
    for number in range(random_graphs):
        start = _RANDOM_STARTS[number % len(_RANDOM_STARTS)]
        graphs[f"random-{number}"] = _edited(structure(start, width), generator)
    if not graphs:
        raise InputError(f"curves must be compared on at least one graph: {len(graphs)}")
    return graphs


def _edited(graph: PrefixGraph, generator: np.random.Generator) -> PrefixGraph:
    """A graph after some random edits, each a legal one."""
    edits = 0
    while edits < _RANDOM_EDITS:
        msb = int(generator.integers(2, graph.width))
        lsb = int(generator.integers(1, msb))
        if graph.can_add(msb, lsb):
            graph = graph.add(msb, lsb)
        elif graph.can_delete(msb, lsb):
            graph = graph.delete(msb, lsb)
        else:
            continue
        edits += 1
    return graph


def _compare(
    title: str, graph: PrefixGraph, constraints: Constraints, fast: YosysEvaluator, dense: YosysEvaluator
) -> _Comparison:
    circuit = Circuit("adder", graph)
    begin = time.perf_counter()
    few = fast.evaluate(circuit, constraints)
    middle = time.perf_counter()
    full = dense.evaluate(circuit, constraints)
    end = time.perf_counter()
    many = AreaDelayCurve((*full.points, *few.points))
    delays = np.linspace(few.fastest.delay_ns, max(many.smallest.delay_ns, few.fastest.delay_ns), SAMPLES)
    return _Comparison(
        title=title,
        points=len(few.points),
        dense_points=len(many.points),
        stepped=np.array([stepped_area(few, delay) / stepped_area(many, delay) - 1 for delay in delays]),
        interpolated=np.array([few.area_at(delay) / many.area_at(delay) - 1 for delay in delays]),
        fastest=few.fastest.delay_ns / many.fastest.delay_ns - 1,
        optimum=_cost(few) / _cost(many) - 1,
        fast_seconds=middle - begin,
        dense_seconds=end - middle,
    )


def stepped_area(curve: AreaDelayCurve, delay_ns: float) -> float:
    """Area (um2) of the smallest netlist of a curve that is no slower; infinite where there is none."""
    areas = [point.area_um2 for point in curve.points if point.delay_ns <= delay_ns * (1 + 1e-12)]
    return min(areas, default=float("inf"))


def _cost(curve: AreaDelayCurve) -> float:
    """The scalarised optimum at equal weights, in the reward's scales."""
    delay_ns, area_um2 = curve.optimum(0.5, 0.5)
    return AREA_SCALE_PER_UM2 * area_um2 + DELAY_SCALE_PER_NS * delay_ns


def _summary(compared: Sequence[_Comparison]) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "graphs": len(compared),
        "points": statistics.mean(each.points for each in compared),
        "dense_points": statistics.mean(each.dense_points for each in compared),
    }
    for name in ("stepped", "interpolated"):
        means = [float(getattr(each, name).mean()) for each in compared]
        figures[f"{name}_mean"], figures[f"{name}_worst"] = statistics.mean(means), max(means)
    for name in ("fastest", "optimum"):
        values = [getattr(each, name) for each in compared]
        figures[f"{name}_mean"], figures[f"{name}_worst"] = statistics.mean(values), max(values)
    figures["worst_graph"] = max(compared, key=lambda each: float(each.stepped.mean())).title
    figures["fast_ms"] = 1000 * statistics.median(each.fast_seconds for each in compared)
    figures["dense_ms"] = 1000 * statistics.median(each.dense_seconds for each in compared)
    return figures
