"""Playing episodes: a batch of environments, their random stream, and what is kept of every step.

It is the same in the process that learns and in an actor of a cluster; only who evaluates differs.

Letters: B environments, N width, A = 2F actions, P = `CURVE_POINTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prefixrl.agents.archive import FrontArchive
from prefixrl.agents.exploration import explore, greedy_actions
from prefixrl.agents.job import JobConfig
from prefixrl.agents.replay import pack_states, pack_transitions, unpack_grids
from prefixrl.envs import PrefixVectorEnv
from prefixrl.envs.rewards import RewardScale
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.curve import AreaDelayCurve
from prefixrl.synthesis.service import EvaluationService

WEIGHT_GRID = 33
"""Weights among which that of an episode from the front is chosen."""

NEVER = 2**62
"""Episode length of the environments themselves."""

Values = Callable[[NDArray[np.float32], NDArray[np.float64]], NDArray[np.float32]]
"""Scalarised action values [B, A] of observations [B, 4, N, N] under weights [B]."""


@dataclass(frozen=True)
class RolloutState:
    """Where a batch of environments stands between two steps.

    :param states: packed graphs, uint8 [B, ...]
    :param weights: share of area of each episode, float64 [B]
    :param ages: steps since each episode began, int64 [B]
    :param acting: state of the random stream, plain JSON
    """

    states: NDArray[np.uint8]
    weights: NDArray[np.float64]
    ages: NDArray[np.int64]
    acting: dict[str, Any]


class Rollout:
    """B environments being played.

    :param config: the job
    :param service: evaluates circuits
    :param archive: the front that episodes may start from; read only
    :param acting: random stream of actions and episodes
    :param batch: B
    """

    def __init__(
        self,
        config: JobConfig,
        service: EvaluationService,
        archive: FrontArchive,
        acting: np.random.Generator,
        batch: int,
    ) -> None:
        self.config, self.agent, self.archive, self.acting, self.batch = config, config.agent, archive, acting, batch
        self.scale = RewardScale(config.environment.c_area, config.environment.c_delay)
        self.environments = PrefixVectorEnv(
            batch,
            config.circuit.width,
            circuit=config.circuit.kind,
            carry_in=config.circuit.carry_in,
            carry_out=config.circuit.carry_out,
            rule=config.environment.rule,
            episode_length=NEVER,
            c_area=config.environment.c_area,
            c_delay=config.environment.c_delay,
            autoreset_mode="Disabled",
            service=service,
        )
        self.ages = np.zeros(batch, np.int64)
        self.starts = [structure(name, config.circuit.width) for name in config.environment.starts]
        self._graphs: list[PrefixGraph] = [self.starts[0]] * batch
        self._observations = np.empty(0, np.float32)
        self._curves: list[AreaDelayCurve] = []

    def act(self, values: Values, epsilons: NDArray[np.float64]) -> NDArray[np.int64]:
        """One legal action per environment, int64 [B].

        :param epsilons: share of random actions, float64 [B]
        """
        masks = self.environments.action_masks()
        greedy = greedy_actions(values(self._observations, self.environments.weights), masks)
        return explore(greedy, masks, epsilons, self.acting, self.agent.balanced_exploration)

    def keep(
        self, actions: NDArray[np.int64], observations: NDArray[np.float32], infos: Mapping[str, Any]
    ) -> dict[str, NDArray[Any]]:
        """Make the end of a step the present.

        :param observations: float32 [B, 4, N, N], after the step
        :returns: the step's transitions, as `ReplayBuffer.add_rows` takes them
        """
        curves = list(infos["curve"])
        rows = pack_transitions(
            self._observations, actions, observations, self._curves, curves, self.environments.weights
        )
        self._observations, self._curves = observations, curves
        self.ages += 1
        return rows

    def restart_due(self) -> None:
        """Begin new episodes where old ones have reached their length."""
        self.restart(np.flatnonzero(self.ages >= self.config.environment.episode_length))

    def restart(self, indices: NDArray[np.int64]) -> None:
        """Begin new episodes, each with a weight and a start graph of its own.

        :param indices: environments to restart
        """
        if len(indices) == 0:
            return
        weights = self.environments.weights
        for index in indices:
            weights[index], self._graphs[index] = self._draw_episode()
        self._reset(indices, weights)
        self.ages[indices] = 0

    def begin(self, state: RolloutState | None = None) -> None:
        """Begin all episodes anew, or go on from a state of as many environments."""
        if state is None:
            self.restart(np.arange(self.batch))
            return
        self.acting.bit_generator.state = state.acting
        grids = unpack_grids(state.states, self.config.circuit.width)
        self._graphs = [PrefixGraph.from_grid(grid) for grid in grids]
        self._reset(np.arange(self.batch), state.weights)
        self.ages = state.ages.copy()

    def state(self) -> RolloutState:
        """Where it stands."""
        states = pack_states(self._observations)
        return RolloutState(states, self.environments.weights, self.ages.copy(), dict(self.acting.bit_generator.state))

    def _draw_episode(self) -> tuple[float, PrefixGraph]:
        """The weight and the start graph of a new episode."""
        archive, agent = self.archive, self.agent
        if len(archive) and self.acting.random() < self.config.environment.pareto_start_fraction:
            place = int(self.acting.integers(len(archive)))
            grid = np.linspace(agent.weight_low, agent.weight_high, WEIGHT_GRID)
            weights = archive.natural_weights(place, grid, self.scale)
            return float(self.acting.choice(weights)), archive.graphs[place]
        weight = float(self.acting.uniform(agent.weight_low, agent.weight_high))
        return weight, self.starts[int(self.acting.integers(len(self.starts)))]

    def _reset(self, indices: NDArray[np.int64], weights: NDArray[np.float64]) -> None:
        mask = np.zeros(self.batch, np.bool_)
        mask[indices] = True
        options = {"reset_mask": mask, "graph": self._graphs, "weight": weights}
        self._observations, infos = self.environments.reset(options=options)
        self._curves = list(infos["curve"])
