"""Rewards for any weight out of stored curves, for whole batches at once.

Letters: B batch, P = `CURVE_POINTS`.

A state stands at the point of its area-delay curve that a weight chooses (`AreaDelayCurve.optimum`). Learning with
hindsight asks that for thousands of stored curves a second and a new weight each time, so the same minimum over the
same monotone cubic (PCHIP: Fritsch and Carlson 1980, as scipy computes its slopes) is found here by a compiled kernel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prefixrl.compiling import compiled
from prefixrl.envs.rewards import RewardScale
from prefixrl.synthesis.curve import AreaDelayCurve

CURVE_POINTS = 12
"""Points kept of a curve: the paper measures four, the evaluators here with fast effort up to about as many as this."""


def pack_curve(curve: AreaDelayCurve) -> NDArray[np.float32]:
    """The points of a curve as float32 [P, 2] (delay_ns, area_um2) by rising delay, the rest NaN.

    Of a curve of more than P points P are kept, evenly spread over its length, the ends among them.
    """
    packed = np.full((CURVE_POINTS, 2), np.nan, np.float32)
    points = curve.points
    count = min(len(points), CURVE_POINTS)
    for row, place in enumerate(np.linspace(0, len(points) - 1, count).round().astype(int)):
        packed[row] = points[place].delay_ns, points[place].area_um2
    return packed


def best_points(curves: NDArray[np.float32], weights: NDArray[np.float64], scale: RewardScale) -> NDArray[np.float64]:
    """(area_um2, delay_ns) float64 [B, 2] of the point of each curve that is best under its weight.

    :param curves: float32 [B, P, 2], as `pack_curve` gives them
    :param weights: share of area, float [B]
    """
    best = np.empty((len(curves), 2))
    _best_points(curves.astype(np.float64), np.asarray(weights, np.float64), scale.c_area, scale.c_delay, best)
    return best


@compiled
def _best_points(curves, weights, c_area, c_delay, best):
    slopes = np.empty(curves.shape[1])
    for b in range(curves.shape[0]):
        count = 0
        while count < curves.shape[1] and not np.isnan(curves[b, count, 0]):
            count += 1
        delays, areas = curves[b, :count, 0], curves[b, :count, 1]
        by_area, by_delay = weights[b] * c_area, (1.0 - weights[b]) * c_delay
        _pchip_slopes(delays, areas, slopes)
        lowest = np.inf
        for i in range(count):
            cost = by_area * areas[i] + by_delay * delays[i]
            if cost < lowest:
                lowest = cost
                best[b, 0], best[b, 1] = areas[i], delays[i]
        for i in range(count - 1):
            step = delays[i + 1] - delays[i]
            start, end = step * slopes[i], step * slopes[i + 1]
            rise = areas[i + 1] - areas[i]
            # The area is areas[i] + start t + square t^2 + cube t^3 over t in [0, 1] within the interval.
            cube, square = start + end - 2.0 * rise, 3.0 * rise - 2.0 * start - end
            for t in _roots(by_area * 3.0 * cube, by_area * 2.0 * square, by_area * start + by_delay * step):
                if 0.0 < t < 1.0:
                    area = areas[i] + t * (start + t * (square + t * cube))
                    delay = delays[i] + t * step
                    cost = by_area * area + by_delay * delay
                    if cost < lowest:
                        lowest = cost
                        best[b, 0], best[b, 1] = area, delay


@compiled
def _roots(quadratic, linear, constant):
    """The two real roots, without cancellation; NaN where there is none."""
    discriminant = linear * linear - 4.0 * quadratic * constant
    if discriminant < 0.0:
        return np.nan, np.nan
    q = -0.5 * (linear + np.copysign(np.sqrt(discriminant), linear))
    return (q / quadratic if quadratic != 0.0 else np.nan), (constant / q if q != 0.0 else np.nan)


@compiled
def _pchip_slopes(x, y, slopes):
    count = len(x)
    if count < 2:
        return
    if count == 2:
        slopes[0] = slopes[1] = (y[1] - y[0]) / (x[1] - x[0])
        return
    for i in range(1, count - 1):
        before, after = x[i] - x[i - 1], x[i + 1] - x[i]
        rise_before, rise_after = (y[i] - y[i - 1]) / before, (y[i + 1] - y[i]) / after
        slopes[i] = 0.0
        if rise_before * rise_after > 0.0:
            first, second = 2.0 * after + before, after + 2.0 * before
            slopes[i] = (first + second) / (first / rise_before + second / rise_after)
    last = count - 1
    slopes[0] = _end_slope(x[1] - x[0], x[2] - x[1], y[1] - y[0], y[2] - y[1])
    slopes[last] = _end_slope(
        x[last] - x[last - 1], x[last - 1] - x[last - 2], y[last] - y[last - 1], y[last - 1] - y[last - 2]
    )


@compiled
def _end_slope(step, next_step, rise, next_rise):
    near, far = rise / step, next_rise / next_step
    slope = ((2.0 * step + next_step) * near - step * far) / (step + next_step)
    if slope * near <= 0.0:
        return 0.0
    if near * far < 0.0 and abs(slope) > 3.0 * abs(near):
        return 3.0 * near
    return slope
