"""Rewards: signs, scales, weights."""

from __future__ import annotations

import numpy as np
import pytest

from prefixrl.envs.rewards import RewardScale, check_weights, scalarise
from prefixrl.errors import InputError
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint


@pytest.fixture
def curve() -> AreaDelayCurve:
    points = [(0.30, 300.0), (0.35, 250.0), (0.50, 210.0)]
    return AreaDelayCurve([CurvePoint(delay_ns=delay, area_um2=area, recipe="") for delay, area in points])


def test_improvement_is_positive_where_the_next_state_is_smaller_or_faster() -> None:
    before = np.array([[250.0, 0.40], [250.0, 0.40]])
    after = np.array([[240.0, 0.40], [250.0, 0.45]])
    np.testing.assert_allclose(RewardScale().improvement(before, after), [[0.1, 0.0], [0.0, -0.5]])


def test_the_weight_moves_along_the_curve(curve: AreaDelayCurve) -> None:
    scale = RewardScale()
    assert scale.best_point(curve, 1.0) == pytest.approx((210.0, 0.50))
    assert scale.best_point(curve, 0.0) == pytest.approx((300.0, 0.30))
    area, delay = scale.best_point(curve, 0.6)
    assert 210.0 < area < 300.0
    assert 0.30 < delay < 0.50


def test_scalar_is_weight_times_vector() -> None:
    rewards = np.array([[1.0, 3.0], [1.0, 3.0], [-2.0, 0.5]])
    np.testing.assert_allclose(scalarise(rewards, np.array([1.0, 0.25, 0.5])), [1.0, 2.5, -0.75])


def test_one_weight_serves_the_whole_batch() -> None:
    np.testing.assert_array_equal(check_weights(0.3, 3), [0.3, 0.3, 0.3])
    np.testing.assert_array_equal(check_weights([0, 0.5, 1], 3), [0.0, 0.5, 1.0])


@pytest.mark.parametrize("weights", [-0.1, 1.5, float("nan"), [0.5, 0.5], [[0.5, 0.5, 0.5]], [0.5, 0.5, 2.0]])
def test_bad_weights_are_refused(weights: object) -> None:
    with pytest.raises(InputError, match="weight"):
        check_weights(weights, 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["c_area", "c_delay"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_bad_scales_are_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{name} must be a positive number, got"):
        RewardScale(**{name: value})
