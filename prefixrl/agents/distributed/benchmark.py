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
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from prefixrl.agents.distributed.training import train
from prefixrl.agents.job import JobConfig, load_job
from prefixrl.agents.live import LiveView, Snapshot
from prefixrl.designs import DesignStore
from prefixrl.designs.front import hypervolume_of
from prefixrl.errors import ToolError
from prefixrl.synthesis.ray_cluster import LOCAL, joined

WIDTH = 16
"""Bits of the jobs: more graphs than any of them gets through."""

KINDS = {"actor": "ray::EnvironmentActor", "evaluator": "ray::WorkerActor"}
_RECOVERY_LIMIT_S = 300.0
_JOB = [f"circuit.width={WIDTH}", "budget.steps=null", "ray.evaluators=1", "checkpoint.every_steps=500"]
_REFERENCE = (100.0, 1000.0)


def bench_recovery() -> dict[str, float]:
    """Seconds from the kill of an actor, an evaluator and an evaluator's worker until all roles go on."""
    view = _Killing()
    with joined(LOCAL), tempfile.TemporaryDirectory() as folder:
        train(_job(f"budget.time_s={4 * _RECOVERY_LIMIT_S}"), Path(folder) / "run", "local", view)
    return view.seconds


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
    """Kills one of each kind in turn, when all roles are well, and notes how long they take to be well again."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.seconds: dict[str, float] = {}
        self._left = [*sorted(KINDS), "worker"]
        self._kind = ""
        self._at = self._steps = 0.0

    def show(self, snapshot: Snapshot, force: bool = False) -> None:
        """Look, and kill."""
        if snapshot.phase != "learning":
            return
        figures = snapshot.figures
        well = (figures["actors"], figures["evaluators"]) == (2.0, 1.0)
        # The view is a quarter of a second old at most, and steps come only from who lives.
        passed = time.monotonic() - self._at
        if self._kind and well and passed > 1.0 and snapshot.evaluations > self._steps:
            self.seconds[f"{self._kind}_s"] = passed
            self._kind = ""
        if not self._kind and well and snapshot.steps > 0:
            if not self._left:
                os.kill(os.getpid(), signal.SIGINT)
                self._kind = "over"
                return
            self._kind = self._left.pop(0)
            self._at, self._steps = time.monotonic(), snapshot.evaluations
            kill(self._kind, psutil.Process())


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


def launch(run: Path) -> subprocess.Popen[bytes]:
    """The job, begun or resumed, in another process."""
    new: Sequence[str] = ("--resume", str(run)) if run.exists() else ("--preset", "tiny", "--out", str(run))
    settings = [text for setting in (*_JOB, "budget.time_s=1000000") for text in ("--set", setting)]
    command = [sys.executable, "-m", "prefixrl", "train", "--ray", "local", "--quiet", *new, *settings]
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
