"""What a distributed job is worth under fire: how long it takes to recover, and drivers that are killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from prefixrl.agents.checkpoint import latest_checkpoint
from prefixrl.agents.distributed.training import train
from prefixrl.agents.job import JobConfig, load_job
from prefixrl.agents.learning import update_once
from prefixrl.agents.live import LiveView, Snapshot
from prefixrl.agents.qlearning import QLearner
from prefixrl.agents.replay import ReplayBuffer
from prefixrl.designs import DesignStore
from prefixrl.designs.front import hypervolume_of
from prefixrl.envs.rewards import RewardScale
from prefixrl.errors import ToolError
from prefixrl.synthesis.ray_cluster import LOCAL, joined

WIDTH = 16
"""Bits of the jobs: more graphs than any of them gets through."""

KINDS = {"actor": "ray::EnvironmentActor", "evaluator": "ray::WorkerActor"}
# What must have been counted before a kind is taken to be replaced; evaluators that have nothing to do are not counted.
_LOSSES = {"actor": 1, "node": 2}
_RECOVERY_LIMIT_S = 300.0
_JOB = [f"circuit.width={WIDTH}", "budget.steps=null", "ray.evaluators=1", "checkpoint.every_steps=500"]
_REFERENCE = (100.0, 1000.0)


def bench_recovery() -> dict[str, float]:
    """Seconds until all roles go on: from the kill of an actor, an evaluator, an evaluator's worker, and of the node
    that all of them are on, where there is another; and from the start of a new head, after the death of the old one
    with all its nodes, until the driver that is resumed there has 20 new designs.

    :returns: `actor_s`, `evaluator_s`, `worker_s`, `node_s`, `head_s`; `lost` designs by the head's death
    """
    own = psutil.Process()
    view = _Killing({kind: partial(kill, kind, own) for kind in (*sorted(KINDS), "worker")})
    with joined(LOCAL), tempfile.TemporaryDirectory() as folder:
        train(_job(f"budget.time_s={4 * _RECOVERY_LIMIT_S}"), Path(folder) / "run", LOCAL, view)
    return view.seconds | _node_recovery() | _head_recovery()


def _node_recovery() -> dict[str, float]:
    from ray.cluster_utils import Cluster

    # The head, on which the driver is, has room for nobody.
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    first = nodes.add_node(num_cpus=2)

    def remove() -> None:
        nodes.add_node(num_cpus=2)
        view.begin()
        nodes.remove_node(first, allow_graceful=False)

    view = _Killing({"node": remove})
    try:
        with tempfile.TemporaryDirectory() as folder:
            own = ("ray.actor_cpus=0.25", "ray.evaluator_cpus=0.5", f"budget.time_s={4 * _RECOVERY_LIMIT_S}")
            train(_job(*own), Path(folder) / "run", nodes.address, view)
    finally:
        _end(nodes)
    return view.seconds


def _head_recovery() -> dict[str, float]:
    from ray.cluster_utils import Cluster

    figures: dict[str, float] = {}
    before: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        for number in range(2):
            begin = time.monotonic()
            nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
            job = launch(run, nodes.address)
            await_designs(run, len(before) + 20, job)
            if number:
                figures["head_s"] = time.monotonic() - begin
                job.send_signal(signal.SIGINT)
            else:
                before = designs_of(run)
            _end(nodes)
            job.wait()
        after = designs_of(run)
    return figures | {"lost": sum(after.get(key) != row for key, row in before.items())}


def _end(nodes: Any) -> None:
    """The end of all nodes, at once."""
    import ray

    ray.shutdown()
    for node in (*nodes.worker_nodes, nodes.head_node):
        nodes.remove_node(node, allow_graceful=False)


def bench_learner(seconds: float = 30.0) -> dict[str, float]:
    """Updates per second of a learner that is always behind, while actors play and while it is alone, on one replay.

    :param seconds: of each measurement
    :returns: `with_actors_per_s` (mean over the last 20 s of a job), `edits_per_s` of its two actors meanwhile,
        `alone_per_s`, `with_actors_over_alone`
    """
    config = _job("agent.updates_per_step=64", f"budget.time_s={4 * _RECOVERY_LIMIT_S}")
    view = _Timing(seconds)
    with joined(LOCAL), tempfile.TemporaryDirectory() as folder:
        train(config, Path(folder) / "run", LOCAL, view)
        checkpoint = latest_checkpoint(Path(folder) / "run" / "checkpoints", print)
    assert checkpoint is not None
    scale = RewardScale(config.environment.c_area, config.environment.c_delay)
    learner, replay = QLearner(config.agent, 0), ReplayBuffer(WIDTH, config.agent.replay_capacity, scale)
    learner.load_state(checkpoint.state["learner"], checkpoint.parts)
    replay.load_arrays(checkpoint.parts["replay"])
    generator = np.random.default_rng(0)
    begin, before = time.monotonic(), learner.updates
    while time.monotonic() - begin < seconds:
        update_once(learner, replay, config.agent, generator)
    alone = (learner.updates - before) / (time.monotonic() - begin)
    busy = view.figures["updates/s"]
    return {
        "with_actors_per_s": busy,
        "edits_per_s": view.figures["edits/s"],
        "alone_per_s": alone,
        "with_actors_over_alone": busy / alone,
    }


def bench_driver_kills(kills: int = 3, seed: int = 0) -> dict[str, Any]:
    """Kill a job's driver (learner, replay and the writer of the store are in it) time and again, each time at a random
    moment, and resume it.

    :returns: `kills`, `resumed`, `designs`; `lost` (designs that were in the store before a kill and are gone or
        evaluated anew), `worse_fronts`, `orphans` 5 s after a kill; `resume_s` and `resume_longest_s`: median and
        longest time from the start of the new driver to 20 new designs; `interrupt_s` of a Ctrl-C at the end
    """
    generator = random.Random(seed)
    figures: dict[str, Any] = {"kills": kills, "resumed": 0, "lost": 0, "worse_fronts": 0, "orphans": 0}
    before: dict[str, Any] = {}
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        for number in range(kills + 1):
            begin = time.monotonic()
            job = launch(run)
            await_designs(run, len(before) + 20, job)
            if number > 0:
                seconds.append(time.monotonic() - begin)
            if number == kills:
                break
            time.sleep(generator.uniform(0.0, 3.0))
            family = [process.pid for process in psutil.Process(job.pid).children(recursive=True)]
            before |= designs_of(run)
            job.kill()
            job.wait()
            after = designs_of(run)
            figures["lost"] += sum(after.get(key) != row for key, row in before.items())
            figures["worse_fronts"] += _volume(after) < _volume(before)
            time.sleep(5.0)
            figures["orphans"] += sum(lives(pid) for pid in family)
            before = after
        job.send_signal(signal.SIGINT)
        begin = time.monotonic()
        job.wait()
        figures |= {"resumed": len(seconds), "resume_s": median(seconds), "resume_longest_s": max(seconds)}
        figures["interrupt_s"] = time.monotonic() - begin
        figures["designs"] = len(designs_of(run))
    return figures


class _Killing(LiveView):
    """Kills one after the other, when all roles are well, and notes how long they take to be well again.

    :param victims: by kind, what kills one
    """

    def __init__(self, victims: Mapping[str, Callable[[], object]]) -> None:
        super().__init__(quiet=True)
        self.seconds: dict[str, float] = {}
        self._left = dict(victims)
        self._kind = ""
        self._at = self._designs = self._lost = 0.0

    def begin(self) -> None:
        """The kill is now."""
        self._at = time.monotonic()

    def show(self, snapshot: Snapshot, force: bool = False) -> None:
        """Look, and kill."""
        if snapshot.phase != "learning":
            return
        figures = snapshot.figures
        well = (figures["actors"], figures["evaluators"]) == (2.0, 1.0)
        lost = sum(count for name, count in figures.items() if name.startswith("lost: "))
        # The view is a quarter of a second old at most, and steps come only from who lives.
        passed = time.monotonic() - self._at
        seen = lost >= self._lost + _LOSSES.get(self._kind, 0) and snapshot.evaluations > self._designs
        if self._kind and well and passed > 1.0 and seen:
            self.seconds[f"{self._kind}_s"] = passed
            self._kind = ""
        if not self._kind and well and snapshot.steps > 0:
            if not self._left:
                os.kill(os.getpid(), signal.SIGINT)
                self._kind = "over"
                return
            self._kind = next(iter(self._left))
            self._designs, self._lost = snapshot.evaluations, lost
            self.begin()
            self._left.pop(self._kind)()


class _Timing(LiveView):
    """Ends the job once it has learnt for some seconds, and keeps its figures.

    :param seconds: with all roles there
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(quiet=True)
        self.figures: Mapping[str, float] = {}
        self._seconds, self._end_at = seconds, float("inf")

    def show(self, snapshot: Snapshot, force: bool = False) -> None:
        """Look at the clock."""
        if snapshot.phase != "learning" or snapshot.figures["updates/s"] == 0.0:
            return
        self._end_at = min(self._end_at, time.monotonic() + self._seconds)
        self.figures = snapshot.figures
        if time.monotonic() > self._end_at:
            self._end_at = float("inf")
            self._seconds = _RECOVERY_LIMIT_S
            os.kill(os.getpid(), signal.SIGINT)


