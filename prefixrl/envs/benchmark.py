"""Where the time of a batched step goes: `prefixrl bench env` prints it beside the kernels' own benchmark.

The evaluator is the analytic one, so that what is measured is this package and the service, not a synthesis tool.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from prefixrl.circuits import Circuit
from prefixrl.envs.grids import GridBatch
from prefixrl.envs.vector_env import PrefixVectorEnv
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.evaluator import make_evaluator
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.service import Evaluation, EvaluationService

WARM_UP_STEPS = 2


@dataclass(frozen=True)
class VectorEnvTimes:
    """Microseconds per environment and step.

    :param kernel_us: edit, legality, observation, mask
    :param evaluation_us: the evaluation service with the analytic evaluator
    :param other_us: the rest: graphs as values, rewards, copies, infos
    """

    width: int
    batch: int
    steps: int
    kernel_us: float
    evaluation_us: float
    other_us: float

    @property
    def total_us(self) -> float:
        """A whole step."""
        return self.kernel_us + self.evaluation_us + self.other_us


class TimedService(EvaluationService):
    """An evaluation service that adds up the seconds that its caller waited for it."""

    waited_s = 0.0

    def evaluate_many(self, circuits: Sequence[Circuit]) -> list[Evaluation]:
        """As `EvaluationService.evaluate_many`."""
        begin = time.perf_counter()
        evaluations = super().evaluate_many(circuits)
        self.waited_s += time.perf_counter() - begin
        return evaluations


def bench_vector_env(width: int = 64, batch: int = 64, steps: int = 20, seed: int = 0) -> VectorEnvTimes:
    """Step a `PrefixVectorEnv` with random legal actions.

    :param width: N
    :param batch: number of environments
    :param steps: measured steps of the batch, after two for warming up
    :param seed: of starts and actions
    """
    pdk = load_pdk()
    service = TimedService(partial(make_evaluator, "analytic", pdk), default_constraints(pdk))
    with service:
        envs = PrefixVectorEnv(batch, width, service=service, episode_length=steps + WARM_UP_STEPS + 1)
        generator = np.random.default_rng(seed)
        kernel_s, total_s = 0.0, 0.0
        envs.reset(seed=seed)
        for step in range(WARM_UP_STEPS + steps):
            actions = random_legal_actions(envs.action_masks(), generator)
            alone = _time_kernels(envs, actions)
            if step == WARM_UP_STEPS:
                kernel_s, total_s, service.waited_s = 0.0, 0.0, 0.0
            begin = time.perf_counter()
            envs.step(actions)
            total_s += time.perf_counter() - begin
            kernel_s += alone
        to_us = 1e6 / (steps * batch)
        other_s = max(total_s - kernel_s - service.waited_s, 0.0)
        return VectorEnvTimes(width, batch, steps, kernel_s * to_us, service.waited_s * to_us, other_us=other_s * to_us)


def random_legal_actions(masks: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw one legal action per environment, evenly.

    :param masks: bool [B, 2F]
    :return: int64 [B]
    """
    return np.where(masks, generator.random(masks.shape), -1.0).argmax(axis=1)


def _time_kernels(envs: PrefixVectorEnv, actions: NDArray[np.int64]) -> float:
    """Return the seconds that the kernels alone need for the step that `envs` is about to do."""
    grids = GridBatch(envs.settings.width, envs.num_envs, envs.settings.rule)
    grids.load(dict(enumerate(envs.graphs)))
    begin = time.perf_counter()
    grids.step(actions)
    return time.perf_counter() - begin
