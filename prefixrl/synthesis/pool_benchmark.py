"""What worker processes are worth, and what is left of a job whose workers are killed under it."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from prefixrl.circuits import Circuit
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import structure, structure_names
from prefixrl.synthesis.cache import EvaluationCache
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.pdk import Pdk, load_pdk
from prefixrl.synthesis.pool import ProcessPool
from prefixrl.synthesis.service import Evaluation, EvaluationService
from prefixrl.synthesis.work import EvaluatorSpec
from prefixrl.tools.tree import own_mark, temporary_folder, tree_pids
from prefixrl.tools.watchdog import marked_processes

KILL_EVERY_S = 2.0
ORPHANS_AFTER_S = 5.0
_BATCH = 32
_SPEEDUP_SHARE = 0.25


def bench_pool(seconds: float = 60.0, width: int = 24, pdk: Pdk | None = None, seed: int = 0) -> dict[str, Any]:
    """Speed-up from one worker process to two; then evaluation while workers and their tools are killed.

    The speed-up is measured first without killing, `seconds` / 4 for each number of workers, on graphs of the same
    kind. A worker that is killed comes back in about the time that importing takes, which is part of the figures.

    :param seconds: how long workers are killed, one of them or its tool every 2 s
    :param width: bits of the adders
    :param pdk: what to synthesise to; the default PDK where None
    :param seed: of the graphs and of who is killed
    :returns: `one_worker_per_s`, `two_workers_per_s`, `speedup`; under `killed`: `seconds`, `kills`, `graphs`,
        `per_s`, `stored_once` (graphs with exactly one result), `stored_more`, `not_stored`, `failures`,
        `cache_entries`, `wrong` (curves that differ from an undisturbed evaluation, of 20), `orphans` (processes left
        after 5 s), `leftovers` (what the workers left in their temporary folders)
    """
    spec = EvaluatorSpec("yosys", load_pdk() if pdk is None else pdk)
    graphs = distinct_graphs(width, seed)
    rates = [_rate(spec, workers, graphs, seconds * _SPEEDUP_SHARE) for workers in (1, 2)]
    return {
        "width": width,
        "processors": os.cpu_count(),
        "one_worker_per_s": rates[0],
        "two_workers_per_s": rates[1],
        "speedup": rates[1] / rates[0],
        "killed": _killed(spec, graphs, seconds, random.Random(seed)),
    }


def distinct_graphs(width: int, seed: int) -> Iterator[PrefixGraph]:
    """Graphs without end and without repeats: a classical structure with a few random spans."""
    generator = random.Random(seed)
    names = structure_names(width)
    seen: set[PrefixGraph] = set()
    while True:
        spans = []
        for _ in range(generator.randint(1, 8)):
            msb = generator.randint(2, width - 1)
            spans.append((msb, generator.randint(1, msb - 1)))
        graph = PrefixGraph(width, [*structure(generator.choice(names), width).nodes, *spans], legalize=True)
        if graph not in seen:
            seen.add(graph)
            yield graph


def distinct_circuits(graphs: Iterator[PrefixGraph], count: int) -> list[Circuit]:
    return [Circuit("adder", graph) for graph in itertools.islice(graphs, count)]


def _rate(spec: EvaluatorSpec, workers: int, graphs: Iterator[PrefixGraph], seconds: float) -> float:
    """Curves per second of so many workers, once they run."""
    constraints = default_constraints(spec.pdk)
    with EvaluationService(spec, constraints, workers=workers, pool="processes") as service:
        service.evaluate_many(distinct_circuits(graphs, 8 * workers))
        begin, before = time.monotonic(), service.evaluations
        while time.monotonic() - begin < seconds:
            service.evaluate_many(distinct_circuits(graphs, _BATCH))
        return (service.evaluations - before) / (time.monotonic() - begin)


def _killed(
    spec: EvaluatorSpec, graphs: Iterator[PrefixGraph], seconds: float, generator: random.Random
) -> dict[str, Any]:
    """Evaluate for a while with a murderer about; see `bench_pool`."""
    stored: Counter[str] = Counter()
    failures: list[str] = []

    def store(evaluation: Evaluation) -> None:
        stored[evaluation.key] += 1
        if evaluation.failure is not None:
            failures.append(evaluation.failure)

    before = set(_relatives())
    asked: list[Circuit] = []
    with tempfile.TemporaryDirectory() as folder:
        cache = EvaluationCache(Path(folder) / "cache.sqlite")
        pool = ProcessPool(spec, workers=2)
        with EvaluationService(spec, default_constraints(spec.pdk), cache, pool=pool) as service:
            service.listeners.append(store)
            begin = time.monotonic()
            with _Murderer(pool, generator) as murderer:
                while time.monotonic() - begin < seconds:
                    batch = distinct_circuits(graphs, _BATCH)
                    asked += batch
                    service.evaluate_many(batch)
            elapsed = time.monotonic() - begin
            keys = [service.key(circuit) for circuit in asked]
        entries, wrong = len(cache), _wrong(spec, cache, generator.sample(list(zip(asked, keys, strict=True)), 20))
        cache.close()
    time.sleep(ORPHANS_AFTER_S)
    return {
        "seconds": elapsed,
        "kills": murderer.kills,
        "graphs": len(keys),
        "per_s": len(keys) / elapsed,
        "stored_once": sum(stored[key] == 1 for key in keys),
        "stored_more": sum(stored[key] > 1 for key in keys),
        "not_stored": sum(stored[key] == 0 for key in keys),
        "crashes": pool.crashes,
        "failures": len(failures),
        "failure_reasons": sorted(set(failures)),
        "cache_entries": entries,
        "wrong": wrong,
        "orphans": len(set(_relatives()) - before),
        "leftovers": sorted(entry.name for entry in temporary_folder().iterdir()),
    }


class _Murderer:
    """Kills a worker, or what a worker started, every two seconds."""

    def __init__(self, pool: ProcessPool, generator: random.Random) -> None:
        self.kills: Counter[str] = Counter()
        self._pool = pool
        self._generator = generator
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prefixrl-murderer")

    def _run(self) -> None:
        while not self._over.wait(KILL_EVERY_S):
            victims = [("worker", pid) for pid in self._pool.pids()]
            victims += [("tool", pid) for _, worker in victims for pid in tree_pids(worker) if pid != worker]
            if victims:
                kind, pid = self._generator.choice(victims)
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
                    self.kills[kind] += 1

    def __enter__(self) -> _Murderer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def _wrong(spec: EvaluatorSpec, cache: EvaluationCache, sample: list[tuple[Circuit, str]]) -> int:
    """How many of these curves an evaluator of this process does not confirm; failures are not in the cache."""
    evaluator = spec()
    found = cache.get_many(key for _, key in sample)
    constraints = default_constraints(spec.pdk)
    try:
        return sum(
            found[key].curve != evaluator.evaluate(circuit, constraints) for circuit, key in sample if key in found
        )
    finally:
        evaluator.close()


def _relatives() -> Iterator[int]:
    """Processes, zombies too, that descend from this one or carry a mark of ours."""
    for child in psutil.Process().children(recursive=True):
        yield child.pid
    yield from marked_processes(own_mark())
