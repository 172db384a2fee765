"""Netlists taken apart: timing agrees with the evaluator, every node of the graph is found, areas add up."""

from __future__ import annotations

from itertools import pairwise

import pytest

from prefixrl.circuits import Circuit
from prefixrl.designs.anatomy import anatomy, cell_kind, timing_of
from prefixrl.graphs import structure
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.evaluator import make_evaluator
from prefixrl.synthesis.pdk import load_pdk

PDK = load_pdk("nangate45")
CONSTRAINTS = default_constraints(PDK)


@pytest.mark.parametrize("evaluator", ["native", "yosys"])
@pytest.mark.parametrize("name", ["sklansky", "kogge-stone", "brent-kung"])
def test_every_node_is_found_and_the_path_is_the_worst(evaluator: str, name: str) -> None:
    circuit = Circuit("adder", structure(name, 16))
    maker = make_evaluator(evaluator, PDK)
    point = maker.evaluate(circuit, CONSTRAINTS).fastest
    netlist = maker.realize(circuit, CONSTRAINTS, point, "adder")
    maker.close()
    made = anatomy(netlist, circuit, CONSTRAINTS, PDK)
    assert made.timing is not None
    slack, path = made.timing.slack_ns, made.timing.path
    assert set(circuit.graph.nodes) <= set(slack)
    assert {(bit, bit) for bit in range(16)} <= set(slack)
    assert min(slack.values()) == pytest.approx(0.0, abs=1e-5)
    assert min(slack.values()) >= -1e-5
    if evaluator == "native":
        assert made.timing.delay_ns == pytest.approx(point.delay_ns, abs=1e-6)
    assert path[-1].arrival_ns == pytest.approx(made.timing.delay_ns, abs=1e-6)
    assert [step.arrival_ns for step in path] == sorted(step.arrival_ns for step in path)
    assert all(slack[node] == pytest.approx(0.0, abs=1e-5) for node in made.timing.nodes)
    drivers = {gate.output: gate for gate in netlist.gates}
    for before, step in pairwise(path):
        assert before.net in {net for _, net in drivers[step.net].inputs}
    assert sum(made.area_by_kind.values()) == pytest.approx(point.area_um2, abs=1e-3)
    assert sum(made.cells.values()) == made.gates == len(netlist.gates)
    assert made.levels >= len(path) - 1


@pytest.mark.parametrize("kind", ["incrementer", "comparator", "priority_encoder", "gray_to_binary", "leading_one"])
def test_other_kinds(kind: str) -> None:
    circuit = Circuit(kind, structure("sklansky", 9))
    maker = make_evaluator("native", PDK)
    point = maker.evaluate(circuit, CONSTRAINTS).smallest
    timing = timing_of(maker.realize(circuit, CONSTRAINTS, point, "top"), circuit, CONSTRAINTS, PDK)
    assert timing.delay_ns == pytest.approx(point.delay_ns, abs=1e-6)
    assert set(timing.slack_ns) >= {node for node in circuit.graph.nodes if node[0] == 8}


def test_kinds_of_cells() -> None:
    library = PDK.library()
    named = {"INV_X4": "inverters", "BUF_X2": "buffers", "XNOR2_X1": "XOR, XNOR", "NOR2_X2": "NAND, NOR, AND, OR"}
    assert {name: cell_kind(library[name]) for name in named} == named
    assert cell_kind(library["AOI21_X1"]) == cell_kind(library["OAI21_X2"]) == "AND-OR, OR-AND"
