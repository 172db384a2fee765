"""Power of mapped netlists under random inputs: leakage by state, and energy per operation.

Method, and its limits. Two independent random input patterns make one operation; the netlist is simulated on both, all
operations in parallel, with zero delay. A net that differs takes C V^2 / 2, C being the pins that it drives and the
output load. Each transition takes the cell's internal energy from the library's tables, weighted by the inputs that
changed with it and the state (`when`). Slews are the mean of rising and falling over a cell's arcs, carried from input
to output. Glitches, which a zero-delay simulation does not see, and wires are left out: figures compare designs, they
do not sign off a power budget. Energy of the input nets is their driver's, and not counted; nor does OpenSTA count it.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from prefixrl.circuits import Circuit
from prefixrl.circuits.functions import Expression, evaluate
from prefixrl.circuits.netlist import Gate, Netlist
from prefixrl.errors import InputError
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.liberty_power import CellPower, InternalPower, PowerLibrary, Table
from prefixrl.synthesis.pdk import Pdk

VERSION = 1
"""Rises whenever a figure could change."""

# The energy of one operation of an adder spreads by a quarter of its mean, so the mean of so many is known to 0.4 %.
DEFAULT_OPERATIONS = 4096
METHOD = "zero-delay simulation of random inputs, Liberty tables, no glitches, no wires"


@dataclass(frozen=True)
class Power:
    """Power of a netlist.

    :param leakage_nw: mean leakage under random inputs; None where the library does not tell
    :param energy_per_operation_fj: switching and internal energy of one operation; switching alone where the library
        has no tables of internal energy
    :param switching_fj: of charging and discharging nets
    :param internal_fj: inside the cells; None where the library does not tell
    :param operations: how many random operations were simulated
    :param method: how, in words
    """

    leakage_nw: float | None
    energy_per_operation_fj: float
    switching_fj: float
    internal_fj: float | None
    operations: int
    method: str = METHOD


class Activity(NamedTuple):
    """What a net does in the operations: its values before and after, one bit each, in uint64 words."""

    before: np.ndarray
    after: np.ndarray

    @property
    def toggled(self) -> np.ndarray:
        """The operations in which it changes."""
        return self.before ^ self.after


class PowerModel:
    """Works out the power of netlists of one PDK; needs no external program.

    :param pdk: its libraries are read when the first netlist comes
    """

    def __init__(self, pdk: Pdk) -> None:
        self.pdk = pdk
        self._library = pdk.library()
        self._files = [PowerLibrary(path) for path in pdk.liberty]
        self._capacitance_unit_ff = [library.capacitance_unit_ff for library in pdk.liberty_libraries()]

    def power(
        self,
        netlist: Netlist,
        circuit: Circuit,
        constraints: Constraints,
        operations: int = DEFAULT_OPERATIONS,
        seed: int = 0,
    ) -> Power:
        """Leakage and energy per operation under independent random inputs, each bit 1 half of the time.

        :param circuit: what the netlist implements; its ports are the netlist's
        :param operations: rounded up to a multiple of 64
        :param seed: of the inputs
        :raises InputError: the netlist is none of this library, or the library does not make sense
        """
        if (netlist.inputs, netlist.outputs) != (circuit.inputs, circuit.outputs):
            raise InputError(f"a netlist must have the ports of its circuit ({circuit.kind}): {netlist.module!r}")
        if operations < 1:
            raise InputError(f"power needs at least one operation: {operations}")
        activities = self.activities(netlist, operations, seed)
        total = 64 * len(next(iter(activities.values())).before)
        loads_ff = self.loads_ff(netlist, constraints)
        volts = self._files[0].voltage_v
        switching = sum(
            _count(activities[gate.output].toggled) * loads_ff[gate.output] * volts**2 / 2 for gate in netlist.gates
        )
        internal = self._internal_fj(netlist, constraints, activities, loads_ff)
        leakage = [self._leakage_nw(gate, activities, total) for gate in netlist.gates]
        switching_fj = switching / total
        internal_fj = None if internal is None else internal / total
        return Power(
            leakage_nw=None if None in leakage else float(sum(figure or 0.0 for figure in leakage)),
            energy_per_operation_fj=switching_fj + (internal_fj or 0.0),
            switching_fj=switching_fj,
            internal_fj=internal_fj,
            operations=total,
        )

    def activities(self, netlist: Netlist, operations: int = DEFAULT_OPERATIONS, seed: int = 0) -> dict[str, Activity]:
        """What every net does in random operations.

        :raises InputError: as `Netlist.check`
        """
        generator = np.random.default_rng(seed)
        words = -(-operations // 64)
        largest = np.iinfo(np.uint64).max
        before, after = (
            netlist.simulate_nets(
                self._library,
                {
                    port.name: generator.integers(0, largest, (port.width, words), np.uint64, endpoint=True)
                    for port in netlist.inputs
                },
            )
            for _ in range(2)
        )
        return {net: Activity(before[net], after[net]) for net in before}

    def loads_ff(self, netlist: Netlist, constraints: Constraints) -> dict[str, float]:
        """Capacitance at every net: the pins that it drives, and the load where it is an output."""
        loads = dict.fromkeys((*netlist.input_nets, *(gate.output for gate in netlist.gates)), 0.0)
        for gate in netlist.gates:
            cell, unit_ff = self._cell(gate.cell)
            for pin, net in gate.inputs:
                loads[net] += cell.capacitance[pin] * unit_ff
        for net in netlist.output_nets:
            loads[net] += constraints.output_load_ff
        return loads

    def _cell(self, name: str) -> tuple[CellPower, float]:
        """A cell and the capacitance unit (fF) of its library."""
        for library, unit_ff in zip(self._files, self._capacitance_unit_ff, strict=True):
            if name in library:
                return library[name], unit_ff
        raise InputError(f"the library must have every cell of a netlist: {name}")

    def _leakage_nw(self, gate: Gate, activities: Mapping[str, Activity], total: int) -> float | None:
        """Mean leakage of one gate, its states weighted by how often the simulation meets them."""
        library = next(library for library in self._files if gate.cell in library)
        cell = library[gate.cell]
        if not cell.states:
            return None if cell.leakage is None else cell.leakage * library.leakage_unit_nw
        values = {pin: activities[net].after for pin, net in (*gate.inputs, (gate.output_pin, gate.output))}
        covered = np.zeros_like(activities[gate.output].after)
        leakage = 0.0
        for state, figure in cell.states:
            holds = _holds(state, values)
            covered |= holds
            leakage += figure * _count(holds) / total
        # States that the library leaves out leak as the cell does on the whole.
        leakage += (cell.leakage or 0.0) * (1 - _count(covered) / total)
        return leakage * library.leakage_unit_nw

    def _internal_fj(
        self,
        netlist: Netlist,
        constraints: Constraints,
        activities: Mapping[str, Activity],
        loads_ff: Mapping[str, float],
    ) -> float | None:
        """Internal energy of all operations together, None where no cell of the netlist has any."""
        slews = self._slews(netlist, constraints, loads_ff)
        total, known = 0.0, False
        for gate in netlist.gates:
            cell, unit_ff = self._cell(gate.cell)
            library = next(library for library in self._files if gate.cell in library)
            unit_fj = unit_ff * library.voltage_unit_v**2
            load = loads_ff[gate.output] / unit_ff
            for pin, net in (*gate.inputs, (gate.output_pin, gate.output)):
                entries = cell.internal.get(pin, ())
                known = known or bool(entries)
                if entries:
                    total += unit_fj * _pin_energy(entries, gate, net, activities, slews, load)
        return total if known else None

    def _slews(self, netlist: Netlist, constraints: Constraints, loads_ff: Mapping[str, float]) -> dict[str, float]:
        """Slew of every net in the library's time unit."""
        driver, unit_ff = self._cell(constraints.driving_cell)
        tables = [table for found in driver.slews.values() for table in found]
        slews = {net: _mean(tables, 0.0, loads_ff[net] / unit_ff) for net in netlist.input_nets}
        for gate in netlist.check(self._library):
            cell, unit_ff = self._cell(gate.cell)
            load = loads_ff[gate.output] / unit_ff
            arcs = [_mean(cell.slews.get(pin, ()), slews[net], load) for pin, net in gate.inputs]
            slews[gate.output] = statistics.fmean(arcs) if arcs else 0.0
        return slews


