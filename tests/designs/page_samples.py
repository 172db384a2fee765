"""Run directories to read: real graphs and curves of 8 bits by the native evaluator, and made-up ones of 32 bits."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from prefixrl.circuits import Circuit
from prefixrl.designs import DesignStore, RunDirectory, reference_point
from prefixrl.designs.maker import Maker, context_of
from prefixrl.designs.report import front_document
from prefixrl.graphs import PrefixGraph, classical_structures, structure
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.service import Evaluation

WIDTH = 8
CONFIG = "method: sa\nseed: {seed}\nbudget:\n  evaluations: 40\n"


@cache
def evaluations() -> tuple[dict[str, Evaluation], list[Evaluation]]:
    """Of the classical structures by name, and of graphs around them."""
    with maker() as made:
        names = classical_structures(WIDTH)
        around = [graph.add(*cell) for graph in (structure("brent-kung", WIDTH),) for cell in _free(graph)]
        classical, others = made.evaluate(list(names.values()), "full"), made.evaluate(around, "fast")
    return dict(zip(names, classical, strict=True)), others


def maker() -> Maker:
    """For adders of 8 bits on the default library."""
    pdk = load_pdk()
    circuit = Circuit("adder", structure("sklansky", WIDTH))
    return Maker(context_of(circuit, pdk, default_constraints(pdk), "native"), pdk)


def _free(graph: PrefixGraph) -> list[tuple[int, int]]:
    return [(msb, lsb) for msb in range(2, graph.width) for lsb in range(1, msb) if graph.can_add(msb, lsb)]


def make_run(path: Path, seed: int = 0, every: int = 1, front: bool = True) -> Path:
    """A finished run with real designs; `every` other one is left out for a worse front."""
    run = RunDirectory.create(path, CONFIG.format(seed=seed))
    classical, others = evaluations()
    with maker() as made, DesignStore.create(run.store_path, made.context) as store:
        for name, evaluation in classical.items():
            store.record_classical(name, evaluation)
        store.record_many(others[seed::every], "search:sa", 7)
        if front:
            curves = store.classical()
            run.write_front(front_document(store.context, store.front(), reference_point(curves), curves))
    return path
