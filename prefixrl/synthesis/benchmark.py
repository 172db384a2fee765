"""Speed of the evaluators, as ratios measured side by side in one run; never a timed test."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any

from prefixrl.circuits import Circuit
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import classical_structures
from prefixrl.synthesis.constraints import Constraints, default_constraints
from prefixrl.synthesis.evaluator import Evaluator
from prefixrl.synthesis.pdk import Pdk, load_pdk
from prefixrl.synthesis.yosys import YosysEvaluator


def bench_evaluators(
    width: int = 32, graphs: Sequence[PrefixGraph] | None = None, pdk: Pdk | None = None, rounds: int = 3
) -> dict[str, Any]:
    """The kept-alive `yosys` evaluator against one fresh Yosys and ABC per curve, on the same graphs, taking turns.

    The fresh run starts both programs, reads RTL and library, and takes the same steps to the same targets; in this
    process nothing is started anew, so its Python is as warm as the other's.

    :param width: bits of the adders
    :param graphs: what to evaluate; the classical structures of the width where None
    :param pdk: what to synthesise to; the default PDK where None
    :param rounds: how often each graph is evaluated either way
    :returns: `curves`, `kept_alive_ms`, `fresh_ms` (medians per curve), `kept_alive_curves_per_s`,
        `fresh_curves_per_s`, `ratio`
    """
    chosen = load_pdk() if pdk is None else pdk
    constraints = default_constraints(chosen)
    circuits = [Circuit("adder", graph) for graph in graphs or classical_structures(width).values()]
    kept = YosysEvaluator(chosen)
    kept_seconds: list[float] = []
    fresh_seconds: list[float] = []
    try:
        _seconds(kept, circuits[0], constraints)  # starts ABC and compiles what is compiled at first use
        for _ in range(rounds):
            for circuit in circuits:
                kept_seconds.append(_seconds(kept, circuit, constraints))
                fresh_seconds.append(_seconds_fresh(chosen, circuit, constraints))
    finally:
        kept.close()
    kept_s, fresh_s = statistics.median(kept_seconds), statistics.median(fresh_seconds)
    return {
        "width": width,
        "curves": len(kept_seconds),
        "kept_alive_ms": 1000 * kept_s,
        "fresh_ms": 1000 * fresh_s,
        "kept_alive_curves_per_s": len(kept_seconds) / sum(kept_seconds),
        "fresh_curves_per_s": len(fresh_seconds) / sum(fresh_seconds),
        "ratio": sum(fresh_seconds) / sum(kept_seconds),
    }


def _seconds(evaluator: Evaluator, circuit: Circuit, constraints: Constraints) -> float:
    begin = time.perf_counter()
    evaluator.evaluate(circuit, constraints)
    return time.perf_counter() - begin


def _seconds_fresh(pdk: Pdk, circuit: Circuit, constraints: Constraints) -> float:
    begin = time.perf_counter()
    evaluator = YosysEvaluator(pdk, check_rtl=True)
    try:
        evaluator.evaluate(circuit, constraints)
    finally:
        evaluator.close()
    return time.perf_counter() - begin
