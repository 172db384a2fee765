"""The area-delay curve of one circuit: what area it needs at each delay."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from prefixrl.errors import InputError

# PrefixRL (DAC 2021): areas enter the reward at 0.001 per plotted unit, which is 0.01 per um2, delays at 10 per ns.
AREA_SCALE_PER_UM2 = 0.01
DELAY_SCALE_PER_NS = 10.0


@dataclass(frozen=True, order=True)
class CurvePoint:
    """One netlist of a circuit.

    :param delay_ns: its worst arrival
    :param area_um2: the sum of its cells' areas
    :param recipe: from this the evaluator that made it makes the identical netlist again
    :raises InputError: a figure that is not finite or negative
    """

    delay_ns: float
    area_um2: float
    recipe: str

    def __post_init__(self) -> None:
        for name, value in (("delay", self.delay_ns), ("area", self.area_um2)):
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"the {name} of a netlist must be a finite number of at least 0: {value!r}")


@dataclass(frozen=True)
class Loss:
    """A netlist that was asked for and is missing from a curve.

    :param recipe: of the netlist
    :param reason: why there is none, one line
    :param passing: whether it may be there the next time: a crash, a time-out, too little memory
    """

    recipe: str
    reason: str
    passing: bool


@dataclass(frozen=True)
class AreaDelayCurve:
    """The non-dominated netlists of one circuit, by strictly rising delay and strictly falling area.

    :param points: any points, at least one; dominated ones are left out
    :param losses: what was asked for in vain
    :raises InputError: no points
    """

    points: tuple[CurvePoint, ...]
    losses: tuple[Loss, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", non_dominated(self.points))
        if not self.points:
            raise InputError("an area-delay curve must have at least one point: 0")

    @property
    def lasting(self) -> bool:
        """Whether making the curve again would give the same: only then may it be kept for other runs."""
        return not any(loss.passing for loss in self.losses)

    @property
    def fastest(self) -> CurvePoint:
        """The point of the smallest delay."""
        return self.points[0]

    @property
    def smallest(self) -> CurvePoint:
        """The point of the smallest area."""
        return self.points[-1]

    @cached_property
    def _spline(self) -> Any:
        """Monotone piecewise cubic (PCHIP, Fritsch and Butland 1984) through the points; needs two of them."""
        from scipy.interpolate import PchipInterpolator

        return PchipInterpolator([p.delay_ns for p in self.points], [p.area_um2 for p in self.points])

    def area_at(self, delay_ns: float) -> float:
        """Area (um2) at a delay: infinite below the fastest point, the smallest area beyond the slowest."""
        if delay_ns < self.fastest.delay_ns:
            return math.inf
        if delay_ns >= self.smallest.delay_ns:
            return self.smallest.area_um2
        return float(self._spline(delay_ns))

    def optimum(
        self,
        w_area: float,
        w_delay: float,
        c_area: float = AREA_SCALE_PER_UM2,
        c_delay: float = DELAY_SCALE_PER_NS,
    ) -> tuple[float, float]:
        """The (delay_ns, area_um2) on the interpolated curve that minimises the weighted sum of both (PrefixRL,
        section IV).

        :param w_area: weight of the area, at least 0
        :param w_delay: weight of the delay, at least 0
        :param c_area: scale of the area, per um2
        :param c_delay: scale of the delay, per ns
        """
        candidates = self._candidates(w_area * c_area, w_delay * c_delay)
        cost = w_area * c_area * candidates[:, 1] + w_delay * c_delay * candidates[:, 0]
        delay_ns, area_um2 = candidates[int(np.argmin(cost))]
        return float(delay_ns), float(area_um2)

    def _candidates(self, area_weight: float, delay_weight: float) -> np.ndarray:
        """[K, 2] delays and areas: the points, and where the weighted sum is stationary between them."""
        knots = np.array([(point.delay_ns, point.area_um2) for point in self.points])
        if len(knots) < 2 or area_weight <= 0:
            return knots
        cubic, square, linear, _ = self._spline.c  # [4, K - 1]: highest power first, in distance from the left knot
        slope = linear + delay_weight / area_weight
        with np.errstate(divide="ignore", invalid="ignore"):
            root = np.sqrt(square**2 - 3 * cubic * slope)
            # The form that does not lose digits where the cubic term vanishes.
            folded = -(square + np.where(square < 0, -root, root))
            distances = np.stack([folded / (3 * cubic), slope / folded])
        inside = np.isfinite(distances) & (distances > 0) & (distances < np.diff(knots[:, 0]))
        delays = (knots[:-1, 0] + distances)[inside]
        return np.concatenate([knots, np.stack([delays, self._spline(delays)], axis=1)])

    def to_json(self) -> list[Any] | dict[str, Any]:
        """Plain lists `[delay_ns, area_um2, recipe]`; where something is missing, `{"points": these, "losses": ...}`
        with lists `[recipe, reason, passing]`.
        """
        points = [[point.delay_ns, point.area_um2, point.recipe] for point in self.points]
        losses = [[loss.recipe, loss.reason, loss.passing] for loss in self.losses]
        return {"points": points, "losses": losses} if losses else points

    @classmethod
    def from_json(cls, data: Sequence[Sequence[Any]] | Mapping[str, Any]) -> AreaDelayCurve:
        """The curve that `to_json` made the data of.

        :raises InputError: the data are not such lists
        """
        try:
            rows, lost = (data["points"], data["losses"]) if isinstance(data, Mapping) else (data, [])
            points = [CurvePoint(float(delay), float(area), str(recipe)) for delay, area, recipe in rows]
            losses = [Loss(str(recipe), str(reason), bool(passing)) for recipe, reason, passing in lost]
        except (TypeError, ValueError, KeyError) as error:
            raise InputError(f"a curve must be a list of [delay, area, recipe]: {data!r:.80}") from error
        return cls(tuple(points), tuple(losses))


def non_dominated(points: Iterable[CurvePoint]) -> tuple[CurvePoint, ...]:
    """The points that no other one equals or betters in both figures, by rising delay."""
    kept: list[CurvePoint] = []
    for point in sorted(points):
        if not kept or point.area_um2 < kept[-1].area_um2:
            kept.append(point)
    return tuple(kept)
