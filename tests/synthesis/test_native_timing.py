"""Native delays against OpenSTA's: all kinds of circuits, all sizes, buffers, profiles, two libraries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from native_samples import CONSTRAINTS, NANGATE45, needs_sta, pdk_named, random_circuit, with_times

from prefixrl.circuits import KINDS, Circuit
from prefixrl.circuits.mapping import map_structure
from prefixrl.circuits.netlist import Gate, Netlist
from prefixrl.errors import InputError
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import Constraints, default_constraints
from prefixrl.synthesis.native import NativeEvaluator
from prefixrl.synthesis.native.benchmark import scrambled
from prefixrl.synthesis.native.netlists import net_of, netlist_of
from prefixrl.synthesis.native.timer import NativeTimer
from prefixrl.synthesis.pdk import Pdk
from prefixrl.synthesis.signoff import SignoffTimer

# The aim of the evaluator; what is found is below 1e-5.
TOLERANCE = 1e-3


class Pair:
    """Both timers of one PDK, and an evaluator whose netlists they time."""

    def __init__(self, pdk: Pdk) -> None:
        self.constraints = default_constraints(pdk)
        self.library = pdk.library()
        self.native = NativeTimer(pdk)
        self.evaluator = NativeEvaluator(pdk)
        self.judge = SignoffTimer(pdk)

    def agree(self, netlist: Netlist, circuit: Circuit, constraints: Constraints) -> None:
        said = self.judge.time(netlist, circuit, constraints).delay_ns
        assert self.native.time(netlist, circuit, constraints) == pytest.approx(said, rel=TOLERANCE)


@pytest.fixture(scope="module", params=["nangate45", "sky130hd"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    made = Pair(pdk_named(request.param))
    yield made
    made.judge.close()


def circuits(kind: str) -> list[Circuit]:
    return [
        Circuit(kind, structure("kogge-stone", 9)),
        random_circuit(kind, 13, 1),
        random_circuit(kind, 16, 2),
        Circuit(kind, structure("ripple-carry", 5)),
    ]


@needs_sta
@pytest.mark.parametrize("kind", KINDS)
def test_delays_of_curves_are_opensta_s(kind: str, pair: Pair) -> None:
    for circuit in circuits(kind):
        curve = pair.evaluator.evaluate(circuit, pair.constraints)
        for point in (curve.fastest, curve.points[len(curve.points) // 2], curve.smallest):
            netlist = pair.evaluator.realize(circuit, pair.constraints, point, "sized")
            said = pair.judge.time(netlist, circuit, pair.constraints).delay_ns
            assert point.delay_ns == pytest.approx(said, rel=TOLERANCE)
            assert point.area_um2 == pytest.approx(netlist.area_um2(pair.library), abs=1e-5)


@needs_sta
@pytest.mark.parametrize("kind", KINDS)
def test_delays_of_random_sizes_and_buffers_are_opensta_s(kind: str, pair: Pair) -> None:
    """Far from any optimum: overloaded, extrapolated, slow edges everywhere."""
    generator = np.random.default_rng(len(kind))
    for circuit in circuits(kind):
        netlist = map_structure(circuit, pair.library, "scrambled")
        for _ in range(3):
            pair.agree(scrambled(netlist, pair.native.library, generator), circuit, pair.constraints)


@needs_sta
@pytest.mark.parametrize("kind", KINDS)
def test_arrival_and_required_times_are_opensta_s(kind: str, pair: Pair) -> None:
    for seed, circuit in enumerate(circuits(kind)):
        constraints = with_times(pair.constraints, circuit, seed)
        curve = pair.evaluator.evaluate(circuit, constraints)
        for point in (curve.fastest, curve.smallest):
            netlist = pair.evaluator.realize(circuit, constraints, point, "timed")
            said = pair.judge.time(netlist, circuit, constraints).delay_ns
            assert point.delay_ns == pytest.approx(said, rel=TOLERANCE)


@needs_sta
def test_other_drivers_and_loads_are_opensta_s(pair: Pair) -> None:
    circuit = random_circuit("adder", 12, 3)
    netlist = map_structure(circuit, pair.library, "driven")
    families = pair.native.library
    for role in ("BUF", "INV"):
        for cell in families.families[families.roles[role]]:
            for load_ff in (0.0, 1.0, 300.0):
                constraints = replace(pair.constraints, driving_cell=families.cells[cell].name, output_load_ff=load_ff)
                pair.agree(netlist, circuit, constraints)


def test_netlists_go_to_arrays_and_back() -> None:
    timer = NativeTimer(NANGATE45)
    circuit = random_circuit("adder", 10, 1)
    netlist = map_structure(circuit, NANGATE45.library(), "adder")
    again = netlist_of(net_of(netlist, timer.library), timer.library, netlist)
    assert [gate.cell for gate in again.gates] == [gate.cell for gate in netlist.gates]
    assert timer.time(again, circuit, CONSTRAINTS) == timer.time(netlist, circuit, CONSTRAINTS)


def test_strange_cells_loops_and_drivers_are_refused() -> None:
    timer = NativeTimer(NANGATE45)
    circuit = Circuit("gray_to_binary", structure("sklansky", 2))
    good = map_structure(circuit, NANGATE45.library(), "m")
    with pytest.raises(InputError, match=r"driving cell must be .*: 'NONE_X1'$"):
        timer.time(good, circuit, replace(CONSTRAINTS, driving_cell="NONE_X1"))
    unknown = Netlist("m", good.inputs, good.outputs, (good.gates[0]._replace(cell="NONE_X1"), *good.gates[1:]))
    with pytest.raises(InputError, match=r"cell of a netlist must be .*: 'NONE_X1'$"):
        timer.time(unknown, circuit, CONSTRAINTS)
    loop = (Gate("INV_X1", (("A", "n1"),), "ZN", "n2"), Gate("INV_X1", (("A", "n2"),), "ZN", "n1"))
    with pytest.raises(InputError, match="without loops"):
        timer.time(Netlist("m", good.inputs, good.outputs, (*good.gates, *loop)), circuit, CONSTRAINTS)
