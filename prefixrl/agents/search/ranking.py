"""Non-dominated ranks and crowding of designs that are curves, not points (NSGA-II, Deb et al. 2002).

A design has several points, any of which may be the one that is built. So the points of all designs are sorted into
fronts together, and a design's rank is that of its best point; its crowding is that of its loneliest point there.

Letters: D designs, P points.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from prefixrl.agents.search.judge import Curve
from prefixrl.designs.front import nondominated


def rank_curves(curves: Sequence[Curve]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Ranks int64 [D], 0 for the first front, and crowding float64 [D], larger where a design is more alone.

    A design without a curve has the last rank.
    """
    ranks = np.full(len(curves), len(curves), np.int64)
    crowding = np.zeros(len(curves))
    rows = [(i, p.delay_ns, p.area_um2) for i, curve in enumerate(curves) if curve is not None for p in curve.points]
    if not rows:
        return ranks, crowding
    owners, delays, areas = (np.array(column) for column in zip(*rows, strict=True))
    left = np.arange(len(rows))
    rank = 0
    while len(left):
        front = left[nondominated(delays[left], areas[left])]
        lonely = crowding_distances(delays[front], areas[front])
        new = front[ranks[owners[front]] >= len(curves)]
        ranks[owners[new]] = rank
        best = ranks[owners[front]] == rank
        np.maximum.at(crowding, owners[front][best], lonely[best])
        left = np.setdiff1d(left, front)
        rank += 1
    return ranks, crowding


def crowding_distances(delays: NDArray[np.float64], areas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Crowding of the points of one front, float64 [P]; infinite at its ends.

    :param delays: [P], rising
    :param areas: [P], falling
    """
    distances = np.full(len(delays), np.inf)
    if len(delays) > 2:
        distances[1:-1] = (delays[2:] - delays[:-2]) / (delays[-1] - delays[0])
        distances[1:-1] += (areas[:-2] - areas[2:]) / (areas[0] - areas[-1])
    return distances
