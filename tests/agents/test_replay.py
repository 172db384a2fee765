"""The replay buffer: states, actions and rewards come back as they went in; curves give the reward of any weight."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefixrl.agents.relabel import CURVE_POINTS, best_points, pack_curve
from prefixrl.agents.replay import ReplayBuffer, describe_grids, describe_states, pack_states, unpack_grids
from prefixrl.envs.rewards import RewardScale
from prefixrl.graphs import PrefixGraph, kernels
from prefixrl.graphs.structures import classical_structures
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint

SCALE = RewardScale()


def _curve(*points: tuple[float, float]) -> AreaDelayCurve:
    return AreaDelayCurve(tuple(CurvePoint(delay, area, "") for delay, area in points))


@st.composite
def _curves(draw: st.DrawFn) -> AreaDelayCurve:
    count = draw(st.integers(1, CURVE_POINTS))
    steps = st.floats(0.001, 0.3)
    delays = np.cumsum([0.1 + draw(steps) for _ in range(count)])
    areas = 500 - np.cumsum([0.1 + 100 * draw(steps) for _ in range(count)])
    # As stored: single precision.
    return _curve(*zip(delays.astype(np.float32).tolist(), areas.astype(np.float32).tolist(), strict=True))


def test_between_two_points_the_optimum_may_be_better_than_both() -> None:
    curve = _curve((0.25, 128.0), (0.5, 96.0), (1.0, 88.0))
    weight = 0.93
    area, delay = best_points(pack_curve(curve)[None], np.array([weight]), SCALE)[0]
    assert (delay, area) == pytest.approx(curve.optimum(weight, 1 - weight))
    assert delay not in {0.25, 0.5, 1.0}


@settings(max_examples=300, deadline=None)
@given(curve=_curves(), weight=st.floats(0, 1) | st.floats(0.7, 1))
def test_relabelling_finds_the_optimum_of_the_curve(curve: AreaDelayCurve, weight: float) -> None:
    area, delay = best_points(pack_curve(curve)[None], np.array([weight]), SCALE)[0]
    expected_delay, expected_area = curve.optimum(weight, 1 - weight)

    def cost(at_delay: float, at_area: float) -> float:
        return weight * 0.01 * at_area + (1 - weight) * 10 * at_delay

    assert cost(delay, area) == pytest.approx(cost(expected_delay, expected_area), rel=1e-9)
    assert area == pytest.approx(curve.area_at(delay), rel=1e-9)


def test_a_longer_curve_keeps_its_ends() -> None:
    points = [(0.1 + 0.01 * i, 300.0 - i) for i in range(30)]
    packed = pack_curve(_curve(*points))
    assert packed.shape == (CURVE_POINTS, 2)
    assert not np.isnan(packed).any()
    assert packed[0] == pytest.approx(points[0])
    assert packed[-1] == pytest.approx(points[-1])


@pytest.mark.parametrize("width", [3, 8, 13])
def test_states_survive_packing_with_planes_and_masks(width: int) -> None:
    graphs = list(classical_structures(width).values())
    grids = np.stack([graph.grid for graph in graphs])
    observations, masks = describe_grids(grids.copy())
    packed = pack_states(observations)
    assert [row.tobytes() for row in packed] == [graph.to_bytes() for graph in graphs]
    assert (unpack_grids(packed, width) == grids).all()
    again, masks_again = describe_states(packed, width)
    assert (again == observations).all()
    assert (masks_again == masks).all()
    assert [PrefixGraph.from_grid(grid) for grid in unpack_grids(packed, width)] == graphs


def _filled(capacity: int, rounds: int, batch: int = 3) -> ReplayBuffer:
    """A buffer where transition number i has action i and improves the area from 100 to 100 - i."""
    buffer = ReplayBuffer(6, capacity, SCALE)
    grids = np.stack([graph.grid for graph in list(classical_structures(6).values())[:batch]])
    before, masks = describe_grids(grids.copy())
    kernels.edit_(grids, masks.argmax(axis=1))
    after, _ = describe_grids(grids)
    for number in range(rounds):
        actions = batch * number + np.arange(batch)
        curves = [_curve((0.3, 100.0))] * batch
        next_curves = [_curve((0.3, 100.0 - action)) for action in actions]
        buffer.add(before, actions, after, curves, next_curves, np.full(batch, 0.5))
    return buffer


def test_a_ring_keeps_the_newest_and_rewards_belong_to_their_actions() -> None:
    buffer = _filled(10, 5)
    assert (len(buffer), buffer.added) == (10, 15)
    batch = buffer.sample(400, np.random.default_rng(0))
    assert set(batch.actions) == set(range(5, 15))
    assert batch.rewards[:, 0] == pytest.approx(0.01 * batch.actions, abs=1e-6)
    assert (batch.rewards[:, 1] == 0).all()
    assert batch.observations.shape == (400, 4, 6, 6)
    assert batch.next_masks.shape == (400, 20)
    assert (batch.next_observations != batch.observations).any(axis=(1, 2, 3)).all()


def test_weights_are_kept_or_drawn_anew() -> None:
    buffer = _filled(10, 5)
    kept = buffer.sample(50, np.random.default_rng(0), 0.0, (0.8, 0.9))
    assert (kept.weights == 0.5).all()
    fresh = buffer.sample(50, np.random.default_rng(0), 1.0, (0.8, 0.9))
    assert ((fresh.weights >= 0.8) & (fresh.weights <= 0.9)).all()


@pytest.mark.parametrize(
    ("rounds", "capacity", "expected"), [(2, 10, 6), (5, 10, 10), (5, 20, 10), (5, 4, 4), (2, 4, 4)]
)
def test_a_buffer_comes_back_from_its_arrays(rounds: int, capacity: int, expected: int) -> None:
    old = _filled(10, rounds)
    buffer = ReplayBuffer(6, capacity, SCALE)
    buffer.load_arrays({name: array.copy() for name, array in old.arrays().items()})
    assert len(buffer) == expected
    newest = {3 * rounds - 1 - i for i in range(expected)}
    assert set(buffer.sample(400, np.random.default_rng(0)).actions) == newest
    if capacity == 10:
        one, other = (b.sample(20, np.random.default_rng(3)) for b in (old, buffer))
        assert (one.actions == other.actions).all(), "the same buffer gives the same sample"
    # New transitions replace the oldest ones first.
    grids = np.stack([graph.grid for graph in list(classical_structures(6).values())[:1]])
    observations, _ = describe_grids(grids)
    buffer.add(observations, np.array([99]), observations, [_curve((1, 1))], [_curve((1, 1))], np.array([0.5]))
    actions = set(buffer.sample(400, np.random.default_rng(0)).actions)
    assert 99 in actions
    assert 3 * rounds - 1 in actions
