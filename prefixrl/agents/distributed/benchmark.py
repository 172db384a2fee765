"""What a distributed job is worth under fire: recovery times, drivers that are killed, memory and files over time."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
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

KILL_EVERY_S = 10.0
WARM_UP_SHARE = 0.25
_KINDS = {"actor": "ray::EnvironmentActor", "evaluator": "ray::WorkerActor"}
_RECOVERY_LIMIT_S = 120.0
_JOB = [f"circuit.width={WIDTH}", "budget.steps=null", "ray.evaluators=1", "checkpoint.every_steps=500"]
_REFERENCE = (100.0, 1000.0)


def bench_recovery() -> dict[str, float]:
    """Seconds from the kill of an actor, an evaluator and an evaluator's worker until all roles go on."""
    view = _Killing()
    with joined(LOCAL), tempfile.TemporaryDirectory() as folder:
        train(_job(f"budget.time_s={4 * _RECOVERY_LIMIT_S}"), Path(folder) / "run", "local", view)
    return view.seconds


def bench_driver_kills(kills: int = 3, seed: int = 0) -> dict[str, Any]:
    """Kill a job's driver time and again, each time at a random moment, and resume it.

    :returns: `kills`, `resumed`, `designs`; `lost` (designs gone or evaluated anew), `worse_fronts`, `orphans`
    """
    generator = random.Random(seed)
    figures: dict[str, Any] = {"kills": kills, "resumed": 0, "lost": 0, "worse_fronts": 0, "orphans": 0}
    before: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        for _ in range(kills):
            job = _launch(run)
            _await(run, len(before) + 20, job)
            figures["resumed"] += bool(before)
            time.sleep(generator.uniform(0.0, 3.0))
            family = [process.pid for process in psutil.Process(job.pid).children(recursive=True)]
            job.kill()
            job.wait()
            after = _designs(run)
            figures["lost"] += sum(after.get(key) != row for key, row in before.items())
            figures["worse_fronts"] += _volume(after) < _volume(before)
            time.sleep(5.0)
            figures["orphans"] += sum(_lives(pid) for pid in family)
            before = after
        job = _launch(run)
        _await(run, len(before) + 20, job)
        figures["resumed"] += 1
        job.send_signal(signal.SIGINT)
        begin = time.monotonic()
        job.wait()
        figures["interrupt_s"] = time.monotonic() - begin
        figures["designs"] = len(_designs(run))
    return figures


def bench_soak(seconds: float, seed: int = 0) -> dict[str, Any]:
    """Run a job for so long while an actor, an evaluator or a worker is killed now and then.

    :returns: `seconds`, `kills`, `designs`; of the driver after warm-up `memory_mib`, `memory_mib_per_h`, `files`,
        `files_per_h`; `orphans`
    """
    generator = random.Random(seed)
    kills: dict[str, int] = defaultdict(int)
    points: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        job = _launch(run)
        _await(run, 20, job)
        driver, begin, next_kill = psutil.Process(job.pid), time.monotonic(), KILL_EVERY_S
        while (now := time.monotonic() - begin) < seconds and job.poll() is None:
            points.append((now, driver.memory_info().rss / 2**20, driver.num_fds()))
            if now >= next_kill:
                next_kill += KILL_EVERY_S
                kind = generator.choice(sorted(_KINDS))
                kills[kind] += _kill(kind, driver)
            time.sleep(1.0)
        family = [process.pid for process in driver.children(recursive=True)]
        job.send_signal(signal.SIGINT)
        job.wait()
        designs = len(_designs(run))
    times, memory, files = np.array([point for point in points if point[0] >= WARM_UP_SHARE * seconds]).T
    return {
        "seconds": seconds,
        "kills": dict(kills),
        "designs": designs,
        "memory_mib": float(memory[-1]),
        "memory_mib_per_h": 3600.0 * float(np.polyfit(times, memory, 1)[0]),
        "files": float(files[-1]),
        "files_per_h": 3600.0 * float(np.polyfit(times, files, 1)[0]),
        "orphans": sum(_lives(pid) for pid in family),
    }


class _Killing(LiveView):
    """Kills one of each kind in turn, when all roles are well, and notes how long they take to be well again."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.seconds: dict[str, float] = {}
        self._left = [*sorted(_KINDS), "worker"]
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
            _kill(self._kind, psutil.Process())


def _kill(kind: str, root: psutil.Process) -> bool:
    """Kill an actor, an evaluator, or the worker process that an evaluator holds."""
    title = _KINDS.get(kind, _KINDS["evaluator"])
    for process in root.children(recursive=True):
        with contextlib.suppress(psutil.Error, IndexError):
            if process.cmdline()[0].startswith(title):
                (process if kind in _KINDS else process.children()[0]).kill()
                return True
    return False


def _job(*overrides: str) -> JobConfig:
    return load_job("tiny", overrides=[*_JOB, *overrides])


def _launch(run: Path) -> subprocess.Popen[bytes]:
    """The job, begun or resumed, in another process."""
    new: Sequence[str] = ("--resume", str(run)) if run.exists() else ("--preset", "tiny", "--out", str(run))
    settings = [text for setting in (*_JOB, "budget.time_s=1000000") for text in ("--set", setting)]
    command = [sys.executable, "-m", "prefixrl", "train", "--ray", "local", "--quiet", *new, *settings]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)


def _await(run: Path, count: int, job: subprocess.Popen[bytes]) -> None:
    """Wait until a job has more than so many designs."""
    deadline = time.monotonic() + _RECOVERY_LIMIT_S
    while len(_designs(run)) <= count:
        if job.poll() is not None or time.monotonic() > deadline:
            raise ToolError(f"the job that is measured does not go on: {run}")
        time.sleep(0.2)


def _designs(run: Path) -> dict[str, Any]:
    if not (run / "designs.sqlite").exists():
        return {}
    with DesignStore.open(run / "designs.sqlite") as store:
        return {design.key: (design.points, design.recorded_at) for design in store.designs()}


def _volume(designs: dict[str, Any]) -> float:
    points = np.array([(p.delay_ns, p.area_um2) for rows, _ in designs.values() for p in rows]).reshape(-1, 2)
    if not len(points):
        return 0.0
    return hypervolume_of(points[:, 0], points[:, 1], _REFERENCE)


def _lives(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
