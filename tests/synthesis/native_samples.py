"""What several tests of the native evaluator share: PDKs, graphs, and marks for what a machine may lack."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pytest

from prefixrl.circuits import Circuit
from prefixrl.errors import InputError
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import Constraints, default_constraints
from prefixrl.synthesis.pdk import Pdk, load_pdk
from prefixrl.synthesis.signoff_benchmark import random_graph
from prefixrl.tools import find_tool

NANGATE45 = load_pdk()
CONSTRAINTS = default_constraints(NANGATE45)

no_sta = pytest.mark.skipif(find_tool("sta") is None, reason="OpenSTA is not installed (program sta; Debian: opensta)")


def needs_sta(test: Callable[..., None]) -> Callable[..., None]:
    """Marks a test that needs OpenSTA."""
    return pytest.mark.tools(no_sta(test))


@lru_cache(maxsize=1)
def sky130hd() -> Pdk:
    """The PDK, where this machine has it; else the test is skipped."""
    try:
        return load_pdk("sky130hd")
    except InputError as error:
        pytest.skip(str(error))


def pdk_named(name: str) -> Pdk:
    """One of the two PDKs that timing is tested on."""
    return NANGATE45 if name == "nangate45" else sky130hd()


def random_circuit(kind: str, width: int, seed: int) -> Circuit:
    """A circuit around a random graph, with a carry-in where its kind can have one."""
    graph = random_graph(width, np.random.default_rng(seed))
    return Circuit(kind, graph, carry_in=kind in ("adder", "incrementer") and seed % 2 == 1)


def with_times(constraints: Constraints, circuit: Circuit, seed: int) -> Constraints:
    """The constraints with random arrival and required times."""
    generator = np.random.default_rng(seed)

    def times(ports: object, most_ns: float) -> dict[str, tuple[float, ...]]:
        return {port.name: tuple(generator.uniform(0, most_ns, port.width).tolist()) for port in ports}  # type: ignore[attr-defined]

    return Constraints(
        constraints.driving_cell,
        constraints.output_load_ff,
        input_arrival_ns=times(circuit.inputs, 0.3),  # type: ignore[arg-type]
        output_required_ns=times(circuit.outputs, 0.5),  # type: ignore[arg-type]
    )


SKLANSKY8 = Circuit("adder", structure("sklansky", 8))
