"""The native evaluator's curves: exact, repeatable, proven, and within the limits that are asked for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from native_samples import CONSTRAINTS, NANGATE45, SKLANSKY8, random_circuit, with_times

from prefixrl.circuits import KINDS, Circuit
from prefixrl.circuits.netlist import Netlist
from prefixrl.circuits.proof import ProofFailed, prove_netlist
from prefixrl.errors import EvaluationFailed, InputError
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint
from prefixrl.synthesis.native import NativeEvaluator
from prefixrl.synthesis.native.netlists import net_of
from prefixrl.synthesis.native.timer import NativeTimer, surroundings
from prefixrl.synthesis.pdk import load_pdk

EVALUATOR = NativeEvaluator(NANGATE45)
FULL = NativeEvaluator(NANGATE45, "full")
TIMER = NativeTimer(NANGATE45)
LIBRARY = NANGATE45.library()


def spread(curve: AreaDelayCurve) -> tuple[CurvePoint, ...]:
    return (curve.fastest, curve.points[len(curve.points) // 2], curve.smallest)


@pytest.mark.parametrize("width", [2, 5, 8, 13, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_netlists_are_proven_and_have_the_points_figures(kind: str, width: int) -> None:
    for circuit in (Circuit(kind, structure("sklansky", width)), random_circuit(kind, width, width)):
        curve = EVALUATOR.evaluate(circuit, CONSTRAINTS)
        for point in {curve.fastest, curve.smallest}:
            netlist = EVALUATOR.realize(circuit, CONSTRAINTS, point, "proven")
            paths = NANGATE45.liberty if sum(port.width for port in circuit.inputs) > 16 else ()
            prove_netlist(netlist, circuit, LIBRARY, paths)
            assert netlist.area_um2(LIBRARY) == pytest.approx(point.area_um2, abs=1e-5)
            assert TIMER.time(netlist, circuit, CONSTRAINTS) == pytest.approx(point.delay_ns, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_netlists_of_the_full_effort_are_proven(kind: str) -> None:
    for width in (5, 8, 13, 16):
        circuit = random_circuit(kind, width, width)
        for point in spread(FULL.evaluate(circuit, CONSTRAINTS)):
            netlist = FULL.realize(circuit, CONSTRAINTS, point, "proven")
            prove_netlist(netlist, circuit, LIBRARY, NANGATE45.liberty)
            assert TIMER.time(netlist, circuit, CONSTRAINTS) == pytest.approx(point.delay_ns, abs=1e-6)


def test_a_proof_can_fail() -> None:
    curve = EVALUATOR.evaluate(SKLANSKY8, CONSTRAINTS)
    netlist = EVALUATOR.realize(SKLANSKY8, CONSTRAINTS, curve.smallest, "adder")
    place, gate = next((n, gate) for n, gate in enumerate(netlist.gates) if gate.cell.startswith("NAND2"))
    gates = [*netlist.gates]
    gates[place] = gate._replace(cell=gate.cell.replace("NAND2", "NOR2"))
    with pytest.raises(ProofFailed):
        prove_netlist(Netlist("adder", netlist.inputs, netlist.outputs, tuple(gates)), SKLANSKY8, LIBRARY)


def test_curves_are_the_same_again_and_by_another_evaluator() -> None:
    first = EVALUATOR.evaluate(SKLANSKY8, CONSTRAINTS)
    EVALUATOR.evaluate(random_circuit("adder", 16, 1), CONSTRAINTS)
    assert EVALUATOR.evaluate(SKLANSKY8, CONSTRAINTS) == first
    other = NativeEvaluator(NANGATE45)
    assert other.evaluate(SKLANSKY8, CONSTRAINTS) == first
    assert other.version == EVALUATOR.version != FULL.version
    for point in first.points:
        netlist = other.realize(SKLANSKY8, CONSTRAINTS, point, "adder")
        assert netlist == EVALUATOR.realize(SKLANSKY8, CONSTRAINTS, point, "adder")


@pytest.mark.parametrize("evaluator", [EVALUATOR, FULL], ids=["fast", "full"])
def test_curves_fall_and_have_points(evaluator: NativeEvaluator) -> None:
    points = evaluator.evaluate(Circuit("adder", structure("sklansky", 16)), CONSTRAINTS).points
    assert len(points) >= 8
    assert all(later.delay_ns > earlier.delay_ns for earlier, later in pairwise(points))
    assert all(later.area_um2 < earlier.area_um2 for earlier, later in pairwise(points))
    assert points[0].delay_ns < 0.75 * points[-1].delay_ns


def test_no_effort_is_behind_a_smaller_one() -> None:
    circuit = Circuit("adder", structure("brent-kung", 16))
    fast, medium, full = (
        NativeEvaluator(NANGATE45, effort).evaluate(circuit, CONSTRAINTS) for effort in ("fast", "medium", "full")
    )
    for less, more in ((fast, medium), (fast, full)):
        assert more.fastest.delay_ns < less.fastest.delay_ns
        for point in less.points:
            assert min(each.area_um2 for each in more.points if each.delay_ns <= point.delay_ns) <= point.area_um2


BAD_RECIPES = [
    "",
    "fast",
    "fast 0",
    "fast 0 x",
    "fast 9 1",
    "fast 0 -1",
    "fast 0 99999",
    "slow 0 1",
    "fast 0 1 2",
    "a b c",
]


@pytest.mark.parametrize("recipe", BAD_RECIPES)
def test_damaged_recipes_fail(recipe: str) -> None:
    point = EVALUATOR.evaluate(SKLANSKY8, CONSTRAINTS).smallest
    with pytest.raises(EvaluationFailed, match="recipe must be"):
        EVALUATOR.realize(SKLANSKY8, CONSTRAINTS, replace(point, recipe=recipe), "adder")


def test_recipes_of_other_figures_circuits_and_constraints_fail() -> None:
    point = EVALUATOR.evaluate(SKLANSKY8, CONSTRAINTS).fastest
    with pytest.raises(EvaluationFailed, match="must give"):
        EVALUATOR.realize(SKLANSKY8, CONSTRAINTS, replace(point, area_um2=point.area_um2 + 0.266), "adder")
    with pytest.raises(EvaluationFailed, match="must give"):
        EVALUATOR.realize(SKLANSKY8, CONSTRAINTS, replace(point, delay_ns=point.delay_ns + 1e-5), "adder")
    with pytest.raises(EvaluationFailed, match="must give"):
        EVALUATOR.realize(Circuit("adder", structure("brent-kung", 8)), CONSTRAINTS, point, "adder")
    with pytest.raises(EvaluationFailed, match="must give"):
        EVALUATOR.realize(SKLANSKY8, replace(CONSTRAINTS, output_load_ff=9.0), point, "adder")
    with pytest.raises(InputError):
        EVALUATOR.realize(SKLANSKY8, CONSTRAINTS, point, "not an identifier")


def test_bad_settings_are_refused() -> None:
    with pytest.raises(InputError, match=r"the effort must be one of fast, medium, full: 'slow'$"):
        NativeEvaluator(NANGATE45, "slow")
    with pytest.raises(InputError, match=r"driving cell must be a cell of nangate45: 'NONE_X1'$"):
        EVALUATOR.evaluate(SKLANSKY8, replace(CONSTRAINTS, driving_cell="NONE_X1"))
    with pytest.raises(InputError, match="times must be for the ports"):
        EVALUATOR.evaluate(SKLANSKY8, replace(CONSTRAINTS, input_arrival_ns={"request": (0.1,) * 8}))


def test_late_bits_make_other_netlists() -> None:
    circuit = Circuit("adder", structure("sklansky", 16))
    late = replace(CONSTRAINTS, input_arrival_ns={"a": (0.0,) * 15 + (0.4,)})
    curve = EVALUATOR.evaluate(circuit, late)
    plain = EVALUATOR.evaluate(circuit, CONSTRAINTS)
    # All but the top bit have 0.4 ns: only what follows it is worth any area.
    assert curve.fastest.area_um2 < 0.9 * plain.fastest.area_um2
    assert 0.4 < curve.fastest.delay_ns < 0.6


def test_times_are_kept_by_the_netlists() -> None:
    circuit = random_circuit("adder", 12, 5)
    constraints = with_times(CONSTRAINTS, circuit, 7)
    for point in EVALUATOR.evaluate(circuit, constraints).points:
        netlist = EVALUATOR.realize(circuit, constraints, point, "adder")
        assert TIMER.time(netlist, circuit, constraints) == pytest.approx(point.delay_ns, abs=1e-6)


def most_readers(netlist: Netlist) -> int:
    nets = [net for gate in netlist.gates for _, net in gate.inputs]
    return max((nets + list(netlist.output_nets)).count(net) for net in {*nets, *netlist.output_nets})


FAILURE = "no netlist keeps the limits"


@pytest.mark.parametrize("limit", [2, 4, 8, 16])
@pytest.mark.parametrize("evaluator", [EVALUATOR, FULL], ids=["fast", "full"])
def test_fanout_limits_are_kept_or_it_fails(evaluator: NativeEvaluator, limit: int) -> None:
    circuit = Circuit("adder", structure("sklansky", 16))
    constraints = replace(CONSTRAINTS, max_fanout=limit)
    if limit < 8:
        with suppress(EvaluationFailed):
            assert keeps_fanout(evaluator, circuit, constraints, limit)
    else:
        assert keeps_fanout(evaluator, circuit, constraints, limit)


def keeps_fanout(evaluator: NativeEvaluator, circuit: Circuit, constraints: Constraints, limit: int) -> bool:
    points = spread(evaluator.evaluate(circuit, constraints))
    netlists = [evaluator.realize(circuit, constraints, point, "adder") for point in points]
    return all(most_readers(netlist) <= limit for netlist in netlists)


@pytest.mark.parametrize("limit_ns", [0.05, 0.1, 0.2])
def test_transition_limits_are_kept(limit_ns: float) -> None:
    circuit = Circuit("adder", structure("sklansky", 16))
    constraints = replace(CONSTRAINTS, max_transition_ns=limit_ns)
    for point in spread(EVALUATOR.evaluate(circuit, constraints)):
        net = net_of(EVALUATOR.realize(circuit, constraints, point, "adder"), TIMER.library)
        _, timing = TIMER.time_arrays(net, surroundings(TIMER.library, TIMER.pdk.name, circuit, constraints))
        assert timing.slew.max() <= limit_ns + 1e-9


def test_limits_that_cannot_be_kept_fail() -> None:
    for limit_ns in (1e-3, 5e-3):
        with pytest.raises(EvaluationFailed, match=FAILURE):
            EVALUATOR.evaluate(
                Circuit("adder", structure("sklansky", 16)), replace(CONSTRAINTS, max_transition_ns=limit_ns)
            )


def test_loads_of_all_cells_are_within_their_limits() -> None:
    circuit = Circuit("adder", structure("sklansky", 16))
    for point in EVALUATOR.evaluate(circuit, CONSTRAINTS).points:
        net = net_of(EVALUATOR.realize(circuit, CONSTRAINTS, point, "adder"), TIMER.library)
        _, timing = TIMER.time_arrays(net, surroundings(TIMER.library, TIMER.pdk.name, circuit, CONSTRAINTS))
        gates = np.flatnonzero(net.cell >= 0)
        assert (timing.load[gates].max(axis=1) <= TIMER.library.tables.maximum_ff[net.cell[gates]] * (1 + 1e-9)).all()


@pytest.mark.parametrize(("name", "width", "limit"), [("sklansky", 16, 4), ("sklansky", 64, 8)])
def test_common_fanout_limits_can_be_kept(name: str, width: int, limit: int) -> None:
    EVALUATOR.evaluate(Circuit("adder", structure(name, width)), replace(CONSTRAINTS, max_fanout=limit))


def test_a_driving_cell_that_is_not_to_be_used_still_drives() -> None:
    evaluator = NativeEvaluator(load_pdk(driving_cell="BUF_X2", dont_use=["BUF_X2"]))
    evaluator.evaluate(SKLANSKY8, replace(CONSTRAINTS, driving_cell="BUF_X2"))
