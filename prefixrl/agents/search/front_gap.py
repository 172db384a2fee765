"""How far a design lies behind the front: the one measure by which annealing and tree search compare designs."""

from __future__ import annotations

import math

from prefixrl.agents.search.judge import Curve, Judge


def gap(judge: Judge, curve: Curve) -> float:
    """The least area by which a point of the curve exceeds the front at the same delay, in units of `judge.scale`.

    0 for a curve that is on the front or would move it, infinite for none. So a walk may go along the front as it
    likes and pays only for leaving it, whatever the shape of the front: no weights between area and delay are needed.
    """
    if curve is None:
        return math.inf
    least = math.inf
    for point in curve.points:
        area_um2 = judge.archive.area_at(point.delay_ns)
        if area_um2 is None:  # faster than anything known
            return 0.0
        least = min(least, (point.area_um2 - area_um2) * judge.scale.c_area)
    return max(least, 0.0)
