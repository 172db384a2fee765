"""Training on a Ray cluster: the driver's loop, to be read top to bottom in `_learn`.

Nobody waits for the slowest: actors step each at their own pace, and the learner takes what has arrived. What keeps
them together are bounds: queues (who is too quick for them waits), the age of the weights that a transition was made
with, and the updates that the learner may be behind. So a job is not the same again under its seed; its designs are
evaluated as any others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from prefixrl.agents.checkpoint import Checkpoint, latest_checkpoint
from prefixrl.agents.distributed.actor import batch_of
from prefixrl.agents.distributed.figures import RoleFigures
from prefixrl.agents.distributed.last_words import last_words
from prefixrl.agents.distributed.messages import Policy, Step
from prefixrl.agents.distributed.troupe import Arrival, Troupe
from prefixrl.agents.exploration import epsilon_at
from prefixrl.agents.job import JobConfig
from prefixrl.agents.learning import Learning
from prefixrl.agents.live import LiveView
from prefixrl.agents.rollout import RolloutState
from prefixrl.agents.session import JobResult, JobSession
from prefixrl.agents.training import NO_CHECKPOINT, checkpoint_due, log_figures
from prefixrl.errors import ToolError
from prefixrl.synthesis.ray_actor import ActorResources
from prefixrl.synthesis.ray_cluster import NodeWatch, joined
from prefixrl.synthesis.ray_pool import RayPool
from prefixrl.synthesis.work import EvaluatorSpec

LOOK_S = 0.02
"""Seconds that the learner waits for steps when it owes no update."""

UPDATES_PER_LOOK = 8
"""Updates between two looks at what has arrived."""

LOG_S = 2.0
"""Seconds between two points of every TensorBoard curve."""

GROW_S = 5.0
"""Seconds between two looks for nodes that have joined."""

LONELY_S = 30.0
"""Seconds without one evaluator after which a person is told."""


def train(config: JobConfig, out: str | Path, address: str, view: LiveView | None = None) -> JobResult:
    """As `agents.training.train`, on a cluster.

    :param address: `local` for a Ray of this machine that ends with the job, else as `ray.init` takes it
    :raises InputError: the job cannot be run as described, or there is no such cluster; nothing was written
    """
    with (
        view or LiveView() as shown,
        joined(address),
        Evaluators(config, shown) as evaluators,
        JobSession.create(config, out, shown, evaluators) as session,
    ):
        return _run(session, evaluators, None)


def resume(run: str | Path, address: str, view: LiveView | None = None, overrides: Iterable[str] = ()) -> JobResult:
    """As `agents.training.resume`, on a cluster, wherever the job was begun."""
    from prefixrl.agents.job import apply_overrides, load_job
    from prefixrl.designs import RunDirectory

    overrides = list(overrides)
    config = apply_overrides(load_job(config=RunDirectory.open(run).config_path), overrides)
    with (
        view or LiveView() as shown,
        joined(address),
        Evaluators(config, shown) as evaluators,
        JobSession.resume(run, shown, overrides, evaluators) as session,
    ):
        checkpoint = latest_checkpoint(session.run.checkpoints, shown.message)
        if checkpoint is None:
            shown.message(NO_CHECKPOINT)
        return _run(session, evaluators, checkpoint)


class Evaluators:
    """Makes the evaluators of a job, as many as the cluster has processors for; one pool at a time.

    A context manager: meanwhile it looks now and then whether nodes have joined or left.

    :param config: the job
    :param view: told of nodes that cannot evaluate
    """

    def __init__(self, config: JobConfig, view: LiveView) -> None:
        self.config, self.view = config, view
        self.pool: RayPool | None = None
        self._nodes = NodeWatch()
        self._alone_since = time.monotonic()
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look_often, name="prefixrl-nodes", daemon=True)

    def __enter__(self) -> Evaluators:
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()

    def _look_often(self) -> None:
        while not self._over.wait(GROW_S):
            self.look()

    def __call__(self, spec: EvaluatorSpec) -> RayPool:
        """Evaluators of a kind; those made before make room for them."""
        if self.pool is not None:
            self.pool.close()
        ray, stated = self.config.ray, self.config.evaluator
        self.pool = RayPool(
            spec,
            self.wanted(),
            stated.timeout_s,
            stated.memory_mib,
            resources=ActorResources(ray.evaluator_cpus, ray.evaluator_resources),
            report=self.view.message,
        )
        self._alone_since = time.monotonic()
        return self.pool

    def wanted(self) -> int:
        """How many there should be now."""
        import ray

        processors = int(ray.cluster_resources().get("CPU", 1))
        return self.config.ray.evaluators or min(max(processors - 1, 1), 1024)

    def look(self) -> None:
        """Have more of them where nodes have joined; tell of nodes that have left, and where none is for long."""
        now = time.monotonic()
        for line in self._nodes.look():
            self.view.message(line)
        if self.pool is None:
            return
        self.pool.grow(self.wanted())
        if self.pool.pids():
            self._alone_since = now
        elif now - self._alone_since > LONELY_S:
            ray = self.config.ray
            needs = {"CPU": ray.evaluator_cpus, **ray.evaluator_resources}
            hint = "where no node has room for one, add one or ask for less"
            self.view.message(f"no evaluator has come up yet; {hint}: {needs}")
            self._alone_since = now


def _run(session: JobSession, evaluators: Evaluators, checkpoint: Checkpoint | None) -> JobResult:
    import ray

    ended = "the driver was killed, or the Ray node that it was on has died"
    try:
        with last_words(f"prefixrl: {ended}: go on with --resume {session.run.path}"):
            return _run_here(session, evaluators, checkpoint)
    except ray.exceptions.RayError as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
        raise ToolError(f"the cluster failed ({reason}), go on with --resume {session.run.path}") from error


def _run_here(session: JobSession, evaluators: Evaluators, checkpoint: Checkpoint | None) -> JobResult:
    learning = Learning(session, np.random.default_rng(np.random.SeedSequence(session.config.seed).spawn(2)[1]))
    states = _states(session, [] if checkpoint is None else learning.load(checkpoint))
    with Troupe(session, states) as troupe:
        # The actors start meanwhile.
        session.evaluate_classical()
        _learn(session, learning, troupe, evaluators)
    with SummaryWriter(str(session.run.tensorboard)) as log:
        result = session.conclude()
        log_figures(log, session, {}, None)
    return result


def _learn(session: JobSession, learning: Learning, troupe: Troupe, evaluators: Evaluators) -> None:
    roles = RoleFigures(troupe)
    saved_at, saved_steps = time.monotonic(), session.steps
    logged_at, published = 0.0, learning.learner.updates
    losses: dict[str, float] = {}
    troupe.publish(_policy(session, learning), epsilon_at(session.progress, session.config.agent))
    with SummaryWriter(str(session.run.tensorboard)) as log:
        while not session.finished:
            # Take what the actors have brought.
            for arrival in troupe.arrived(LOOK_S if learning.update_debt < 1 else 0.0):
                _take(arrival, session, learning, troupe, roles)
            # Learn what is owed.
            roles.let_off += learning.let_off(session.config.ray.updates_owed)
            before = learning.learner.updates
            losses = learning.learn(UPDATES_PER_LOOK) or losses
            roles.updates += learning.learner.updates - before
            # Let the actors have what was learnt.
            epsilon = epsilon_at(session.progress, session.config.agent)
            if learning.learner.updates - published >= session.config.ray.publish_updates:
                troupe.publish(_policy(session, learning), epsilon)
                published = learning.learner.updates
            else:
                troupe.explore(epsilon)
            # Tell, and save.
            assert evaluators.pool is not None
            figures = {**losses, "epsilon": epsilon}
            told = roles.figures(evaluators.pool)
            session.show("learning", figures | told)
            if time.monotonic() - logged_at >= LOG_S:
                log_figures(log, session, figures, roles.reward)
                _log_roles(log, told, session.steps)
                logged_at = time.monotonic()
            if checkpoint_due(session, saved_at, saved_steps):
                learning.save(troupe.states())
                saved_at, saved_steps = time.monotonic(), session.steps
        troupe.stop()
        for arrival in troupe.arrived(0.0):
            _take(arrival, session, learning, troupe, roles)
        learning.save(troupe.states())


def _take(arrival: Arrival, session: JobSession, learning: Learning, troupe: Troupe, roles: RoleFigures) -> None:
    """Learn of what a seat brought: evaluations go to the front, transitions into the replay buffer."""
    if isinstance(arrival, BaseException):
        raise arrival
    if not isinstance(arrival, Step):
        session.note(arrival)
        return
    assert troupe.orders is not None
    staleness = troupe.orders.version - arrival.version
    roles.take(arrival, staleness)
    if arrival.rows is None:
        return
    edits = len(arrival.rows["actions"])
    session.steps += edits
    if staleness > session.config.ray.max_staleness:
        roles.too_old += edits
        return
    learning.replay.add_rows(arrival.rows)
    learning.owe(edits)


def _policy(session: JobSession, learning: Learning) -> Policy:
    return Policy(learning.learner.weights(), session.archive.rows())


def _states(session: JobSession, saved: list[RolloutState]) -> list[RolloutState | None]:
    """Where each actor goes on; anew where the job had other actors."""
    actors, batch = session.config.ray.actors, batch_of(session.config)
    if [len(state.ages) for state in saved] == [batch] * actors:
        return list(saved)
    if saved:
        had = f"{len(saved)} x {len(saved[0].ages)}"
        session.view.message(f"the job had {had} environments, now {actors} x {batch}: they begin new episodes")
    return [None] * actors


def _log_roles(log: SummaryWriter, figures: Mapping[str, float], step: int) -> None:
    for name, value in figures.items():
        log.add_scalar(f"ray/{_tag(name)}", value, step)


def _tag(name: str) -> str:
    """A name that TensorBoard takes."""
    return name.replace("%", "percent").replace(": ", "/").replace("/s", "_per_s").replace(" ", "_")
