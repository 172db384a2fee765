"""Mapped netlists: instances of library cells, with bit-level nets. Cells are instantiated, never defined.

Nets of ports are `a[3]`, or the bare name for a scalar port; every other net is a plain identifier such as `g_5_2_n`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from prefixrl.circuits.blif import BlifWire, parse_blif
from prefixrl.circuits.cells import CellLibrary
from prefixrl.circuits.functions import evaluate
from prefixrl.circuits.identifiers import is_identifier
from prefixrl.circuits.kinds import Port
from prefixrl.errors import InputError


class Gate(NamedTuple):
    """One instance: cell name, ((input pin, net), ...) in the order of the cell's pins, output pin, output net."""

    cell: str
    inputs: tuple[tuple[str, str], ...]
    output_pin: str
    output: str

    def with_nets(self, names: Mapping[str, str]) -> Gate:
        """The same gate on nets of other names; those that `names` does not have stay."""
        inputs = tuple((pin, names.get(net, net)) for pin, net in self.inputs)
        return self._replace(inputs=inputs, output=names.get(self.output, self.output))


@dataclass(frozen=True)
class Netlist:
    """A combinational module made of library cells.

    :param module: a checked identifier
    :param inputs: input ports in port-list order
    :param outputs: output ports in port-list order
    :param gates: in any order; `check` says whether they make sense
    """

    module: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    gates: tuple[Gate, ...]

    @cached_property
    def input_nets(self) -> tuple[str, ...]:
        """Nets of all input bits, port by port, lowest bit first."""
        return tuple(net for port in self.inputs for net in port.bits())

    @cached_property
    def output_nets(self) -> tuple[str, ...]:
        """Nets of all output bits, port by port, lowest bit first."""
        return tuple(net for port in self.outputs for net in port.bits())

    def cell_counts(self) -> dict[str, int]:
        """Instances of every cell, by cell name."""
        return dict(sorted(Counter(gate.cell for gate in self.gates).items()))

    def area_um2(self, library: CellLibrary) -> float:
        """The sum of the cells' areas.

        :raises InputError: a cell that the library does not have
        """
        return sum(library[cell].area_um2 * count for cell, count in self.cell_counts().items())

    def to_verilog(self) -> str:
        """Structural Verilog-2001 with the netlist's ports as buses and one instance a line."""
        ports = ", ".join(port.name for port in (*self.inputs, *self.outputs))
        lines = [f"module {self.module} ({ports});"]
        lines += [f"  input {_declaration(port)};" for port in self.inputs]
        lines += [f"  output {_declaration(port)};" for port in self.outputs]
        port_nets = {*self.input_nets, *self.output_nets}
        lines += [f"  wire {gate.output};" for gate in self.gates if gate.output not in port_nets]
        for number, gate in enumerate(self.gates):
            pins = "".join(f".{pin}({net}), " for pin, net in gate.inputs)
            lines.append(f"  {gate.cell} u{number} ({pins}.{gate.output_pin}({gate.output}));")
        return "\n".join([*lines, "endmodule", ""])

    def to_blif(self) -> str:
        """Mapped BLIF (`.gate` lines), which keeps the structure when ABC reads it."""
        lines = [f".model {self.module}", f".inputs {' '.join(self.input_nets)}"]
        lines.append(f".outputs {' '.join(self.output_nets)}")
        for cell, inputs, pin, output in self.gates:
            pins = " ".join([f"{name}={net}" for name, net in inputs])
            lines.append(f".gate {cell} {pins} {pin}={output}")
        return "\n".join([*lines, ".end", ""])

    @classmethod
    def from_blif(cls, text: str, template: Netlist, library: CellLibrary | None = None) -> Netlist:
        """Read back what ABC's `write_blif` made of a netlist: sized and buffered, internal nets renamed.

        :param template: gives the module's name and ports
        :param library: needed only where ABC left a bare wire or a constant, which take a cell of it
        :raises InputError: not mapped BLIF, other ports than the template's, or no cell for a wire
        """
        model = parse_blif(text)
        if (sorted(model.inputs), sorted(model.outputs)) != (
            sorted(template.input_nets),
            sorted(template.output_nets),
        ):
            raise InputError(f"a BLIF netlist must keep the ports of module {template.module}: {model.name!r}")
        gates = [Gate(gate.cell, gate.connections[:-1], *gate.connections[-1]) for gate in model.gates]
        gates += [wire_gate(wire, library) for wire in model.wires]
        return cls(template.module, template.inputs, template.outputs, safe_nets(gates, template))

    def check(self, library: CellLibrary) -> tuple[Gate, ...]:
        """The gates in topological order.

        :raises InputError: an unknown cell, a pin that is missing or not the cell's, a net with no driver or several,
            an output that nothing drives, or a loop
        """
        drivers: dict[str, Gate] = {}
        for gate in self.gates:
            _check_pins(gate, library)
            if gate.output in drivers or gate.output in self.input_nets:
                raise InputError(f"a net must have one driver: {gate.output}")
            drivers[gate.output] = gate
        order: list[Gate] = []
        done = set(self.input_nets)
        for net in self.output_nets:
            _visit(net, drivers, done, order)
        for gate in self.gates:
            _visit(gate.output, drivers, done, order)
        return tuple(order)

    def simulate(self, library: CellLibrary, words: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Evaluate the netlist on many patterns at once, from the cells' Liberty functions.

        :param words: input port -> uint64 [width, W]: row i is bit i of the port, each of its 64 W bits one pattern
        :returns: output port -> uint64 [width, W]
        :raises InputError: as `check`, or an input of the wrong shape
        """
        values = self.simulate_nets(library, words)
        return {port.name: np.stack([values[net] for net in port.bits()]) for port in self.outputs}

    def simulate_nets(self, library: CellLibrary, words: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """As `simulate`, but every net -> uint64 [W]."""
        values: dict[str, np.ndarray] = {}
        for port in self.inputs:
            rows = words[port.name]
            if rows.shape[0] != port.width:
                raise InputError(f"patterns of port {port.name} must have {port.width} rows: {rows.shape[0]}")
            values.update(zip(port.bits(), rows, strict=True))
        ones = np.full(next(iter(values.values())).shape, np.iinfo(np.uint64).max, dtype=np.uint64)
        for gate in self.check(library):
            pins = {pin: values[net] for pin, net in gate.inputs}
            values[gate.output] = evaluate(library[gate.cell].expression, pins, ones)
        return values


def _declaration(port: Port) -> str:
    return port.name if port.width == 1 else f"[{port.width - 1}:0] {port.name}"


def wire_gate(wire: BlifWire, library: CellLibrary | None) -> Gate:
    match = library.role(wire.function) if library is not None else None
    if match is None:
        raise InputError(f"a wire between ports needs a {wire.function} cell of the library: {wire.net!r}")
    return Gate(match.cell.name, tuple(zip(match.pins, wire.sources, strict=True)), match.cell.output, wire.net)


def safe_nets(gates: list[Gate], template: Netlist) -> tuple[Gate, ...]:
    """The gates with every internal net a plain identifier that collides with nothing."""
    ports = {*template.input_nets, *template.output_nets}
    taken = {port.name for port in (*template.inputs, *template.outputs)}
    taken.update(f"u{number}" for number in range(len(gates)))
    nets = dict.fromkeys(net for gate in gates for net in (gate.output, *(net for _, net in gate.inputs)))
    good = {net for net in nets if net not in ports and net not in taken and is_identifier(net)}
    names: dict[str, str] = {}
    for net in nets:
        if net in ports or net in good:
            names[net] = net
            continue
        number = len(names)
        while (name := f"net_{number}") in good or name in taken:
            number += 1
        taken.add(name)
        names[net] = name
    return tuple(
        Gate(cell, tuple((pin, names[net]) for pin, net in inputs), pin_out, names[output])
        for cell, inputs, pin_out, output in gates
    )


def _check_pins(gate: Gate, library: CellLibrary) -> None:
    cell = library[gate.cell]
    pins = [pin for pin, _ in gate.inputs]
    if sorted(pins) != sorted(cell.inputs) or gate.output_pin != cell.output:
        raise InputError(f"an instance must connect the pins of its cell {cell.name}: {[*pins, gate.output_pin]}")


def _visit(net: str, drivers: Mapping[str, Gate], done: set[str], order: list[Gate]) -> None:
    """Append the gates that a net depends on, drivers first; an explicit stack, since carry chains are long."""
    stack = [(net, False)]
    path: set[str] = set()
    while stack:
        net, leaving = stack.pop()
        if leaving:
            path.discard(net)
            done.add(net)
            order.append(drivers[net])
            continue
        if net in done:
            continue
        if net not in drivers:
            raise InputError(f"every net must have a driver: {net}")
        if net in path:
            raise InputError(f"a combinational netlist must have no loop: {net}")
        path.add(net)
        stack.append((net, True))
        stack.extend((source, False) for _, source in drivers[net].inputs if source not in done)
