"""The benchmark of the batched environment adds up."""

from __future__ import annotations

import numpy as np

from prefixrl.envs.benchmark import bench_vector_env, random_legal_actions


def test_shares_are_measured() -> None:
    times = bench_vector_env(width=8, batch=4, steps=3)
    assert (times.width, times.batch, times.steps) == (8, 4, 3)
    assert times.kernel_us > 0
    assert times.evaluation_us > 0
    assert times.total_us > times.kernel_us + times.evaluation_us


def test_random_actions_are_legal_and_reach_all_that_are() -> None:
    masks = np.array([[True, False, True, False], [False, False, True, False]])
    generator = np.random.default_rng(0)
    drawn = {tuple(random_legal_actions(masks, generator).tolist()) for _ in range(100)}
    assert drawn == {(0, 2), (2, 2)}
