"""Learning from what was played: the learner, its replay buffer, its random stream, and what of it a checkpoint keeps.

It knows neither environments nor evaluations, so that those may be anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from prefixrl.agents.checkpoint import Checkpoint, check_same, save_checkpoint
from prefixrl.agents.qlearning import QLearner
from prefixrl.agents.replay import ReplayBuffer
from prefixrl.agents.rollout import RolloutState
from prefixrl.agents.sections import AgentConfig
from prefixrl.agents.session import JobSession
from prefixrl.agents.transfer import NETWORK_KEYS

SAME_KEYS = ("method", "circuit", *NETWORK_KEYS, "environment.environments")
"""What a checkpoint and the job that goes on with it must agree on."""


class Learning:
    """The half of training that learns.

    :param session: the job
    :param sampling: random stream of the batches
    """

    def __init__(self, session: JobSession, sampling: np.random.Generator) -> None:
        config = session.config
        torch.set_num_threads(config.agent.threads)
        self.session, self.config, self.agent, self.sampling = session, config, config.agent, sampling
        self.learner = QLearner(config.agent, config.seed)
        if session.given_network is not None:
            self.learner.begin_with(session.given_network)
        self.replay = ReplayBuffer(config.circuit.width, config.agent.replay_capacity, session.scale)
        self.update_debt = 0.0

    def owe(self, edits: int) -> None:
        """Owe the updates that so many edits call for, once there is enough to learn from."""
        if len(self.replay) >= self.agent.learning_starts:
            self.update_debt += self.agent.updates_per_step * (edits / self.config.environment.environments)

    def let_off(self, owed: int) -> int:
        """Forget updates beyond so many that are owed, and tell how many."""
        excess = max(int(self.update_debt) - owed, 0)
        self.update_debt -= excess
        return excess

    def learn(self, at_most: float = float("inf")) -> dict[str, float]:
        """Make updates that are owed; figures of the last one.

        :param at_most: of them
        :raises DivergedError: a loss is not finite
        """
        figures: dict[str, float] = {}
        while self.update_debt >= 1.0 and at_most >= 1:
            self.update_debt -= 1.0
            at_most -= 1
            figures = update_once(self.learner, self.replay, self.agent, self.sampling)
        return figures

    def save(self, rollouts: Sequence[RolloutState]) -> None:
        """Write a checkpoint, and the front beside it.

        :param rollouts: where the environments stand; several where actors play them
        """
        session = self.session
        learner, parts = self.learner.state()
        acting = [rollout.acting for rollout in rollouts]
        state = {
            "job": self.config.model_dump(mode="json"),
            "learner": learner,
            "elapsed_s": session.elapsed_s,
            "evaluations": session.evaluations,
            "update_debt": self.update_debt,
            "acting": acting[0] if len(acting) == 1 else acting,
            "sampling": self.sampling.bit_generator.state,
        }
        environments: dict[str, NDArray[Any]] = {
            name: np.concatenate([getattr(rollout, name) for rollout in rollouts])
            for name in ("states", "weights", "ages")
            if rollouts
        }
        environments["torch_random"] = torch.get_rng_state().numpy()
        parts["replay"], parts["environments"] = self.replay.arrays(), environments
        save_checkpoint(session.run.checkpoints, session.steps, state, parts, self.config.checkpoint.keep)
        session.write_front()

    def load(self, checkpoint: Checkpoint) -> list[RolloutState]:
        """Go on from a checkpoint of this job.

        :returns: where its environments stood, one state for each batch that was played by itself
        :raises InputError: it belongs to a job that differs in what it must not
        """
        state, parts = checkpoint.state, checkpoint.parts
        check_same(state["job"], self.config.model_dump(mode="json"), SAME_KEYS)
        self.learner.load_state(state["learner"], parts)
        self.replay.load_arrays(parts["replay"])
        self.session.steps, self.session.elapsed_s = checkpoint.step, state["elapsed_s"]
        self.update_debt = state["update_debt"]
        self.sampling.bit_generator.state = state["sampling"]
        torch.set_rng_state(torch.from_numpy(parts["environments"]["torch_random"]))
        return _rollouts(state["acting"], parts["environments"])


def update_once(
    learner: QLearner, replay: ReplayBuffer, agent: AgentConfig, sampling: np.random.Generator
) -> dict[str, float]:
    """One update on one batch of the replay; its figures.

    :raises DivergedError: the loss is not finite
    """
    weights = (agent.weight_low, agent.weight_high)
    return learner.update(replay.sample(agent.batch_size, sampling, agent.relabel_fraction, weights))


def _rollouts(acting: Any, arrays: Mapping[str, NDArray[Any]]) -> list[RolloutState]:
    streams = acting if isinstance(acting, list) else [acting]
    if not streams:
        return []
    states, weights, ages = (np.split(arrays[name], len(streams)) for name in ("states", "weights", "ages"))
    return [RolloutState(*each) for each in zip(states, weights, ages, streams, strict=True)]
