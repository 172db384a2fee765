"""Training on one machine in one process: the loop, to be read top to bottom in `_learn`.

While the evaluator's tools work on the graphs of a step, the learner trains on what was stored before it; both take
their random numbers from streams of their own, so a job is the same again under its seed, however long either takes.
(A budget in seconds makes the end, and epsilon, depend on the clock; one in evaluations or steps does not.)

The environments never end an episode themselves; the loop restarts them, so that a resumed job goes on in the middle
of its episodes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

from prefixrl.agents.checkpoint import Checkpoint, check_same, latest_checkpoint, save_checkpoint
from prefixrl.agents.exploration import epsilon_at, epsilon_ladder, explore, greedy_actions
from prefixrl.agents.job import JobConfig
from prefixrl.agents.live import LiveView
from prefixrl.agents.qlearning import QLearner
from prefixrl.agents.replay import ReplayBuffer, pack_states, unpack_grids
from prefixrl.agents.session import JobResult, JobSession
from prefixrl.envs import PrefixVectorEnv
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.curve import AreaDelayCurve

LOG_STEPS = 50
"""Steps of all environments between two points of every TensorBoard curve."""

WEIGHT_GRID = 33
"""Weights among which that of an episode from the front is chosen."""

NEVER = 2**62
"""Episode length of the environments themselves."""

SAME_KEYS = (
    *("method", "circuit", "agent.channels", "agent.blocks", "agent.kernel_size", "agent.norm"),
    *("agent.condition_on_weight", "agent.coordinate_planes", "agent.timing_planes"),
    *("agent.axial_context", "environment.environments"),
)
"""What a checkpoint and the job that goes on with it must agree on."""


def train(config: JobConfig, out: str | Path, view: LiveView | None = None) -> JobResult:
    """Run a training job in a new directory until its budget is used or a signal asks it to end.

    :param out: a new or empty directory
    :raises InputError: the job cannot be run as described; nothing was written
    :raises DivergedError: a loss is not finite; the last checkpoint is good
    """
    with view or LiveView() as shown, JobSession.create(config, out, shown) as session:
        session.evaluate_classical()
        training = Training(session)
        training.restart(np.arange(training.batch))
        return _learn(session, training)


def resume(run: str | Path, view: LiveView | None = None, overrides: Iterable[str] = ()) -> JobResult:
    """Go on with a training job from its newest whole checkpoint (from its designs alone where there is none).

    :param overrides: `key.sub=value` texts, such as `budget.evaluations=20000`
    :raises InputError: no run directory, no readable checkpoint, or one of another job
    """
    with view or LiveView() as shown, JobSession.resume(run, shown, overrides) as session:
        session.evaluate_classical()
        training = Training(session)
        checkpoint = latest_checkpoint(session.run.checkpoints, shown.message)
        if checkpoint is not None:
            training.load(checkpoint)
        else:
            shown.message("the job had no checkpoint yet: learning begins anew, the designs are kept")
            training.restart(np.arange(training.batch))
        return _learn(session, training)


def _learn(session: JobSession, training: Training) -> JobResult:
    agent = session.config.agent
    saved_at, saved_steps = time.monotonic(), session.steps
    with ThreadPoolExecutor(1, "prefixrl-environment") as stepper, SummaryWriter(str(session.run.tensorboard)) as log:
        while not session.finished:
            # Act.
            epsilon = epsilon_at(session.progress, agent)
            actions = training.act(epsilon)
            # Evaluate the edited graphs in the background, and learn in the meantime.
            stepping = stepper.submit(training.environments.step, actions)
            figures = training.learn()
            observations, rewards, _, _, infos = stepping.result()
            # Keep what happened, then begin new episodes where old ones are over.
            session.steps += training.batch
            session.note(infos["evaluations"])
            training.keep(actions, observations, infos)
            training.restart(np.flatnonzero(training.ages >= session.config.environment.episode_length))
            # Tell, and save.
            figures |= {"epsilon": epsilon}
            if session.steps // training.batch % LOG_STEPS == 0:
                _log(log, session, figures, float(rewards.mean()))
            session.show("learning", figures)
            if _due(session, saved_at, saved_steps):
                training.save()
                saved_at, saved_steps = time.monotonic(), session.steps
        training.save()
        result = session.conclude()
        _log(log, session, {}, None)
    return result


class Training:
    """The state of learning: environments, learner, replay buffer, random streams. All of it is in a checkpoint.

    Letters: B environments, N width, A = 2F actions.
    """

    def __init__(self, session: JobSession) -> None:
        config = session.config
        torch.set_num_threads(config.agent.threads)
        self.session, self.config, self.agent = session, config, config.agent
        self.batch = config.environment.environments
        self.environments = PrefixVectorEnv(
            self.batch,
            config.circuit.width,
            circuit=config.circuit.kind,
            carry_in=config.circuit.carry_in,
            carry_out=config.circuit.carry_out,
            rule=config.environment.rule,
            episode_length=NEVER,
            c_area=config.environment.c_area,
            c_delay=config.environment.c_delay,
            autoreset_mode="Disabled",
            service=session.service,
        )
        self.learner = QLearner(config.agent, config.seed)
        self.replay = ReplayBuffer(config.circuit.width, config.agent.replay_capacity, session.scale)
        acting, sampling = np.random.SeedSequence(config.seed).spawn(2)
        self.acting, self.sampling = np.random.default_rng(acting), np.random.default_rng(sampling)
        self.ages = np.zeros(self.batch, np.int64)
        self.update_debt = 0.0
        self.starts = [structure(name, config.circuit.width) for name in config.environment.starts]
        self._graphs: list[PrefixGraph] = [self.starts[0]] * self.batch
        self._observations = np.empty(0, np.float32)
        self._curves: list[AreaDelayCurve] = []

    def act(self, epsilon: float) -> NDArray[np.int64]:
        """One legal action per environment, int64 [B]."""
        agent, masks = self.agent, self.environments.action_masks()
        values = self.learner.values(self._observations, self.environments.weights)
        epsilons = epsilon_ladder(epsilon, self.batch, agent.epsilon_ladder)
        return explore(greedy_actions(values, masks), masks, epsilons, self.acting, agent.balanced_exploration)

    def learn(self) -> dict[str, float]:
        """The updates that are due for one step of all environments; figures of the last one."""
        figures: dict[str, float] = {}
        if len(self.replay) < self.agent.learning_starts:
            return figures
        self.update_debt += self.agent.updates_per_step
        while self.update_debt >= 1.0:
            self.update_debt -= 1.0
            weights = (self.agent.weight_low, self.agent.weight_high)
            batch = self.replay.sample(self.agent.batch_size, self.sampling, self.agent.relabel_fraction, weights)
            figures = self.learner.update(batch)
        return figures

    def keep(self, actions: NDArray[np.int64], observations: NDArray[np.float32], infos: Mapping[str, Any]) -> None:
        """Store the transitions of a step, and make its end the present.

        :param observations: float32 [B, 4, N, N], after the step
        """
        weights = self.environments.weights
        curves = list(infos["curve"])
        self.replay.add(self._observations, actions, observations, self._curves, curves, weights)
        self._observations, self._curves = observations, curves
        self.ages += 1

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

    def save(self) -> None:
        """Write a checkpoint, and the front beside it."""
        session = self.session
        learner, parts = self.learner.state()
        state = {
            "job": self.config.model_dump(mode="json"),
            "learner": learner,
            "elapsed_s": session.elapsed_s,
            "evaluations": session.evaluations,
            "update_debt": self.update_debt,
            "acting": self.acting.bit_generator.state,
            "sampling": self.sampling.bit_generator.state,
        }
        environments: dict[str, NDArray[Any]] = {
            "states": pack_states(self._observations),
            "weights": self.environments.weights,
            "ages": self.ages,
            "torch_random": torch.get_rng_state().numpy(),
        }
        parts["replay"], parts["environments"] = self.replay.arrays(), environments
        save_checkpoint(session.run.checkpoints, session.steps, state, parts, self.config.checkpoint.keep)
        session.write_front()

    def load(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of this job.

        :raises InputError: it belongs to a job that differs in what it must not
        """
        state, parts = checkpoint.state, checkpoint.parts
        check_same(state["job"], self.config.model_dump(mode="json"), SAME_KEYS)
        self.learner.load_state(state["learner"], parts)
        self.replay.load_arrays(parts["replay"])
        self.session.steps, self.session.elapsed_s = checkpoint.step, state["elapsed_s"]
        self.update_debt = state["update_debt"]
        self.acting.bit_generator.state = state["acting"]
        self.sampling.bit_generator.state = state["sampling"]
        environments = parts["environments"]
        torch.set_rng_state(torch.from_numpy(environments["torch_random"]))
        grids = unpack_grids(environments["states"], self.config.circuit.width)
        self._graphs = [PrefixGraph.from_grid(grid) for grid in grids]
        self._reset(np.arange(self.batch), environments["weights"])
        self.ages = environments["ages"].copy()

    def _draw_episode(self) -> tuple[float, PrefixGraph]:
        """The weight and the start graph of a new episode."""
        archive, agent = self.session.archive, self.agent
        if len(archive) and self.acting.random() < self.config.environment.pareto_start_fraction:
            place = int(self.acting.integers(len(archive)))
            grid = np.linspace(agent.weight_low, agent.weight_high, WEIGHT_GRID)
            weights = archive.natural_weights(place, grid, self.session.scale)
            return float(self.acting.choice(weights)), archive.graphs[place]
        weight = float(self.acting.uniform(agent.weight_low, agent.weight_high))
        return weight, self.starts[int(self.acting.integers(len(self.starts)))]

    def _reset(self, indices: NDArray[np.int64], weights: NDArray[np.float64]) -> None:
        mask = np.zeros(self.batch, np.bool_)
        mask[indices] = True
        options = {"reset_mask": mask, "graph": self._graphs, "weight": weights}
        self._observations, infos = self.environments.reset(options=options)
        self._curves = list(infos["curve"])


def _due(session: JobSession, saved_at: float, saved_steps: int) -> bool:
    every = session.config.checkpoint
    by_time = every.every_s is not None and time.monotonic() - saved_at >= every.every_s
    return by_time or (every.every_steps is not None and session.steps - saved_steps >= every.every_steps)


def _log(log: SummaryWriter, session: JobSession, figures: Mapping[str, float], reward: float | None) -> None:
    """One point of every curve, over environment steps."""
    state = session.snapshot("learning")
    asked = state.evaluations + state.repeats
    curves = {
        "rollout/steps_per_s": state.steps / max(state.elapsed_s, 1e-9),
        "synth/evaluations": state.evaluations,
        "synth/evaluations_per_s": state.evaluations_per_s,
        "synth/repeat_rate": state.repeats / max(asked, 1),
        "synth/failures": state.failures,
        "front/size": state.front_size,
        "front/hypervolume": state.hypervolume,
    }
    curves |= {f"train/{name}": value for name, value in figures.items() if name != "epsilon"}
    if "epsilon" in figures:
        curves["rollout/epsilon"] = figures["epsilon"]
    if reward is not None:
        curves["rollout/reward"] = reward
    for name, value in curves.items():
        log.add_scalar(name, value, session.steps)
