"""A distributed job for a long time, while those who work for it are killed now and then: memory, files, orphans."""

from __future__ import annotations

import contextlib
import random
import signal
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
from numpy.typing import NDArray

from prefixrl.agents.distributed.benchmark import KINDS, await_designs, designs_of, kill, launch, lives

KILL_EVERY_S = 30.0
WARM_UP_SHARE = 0.25
LOOK_EVERY_S = 2.0
_LEFT_AFTER_S = 5.0
# Of processes that lived for less than this share of the time after warm-up no slope is told.
_LONG_SHARE = 0.5


class Look(NamedTuple):
    """One look at a process.

    :param at_s: since the beginning
    :param memory_mib: that is its own, so without the object store's and other shared pages
    :param files: open descriptors
    """

    at_s: float
    memory_mib: float
    files: int


Looks = Mapping[tuple[str, int], list[Look]]
"""By role and process id."""


def bench_soak(seconds: float, seed: int = 0) -> dict[str, Any]:
    """Run a job for so long while an actor or an evaluator is killed every 30 s.

    :returns: `seconds`, `kills`, `designs`, `ended_early`; by role, for the process of it that grew most of those that
        lived for half of the time after warm-up: `memory_mib`, `memory_mib_per_h`, `late_memory_mib_per_h` (over the
        last half of that time: what is still warming up grows less there), `files`, `files_per_h`; `orphans`
    """
    generator = random.Random(seed)
    kills: Counter[str] = Counter()
    looks: dict[tuple[str, int], list[Look]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        job = launch(run)
        await_designs(run, 20, job)
        driver, begin, next_kill = psutil.Process(job.pid), time.monotonic(), KILL_EVERY_S
        family: set[int] = set()
        while (now := time.monotonic() - begin) < seconds and job.poll() is None:
            family |= _look(driver, now, looks)
            if now >= next_kill:
                next_kill += KILL_EVERY_S
                kind = generator.choice(sorted(KINDS))
                kills[kind] += kill(kind, driver)
            time.sleep(LOOK_EVERY_S)
        ended_early = job.poll() is not None
        job.send_signal(signal.SIGINT)
        job.wait()
        designs = len(designs_of(run))
    time.sleep(_LEFT_AFTER_S)
    return {
        "seconds": seconds,
        "kills": dict(kills),
        "designs": designs,
        "ended_early": ended_early,
        **growth(looks, WARM_UP_SHARE * seconds, seconds),
        "orphans": sum(lives(pid) for pid in family),
    }


def growth(looks: Looks, begin_s: float, end_s: float) -> dict[str, dict[str, float]]:
    """How memory and open files grew after warm-up, by role; see `bench_soak`."""
    found: dict[str, dict[str, float]] = {}
    for (role, _), all_looks in looks.items():
        series = np.array([look for look in all_looks if look.at_s >= begin_s])
        if len(series) < 3 or series[-1, 0] - series[0, 0] < _LONG_SHARE * (end_s - begin_s):
            continue
        late = series[series[:, 0] >= (begin_s + end_s) / 2]
        if len(late) < 3:
            continue
        memory, files = _per_h(series, 1), _per_h(series, 2)
        if role not in found or memory > found[role]["memory_mib_per_h"]:
            found[role] = {
                "memory_mib": float(series[-1, 1]),
                "memory_mib_per_h": memory,
                "late_memory_mib_per_h": _per_h(late, 1),
                "files": float(series[-1, 2]),
                "files_per_h": files,
            }
    return dict(sorted(found.items()))


def _per_h(series: NDArray[np.float64], column: int) -> float:
    """The slope of a column of looks, in an hour."""
    return 3600.0 * float(np.polyfit(series[:, 0], series[:, column], 1)[0])


def _look(driver: psutil.Process, now: float, looks: dict[tuple[str, int], list[Look]]) -> set[int]:
    """Look at the driver and all that descends from it: their process ids."""
    seen: set[int] = set()
    for process in [driver, *driver.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            memory = process.memory_info()
            role = "driver" if process == driver else role_of(process.cmdline())
            own_mib = (memory.rss - getattr(memory, "shared", 0)) / 2**20
            looks[role, process.pid].append(Look(now, own_mib, process.num_fds()))
            seen.add(process.pid)
    return seen


def role_of(command: list[str]) -> str:
    """What a process of a job is, by its command line."""
    first = command[0] if command else ""
    if first.startswith("ray::"):
        return first.removeprefix("ray::").partition(".")[0]
    if any("prefixrl.synthesis.worker" in word for word in command):
        return "worker"
    script = next((word for word in command[1:] if word.endswith(".py")), first)
    return Path(script).stem
