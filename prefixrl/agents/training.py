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
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

from prefixrl.agents.checkpoint import Checkpoint, latest_checkpoint
from prefixrl.agents.exploration import epsilon_at, epsilon_ladder
from prefixrl.agents.job import JobConfig
from prefixrl.agents.learning import Learning
from prefixrl.agents.live import LiveView
from prefixrl.agents.rollout import Rollout
from prefixrl.agents.session import JobResult, JobSession

LOG_STEPS = 50
"""Steps of all environments between two points of every TensorBoard curve."""

NO_CHECKPOINT = "the job had no checkpoint yet: learning begins anew, the designs are kept"


def train(config: JobConfig, out: str | Path, view: LiveView | None = None) -> JobResult:
    """Run a training job in a new directory until its budget is used or a signal asks it to end.

    :param out: a new or empty directory
    :raises InputError: the job cannot be run as described; nothing was written
    :raises DivergedError: a loss is not finite; the last checkpoint is good
    """
    with view or LiveView() as shown, JobSession.create(config, out, shown) as session:
        session.evaluate_classical()
        training = Training(session)
        training.begin()
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
        if checkpoint is None:
            shown.message(NO_CHECKPOINT)
        training.begin(checkpoint)
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
            stepping = stepper.submit(training.rollout.environments.step, actions)
            figures = training.learn()
            observations, rewards, _, _, infos = stepping.result()
            # Keep what happened, then begin new episodes where old ones are over.
            session.steps += training.batch
            session.note(infos["evaluations"])
            training.keep(actions, observations, infos)
            # Tell, and save.
            figures |= {"epsilon": epsilon}
            if session.steps // training.batch % LOG_STEPS == 0:
                log_figures(log, session, figures, float(rewards.mean()))
            session.show("learning", figures)
            if checkpoint_due(session, saved_at, saved_steps):
                training.save()
                saved_at, saved_steps = time.monotonic(), session.steps
        training.save()
        result = session.conclude()
        log_figures(log, session, {}, None)
    return result


class Training:
    """The state of learning on one machine: a rollout and the learning from it. All of it is in a checkpoint."""

    def __init__(self, session: JobSession) -> None:
        config = session.config
        acting, sampling = np.random.SeedSequence(config.seed).spawn(2)
        self.session, self.agent = session, config.agent
        self.batch = config.environment.environments
        self.learning = Learning(session, np.random.default_rng(sampling))
        self.rollout = Rollout(config, session.service, session.archive, np.random.default_rng(acting), self.batch)

    def begin(self, checkpoint: Checkpoint | None = None) -> None:
        """Begin with new episodes, or go on from a checkpoint of this job.

        :raises InputError: it belongs to a job that differs in what it must not
        """
        states = [] if checkpoint is None else self.learning.load(checkpoint)
        if checkpoint is not None and [len(state.ages) for state in states] != [self.batch]:
            self.session.view.message("the environments were played by actors: they begin new episodes")
            states = []
        self.rollout.begin(*states)

    def act(self, epsilon: float) -> NDArray[np.int64]:
        """One legal action per environment, int64 [B]."""
        epsilons = epsilon_ladder(epsilon, self.batch, self.agent.epsilon_ladder)
        return self.rollout.act(self.learning.learner.values, epsilons)

    def learn(self) -> dict[str, float]:
        """The updates that are due for one step of all environments; figures of the last one."""
        self.learning.owe(self.batch)
        return self.learning.learn()

    def keep(self, actions: NDArray[np.int64], observations: NDArray[np.float32], infos: Mapping[str, Any]) -> None:
        """Store the transitions of a step, and begin new episodes where old ones are over.

        :param observations: float32 [B, 4, N, N], after the step
        """
        self.learning.replay.add_rows(self.rollout.keep(actions, observations, infos))
        self.rollout.restart_due()

    def save(self) -> None:
        """Write a checkpoint, and the front beside it."""
        self.learning.save([self.rollout.state()])


def checkpoint_due(session: JobSession, saved_at: float, saved_steps: int) -> bool:
    """Whether it is time for a checkpoint.

    :param saved_at: monotonic clock at the last one
    :param saved_steps: the job's steps at the last one
    """
    every = session.config.checkpoint
    by_time = every.every_s is not None and time.monotonic() - saved_at >= every.every_s
    return by_time or (every.every_steps is not None and session.steps - saved_steps >= every.every_steps)


def log_figures(log: SummaryWriter, session: JobSession, figures: Mapping[str, float], reward: float | None) -> None:
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
