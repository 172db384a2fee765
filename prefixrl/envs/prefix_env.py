"""The environment of one prefix graph, in gymnasium's API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from prefixrl.envs import observations
from prefixrl.envs.episodes import EpisodeBatch
from prefixrl.envs.rendering import render_graph
from prefixrl.envs.rewards import scalarise
from prefixrl.envs.services import ServiceHandle
from prefixrl.envs.settings import RENDER_MODES, check_render_mode, split_arguments
from prefixrl.envs.starts import StartPool, check_start
from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph

if TYPE_CHECKING:
    from prefixrl.synthesis.service import EvaluationService


class PrefixEnv(gymnasium.Env[NDArray[np.float32], np.int64]):
    """Edit a parallel-prefix graph so that the circuit it becomes gets smaller and faster.

    ## Description
    The state is a legal prefix graph of N bits. Every action adds or deletes one node; the graph is then made legal
    again. The circuit of the new graph (an adder, or another of `prefixrl.circuits.KINDS`) is mapped and sized by an
    evaluator, which gives its area-delay curve. The reward is the improvement of area and of delay. This is the
    environment of PrefixRL (Roy et al., DAC 2021, arXiv 2205.07000).

    ## Action Space
    `Discrete(2F)` with F = (N-1)(N-2)/2 free cells (m, l), 1 <= l < m <= N-1, ordered by m, then by l: action a < F
    adds cell a, action a >= F deletes cell a - F (`prefixrl.graphs.actions`). Adding is legal where the node is
    absent, deleting where no other node needs it. `action_masks()` (bool) and `info["action_mask"]` (int8) tell which
    actions are legal. An illegal action is defined: the graph stays, the reward is `-illegal_penalty` (0 by default),
    and `info["illegal_actions"]` counts it. An action outside the space raises `gymnasium.error.InvalidAction`.

    ## Observation Space
    `Box(0, 1, (4, N, N), float32)`, row = msb, column = lsb. Planes: node present; node deletable; level / (N-1);
    fanout / (N-1).

    ## Starting State
    One of the structures in `starts`, drawn evenly; or what `start_pool` proposes; or the graph in
    `reset(options={"graph": graph})`. A start that cannot be evaluated is replaced by another one of `starts`; when
    none can, `prefixrl.errors.EvaluationFailed` is raised.

    ## Rewards
    Each state stands at the point of its curve that minimises
    `weight * c_area * area_um2 + (1 - weight) * c_delay * delay_ns`. The vector reward is
    `[c_area * (area - area'), c_delay * (delay - delay')]`. `prefixrl/PrefixGraph-v0` returns
    `weight * reward[0] + (1 - weight) * reward[1]` (float), `prefixrl/MOPrefixGraph-v0` the vector (float32 [2]) and
    has `reward_space`, as MO-Gymnasium has it.
    A graph that cannot be evaluated is taken back: the state stays, the reward is 0, `info["failure"]` has the reason.

    ## Episode End
    Never terminated: there is no goal to reach. Truncated after `episode_length` steps; the state goes on to have a
    value there, so a learner bootstraps from the last observation.

    ## Information
    | key | meaning |
    |---|---|
    | `action_mask` | int8 [2F], 1 where an action is legal |
    | `area_um2`, `delay_ns` | the point where the state stands |
    | `size`, `depth`, `max_fanout` | of the graph |
    | `illegal_actions`, `failed_evaluations` | how many in this episode |
    | `evaluation_key` | key of the evaluation, also that of the cache and the design store |
    | `curve` | the `AreaDelayCurve`, from which the reward for any other weight follows |
    | `reward_vector` | float64 [2], area and delay improvement (`step` only) |
    | `failure` | why the new graph could not be evaluated (only when that happened) |

    ## Arguments
    | name | default | meaning |
    |---|---|---|
    | `width` | 16 | N, 3 to 256 |
    | `circuit`, `carry_in`, `carry_out` | "adder", False, True | what the graph becomes |
    | `evaluator` | "yosys" | or "analytic", whose um2 and ns are model units |
    | `pdk` | "nangate45" | name of a PDK or path of a Liberty file |
    | `driving_cell`, `output_load_ff` | None | constraints; None takes the PDK's |
    | `evaluator_options` | {} | further options of the evaluator |
    | `workers`, `cache` | 1, None | evaluations at a time; cache file, None for the default place |
    | `service` | None | a running `EvaluationService` instead of the six above; it is not closed with the environment |
    | `rule` | "rederive" | "rederive" is the paper's edit rule, "keep" leaves nodes that legalisation added |
    | `starts` | ("ripple-carry", "sklansky") | structures to start from |
    | `start_pool` | None | callable (generator) -> graph or None, asked first; can be set later |
    | `episode_length` | 64 | steps until truncation |
    | `weight` | 0.5 | share of area in the reward, 0 to 1; `reset(options={"weight": w})` changes it |
    | `c_area`, `c_delay` | 0.01, 10 | reward per um2 and per ns |
    | `illegal_penalty` | 0 | what an illegal action costs |
    | `vector_reward` | False | return the vector reward |
    | `render_mode` | None | "ansi" (the graph as text) or "rgb_array" (the grid) |

    ## Version History
    * v0: first version
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": list(RENDER_MODES), "render_fps": 4}  # type: ignore[misc]

    def __init__(
        self,
        width: int = 16,
        *,
        weight: float = 0.5,
        vector_reward: bool = False,
        service: EvaluationService | None = None,
        start_pool: StartPool | None = None,
        render_mode: str | None = None,
        **arguments: Any,
    ) -> None:
        self.render_mode = check_render_mode(render_mode)
        self.settings, service_settings = split_arguments(width=width, **arguments)
        self.observation_space = observations.observation_space(self.settings.width)
        self.action_space = observations.action_space(self.settings.width)
        self.vector_reward = vector_reward
        if vector_reward:
            self.reward_space = observations.reward_space()
        self._services = ServiceHandle(service, service_settings)
        self._episodes = EpisodeBatch(self.settings, self._services, 1, weight, start_pool)

    @property
    def service(self) -> EvaluationService:
        """Evaluates the circuits; its counters tell how many evaluations were needed and how many cached."""
        return self._services.service

    @property
    def graph(self) -> PrefixGraph:
        """The graph of the state.

        :raises ResetNeeded: before the first reset
        """
        graph = self._episodes.graphs[0]
        if graph is None:
            raise ResetNeeded("call reset() before the state of the environment is used")
        return graph

    @property
    def weight(self) -> float:
        """Share of area in the reward. Setting it moves the state to the point of its curve that it chooses."""
        return float(self._episodes.weights[0])

    @weight.setter
    def weight(self, weight: float) -> None:
        self._episodes.weights = weight

    @property
    def start_pool(self) -> StartPool | None:
        """Asked for a start graph at every reset, before the named structures."""
        return self._episodes.starts.pool

    @start_pool.setter
    def start_pool(self, pool: StartPool | None) -> None:
        self._episodes.starts.pool = pool

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start a new episode.

        :param seed: of the generator that draws starts; None goes on with the present one
        :param options: "graph": start from this PrefixGraph; "weight": area weight from now on
        :raises InputError: a graph of another width, a weight outside [0, 1], an unknown option
        :raises EvaluationFailed: no start could be evaluated
        """
        super().reset(seed=seed)
        choices = dict(options or {})
        graph, weight = choices.pop("graph", None), choices.pop("weight", None)
        if choices:
            raise InputError(f"reset options are graph and weight, got {', '.join(map(str, choices))}")
        if weight is not None:
            self.weight = weight
        graphs = None if graph is None else [check_start(graph, self.settings.width)]
        self._episodes.reset([0], [self.np_random], graphs)
        return self._observation(), self._info()

    def step(
        self, action: np.int64 | int
    ) -> tuple[NDArray[np.float32], float | NDArray[np.float32], bool, bool, dict[str, Any]]:
        """Apply one action; see the description of the class.

        :raises InvalidAction: an action outside the action space
        :raises ResetNeeded: before the first reset
        """
        assert self.graph is not None
        transition = self._episodes.step(np.atleast_1d(np.asarray(action)))
        info = self._info() | {"reward_vector": transition.rewards[0].copy()}
        if 0 in transition.failures:
            info["failure"] = transition.failures[0]
        if self.vector_reward:
            reward: float | NDArray[np.float32] = transition.rewards[0].astype(np.float32)
        else:
            reward = float(scalarise(transition.rewards, self._episodes.weights)[0])
        return self._observation(), reward, False, bool(transition.truncated[0]), info

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which actions are legal, bool [2F]; the name that sb3-contrib looks for."""
        return self._episodes.grids.masks[0].astype(bool)

    def render(self) -> str | NDArray[np.uint8] | None:
        """Return the state as text ("ansi") or as a picture uint8 [H, W, 3] ("rgb_array")."""
        return None if self.render_mode is None else render_graph(self.graph, self.render_mode)

    def close(self) -> None:
        """End the tools that this environment started; a service that was handed in is left running."""
        self._services.close()

    def _observation(self) -> NDArray[np.float32]:
        return self._episodes.grids.observations[0].copy()

    def _info(self) -> dict[str, Any]:
        rows = {key: values[0] for key, values in self._episodes.infos().items()}
        return {key: row.item() if isinstance(row, np.generic) else row for key, row in rows.items()}
