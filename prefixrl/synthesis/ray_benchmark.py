"""What evaluators on Ray are worth against those of this process and against worker processes without Ray."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import psutil

from prefixrl.graphs import PrefixGraph
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.pdk import Pdk, load_pdk
from prefixrl.synthesis.pool_benchmark import distinct_circuits, distinct_graphs
from prefixrl.synthesis.service import EvaluationService
from prefixrl.synthesis.work import EvaluatorSpec

POOLS = ("in-process", "processes", "ray")
ROUNDS = 3
# So many that the wait for the last of them hardly counts.
_BATCH = 512


def bench_ray_pool(
    seconds: float = 5.0, width: int = 32, effort: str = "fast", pdk: Pdk | None = None, seed: int = 0
) -> dict[str, Any]:
    """Unique evaluations per second of every pool with the `native` evaluator, from one worker to one for each
    processor, in turn; and what one evaluation costs all processes together, which other load hardly changes.

    :param seconds: of each measurement; the median of three is told
    :param width: bits of the adders
    :param effort: of the evaluator
    :returns: `width`, `effort`, `processors`; by number of workers, such as `1 workers`, for each pool evaluations
        per second and milliseconds of processor time for one, and the ratios `ray_over_in_process`,
        `ray_over_processes` and `ray_processor_time_over_in_process`; `ray_of_linear` with all processors
    """
    spec = EvaluatorSpec("native", load_pdk() if pdk is None else pdk, {"effort": effort})
    graphs = distinct_graphs(width, seed)
    processors = os.cpu_count() or 1
    figures: dict[str, Any] = {"width": width, "effort": effort, "processors": processors}
    for workers in range(1, processors + 1):
        rates, costs = _measured(spec, workers, graphs, seconds)
        figures[f"{workers} workers"] = {
            **{f"{name}_per_s": rate for name, rate in rates.items()},
            **{f"{name}_processor_ms": 1e3 * cost for name, cost in costs.items()},
            **{f"ray_over_{name.replace('-', '_')}": rates["ray"] / rates[name] for name in POOLS[:2]},
            "ray_processor_time_over_in_process": costs["ray"] / costs["in-process"],
        }
    single, all_of_them = figures["1 workers"]["ray_per_s"], figures[f"{processors} workers"]["ray_per_s"]
    figures["ray_of_linear"] = all_of_them / (processors * single)
    return figures


def _measured(
    spec: EvaluatorSpec, workers: int, graphs: Iterator[PrefixGraph], seconds: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Evaluations per second of every pool once it runs, and the processor time (s) of one; measured in turns so that
    other load meets all alike.
    """
    constraints = default_constraints(spec.pdk)
    services = {name: EvaluationService(spec, constraints, workers=workers, pool=name) for name in POOLS}
    rates: dict[str, list[float]] = {name: [] for name in POOLS}
    costs: dict[str, list[float]] = {name: [] for name in POOLS}
    try:
        for service in services.values():
            service.evaluate_many(distinct_circuits(graphs, 32 * workers))
        for _ in range(ROUNDS):
            for name, service in services.items():
                begin, before = time.monotonic(), service.evaluations
                used, batches = _processor_s(), 0.0
                while time.monotonic() - begin < seconds:
                    made = time.thread_time()
                    batch = distinct_circuits(graphs, _BATCH * workers)
                    batches += time.thread_time() - made
                    service.evaluate_many(batch)
                count = service.evaluations - before
                rates[name].append(count / (time.monotonic() - begin))
                costs[name].append((_processor_s() - used - batches) / count)
    finally:
        for service in services.values():
            service.close()
    return {name: median(each) for name, each in rates.items()}, {name: median(each) for name, each in costs.items()}


def _processor_s() -> float:
    """Processor time of this process and all that descend from it and live."""
    used = 0.0
    own = psutil.Process()
    for process in (own, *own.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            used += times.user + times.system
    return used
