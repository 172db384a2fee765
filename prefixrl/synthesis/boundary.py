"""Arrival and required times in ABC, whose timer knows neither: cells at the circuit's edge that take just that long.

ABC gives all inputs one driving cell and time 0, and all outputs the same target. So every input bit gets a cell of its
own between the port and the circuit, whose delay is that of the driving cell (as ABC and OpenSTA reckon it: what the
load adds to its delay without load, from an input without slew) plus the arrival time, and whose slew is the driving
cell's. Every output bit gets one with the capacitance of the output load that takes as long as the bit is due earlier
than the last. ABC then measures and sizes as if it knew the times. The cells have no area; each computes a function
that no other cell does, so that ABC's sizing has nothing to put in their place; for that they have spare inputs, which
are ports of the wrapped netlist. They are taken out of what comes back.

This is also how a cell that is not to be used in the circuit can drive it, how the slews of the inputs become visible,
and how input nets get buffered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count, product

import numpy as np

from prefixrl.circuits.cells import Cell, CellLibrary
from prefixrl.circuits.kinds import Port
from prefixrl.circuits.netlist import Gate, Netlist
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.liberty_tables import Table
from prefixrl.synthesis.liberty_timing import TABLES, Arc, TimedCell, cells_text

PREFIX = "prefixrl_edge_"
"""What the names of the cells at the edge begin with."""

_SPARES = tuple(f"S{number}" for number in range(4))
_SPARE_PORT = "prefixrl_spare"
_PIN, _OUTPUT = "A", "Y"
# ABC's buffering insists on delays above 0; this is a ten thousandth of a picosecond.
_INSTANT_NS = 1e-7
# Of the pins that nothing depends on.
_PIN_FF = 1.0


@dataclass(frozen=True)
class Boundary:
    """The cells at the edge of circuits with certain ports under certain constraints.

    :param cells: by name
    :param at_net: input or output net -> the cell there
    """

    cells: Mapping[str, TimedCell]
    at_net: Mapping[str, str]

    @cached_property
    def key(self) -> str:
        """The same for equal boundaries only."""
        return hashlib.sha256(repr((self.liberty, sorted(self.at_net.items()))).encode()).hexdigest()

    @cached_property
    def liberty(self) -> str:
        """The cells as Liberty groups."""
        return cells_text(self.cells.values())

    def wrap(self, netlist: Netlist) -> Netlist:
        """The netlist with the cells at its edge; the spare pins are an input port more."""
        inner = {net: f"{PREFIX}net_{number}" for number, net in enumerate(self.at_net)}
        gates = [
            Gate(cell, tuple((pin, inner.get(net, net)) for pin, net in inputs), pin_out, inner.get(output, output))
            for cell, inputs, pin_out, output in netlist.gates
        ]
        spares = iter(Port(_SPARE_PORT, len(_SPARES) * len(self.at_net)).bits())
        for net, cell in self.at_net.items():
            source, target = (inner[net], net) if net in netlist.output_nets else (net, inner[net])
            pins = ((_PIN, source), *((pin, next(spares)) for pin in _SPARES))
            gates.append(Gate(cell, pins, _OUTPUT, target))
        port = Port(_SPARE_PORT, len(_SPARES) * len(self.at_net))
        return Netlist(netlist.module, (*netlist.inputs, port), netlist.outputs, tuple(gates))

    def unwrap(self, netlist: Netlist) -> Netlist:
        """What ABC made of a wrapped netlist, without the cells at its edge."""
        edges = [gate for gate in netlist.gates if gate.cell in self.cells]
        names: dict[str, str] = {}
        for gate in edges:
            source = dict(gate.inputs)[_PIN]
            if gate.output in netlist.output_nets:
                names[source] = gate.output
            else:
                names[gate.output] = source
        gates = tuple(
            Gate(cell, tuple((pin, names.get(net, net)) for pin, net in inputs), pin_out, names.get(output, output))
            for cell, inputs, pin_out, output in netlist.gates
            if cell not in self.cells
        )
        ports = tuple(port for port in netlist.inputs if port.name != _SPARE_PORT)
        return Netlist(netlist.module, ports, netlist.outputs, gates)


def make_boundary(netlist: Netlist, constraints: Constraints, driver: TimedCell, library: CellLibrary) -> Boundary:
    """The cells for a netlist's ports.

    :param driver: the driving cell
    :param library: the cells of the PDK, whose functions are not to be taken
    :raises InputError: the constraints are for other ports
    """
    functions = _unused_functions(library)
    cells: dict[str, TimedCell] = {}
    at_net: dict[str, str] = {}
    made: dict[tuple[str, float], str] = {}
    arrivals, margins = constraints.arrivals(netlist), constraints.margins(netlist)
    for kind, times in (("in", arrivals), ("out", margins)):
        for net, time in times.items():
            name = made.get((kind, time))
            if name is None:
                name = made[kind, time] = f"{PREFIX}{kind}_{len(made)}"
                cell = _edge_cell(name, next(functions))
                cells[name] = (
                    _arriving(cell, driver, time) if kind == "in" else _required(cell, constraints.output_load_ff, time)
                )
            at_net[net] = name
    return Boundary(cells, at_net)


def _edge_cell(name: str, function: str) -> Cell:
    return Cell(name, 0.0, (_PIN, *_SPARES), _OUTPUT, function)


def _arriving(cell: Cell, driver: TimedCell, arrival_ns: float) -> TimedCell:
    """The driving cell, behind an input that switches at the arrival time, as a cell."""
    (arc,) = driver.arcs.values()
    tables = {name: _driven(arc.tables[name], arrival_ns if name.startswith("cell") else None) for name in TABLES}
    return _timed(cell, _PIN_FF, tables)


def _driven(table: Table, arrival_ns: float | None) -> Table:
    """Over load only: the slew, or (with an arrival time) the delay beyond that without load."""
    row = table.at_slew(0.0)
    if arrival_ns is not None:
        row = row - max(0.0, table.at(0.0, 0.0)) + arrival_ns + _INSTANT_NS
    return Table((0.0, 1.0), table.loads, np.stack([row, row]))


def _required(cell: Cell, load_ff: float, margin_ns: float) -> TimedCell:
    return _timed(cell, load_ff, _constant(margin_ns + _INSTANT_NS))


def _constant(delay_ns: float) -> dict[str, Table]:
    """A delay that nothing influences, without slew."""
    delay, slew = (Table((0.0, 1.0), (0.0, 1.0), np.full((2, 2), value)) for value in (delay_ns, 0.0))
    return {name: delay if name.startswith("cell") else slew for name in TABLES}


def _timed(cell: Cell, pin_ff: float, tables: Mapping[str, Table]) -> TimedCell:
    spare = Arc("positive_unate", _constant(_INSTANT_NS))
    capacitance = {pin: {"capacitance": _PIN_FF} for pin in _SPARES} | {_PIN: {"capacitance": pin_ff}}
    arcs = {_PIN: Arc("positive_unate", tables)} | dict.fromkeys(_SPARES, spare)
    return TimedCell(cell, capacitance, None, arcs)


def _unused_functions(library: CellLibrary) -> Iterator[str]:
    """Functions of the pins of an edge cell that no cell of the library has: pin XOR (some function of the spares)."""
    pins = (_PIN, *_SPARES)
    taken = {cell.truth_table for cell in library if len(cell.inputs) == len(pins)}
    minterms = ["&".join(_literals(values)) for values in product((0, 1), repeat=len(_SPARES))]
    for number in count(1):
        chosen = [minterm for bit, minterm in enumerate(minterms) if number >> bit & 1]
        function = f"({_PIN} ^ ({'|'.join(f'({minterm})' for minterm in chosen)}))"
        cell = Cell("probe", 0.0, pins, _OUTPUT, function)
        if cell.truth_table not in taken and _uses_all_spares(cell):
            yield function


def _literals(values: Sequence[int]) -> list[str]:
    return [pin if value else f"(!{pin})" for pin, value in zip(_SPARES, values, strict=True)]


def _uses_all_spares(cell: Cell) -> bool:
    patterns = range(1 << len(cell.inputs))
    return all(
        any((cell.truth_table >> pattern ^ cell.truth_table >> (pattern ^ 1 << number)) & 1 for pattern in patterns)
        for number in range(1, len(cell.inputs))
    )
