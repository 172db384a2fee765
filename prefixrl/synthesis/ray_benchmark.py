"""What evaluators on Ray are worth against those of this process and against worker processes without Ray."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

from prefixrl.graphs import PrefixGraph
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.pdk import Pdk, load_pdk
from prefixrl.synthesis.pool_benchmark import distinct_circuits, distinct_graphs
from prefixrl.synthesis.service import EvaluationService
from prefixrl.synthesis.work import EvaluatorSpec

POOLS = ("in-process", "processes", "ray")
ROUNDS = 3
_BATCH = 128


def bench_ray_pool(
    seconds: float = 5.0, width: int = 32, evaluator: str = "native", pdk: Pdk | None = None, seed: int = 0
) -> dict[str, Any]:
    """Unique evaluations per second of every pool, from one worker to one for each processor, in turn.

    :param seconds: of each measurement; the median of three is told
    :param width: bits of the adders
    :returns: `width`, `evaluator`, `processors`; by number of workers, such as `1 workers`, for each pool evaluations
        per second, and `ray_over_in_process`, `ray_over_processes`; `ray_of_linear` with all processors
    """
    spec = EvaluatorSpec(evaluator, load_pdk() if pdk is None else pdk)
    graphs = distinct_graphs(width, seed)
    processors = os.cpu_count() or 1
    figures: dict[str, Any] = {"width": width, "evaluator": evaluator, "processors": processors}
    for workers in range(1, processors + 1):
        rates = _rates(spec, workers, graphs, seconds)
        shares = {f"ray_over_{name.replace('-', '_')}": rates["ray"] / rates[name] for name in POOLS[:2]}
        figures[f"{workers} workers"] = {**{f"{name}_per_s": rate for name, rate in rates.items()}, **shares}
    single, all_of_them = figures["1 workers"]["ray_per_s"], figures[f"{processors} workers"]["ray_per_s"]
    figures["ray_of_linear"] = all_of_them / (processors * single)
    return figures


def _rates(spec: EvaluatorSpec, workers: int, graphs: Iterator[PrefixGraph], seconds: float) -> dict[str, float]:
    """Evaluations per second of every pool once it runs, measured in turns so that other load meets all alike."""
    constraints = default_constraints(spec.pdk)
    services = {name: EvaluationService(spec, constraints, workers=workers, pool=name) for name in POOLS}
    found: dict[str, list[float]] = {name: [] for name in POOLS}
    try:
        for service in services.values():
            service.evaluate_many(distinct_circuits(graphs, 16 * workers))
        for _ in range(ROUNDS):
            for name, service in services.items():
                begin, before = time.monotonic(), service.evaluations
                while time.monotonic() - begin < seconds:
                    service.evaluate_many(distinct_circuits(graphs, _BATCH))
                found[name].append((service.evaluations - before) / (time.monotonic() - begin))
    finally:
        for service in services.values():
            service.close()
    return {name: median(rates) for name, rates in found.items()}
