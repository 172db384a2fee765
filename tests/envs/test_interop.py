"""Stable-Baselines3 and sb3-contrib learn on the environment without glue."""

from __future__ import annotations

from collections.abc import Iterator

import gymnasium
import numpy as np
import pytest
from env_samples import ANALYTIC

from prefixrl.envs import SCALAR_ID

stable_baselines3 = pytest.importorskip("stable_baselines3", reason="needs the extra 'train' (stable-baselines3)")
sb3_contrib = pytest.importorskip("sb3_contrib", reason="needs the extra 'train' (sb3-contrib)")

# The observation has three axes but is no picture; Stable-Baselines3 guesses that it may be one.
NO_PICTURE = [
    pytest.mark.filterwarnings("ignore:It seems that your observation.*is an image:UserWarning"),
    pytest.mark.filterwarnings("ignore:The minimal resolution for an image is 36x36:UserWarning"),
]
SMALL_NET = {"net_arch": [16]}


@pytest.fixture
def env() -> Iterator[gymnasium.Env]:
    environment = gymnasium.make(SCALAR_ID, **ANALYTIC, episode_length=16, illegal_penalty=0.1)
    yield environment
    environment.close()


class TestStableBaselines3:
    pytestmark = NO_PICTURE

    def test_checker_accepts_the_environment(self, env: gymnasium.Env) -> None:
        from stable_baselines3.common.env_checker import check_env

        check_env(env.unwrapped, warn=True, skip_render_check=False)

    def test_dqn_trains(self, env: gymnasium.Env) -> None:
        model = stable_baselines3.DQN(
            "MlpPolicy", env, learning_starts=50, buffer_size=500, policy_kwargs=SMALL_NET, seed=1, device="cpu"
        )
        model.learn(200)
        assert model.num_timesteps == 200
        assert model.replay_buffer.size() == 200

    def test_maskable_ppo_trains_and_never_takes_an_illegal_action(self, env: gymnasium.Env) -> None:
        model = sb3_contrib.MaskablePPO(
            "MlpPolicy", env, n_steps=64, batch_size=32, n_epochs=2, policy_kwargs=SMALL_NET, seed=1, device="cpu"
        )
        model.learn(128)
        observation, info = env.reset(seed=3)
        for _ in range(15):
            masks = env.get_wrapper_attr("action_masks")()
            np.testing.assert_array_equal(masks, info["action_mask"].astype(bool))
            action, _ = model.predict(observation, action_masks=masks)
            observation, _, _, _, info = env.step(action)
        assert info["illegal_actions"] == 0
