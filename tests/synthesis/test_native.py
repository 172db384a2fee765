"""The native evaluator: curves of real netlists, limits kept, recipes that lead back."""

from __future__ import annotations

from functools import lru_cache

import pytest

from prefixrl.circuits import KINDS, Circuit
from prefixrl.circuits.proof import prove_netlist
from prefixrl.errors import EvaluationFailed, InputError
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import classical_structures, structure
from prefixrl.synthesis.constraints import Constraints, default_constraints
from prefixrl.synthesis.curve import CurvePoint
from prefixrl.synthesis.evaluator import make_evaluator
from prefixrl.synthesis.native import NativeEvaluator
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.yosys import YosysEvaluator

PDK = load_pdk()
CONSTRAINTS = default_constraints(PDK)


@lru_cache(maxsize=4)
def evaluator(effort: str = "fast", wires: str = "none") -> NativeEvaluator:
    return NativeEvaluator(PDK, effort, wires)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [2, 5, 8, 13])
def test_every_point_is_a_netlist_proven_equivalent(kind: str, width: int) -> None:
    circuit = Circuit(kind, structure("sklansky", width))
    curve = evaluator().evaluate(circuit, CONSTRAINTS)
    for point in {curve.fastest, curve.smallest}:
        netlist = evaluator().realize(circuit, CONSTRAINTS, point, "unit")
        assert round(netlist.area_um2(PDK.library()), 6) == point.area_um2
        prove_netlist(netlist, circuit, PDK.library(), PDK.plain_liberty())


@pytest.mark.parametrize("carries", [(True, True), (True, False), (False, False)])
def test_carries(carries: tuple[bool, bool]) -> None:
    circuit = Circuit("adder", structure("brent-kung", 7), carry_in=carries[0], carry_out=carries[1])
    point = evaluator().evaluate(circuit, CONSTRAINTS).fastest
    prove_netlist(evaluator().realize(circuit, CONSTRAINTS, point, "unit"), circuit, PDK.library())


def test_the_fastest_netlist_of_every_classical_structure_is_proven() -> None:
    for name, graph in classical_structures(16).items():
        circuit = Circuit("adder", graph)
        point = evaluator().evaluate(circuit, CONSTRAINTS).fastest
        netlist = evaluator().realize(circuit, CONSTRAINTS, point, "unit")
        assert prove_netlist(netlist, circuit, PDK.library(), PDK.plain_liberty()).method == "cec", name


def test_curves_are_the_same_every_time() -> None:
    circuit = Circuit("adder", structure("kogge-stone", 16))
    curve = evaluator().evaluate(circuit, CONSTRAINTS)
    assert NativeEvaluator(PDK).evaluate(circuit, CONSTRAINTS) == curve
    assert len(curve.points) >= 6


def test_better_than_abc_at_the_fast_end() -> None:
    """Not a figure of merit (`prefixrl bench native` has those), only that sizing, buffering and swapping do work."""
    circuit = Circuit("adder", structure("sklansky", 16))
    abc = YosysEvaluator(PDK)
    try:
        other = abc.evaluate(circuit, CONSTRAINTS)
    finally:
        abc.close()
    curve = evaluator().evaluate(circuit, CONSTRAINTS)
    assert curve.fastest.delay_ns < other.fastest.delay_ns
    assert curve.area_at(other.fastest.delay_ns) < other.fastest.area_um2


def test_full_effort_is_nowhere_worse_than_fast() -> None:
    circuit = Circuit("adder", structure("brent-kung", 8))
    fast, full = evaluator().evaluate(circuit, CONSTRAINTS), evaluator("full").evaluate(circuit, CONSTRAINTS)
    for point in fast.points:
        assert min(each.area_um2 for each in full.points if each.delay_ns <= point.delay_ns) <= point.area_um2


def test_late_inputs_are_used_not_only_reported() -> None:
    """A late low bit and a late high bit call for different netlists, and either costs less than both."""
    circuit = Circuit("adder", structure("ripple-carry", 8))
    late = tuple([0.3] + [0.0] * 7)
    low = Constraints("BUF_X1", 3.898, {"a": late, "b": late})
    high = Constraints("BUF_X1", 3.898, {"a": late[::-1], "b": late[::-1]})
    delays = [evaluator().evaluate(circuit, each).fastest.delay_ns for each in (CONSTRAINTS, low, high)]
    assert delays[0] < delays[2] < delays[1]
    assert delays[1] > delays[0] + 0.25


