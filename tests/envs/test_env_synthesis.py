"""The environments with real synthesis behind them: Yosys and ABC on the embedded library."""

from __future__ import annotations

import gymnasium
import numpy as np
import psutil
import pytest
from env_samples import legal_action

from prefixrl.envs import VECTOR_REWARD_ID, PrefixEnv, PrefixVectorEnv


def children() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True)}


def test_default_arguments_give_an_adder_in_real_units_and_close_ends_the_tools() -> None:
    before = children()
    env = gymnasium.make("prefixrl/PrefixGraph-v0", width=8)
    _, info = env.reset(seed=0)
    assert 30 < info["area_um2"] < 150
    assert 0.05 < info["delay_ns"] < 1.0
    assert children() > before
    generator = np.random.default_rng(0)
    for _ in range(3):
        area, delay = info["area_um2"], info["delay_ns"]
        _, reward, _, _, info = env.step(legal_action(info["action_mask"], generator))
        improvement = 0.5 * 0.01 * (area - info["area_um2"]) + 0.5 * 10 * (delay - info["delay_ns"])
        assert reward == pytest.approx(improvement)
        assert "failure" not in info
    env.close()
    assert children() <= before


def test_weights_choose_points_of_the_curve_and_the_cache_serves_the_next_environment() -> None:
    envs = gymnasium.make_vec(VECTOR_REWARD_ID, num_envs=2, width=8, workers=2, weight=[1.0, 0.0], starts=("sklansky",))
    assert isinstance(envs, PrefixVectorEnv)
    _, infos = envs.reset(seed=0)
    assert infos["area_um2"][0] < infos["area_um2"][1]
    assert infos["delay_ns"][0] > infos["delay_ns"][1]
    assert envs.service.evaluations == 1
    rewards = envs.step([0, 0])[1]
    assert rewards.shape == (2, 2)
    envs.close()
    again = PrefixEnv(8, starts=("sklansky",))
    again.reset(seed=0)
    assert (again.service.evaluations, again.service.cache_hits) == (0, 1)
    again.close()
