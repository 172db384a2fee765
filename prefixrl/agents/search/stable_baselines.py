"""`sb3-dqn` and `maskable-ppo`: agents of Stable-Baselines3 and sb3-contrib, as they are, on the environment.

They see what the other methods see: the judge evaluates for the environment, so budget, store and front are the same.
Every episode has a weight between area and delay of its own, which the observation shows as a plane, and starts from
the front. DQN knows no masks: an edit that is not legal costs it a small penalty, and no evaluation.

The packages are imported when a method runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from prefixrl.agents.search.judge import Judge
from prefixrl.agents.search.starts import FrontStarts
from prefixrl.agents.search_sections import SearchConfig
from prefixrl.circuits import Circuit
from prefixrl.envs import PrefixEnv
from prefixrl.errors import ToolMissing
from prefixrl.synthesis.service import Evaluation

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

WEIGHT_LOW, WEIGHT_HIGH = 0.1, 0.95
ILLEGAL_PENALTY = 0.02
FOREVER = 2**40
"""Steps that a learner is asked for; the judge ends it before."""


def sb3_dqn(judge: Judge, config: SearchConfig, generator: np.random.Generator) -> None:
    """DQN; its share of random actions falls linearly over the first half of the budget."""
    settings = config.dqn
    _require("stable_baselines3")
    from stable_baselines3 import DQN

    model = DQN(
        "MlpPolicy",
        JudgedEnv(judge, config, settings.episode_length, generator),
        learning_rate=settings.learning_rate,
        learning_starts=settings.learning_starts,
        batch_size=settings.batch_size,
        gamma=settings.gamma,
        buffer_size=50_000,
        train_freq=1,
        target_update_interval=200,
        **_common(judge, settings.hidden),
    )
    model.exploration_schedule = lambda _: 1.0 - (1.0 - settings.epsilon_end) * min(2.0 * judge.progress, 1.0)
    _learn(model)


def maskable_ppo(judge: Judge, config: SearchConfig, generator: np.random.Generator) -> None:
    """PPO that chooses among legal edits only."""
    settings = config.ppo
    _require("sb3_contrib")
    from sb3_contrib import MaskablePPO

    model = MaskablePPO(
        "MlpPolicy",
        JudgedEnv(judge, config, settings.episode_length, generator),
        learning_rate=settings.learning_rate,
        n_steps=settings.rollout,
        batch_size=settings.batch_size,
        n_epochs=settings.epochs,
        gamma=settings.gamma,
        ent_coef=settings.entropy,
        **_common(judge, settings.hidden),
    )
    _learn(model)


class JudgedEnv(gymnasium.Wrapper[NDArray[np.float32], np.int64, NDArray[np.float32], np.int64]):
    """The environment, evaluated by the judge, with a weight of its own for every episode.

    The observation is float32 [5, N, N]: the planes of `PrefixEnv`, and the weight of area everywhere.
    """

    def __init__(self, judge: Judge, config: SearchConfig, episode_length: int, generator: np.random.Generator) -> None:
        job = judge.session.config
        self._judge, self._generator = judge, generator
        self._starts = FrontStarts(judge, config.starts, generator)
        inner = PrefixEnv(
            judge.width,
            circuit=job.circuit.kind,
            carry_in=job.circuit.carry_in,
            carry_out=job.circuit.carry_out,
            rule="keep",
            episode_length=episode_length,
            c_area=judge.scale.c_area,
            c_delay=judge.scale.c_delay,
            illegal_penalty=ILLEGAL_PENALTY,
            service=_JudgedService(judge),  # type: ignore[arg-type]
        )
        super().__init__(inner)
        self._inner = inner
        self.observation_space = gymnasium.spaces.Box(0.0, 1.0, (5, judge.width, judge.width), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start from the front under a new weight."""
        weight = float(self._generator.uniform(WEIGHT_LOW, WEIGHT_HIGH))
        observation, info = self._inner.reset(seed=seed, options={"graph": self._starts.draw(), "weight": weight})
        return self._with_weight(observation), info

    def step(self, action: np.int64) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """One edit; one that is not legal counts as a step without evaluation."""
        if not self._inner.action_masks()[int(action)]:
            self._judge.evaluate([self._inner.graph])
        observation, reward, terminated, truncated, info = self._inner.step(action)
        return self._with_weight(observation), float(reward), terminated, truncated, info

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are legal, bool [2F]."""
        return self._inner.action_masks()

    def _with_weight(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        plane = np.full((1, *observation.shape[1:]), self._inner.weight, np.float32)
        return np.concatenate([observation, plane])


class _JudgedService:
    """The judge in the role of the evaluation service of an environment."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def evaluate_many(self, circuits: Sequence[Circuit]) -> list[Evaluation]:
        curves = self._judge.evaluate([circuit.graph for circuit in circuits])
        failures = [None if curve else "could not be evaluated" for curve in curves]
        key = self._judge.session.service.key
        rows = zip(circuits, curves, failures, strict=True)
        return [Evaluation(circuit, key(circuit), curve, failure, 0.0, True) for circuit, curve, failure in rows]


def _common(judge: Judge, hidden: list[int]) -> dict[str, Any]:
    import torch

    torch.set_num_threads(1)  # the networks are small, and sums in one order make runs repeatable
    return {
        "policy_kwargs": {"net_arch": list(hidden)},
        "seed": judge.session.config.seed % 2**32,
        "device": "cpu",
        "verbose": 0,
    }


def _learn(model: BaseAlgorithm) -> None:
    model.learn(FOREVER)


def _require(package: str) -> None:
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise ToolMissing(f"this method needs more packages (pip install 'prefixrl[train]'): {package}")
