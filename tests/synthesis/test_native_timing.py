"""Native timing against OpenSTA, its slopes against differences, its netlists against the mapper's."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from library_samples import small_library, written

from prefixrl.circuits import KINDS, Circuit
from prefixrl.circuits.generator import logic_network
from prefixrl.circuits.mapping import map_structure
from prefixrl.circuits.netlist import Netlist
from prefixrl.circuits.polarity import POLARITIES
from prefixrl.circuits.proof import prove_netlist
from prefixrl.errors import InputError
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import Constraints, default_constraints
from prefixrl.synthesis.native import NativeEvaluator
from prefixrl.synthesis.native.library import native_library
from prefixrl.synthesis.native.netlists import Net, Surroundings, net_of, netlist_of
from prefixrl.synthesis.native.slopes import differentiate, empty_slopes
from prefixrl.synthesis.native.structure import Mapper
from prefixrl.synthesis.native.timing import connect, empty_timing, propagate, total_area
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.signoff import SignoffTimer
from prefixrl.tools import find_tool

PDK = load_pdk()
NATIVE = native_library(PDK.library(), PDK.timed_cells())
CONSTRAINTS = default_constraints(PDK)
needs_sta = pytest.mark.skipif(find_tool("sta") is None, reason="needs OpenSTA (Debian: opensta)")


def surroundings(circuit: Circuit, constraints: Constraints = CONSTRAINTS) -> Surroundings:
    return Surroundings(
        np.array([NATIVE.number[constraints.driving_cell]], dtype=np.int32),
        np.array([constraints.output_load_ff, np.inf, np.inf]),
        np.array(list(constraints.arrivals(circuit).values())),
        np.array(list(constraints.margins(circuit).values())),
        np.zeros(4),
    )


def delay_of(net: Net, around: Surroundings) -> float:
    assert connect(net)
    return float(propagate(NATIVE.tables, net, around, empty_timing(len(net.cell))))


def any_sizes(netlist: Netlist, seed: int) -> Netlist:
    """The netlist with every gate any member of its family."""
    net = net_of(netlist, NATIVE)
    draw = random.Random(seed)
    for node in range(int(net.size[0]), int(net.size[1])):
        net.cell[node] = draw.choice(NATIVE.families[NATIVE.tables.family[net.cell[node]]])
    return netlist_of(net, NATIVE, netlist)


@pytest.mark.tools
@needs_sta
@pytest.mark.parametrize("kind", KINDS)
def test_delays_are_those_of_opensta(kind: str) -> None:
    evaluator = NativeEvaluator(PDK)
    with SignoffTimer(PDK) as timer:
        for seed, (name, width) in enumerate((("sklansky", 8), ("kogge-stone", 16), ("brent-kung", 32))):
            circuit = Circuit(kind, structure(name, width))
            for netlist in (
                any_sizes(map_structure(circuit, PDK.library()), seed),
                evaluator.realize(circuit, CONSTRAINTS, evaluator.evaluate(circuit, CONSTRAINTS).fastest, kind),
            ):
                stated = timer.time(netlist, circuit, CONSTRAINTS).delay_ns
                assert delay_of(net_of(netlist, NATIVE), surroundings(circuit)) == pytest.approx(stated, rel=1e-4)


@pytest.mark.tools
@needs_sta
def test_arrivals_and_required_times_as_opensta_takes_them() -> None:
    circuit = Circuit("adder", structure("sklansky", 8))
    times = tuple(0.02 * bit for bit in range(8))
    constraints = Constraints("INV_X2", 7.5, {"a": times, "b": times[::-1]}, {"sum": times, "cout": (0.3,)})
    netlist = any_sizes(map_structure(circuit, PDK.library()), 1)
    with SignoffTimer(PDK) as timer:
        stated = timer.time(netlist, circuit, constraints).delay_ns
    assert delay_of(net_of(netlist, NATIVE), surroundings(circuit, constraints)) == pytest.approx(stated, rel=1e-4)


def test_slopes_are_the_derivatives_of_the_smooth_delay() -> None:
    """With a wide maximum, moving an input by a little moves the delay by its share of it."""
    circuit = Circuit("adder", structure("sklansky", 8))
    net = net_of(map_structure(circuit, PDK.library()), NATIVE)
    around = surroundings(circuit)
    assert connect(net)
    timing, slopes = empty_timing(len(net.cell)), empty_slopes(len(net.cell), len(net.outputs))
    delay = propagate(NATIVE.tables, net, around, timing)
    differentiate(NATIVE.tables, net, around, timing, slopes, delay, 1e-5, 1.0, True)
    inputs = int(net.size[0])
    assert slopes.flow[:inputs].sum() == pytest.approx(1.0)
    step_ns = 1e-4
    for node in range(inputs):
        later = around._replace(arrivals=around.arrivals + step_ns * (np.arange(inputs) == node))
        moved = propagate(NATIVE.tables, net, later, empty_timing(len(net.cell))) - delay
        # The sharp maximum moves with all of the share, or (where two paths are level) with a part of it.
        assert -1e-12 <= moved <= step_ns * (1 + 1e-6)
        assert moved >= step_ns * slopes.flow[node].sum() - 1e-9


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("polarity", POLARITIES)
def test_the_mapper_s_netlists_gate_for_gate(kind: str, polarity: str) -> None:
    circuit = Circuit(kind, structure("brent-kung", 13))
    library = PDK.library()
    netlist = map_structure(circuit, library, polarity=polarity)
    net, _ = Mapper(library, NATIVE).map(logic_network(circuit), polarity, 0)
    assert netlist_of(net, NATIVE, netlist).cell_counts() == netlist.cell_counts()
    around = surroundings(circuit)
    assert delay_of(net, around) == pytest.approx(delay_of(net_of(netlist, NATIVE), around), rel=1e-12)
    assert total_area(NATIVE.tables, net) == pytest.approx(netlist.area_um2(library))


@pytest.mark.parametrize("missing", ["XNOR2", "XOR2", "AOI21", "OAI21", "NOR2"])
def test_libraries_that_lack_a_gate(missing: str, tmp_path: Path) -> None:
    cells = tuple(
        f"{role}_X1" for role in ("INV", "BUF", "NAND2", "NOR2", "AOI21", "OAI21", "XOR2", "XNOR2") if role != missing
    )
    pdk = load_pdk(written(tmp_path, [small_library(cells)]), "BUF_X1", 3.898)
    circuit = Circuit("adder", structure("sklansky", 6))
    evaluator = NativeEvaluator(pdk)
    constraints = default_constraints(pdk)
    point = evaluator.evaluate(circuit, constraints).fastest
    prove_netlist(evaluator.realize(circuit, constraints, point, "unit"), circuit, pdk.library())


def test_a_cell_without_timing_is_refused() -> None:
    netlist = map_structure(Circuit("adder", structure("sklansky", 4)), PDK.library())
    strange = Netlist(netlist.module, netlist.inputs, netlist.outputs, (netlist.gates[0]._replace(cell="DFF_X1"),))
    with pytest.raises(InputError, match="'DFF_X1'"):
        net_of(strange, NATIVE)


def test_families_and_twins() -> None:
    names = [NATIVE.cells[k].name for k in NATIVE.families[NATIVE.roles["AOI21"]]]
    assert names == ["AOI21_X1", "AOI21_X2", "AOI21_X4"]
    family = NATIVE.roles["AOI21"]
    pairs = NATIVE.tables.twins[NATIVE.tables.twin_first[family] : NATIVE.tables.twin_first[family + 1]].tolist()
    assert pairs == [[1, 2]]
    assert NATIVE.tables.parity[NATIVE.roles["XOR2"]]
    assert not NATIVE.tables.parity[NATIVE.roles["NAND2"]]
