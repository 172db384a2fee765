"""Evaluations to put into stores, with real graphs and made-up curves, and the child that the kill test kills."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np

from prefixrl.circuits import Circuit
from prefixrl.designs.records import DesignContext
from prefixrl.designs.store import DesignStore
from prefixrl.graphs import PrefixGraph
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint
from prefixrl.synthesis.service import Evaluation

CONTEXT = DesignContext(
    circuit="adder",
    width=32,
    pdk="nangate45",
    evaluator="yosys",
    constraints={"driving_cell": "BUF_X1", "output_load_ff": 3.898},
)


def random_graph(number: int, width: int = 32) -> PrefixGraph:
    """A legal graph that `number` alone decides, a different one for every number."""
    generator = np.random.default_rng(number)
    rows = generator.integers(2, width, size=24)
    return PrefixGraph(width, [(int(row), int(generator.integers(1, row))) for row in rows], legalize=True)


def evaluation(number: int, width: int = 32, points: int = 6, graph: PrefixGraph | None = None) -> Evaluation:
    """A success with a curve of `points` points."""
    graph = graph or random_graph(number, width)
    delays = 0.25 + number % 97 / 1000 + np.arange(points) / 30
    areas = 200.0 + number % 89 + 400.0 / (1 + np.arange(points))
    rows = zip(delays.tolist(), areas.tolist(), range(points), strict=True)
    curve = AreaDelayCurve(tuple(CurvePoint(delay, area, f"upsize -D {200 + 40 * i}") for delay, area, i in rows))
    return Evaluation(Circuit("adder", graph), key_of(number), curve, None, 0.031, False)


def failed(number: int, reason: str) -> Evaluation:
    """A failure."""
    return Evaluation(Circuit("adder", random_graph(number)), key_of(number), None, reason, 60.0, False)


def key_of(number: int) -> str:
    """An evaluation key that looks like a real one."""
    return hashlib.sha256(f"evaluation {number}".encode()).hexdigest()


def write_until_killed(path: str) -> None:
    """Record one design after the other and acknowledge each on stdout, for ever."""
    with DesignStore.open(Path(path), readonly=False) as store:
        number = store.count()
        while True:
            store.record(evaluation(number), "train", number)
            print(number, flush=True)
            number += 1


if __name__ == "__main__":
    write_until_killed(sys.argv[1])
