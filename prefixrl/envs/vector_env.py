"""The environment of many prefix graphs at once, in gymnasium's vector API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from prefixrl.envs import observations
from prefixrl.envs.episodes import EpisodeBatch, Transition
from prefixrl.envs.infos import Infos, object_array, with_presence
from prefixrl.envs.rendering import render_graph
from prefixrl.envs.rewards import scalarise
from prefixrl.envs.services import ServiceHandle
from prefixrl.envs.settings import RENDER_MODES, check_render_mode, split_arguments
from prefixrl.envs.starts import StartPool, check_start
from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph

if TYPE_CHECKING:
    from prefixrl.synthesis.service import EvaluationService

StepResult = tuple[
    NDArray[np.float32], NDArray[np.float64] | NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_], Infos
]


class PrefixVectorEnv(VectorEnv[NDArray[np.float32], NDArray[np.int64], NDArray[Any]]):
    """B environments of `PrefixEnv` that step together.

    ## Description
    Edits, legality and observations of the whole batch are computed by compiled kernels, and all graphs that a step
    changes go to one evaluation service together, which evaluates equal ones once. Environment i behaves as a
    `PrefixEnv` seeded with `seed + i`, as in gymnasium's own vector environments.

    ## Action Space
    `MultiDiscrete`, one action of `PrefixEnv` per environment.

    ## Observation Space
    `Box(0, 1, (B, 4, N, N), float32)`. Every call returns new arrays.

    ## Starting State
    As `PrefixEnv`. `reset(options={"graph": graph or B graphs, "weight": w or B weights, "reset_mask": bool [B]})`;
    with a mask only those environments are reset, and the infos of the others are given as they stand.

    ## Rewards
    float64 [B], or float32 [B, 2] with `vector_reward` (`prefixrl/MOPrefixGraph-v0`). Every environment may have its
    own weight: `weight=[...]`, `env.weights = [...]` at any time, or the reset option.

    ## Episode End
    As `PrefixEnv`: truncation only. `autoreset_mode` is SAME_STEP: at truncation the returned observations and infos
    are those of the new episode, and `infos["final_obs"][i]`, `infos["final_info"][key][i]` those of the last state,
    so that every stored transition is one that happened. With DISABLED the caller resets truncated environments with
    `reset_mask` before the next step. NEXT_STEP, gymnasium's default, would insert steps that are none: refused.

    ## Information
    The keys of `PrefixEnv`, one array [B, ...] each with its `_key` mask. `reward_vector` (float64 [B, 2]) and
    `failure` belong to the step, all others to the returned states. `evaluations` holds the `Evaluation` objects of
    the states, from whose curves a replay buffer can compute the reward for any weight.

    ## Arguments
    `num_envs` (B), `autoreset_mode` ("SameStep" or "Disabled"), and those of `PrefixEnv`.

    ## Version History
    * v0: first version
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        "render_modes": list(RENDER_MODES),
        "render_fps": 4,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        width: int = 16,
        *,
        weight: ArrayLike = 0.5,
        vector_reward: bool = False,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        service: EvaluationService | None = None,
        start_pool: StartPool | None = None,
        render_mode: str | None = None,
        **arguments: Any,
    ) -> None:
        if num_envs < 1:
            raise InputError(f"num_envs must be at least 1, got {num_envs}")
        self.num_envs = num_envs
        self.render_mode = check_render_mode(render_mode)
        self.autoreset_mode = _check_autoreset_mode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}  # type: ignore[misc]
        self.settings, service_settings = split_arguments(width=width, **arguments)
        self._make_spaces(vector_reward)
        self._generators: list[np.random.Generator] = []
        self._seeds: list[int] = []
        self._finished = np.zeros(num_envs, dtype=bool)
        self._services = ServiceHandle(service, service_settings)
        self._episodes = EpisodeBatch(self.settings, self._services, num_envs, weight, start_pool)

    def _make_spaces(self, vector_reward: bool) -> None:
        self.single_observation_space = observations.observation_space(self.settings.width)
        self.single_action_space = observations.action_space(self.settings.width)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.vector_reward = vector_reward
        if vector_reward:
            self.reward_space = observations.reward_space()

    @property
    def service(self) -> EvaluationService:
        """Evaluates the circuits; its counters tell how many evaluations were needed and how many cached."""
        return self._services.service

    @property
    def graphs(self) -> list[PrefixGraph]:
        """The graphs of the states.

        :raises ResetNeeded: before the first reset
        """
        graphs = [graph for graph in self._episodes.graphs if graph is not None]
        if len(graphs) < self.num_envs:
            raise ResetNeeded("call reset() before the states of the environments are used")
        return graphs

    @property
    def weights(self) -> NDArray[np.float64]:
        """Share of area in the reward, float64 [B]. Setting it moves the states to the points that it chooses."""
        return self._episodes.weights

    @weights.setter
    def weights(self, weights: ArrayLike) -> None:
        self._episodes.weights = weights

    @property
    def start_pool(self) -> StartPool | None:
        """Asked for a start graph at every reset, before the named structures."""
        return self._episodes.starts.pool

    @start_pool.setter
    def start_pool(self, pool: StartPool | None) -> None:
        self._episodes.starts.pool = pool

    @property  # type: ignore[misc]  # read-only, as in gymnasium's own vector environments
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The generators of the environments."""
        self._seed(None)
        return tuple(self._generators)

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The seeds of the environments."""
        self._seed(None)
        return tuple(self._seeds)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], Infos]:
        """Start new episodes.

        :param seed: environment i takes seed + i, or its own of a list; None goes on with the present generators
        :param options: "graph", "weight", "reset_mask"; see the description of the class
        :raises InputError: a graph of another width, a weight outside [0, 1], an unknown option, a bad mask
        :raises EvaluationFailed: no start could be evaluated
        """
        choices = dict(options or {})
        mask = self._check_mask(choices.pop("reset_mask", None))
        graphs = self._check_graphs(choices.pop("graph", None))
        weight = choices.pop("weight", None)
        if choices:
            raise InputError(f"reset options are graph, weight and reset_mask, got {', '.join(map(str, choices))}")
        self._seed(seed, mask)
        if weight is not None:
            self.weights = weight
        self._episodes.reset(np.flatnonzero(mask), self._generators, graphs)
        self._finished[mask] = False
        return self._observations(), self._state_infos()

    def step(self, actions: ArrayLike) -> StepResult:
        """Apply one action per environment; see the description of the class.

        :param actions: integers [B]
        :raises InvalidAction: an action outside the action space
        :raises ResetNeeded: before the first reset, or (autoreset disabled) a truncated episode was not reset
        """
        self._check_ready()
        transition = self._episodes.step(actions)
        infos: Infos = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            if transition.truncated.any():
                infos = self._final_infos(transition)
                self._episodes.reset(np.flatnonzero(transition.truncated), self._generators)
        else:
            self._finished = transition.truncated.copy()
        infos |= self._state_infos() | self._step_infos(transition)
        terminated = np.zeros(self.num_envs, dtype=bool)
        return self._observations(), self._rewards(transition), terminated, transition.truncated, infos

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which actions are legal, bool [B, 2F]."""
        return self._episodes.grids.masks.astype(bool)

    def render(self) -> tuple[Any, ...] | None:
        """Return one text ("ansi") or picture ("rgb_array") per environment."""
        if self.render_mode is None:
            return None
        return tuple(render_graph(graph, self.render_mode) for graph in self.graphs)

    def close_extras(self, **kwargs: Any) -> None:
        """End the tools that this environment started; a service that was handed in is left running."""
        self._services.close()

    def _observations(self) -> NDArray[np.float32]:
        return self._episodes.grids.observations.copy()

    def _rewards(self, transition: Transition) -> NDArray[np.float64] | NDArray[np.float32]:
        if self.vector_reward:
            return transition.rewards.astype(np.float32)
        return scalarise(transition.rewards, self._episodes.weights)

    def _state_infos(self) -> Infos:
        everywhere = np.ones(self.num_envs, dtype=bool)
        return with_presence(self._episodes.infos() | {"evaluations": self._episodes.evaluations.copy()}, everywhere)

    def _step_infos(self, transition: Transition) -> Infos:
        infos = with_presence({"reward_vector": transition.rewards.copy()}, np.ones(self.num_envs, dtype=bool))
        if transition.failures:
            failed = np.isin(np.arange(self.num_envs), list(transition.failures))
            reasons = object_array(transition.failures.get(i) for i in range(self.num_envs))
            infos |= with_presence({"failure": reasons}, failed)
        return infos

    def _final_infos(self, transition: Transition) -> Infos:
        """Return what must be kept of the states that the reset of this step is about to replace."""
        final = transition.truncated
        last = self._observations()
        final_info = self._state_infos() | self._step_infos(transition)
        for key in [key for key in final_info if not key.startswith("_")]:
            final_info[f"_{key}"] &= final
        final_obs = object_array(last[i] if final[i] else None for i in range(self.num_envs))
        return with_presence({"final_obs": final_obs, "final_info": final_info}, final)

    def _seed(self, seed: int | Sequence[int | None] | None, mask: NDArray[np.bool_] | None = None) -> None:
        """Make the generators of the masked environments anew where a seed is given, and all where there are none."""
        if seed is None or isinstance(seed, int | np.integer):
            seeds = [None if seed is None else int(seed) + i for i in range(self.num_envs)]
        else:
            seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise InputError(f"seeds must be as many as environments ({self.num_envs}), got {len(seeds)}")
        if not self._generators:
            created = [seeding.np_random() for _ in range(self.num_envs)]
            self._generators, self._seeds = [g for g, _ in created], [s for _, s in created]
        for index, value in enumerate(seeds):
            if value is not None and (mask is None or mask[index]):
                self._generators[index], self._seeds[index] = seeding.np_random(value)

    def _check_ready(self) -> None:
        if not self._episodes.started.all():
            raise ResetNeeded("call reset() before step()")
        if self._finished.any():
            waiting = np.flatnonzero(self._finished).tolist()
            raise ResetNeeded(f"autoreset is disabled: reset truncated environments with reset_mask first: {waiting}")

    def _check_mask(self, mask: Any) -> NDArray[np.bool_]:
        if mask is None:
            return np.ones(self.num_envs, dtype=bool)
        values = np.asarray(mask)
        if values.shape != (self.num_envs,) or values.dtype != np.bool_ or not values.any():
            raise InputError(f"reset_mask must be {self.num_envs} booleans, at least one of them true, got {mask!r}")
        if not (values | self._episodes.started).all():
            raise InputError(f"the first reset must be one of all environments, got reset_mask={mask!r}")
        return values

    def _check_graphs(self, graphs: PrefixGraph | Sequence[PrefixGraph] | None) -> list[PrefixGraph] | None:
        if graphs is None:
            return None
        each = [graphs] * self.num_envs if isinstance(graphs, PrefixGraph) else list(graphs)
        if len(each) != self.num_envs:
            raise InputError(f"start graphs must be one or as many as environments ({self.num_envs}), got {len(each)}")
        return [check_start(graph, self.settings.width) for graph in each]


def _check_autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    allowed = (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED)
    for known in allowed:
        if mode in (known, known.value):
            return known
    names = " or ".join(known.value for known in allowed)
    raise InputError(f"autoreset_mode must be {names} (another would insert steps that are none), got {mode!r}")