def kill(kind: str, root: psutil.Process) -> bool:
    """Kill an actor, an evaluator, or the worker process that an evaluator holds."""
    title = KINDS.get(kind, KINDS["evaluator"])
    for process in root.children(recursive=True):
        with contextlib.suppress(psutil.Error, IndexError):
            if process.cmdline()[0].startswith(title):
                (process if kind in KINDS else process.children()[0]).kill()
                return True
    return False


def _job(*overrides: str) -> JobConfig:
    return load_job("tiny", overrides=[*_JOB, *overrides])


def launch(run: Path, address: str = LOCAL) -> subprocess.Popen[bytes]:
    """The job, begun or resumed, in another process."""
    new: Sequence[str] = ("--resume", str(run)) if run.exists() else ("--preset", "tiny", "--out", str(run))
    settings = [text for setting in (*_JOB, "budget.time_s=1000000") for text in ("--set", setting)]
    command = [sys.executable, "-m", "prefixrl", "train", "--ray", address, "--quiet", *new, *settings]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)


def await_designs(run: Path, count: int, job: subprocess.Popen[bytes]) -> None:
    """Wait until a job has more than so many designs."""
    deadline = time.monotonic() + _RECOVERY_LIMIT_S
    while len(designs_of(run)) <= count:
        if job.poll() is not None or time.monotonic() > deadline:
            raise ToolError(f"the job that is measured does not go on: {run}")
        time.sleep(0.2)


def designs_of(run: Path) -> dict[str, Any]:
    if not (run / "designs.sqlite").exists():
        return {}
    with DesignStore.open(run / "designs.sqlite") as store:
        return {design.key: (design.points, design.recorded_at) for design in store.designs()}


def _volume(designs: dict[str, Any]) -> float:
    points = np.array([(p.delay_ns, p.area_um2) for rows, _ in designs.values() for p in rows]).reshape(-1, 2)
    if not len(points):
        return 0.0
    return hypervolume_of(points[:, 0], points[:, 1], _REFERENCE)


def lives(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
