"""Slopes against finite differences: of the delay where one path is the worst, of a smooth maximum where many are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from native_samples import CONSTRAINTS, NANGATE45, random_circuit

from prefixrl.circuits.kinds import Port
from prefixrl.circuits.mapping import map_structure
from prefixrl.circuits.netlist import Gate, Netlist
from prefixrl.synthesis.native.benchmark import scrambled
from prefixrl.synthesis.native.netlists import INPUTS, NODES, Net, Surroundings, net_of
from prefixrl.synthesis.native.slopes import Slopes, differentiate, empty_slopes
from prefixrl.synthesis.native.timer import NativeTimer, surroundings
from prefixrl.synthesis.native.timing import Timing, empty_timing, propagate

TIMER = NativeTimer(NANGATE45)
TABLES = TIMER.library.tables
STEP_FF = 1e-4
STEP_NS = 1e-6


def timed(netlist: Netlist, ports: Any) -> tuple[Net, Surroundings, float, Timing]:
    net = net_of(netlist, TIMER.library)
    # Outputs weigh next to nothing, so that one port more is one step more of load.
    around = surroundings(TIMER.library, TIMER.pdk.name, ports, replace(CONSTRAINTS, output_load_ff=STEP_FF))
    delay, timing = TIMER.time_arrays(net, around)
    return net, around, delay, timing


def slopes_of(net: Net, around: Surroundings, delay: float, timing: Timing, softness: float) -> Slopes:
    slopes = empty_slopes(len(net.cell), len(net.outputs))
    differentiate(TABLES, net, around, timing, slopes, delay, softness, 1.0, -1.0)
    return slopes


def smooth(net: Net, timing: Timing, softness: float) -> float:
    arrivals = timing.arrival[net.outputs]
    return float(arrivals.max() + softness * np.log(np.exp((arrivals - arrivals.max()) / softness).sum()))


@pytest.mark.parametrize("seed", range(4))
def test_slopes_by_load_are_those_of_the_delay(seed: int) -> None:
    circuit = random_circuit("adder", 10, seed)
    netlist = scrambled(
        map_structure(circuit, NANGATE45.library(), "adder"), TIMER.library, np.random.default_rng(seed)
    )
    net, around, delay, timing = timed(netlist, circuit)
    slopes = slopes_of(net, around, delay, timing, 1e-7)
    found, expected = [], []
    for node in range(int(net.size[INPUTS]), int(net.size[NODES])):
        net.ports[node] += 1
        moved = propagate(TABLES, net, around, empty_timing(len(net.cell)))
        net.ports[node] -= 1
        expected.append((moved - delay) / STEP_FF)
        found.append(slopes.by_load[node].sum())
    assert np.count_nonzero(expected) > 5
    assert found == pytest.approx(expected, abs=2e-3 * max(expected))


@pytest.mark.parametrize("seed", range(4))
def test_flow_is_the_slope_by_arrival_and_none_is_lost(seed: int) -> None:
    circuit = random_circuit("adder", 10, seed)
    net, around, delay, timing = timed(map_structure(circuit, NANGATE45.library(), "adder"), circuit)
    inputs = int(net.size[INPUTS])
    slopes = slopes_of(net, around, delay, timing, 1e-7)
    for node in range(inputs):
        around.arrivals[node] += STEP_NS
        moved = propagate(TABLES, net, around, empty_timing(len(net.cell)))
        around.arrivals[node] -= STEP_NS
        assert slopes.flow[node].sum() == pytest.approx((moved - delay) / STEP_NS, abs=1e-3)
    for softness in (1e-7, 1e-3, 1e-2, 1e-1):
        soft = slopes_of(net, around, delay, timing, softness)
        assert soft.flow[:inputs].sum() == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("softness", [0.002, 0.02])
def test_slopes_of_chains_are_those_of_the_smooth_maximum(softness: float) -> None:
    """Chains meet at the outputs only, so that the smooth maximum over these is all there is to differentiate."""
    gates = []
    for bit, cells in enumerate((("INV_X1", "INV_X2", "INV_X1"), ("INV_X2", "BUF_X1", "INV_X1"), ("BUF_X2", "BUF_X1"))):
        net_name = f"x[{bit}]"
        for place, cell in enumerate(cells):
            last = place == len(cells) - 1
            output = f"y[{bit}]" if last else f"n{bit}_{place}"
            gates.append(Gate(cell, (("A", net_name),), "ZN" if cell.startswith("INV") else "Z", output))
            net_name = output
    netlist = Netlist("chains", (Port("x", 3),), (Port("y", 3),), tuple(gates))
    net, around, delay, timing = timed(netlist, netlist)
    slopes = slopes_of(net, around, delay, timing, softness)
    base = smooth(net, timing, softness)
    for node in range(int(net.size[INPUTS]), int(net.size[NODES])):
        net.ports[node] += 1
        other = empty_timing(len(net.cell))
        propagate(TABLES, net, around, other)
        net.ports[node] -= 1
        expected = (smooth(net, other, softness) - base) / STEP_FF
        # Shares are (1 - x / 16)^16 in place of exp(-x): thinner where they hardly count.
        assert slopes.by_load[node].sum() == pytest.approx(expected, rel=5e-2, abs=2e-6)
    for node in range(int(net.size[INPUTS])):
        around.arrivals[node] += STEP_NS
        other = empty_timing(len(net.cell))
        propagate(TABLES, net, around, other)
        around.arrivals[node] -= STEP_NS
        expected = (smooth(net, other, softness) - base) / STEP_NS
        assert slopes.flow[node].sum() == pytest.approx(expected, rel=5e-2, abs=1e-3)
