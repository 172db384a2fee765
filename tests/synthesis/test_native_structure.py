"""The compiled mapper against `circuits.mapping`: the same cells, the same timing, on rich and on poor libraries."""

from __future__ import annotations

from collections import Counter

import pytest
from native_samples import CONSTRAINTS, random_circuit

from prefixrl.circuits import KINDS, Circuit
from prefixrl.circuits.generator import logic_network
from prefixrl.circuits.mapping import map_structure
from prefixrl.circuits.netlist import Netlist
from prefixrl.circuits.proof import prove_netlist
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.native import NativeEvaluator
from prefixrl.synthesis.native.netlists import netlist_of
from prefixrl.synthesis.native.structure import Mapper
from prefixrl.synthesis.native.timer import NativeTimer, surroundings
from prefixrl.synthesis.pdk import load_pdk

# What a library is said not to have.
POORER = {
    "all": (),
    "no XNOR": ("XNOR*",),
    "neither": ("XOR*", "XNOR*"),
    "no AOI and OAI": ("AOI*", "OAI*"),
    "NAND and buffers": ("XOR*", "XNOR*", "AOI*", "OAI*", "AND*", "OR*", "NOR*", "INV*", "CLK*", "MUX*"),
}


class Mapped:
    """A library with its mapper and timer."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        self.pdk = load_pdk(dont_use=missing)
        self.library = self.pdk.library()
        self.timer = NativeTimer(self.pdk)
        self.mapper = Mapper(self.library, self.timer.library)


@pytest.fixture(scope="module", params=POORER)
def mapped(request: pytest.FixtureRequest) -> Mapped:
    return Mapped(POORER[request.param])


@pytest.mark.parametrize("polarity", ["area", "speed", "level", "merged"])
@pytest.mark.parametrize("kind", KINDS)
def test_gates_and_timing_are_those_of_the_plain_mapper(kind: str, polarity: str, mapped: Mapped) -> None:
    for circuit in (Circuit(kind, structure("sklansky", 8)), random_circuit(kind, 11, 1), random_circuit(kind, 6, 2)):
        plain = map_structure(circuit, mapped.library, polarity=polarity)
        net, _ = mapped.mapper.map(logic_network(circuit), polarity, 4)
        around = surroundings(mapped.timer.library, mapped.timer.pdk.name, circuit, CONSTRAINTS)
        delay_ns, _ = mapped.timer.time_arrays(net, around)
        found = netlist_of(net, mapped.timer.library, Netlist("m", circuit.inputs, circuit.outputs, ()))
        assert Counter(gate.cell for gate in found.gates) == Counter(gate.cell for gate in plain.gates)
        assert delay_ns == pytest.approx(mapped.timer.time(plain, circuit, CONSTRAINTS), abs=1e-9)
        found.check(mapped.library)


def test_curves_on_poor_libraries_are_proven(mapped: Mapped) -> None:
    evaluator = NativeEvaluator(mapped.pdk)
    for kind in KINDS:
        circuit = random_circuit(kind, 7, 1)
        curve = evaluator.evaluate(circuit, CONSTRAINTS)
        for point in (curve.fastest, curve.smallest):
            prove_netlist(evaluator.realize(circuit, CONSTRAINTS, point, "poor"), circuit, mapped.library)


def test_propagates_are_gates_of_their_operands() -> None:
    rich = Mapped(())
    circuit = Circuit("adder", structure("sklansky", 8))
    net, halves = rich.mapper.map(logic_network(circuit), "area", 4)
    assert len(halves) == 8
    for gate, first, second, inverted in halves.tolist():
        assert {first, second} <= set(range(16))
        assert inverted in (0, 1)
        assert net.cell[gate] >= 0