def _pin_energy(
    entries: tuple[InternalPower, ...],
    gate: Gate,
    net: str,
    activities: Mapping[str, Activity],
    slews: Mapping[str, float],
    load: float,
) -> float:
    """Internal energy of all transitions of one pin, in the library's unit.

    Every transition counts once: it is shared among the entries in proportion to how often their state holds and their
    related pin changes with it.
    """
    nets = {**dict(gate.inputs), gate.output_pin: gate.output}
    values = {pin: activities[each].after for pin, each in nets.items()}
    activity = activities[net]
    energy = 0.0
    for is_rise in (True, False):
        moved = activity.toggled & (activity.after if is_rise else ~activity.after)
        shares: list[tuple[int, float]] = []
        for entry in entries:
            table = entry.rise if is_rise else entry.fall
            if table is None:
                continue
            held = moved if entry.when is None else moved & _holds(entry.when, values)
            for related in entry.related_pins or (None,):
                source = nets.get(related, net) if related is not None else net
                shares.append((_count(held & activities[source].toggled), table.at(slews[source], load)))
        weight = sum(count for count, _ in shares)
        if weight and entries[0].related_pins:
            energy += _count(moved) * sum(count * figure for count, figure in shares) / weight
        else:
            energy += sum(count * figure for count, figure in shares)
    return energy


def _mean(tables: tuple[Table, ...] | list[Table], slew: float, load: float) -> float:
    return statistics.fmean(table.at(slew, load) for table in tables) if tables else slew


def _holds(expression: Expression, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """The operations after which an expression over a cell's pins is true."""
    words = next(iter(values.values()))
    ones = np.full(words.shape, np.iinfo(np.uint64).max, dtype=np.uint64)
    held: np.ndarray = evaluate(expression, values, ones)
    return held


def _count(words: np.ndarray) -> int:
    """How many bits are set."""
    return int(np.unpackbits(words.view(np.uint8)).sum())