def test_required_times_move_the_target() -> None:
    circuit = Circuit("adder", structure("sklansky", 8))
    early = Constraints("BUF_X1", 3.898, output_required_ns={"sum": (0.5,) * 8, "cout": (0.4,)})
    plain, moved = (evaluator().evaluate(circuit, each).smallest for each in (CONSTRAINTS, early))
    assert moved.delay_ns >= plain.delay_ns


@pytest.mark.parametrize("limit", [2, 3, 4, 8])
def test_fanout_is_limited(limit: int) -> None:
    circuit = Circuit("adder", structure("sklansky", 16))
    constraints = Constraints("BUF_X1", 3.898, max_fanout=limit)
    curve = evaluator().evaluate(circuit, constraints)
    for point in (curve.fastest, curve.smallest):
        netlist = evaluator().realize(circuit, constraints, point, "unit")
        readers = dict.fromkeys(netlist.input_nets, 0)
        readers.update((gate.output, int(gate.output in netlist.output_nets)) for gate in netlist.gates)
        for gate in netlist.gates:
            for _, net in gate.inputs:
                readers[net] += 1
        assert max(readers.values()) <= limit
        prove_netlist(netlist, circuit, PDK.library(), PDK.plain_liberty())


def test_a_limit_that_cannot_be_kept_is_a_failure() -> None:
    constraints = Constraints("BUF_X1", 3.898, max_transition_ns=1e-5)
    with pytest.raises(EvaluationFailed, match="limits"):
        evaluator().evaluate(Circuit("adder", structure("sklansky", 8)), constraints)


def test_kogge_stone_pays_for_its_wires() -> None:
    costs = {}
    for name in ("kogge-stone", "brent-kung"):
        circuit = Circuit("adder", structure(name, 32))
        bare, wired = (evaluator("fast", wires).evaluate(circuit, CONSTRAINTS) for wires in ("none", "datapath"))
        costs[name] = wired.smallest.delay_ns / bare.smallest.delay_ns
    assert 1 < costs["brent-kung"] < costs["kogge-stone"]


@pytest.mark.parametrize(
    "recipe", ["", "fast", "fast 0", "fast 0 99999", "fast 0 -1", "fast 7 3", "slow 0 1", "fast 0 1 2"]
)
def test_recipes_that_are_none(recipe: str) -> None:
    with pytest.raises(EvaluationFailed, match="recipe"):
        evaluator().realize(Circuit("adder", structure("sklansky", 4)), CONSTRAINTS, CurvePoint(1, 1, recipe), "unit")


def test_a_recipe_of_another_circuit() -> None:
    point = evaluator().evaluate(Circuit("adder", structure("sklansky", 8)), CONSTRAINTS).fastest
    with pytest.raises(EvaluationFailed, match="must give"):
        evaluator().realize(Circuit("adder", structure("brent-kung", 8)), CONSTRAINTS, point, "unit")


def test_what_cannot_be() -> None:
    with pytest.raises(InputError, match="effort must be one of fast, medium, full: 'slow'"):
        NativeEvaluator(PDK, "slow")
    with pytest.raises(InputError, match="wires must be one of none, datapath: 'long'"):
        NativeEvaluator(PDK, wires="long")
    with pytest.raises(InputError, match=r"driving cell.*'BUF_X99'"):
        evaluator().evaluate(Circuit("adder", PrefixGraph(4)), Constraints("BUF_X99", 1.0))
    with pytest.raises(InputError, match="module name"):
        evaluator().realize(Circuit("adder", PrefixGraph(4)), CONSTRAINTS, CurvePoint(1, 1, "fast 0 0"), "a b")


def test_versions_tell_what_could_differ() -> None:
    versions = {
        make_evaluator("native", PDK, **options).version for options in ({}, {"effort": "full"}, {"wires": "datapath"})
    }
    assert len(versions) == 3


def test_a_cell_that_is_not_to_be_used_may_drive() -> None:
    pdk = load_pdk("nangate45", "BUF_X4", dont_use=["BUF_X*"])
    circuit = Circuit("adder", structure("sklansky", 8))
    constraints = default_constraints(pdk)
    own = NativeEvaluator(pdk)
    point = own.evaluate(circuit, constraints).fastest
    assert "BUF_X4" not in own.realize(circuit, constraints, point, "unit").cell_counts()
    weaker = evaluator().evaluate(circuit, CONSTRAINTS).fastest
    assert point.delay_ns < weaker.delay_ns
