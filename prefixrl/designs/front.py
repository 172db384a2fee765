"""Fronts of (delay, area) points: the non-dominated filter, hypervolume, and savings at equal delay.

Delays are in ns and areas in um2 throughout, smaller is better in both. A front is a list of `FrontPoint` by rising
delay and therefore falling area. What a front offers at a delay is a step function: the smallest area among the points
that are at least that fast. Nothing is interpolated, because no netlist stands behind a point between two others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph

Floats = NDArray[np.float64]

REFERENCE_MARGIN = 1.1
"""How far beyond the worst classical delay and area the reference point lies."""


@dataclass(frozen=True)
class FrontPoint:
    """One netlist that can be had: a graph, and the point of its area-delay curve.

    :param id: first 12 hexadecimal digits of the evaluation key, a dash, and the point's place in its curve
    :param recipe: what makes the evaluator produce this very netlist again
    :param structure: name of the classical structure, empty for a design of ours
    """

    id: str
    delay_ns: float
    area_um2: float
    size: int
    depth: int
    max_fanout: int
    graph: PrefixGraph
    recipe: str = ""
    structure: str = ""


def nondominated(delays: Floats, areas: Floats) -> NDArray[np.int64]:
    """Indices of the points that no other one equals or beats in both delay and area, by rising delay.

    Of several equal points the first one is kept, so that a front does not change when a duplicate arrives.

    :param delays: [P]
    :param areas: [P]
    """
    if len(delays) == 0:
        return np.empty(0, dtype=np.int64)
    order = np.lexsort((np.arange(len(delays)), areas, delays))
    best_before = np.concatenate(([np.inf], np.minimum.accumulate(areas[order])[:-1]))
    return order[areas[order] < best_before]


def front_of(points: Iterable[FrontPoint]) -> list[FrontPoint]:
    """The non-dominated points among `points`, by rising delay."""
    candidates = list(points)
    return [candidates[index] for index in nondominated(*_columns(candidates))]


def merged_classical_front(classical: Mapping[str, Sequence[FrontPoint]]) -> list[FrontPoint]:
    """The best that all classical structures offer together; each point's `structure` tells whose it is."""
    return front_of(point for curve in classical.values() for point in curve)


def reference_point(classical: Mapping[str, Sequence[FrontPoint]]) -> tuple[float, float]:
    """The point (delay_ns, area_um2) up to which hypervolume counts, the same for every run of one problem.

    It is 1.1 times the worst delay and the worst area on the curves of the classical structures whose depth is at most
    2 ceil(log2 width), that is of all but ripple-carry and its like: their delay grows with the width, and would put
    the reference so far out that the fast end of a front hardly counted. It depends on the width, the circuit, the
    library, the constraints and the evaluator, and on nothing that a run finds.

    :param classical: curves by structure
    :raises InputError: there is no curve to take it from
    """
    points = [point for curve in classical.values() for point in curve]
    fast = [point for point in points if point.depth <= 2 * math.ceil(math.log2(point.graph.width))]
    delays, areas = _columns(fast or points)
    if len(delays) == 0:
        raise InputError("a reference point needs the curve of a classical structure, or must be given: none")
    return REFERENCE_MARGIN * float(delays.max()), REFERENCE_MARGIN * float(areas.max())


def hypervolume(points: Sequence[FrontPoint], reference: tuple[float, float]) -> float:
    """The area (ns um2) that `points` dominate within the reference point; points beyond it count nothing.

    :param reference: (delay_ns, area_um2)
    """
    return hypervolume_of(*_columns(points), reference)


def hypervolume_of(delays: Floats, areas: Floats, reference: tuple[float, float]) -> float:
    """As `hypervolume`, of arrays [P]."""
    if len(delays) == 0:
        return 0.0
    import moocore  # only here: reading and picking do not pay for loading it

    return float(moocore.hypervolume(np.column_stack((delays, areas)), ref=np.array(reference)))


def best_at(front: Sequence[FrontPoint], delay_ns: float) -> FrontPoint | None:
    """The smallest point that is no slower than `delay_ns`, or None where even the fastest one is slower."""
    fast_enough = [point for point in front if point.delay_ns <= delay_ns]
    return min(fast_enough, key=lambda point: (point.area_um2, point.delay_ns), default=None)


@dataclass(frozen=True)
class Saving:
    """What one front saves against the classical structures at one delay; negative where it needs more."""

    delay_ns: float
    area_um2: float
    classical_area_um2: float
    structure: str

    @property
    def saved_um2(self) -> float:
        """Area saved."""
        return self.classical_area_um2 - self.area_um2

    @property
    def saved_percent(self) -> float:
        """Area saved, in percent of what the best classical structure needs."""
        return 100.0 * self.saved_um2 / self.classical_area_um2


def saving_at(front: Sequence[FrontPoint], classical: Sequence[FrontPoint], delay_ns: float) -> Saving | None:
    """The area saved at one delay, or None where one of the two fronts has nothing that fast."""
    ours, theirs = best_at(front, delay_ns), best_at(classical, delay_ns)
    if ours is None or theirs is None:
        return None
    return Saving(delay_ns, ours.area_um2, theirs.area_um2, theirs.structure)


def savings(front: Sequence[FrontPoint], classical: Sequence[FrontPoint]) -> list[Saving]:
    """The area saved at every delay where either front has a step and both compete, by rising delay.

    Between two of these delays nothing changes, so the list is the whole comparison.
    """
    delays = sorted({point.delay_ns for point in (*front, *classical)})
    rows = (saving_at(front, classical, delay) for delay in delays)
    return [row for row in rows if row is not None]


def dominates_everywhere(front: Sequence[FrontPoint], classical: Sequence[FrontPoint]) -> bool:
    """Whether, for every classical point, a point of `front` is no slower and no larger, and better in one of the two.

    A classical structure that is itself on `front` is not dominated by being there, so this is false where the front
    merely repeats it. It is also false where there is nothing to compare.
    """
    return bool(front and classical) and all(
        any(_dominates(ours, theirs) for ours in front) for theirs in front_of(classical)
    )


def _dominates(one: FrontPoint, other: FrontPoint) -> bool:
    no_worse = one.delay_ns <= other.delay_ns and one.area_um2 <= other.area_um2
    return no_worse and (one.delay_ns, one.area_um2) != (other.delay_ns, other.area_um2)


def _columns(points: Sequence[FrontPoint]) -> tuple[Floats, Floats]:
    delays = np.fromiter((point.delay_ns for point in points), dtype=np.float64, count=len(points))
    areas = np.fromiter((point.area_um2 for point in points), dtype=np.float64, count=len(points))
    return delays, areas
