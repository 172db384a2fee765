"""The registered ids: gymnasium's checker, both entry points, cheap imports."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import gymnasium
import numpy as np
import pytest
from env_samples import ANALYTIC
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from prefixrl.envs import SCALAR_ID, VECTOR_REWARD_ID, PrefixEnv, PrefixVectorEnv, register_environments

IDS = [SCALAR_ID, VECTOR_REWARD_ID]


@pytest.mark.parametrize("environment_id", IDS)
@pytest.mark.parametrize("rule", ["rederive", "keep"])
def test_make_gives_a_working_environment(environment_id: str, rule: str) -> None:
    env = gymnasium.make(environment_id, **ANALYTIC, rule=rule)
    assert isinstance(env.unwrapped, PrefixEnv)
    observation, info = env.reset(seed=1)
    assert observation in env.observation_space
    action = env.action_space.sample(mask=info["action_mask"])
    observation, reward, _, _, _ = env.step(action)
    assert observation in env.observation_space
    assert np.shape(reward) == (() if environment_id == SCALAR_ID else (2,))
    env.close()


@pytest.mark.parametrize("arguments", [{}, {"circuit": "priority_encoder"}, {"rule": "keep", "carry_in": True}])
def test_gymnasium_accepts_the_environment(arguments: dict[str, Any]) -> None:
    env = gymnasium.make(SCALAR_ID, **ANALYTIC, **arguments)
    check_env(env.unwrapped)
    env.close()


def test_the_module_prefix_registers() -> None:
    env = gymnasium.make(f"prefixrl.envs:{SCALAR_ID}", **ANALYTIC)
    assert env.spec is not None
    assert env.spec.id == SCALAR_ID
    env.close()


@pytest.mark.parametrize("environment_id", IDS)
@pytest.mark.parametrize("mode", [None, "vector_entry_point", "sync"])
def test_make_vec(environment_id: str, mode: str | None) -> None:
    envs = gymnasium.make_vec(environment_id, num_envs=3, vectorization_mode=mode, **ANALYTIC)
    if mode != "sync":
        assert isinstance(envs, PrefixVectorEnv)
        assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    observation, info = envs.reset(seed=3)
    assert observation in envs.observation_space
    assert info["action_mask"].shape == (3, int(ANALYTIC["width"] - 1) * (ANALYTIC["width"] - 2))
    envs.close()


def test_vector_reward_has_its_space() -> None:
    env = gymnasium.make(VECTOR_REWARD_ID, **ANALYTIC).unwrapped
    assert isinstance(env, PrefixEnv)
    env.reset(seed=0)
    reward = env.step(0)[1]
    assert env.reward_space.contains(reward)
    assert not hasattr(gymnasium.make(SCALAR_ID, **ANALYTIC).unwrapped, "reward_space")


def test_registering_again_does_nothing() -> None:
    before = gymnasium.spec(SCALAR_ID)
    register_environments()
    assert gymnasium.spec(SCALAR_ID) is before


@pytest.mark.parametrize(
    ("module", "absent"),
    [("prefixrl", ["gymnasium", "numpy"]), ("prefixrl.envs", ["numba", "torch", "stable_baselines3", "matplotlib"])],
)
def test_imports_are_cheap(module: str, absent: list[str]) -> None:
    program = f"import sys, {module}; print([name for name in {absent} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == "[]"


def test_environments_do_not_need_torch() -> None:
    program = "import sys; from prefixrl.envs import PrefixEnv, PrefixVectorEnv; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == "False"
