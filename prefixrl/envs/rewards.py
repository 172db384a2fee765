"""Rewards: how much an edit improved the area and the delay of a graph.

Letters: B environments of a batch; the last axis of length 2 is (area, delay) everywhere, in this order.

A graph has no single area or delay but a curve, from which the weight of an agent picks one point: the paper
(arXiv 2205.07000, section IV) takes the point that minimises w_area * c_area * area + w_delay * c_delay * delay. The
reward of a step is the improvement of that point, each part scaled to a magnitude near one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prefixrl.errors import InputError

if TYPE_CHECKING:
    from prefixrl.synthesis.curve import AreaDelayCurve

AREA, DELAY = 0, 1


@dataclass(frozen=True)
class RewardScale:
    """The scales of the two parts of the reward.

    :param c_area: per um2; the paper's 0.001 per plotted area unit, which is a tenth of a um2
    :param c_delay: per ns; the paper's
    """

    c_area: float = 0.01
    c_delay: float = 10.0

    def __post_init__(self) -> None:
        for name in ("c_area", "c_delay"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} must be a positive number, got {value}")

    def best_point(self, curve: AreaDelayCurve, weight: float) -> tuple[float, float]:
        """Return (area_um2, delay_ns) of the point of `curve` that an agent of area weight `weight` would build."""
        delay_ns, area_um2 = curve.optimum(weight, 1.0 - weight, c_area=self.c_area, c_delay=self.c_delay)
        return float(area_um2), float(delay_ns)

    def improvement(self, before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the vector rewards of going from one state to the next.

        :param before: float64 [B, 2], area_um2 and delay_ns
        :param after: the same of the next states
        :return: float64 [B, 2], positive where the next state is smaller or faster
        """
        return (before - after) * np.array([self.c_area, self.c_delay])


def weight_vectors(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the preference vectors float64 [B, 2] of area weights float64 [B]: non-negative, sum 1."""
    return np.stack([weights, 1.0 - weights], axis=-1)


def scalarise(rewards: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scalar rewards float64 [B]: the vector rewards float64 [B, 2] weighted by area weights float64 [B]."""
    return np.einsum("bk,bk->b", rewards, weight_vectors(weights))


def check_weights(weights: ArrayLike, batch: int) -> NDArray[np.float64]:
    """Return area weights as float64 [batch].

    :param weights: one number for all environments of the batch or one for each
    :raises InputError: a weight outside [0, 1], or not as many as environments
    """
    values = np.asarray(weights, dtype=np.float64)
    if values.ndim > 1 or (values.ndim == 1 and len(values) != batch):
        raise InputError(f"weight must be one number or one per environment ({batch}), got shape {values.shape}")
    if not np.all((values >= 0) & (values <= 1)):
        raise InputError(f"weight, the share of area in the reward, must lie in [0, 1], got {values.tolist()}")
    return np.broadcast_to(values, (batch,)).copy()
