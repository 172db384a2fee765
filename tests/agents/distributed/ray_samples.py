"""What the tests of distributed jobs share: a small job, a view that acts, who is who among the processes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import psutil

from prefixrl.agents.job import JobConfig, load_job
from prefixrl.agents.live import LiveView, Snapshot

SMALL = [
    *("circuit.width=6", "agent.channels=8", "agent.kernel_size=3", "agent.batch_size=16", "agent.learning_starts=32"),
    *("environment.environments=4", "ray.actors=2", "ray.evaluators=1", "ray.actor_cpus=0", "ray.evaluator_cpus=0"),
    *("ray.publish_updates=2", "checkpoint.every_steps=100"),
]


def small_job(*overrides: str) -> JobConfig:
    return load_job("tiny", overrides=[*SMALL, *overrides])


class Watching(LiveView):
    """Keeps every snapshot of learning; does something once the job has made so many steps."""

    def __init__(self, steps: int = 2**60, action: Callable[[], None] = lambda: None) -> None:
        super().__init__(quiet=True)
        self.steps, self.action = steps, action
        self.snapshots: list[Snapshot] = []
        self.messages: list[str] = []

    def show(self, snapshot: Snapshot, force: bool = False) -> None:
        if snapshot.phase != "learning":
            return
        self.snapshots.append(snapshot)
        if snapshot.steps >= self.steps:
            self.steps = 2**60
            self.action()

    def message(self, text: str) -> None:
        self.messages.append(text)


def actors_of(kind: str, root: psutil.Process | None = None) -> list[psutil.Process]:
    """Processes of actors of a class, among the descendants of a process."""
    found = []
    for child in (root or psutil.Process()).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if (child.cmdline() or [""])[0].startswith(f"ray::{kind}") and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
    return found


def gone(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    """Whether something is no more, at the latest after so many seconds."""
    deadline = time.monotonic() + seconds
    while condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not condition()
