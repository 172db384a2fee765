"""The episodes of a batch of graphs: what both environments share.

Letters: B environments, N bits, F = (N-1)(N-2)/2 free cells. `PrefixEnv` is a batch of one, `PrefixVectorEnv` one of
any size; all graphs that a step changes go to the evaluation service together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.error import InvalidAction
from numpy.typing import ArrayLike, NDArray

from prefixrl.envs.grids import GridBatch
from prefixrl.envs.infos import object_array
from prefixrl.envs.rewards import AREA, DELAY, check_weights
from prefixrl.envs.services import ServiceHandle
from prefixrl.envs.settings import EnvSettings
from prefixrl.envs.starts import StartPool, StartSampler
from prefixrl.errors import EvaluationFailed
from prefixrl.graphs import PrefixGraph

if TYPE_CHECKING:
    from prefixrl.synthesis.service import Evaluation


@dataclass(frozen=True)
class Transition:
    """What one step did.

    :param rewards: float64 [B, 2], area and delay improvement, penalties included
    :param truncated: bool [B], the episode has reached its length
    :param failures: the reason for every environment whose new graph could not be evaluated
    """

    rewards: NDArray[np.float64]
    truncated: NDArray[np.bool_]
    failures: dict[int, str]


class EpisodeBatch:
    """B graphs being edited, with their evaluations, weights and counters.

    :param settings: the task
    :param services: evaluates circuits; not closed here
    :param batch: B
    :param weights: area weight of all environments or one for each
    :param pool: proposes start graphs before the named structures do
    """

    def __init__(
        self,
        settings: EnvSettings,
        services: ServiceHandle,
        batch: int,
        weights: ArrayLike,
        pool: StartPool | None = None,
    ) -> None:
        self.settings = settings
        self._services = services
        self.batch = batch
        self.starts = StartSampler(settings.starts, settings.width, pool)
        self.grids = GridBatch(settings.width, batch, settings.rule)
        self.graphs: list[PrefixGraph | None] = [None] * batch
        self.evaluations = np.full(batch, None, dtype=object)
        self.metrics = np.zeros((batch, 2))
        self.steps = np.zeros(batch, dtype=np.int64)
        self.illegal_actions = np.zeros(batch, dtype=np.int64)
        self.failed_evaluations = np.zeros(batch, dtype=np.int64)
        self._weights = check_weights(weights, batch)

    @property
    def weights(self) -> NDArray[np.float64]:
        """Area weights float64 [B]. Setting them moves every state to the point of its curve that they choose."""
        return self._weights.copy()

    @weights.setter
    def weights(self, weights: ArrayLike) -> None:
        self._weights = check_weights(weights, self.batch)
        for index, evaluation in enumerate(self.evaluations):
            if evaluation is not None:
                self._measure(index, evaluation)

    @property
    def started(self) -> NDArray[np.bool_]:
        """bool [B]: environments that were reset at least once."""
        return np.array([graph is not None for graph in self.graphs])

    def reset(
        self,
        indices: Iterable[int],
        generators: Sequence[np.random.Generator],
        graphs: Sequence[PrefixGraph] | None = None,
    ) -> None:
        """Start new episodes.

        :param indices: environments to reset
        :param generators: one for each of the B environments
        :param graphs: one for each of the B environments, instead of a drawn start
        :raises EvaluationFailed: no start graph of an environment could be evaluated
        """
        waiting = {
            int(i): iter([graphs[i]]) if graphs is not None else self.starts.candidates(generators[i]) for i in indices
        }
        reasons: dict[int, str] = {}
        while waiting:
            drawn = {i: next(candidates, None) for i, candidates in waiting.items()}
            for index, graph in drawn.items():
                if graph is None:
                    raise EvaluationFailed(f"no start graph could be evaluated: {reasons[index]}")
            reasons = self._place({i: graph for i, graph in drawn.items() if graph is not None})
            for index in drawn.keys() - reasons.keys():
                del waiting[index]
                self.grids.load({index: self._state(index)})
                self.steps[index] = self.illegal_actions[index] = self.failed_evaluations[index] = 0

    def step(self, actions: ArrayLike) -> Transition:
        """Apply one action per environment.

        An illegal action and a graph that cannot be evaluated leave the state as it was.

        :param actions: integers [B] in [0, 2F)
        :raises InvalidAction: an action outside that range
        """
        chosen = self._check_actions(actions)
        before = self.metrics.copy()
        legal = self.grids.step(chosen)
        failures = self._evaluate_edits(np.flatnonzero(legal))
        rewards = self.settings.scale.improvement(before, self.metrics)
        rewards[~legal] -= self.settings.illegal_penalty
        self.steps += 1
        self.illegal_actions += ~legal
        return Transition(rewards, self.steps >= self.settings.episode_length, failures)

    def infos(self) -> dict[str, NDArray[Any]]:
        """Return what is known of the B states, one array [B, ...] per key, owned by the caller."""
        features = self.grids.features.astype(np.int64)
        return {
            "action_mask": self.grids.masks.astype(np.int8),
            "area_um2": self.metrics[:, AREA].copy(),
            "delay_ns": self.metrics[:, DELAY].copy(),
            "size": features[:, 0],
            "depth": features[:, 1],
            "max_fanout": features[:, 2],
            "illegal_actions": self.illegal_actions.copy(),
            "failed_evaluations": self.failed_evaluations.copy(),
            "evaluation_key": object_array(None if e is None else e.key for e in self.evaluations),
            "curve": object_array(None if e is None else e.curve for e in self.evaluations),
        }

    def _check_actions(self, actions: ArrayLike) -> NDArray[np.int64]:
        values = np.asarray(actions)
        count = self.grids.masks.shape[1]
        if values.shape != (self.batch,) or not np.issubdtype(values.dtype, np.integer):
            raise InvalidAction(f"actions must be {self.batch} integers, got {actions!r}")
        if not np.all((values >= 0) & (values < count)):
            raise InvalidAction(f"an action must lie in [0, {count}), got {actions!r}")
        return values.astype(np.int64)

    def _evaluate_edits(self, changed: NDArray[np.int64]) -> dict[int, str]:
        failures = self._place(dict(zip(changed.tolist(), self.grids.graphs(changed), strict=True)))
        for index in failures:
            self.failed_evaluations[index] += 1
        self.grids.load({index: self._state(index) for index in failures})
        return failures

    def _state(self, index: int) -> PrefixGraph:
        graph = self.graphs[index]
        assert graph is not None
        return graph

    def _place(self, graphs: dict[int, PrefixGraph]) -> dict[int, str]:
        """Evaluate graphs together; those that can be become the states of their environments, not yet the grids.

        :return: the reason for each of the others
        """
        circuits = [self.settings.circuit_of(graph) for graph in graphs.values()]
        evaluations: Sequence[Evaluation] = self._services.service.evaluate_many(circuits) if circuits else ()
        failures = {}
        for (index, graph), evaluation in zip(graphs.items(), evaluations, strict=True):
            if evaluation.curve is None:
                failures[index] = evaluation.failure or "no reason given"
                continue
            self.graphs[index] = graph
            self.evaluations[index] = evaluation
            self._measure(index, evaluation)
        return failures

    def _measure(self, index: int, evaluation: Evaluation) -> None:
        assert evaluation.curve is not None
        self.metrics[index] = self.settings.scale.best_point(evaluation.curve, float(self._weights[index]))
