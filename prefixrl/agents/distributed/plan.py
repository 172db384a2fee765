"""What a cluster of many evaluators would be held up by: a cost model out of figures measured on this machine.

All graphs of a job pass through its driver: keys, packing, Ray's messages, curves, the cache, the store. What that
costs for one graph is measured here, as is what evaluating one takes; what saturates first follows.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from prefixrl.agents.job import load_job
from prefixrl.agents.setting import design_context, load_setting
from prefixrl.circuits import Circuit
from prefixrl.designs import DesignStore
from prefixrl.synthesis.cache import CachedResult, EvaluationCache
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.pool_benchmark import distinct_circuits, distinct_graphs
from prefixrl.synthesis.ray_cluster import LOCAL, POLL_S, joined
from prefixrl.synthesis.service import Evaluation, EvaluationService
from prefixrl.synthesis.work import EvaluatorSpec, WorkUnit, pack_units

EFFORTS = ("fast", "medium", "full")
_LONE = 50
_POLLS = 200
_TIMED = {"fast": 60, "medium": 20, "full": 2}


def bench_plan(evaluators: int = 1000, width: int = 32, graphs: int = 500, seed: int = 0) -> dict[str, Any]:
    """Measure what one graph costs every part of a job, and reckon with so many evaluators.

    Processor time is told where only that counts, so that other load does not matter; the store's is wall clock, since
    it waits for the disk.

    :param evaluators: with one processor each
    :param width: bits of the adders
    :param graphs: that pass through the driver
    :returns: `per_graph`: `driver_ms` (quick graphs, which travel together) and `driver_alone_ms` (one a message),
        `cache_ms`, `store_ms`, `evaluation_ms` by effort, `bytes_out`, `bytes_back`; `per_evaluator`: `polling_ms`
        each second; `limits_per_s`: graphs that driver and store get through; by effort what so many evaluators would
        ask of them: `graphs_per_s`, `driver_share`, `store_share` (1 is saturated), `mib_per_s`, and
        `evaluators_at_most` with what is `saturated_first`
    """
    config = load_job("adder32", overrides=[f"circuit.width={width}", "evaluator.name=native"])
    pdk, constraints = load_setting(config)
    circuits = distinct_circuits(distinct_graphs(width, seed), graphs + 2 * _LONE)
    spec = EvaluatorSpec("native", pdk, {"effort": "fast"})
    evaluation_s = {effort: _evaluation_s(spec, effort, circuits, constraints) for effort in EFFORTS}
    with joined(LOCAL), EvaluationService(spec, constraints, pool="ray") as service:
        service.evaluate_many(circuits[:_LONE])
        alone_s = _processor_s(lambda: [service.evaluate(each) for each in circuits[_LONE : 2 * _LONE]]) / _LONE
        found: list[Evaluation] = []
        together_s = _processor_s(lambda: found.extend(service.evaluate_many(circuits[2 * _LONE :]))) / graphs
        polling_s = _polling_s() / POLL_S
    with tempfile.TemporaryDirectory() as folder:
        store = DesignStore.create(Path(folder) / "designs.sqlite", design_context(config, pdk, constraints))
        begin = time.monotonic()
        store_processor_s = _processor_s(lambda: [store.record(each, "train") for each in found]) / graphs
        store_s = (time.monotonic() - begin) / graphs
        store.close()
        cache = EvaluationCache(Path(folder) / "cache.sqlite")
        begin = time.process_time()
        for each in found:
            cache.put(each.key, CachedResult(each.curve, None, 0.0))
        cache_s = (time.process_time() - begin) / graphs
        cache.close()
    out, back = _bytes(found, constraints)
    kept_s = cache_s + store_processor_s
    return {
        "width": width,
        "evaluators": evaluators,
        "per_graph": {
            "driver_ms": 1e3 * (together_s + kept_s),
            "driver_alone_ms": 1e3 * (alone_s + kept_s),
            "cache_ms": 1e3 * cache_s,
            "store_ms": 1e3 * store_s,
            **{f"evaluation_{effort}_ms": 1e3 * seconds for effort, seconds in evaluation_s.items()},
            "bytes_out": out,
            "bytes_back": back,
        },
        "per_evaluator": {"polling_ms": 1e3 * polling_s},
        "limits_per_s": {"driver": 1 / (together_s + kept_s), "store": 1 / store_s},
        **{
            f"native {effort}": reckon(
                evaluators, seconds, together_s + kept_s if seconds < 0.05 else alone_s + kept_s, store_s, polling_s
            )
            | {"mib_per_s": evaluators / seconds * (out + back) / 2**20}
            for effort, seconds in evaluation_s.items()
        },
        "a tool of 60 s": reckon(evaluators, 60.0, alone_s + kept_s, store_s, polling_s),
    }


def reckon(
    evaluators: int, evaluation_s: float, driver_s: float, store_s: float, polling_s: float
) -> dict[str, float | str]:
    """What so many evaluators ask of driver and store.

    :param evaluation_s: of one graph by one evaluator
    :param driver_s: the driver's processor time for one graph; its threads share one processor (Python's lock)
    :param store_s: of one design
    :param polling_s: the driver's processor time for one evaluator each second, whether it has anything to do or not
    """
    driver_each, store_each = driver_s / evaluation_s + polling_s, store_s / evaluation_s
    first = "driver" if driver_each >= store_each else "store"
    return {
        "graphs_per_s": evaluators / evaluation_s,
        "driver_share": evaluators * driver_each,
        "store_share": evaluators * store_each,
        "saturated_first": first,
        "evaluators_at_most": 1 / max(driver_each, store_each),
    }


def _processor_s(work: Callable[[], object]) -> float:
    """Processor time of this process, all its threads."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def _evaluation_s(spec: EvaluatorSpec, effort: str, circuits: Sequence[Circuit], constraints: Constraints) -> float:
    evaluator = EvaluatorSpec(spec.name, spec.pdk, {"effort": effort})()
    evaluator.evaluate(circuits[0], constraints)
    count = _TIMED[effort]
    return _processor_s(lambda: [evaluator.evaluate(each, constraints) for each in circuits[:count]]) / count


def _polling_s() -> float:
    """Processor time of one look at an answer that is not there yet."""
    import ray

    never = ray.remote(_polling_s).options(resources={"nowhere": 1}).remote()
    seconds = _processor_s(lambda: [ray.wait([never], timeout=0.001) for _ in range(_POLLS)]) / _POLLS
    ray.cancel(never)
    return seconds


def _bytes(found: Sequence[Evaluation], constraints: Constraints) -> tuple[float, float]:
    """Of one graph on its way to an evaluator, and of its curve on the way back."""
    import json

    units = [WorkUnit(each.key, each.circuit, constraints) for each in found]
    back = sum(len(json.dumps(each.curve.to_json())) for each in found if each.curve is not None)
    return len(pack_units(units)) / len(units), back / len(found)
