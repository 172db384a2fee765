"""Mapped netlists as flat arrays, and back.

Letters: C nodes at most, I inputs, O operands (`library.MAXIMUM_OPERANDS`), P output ports. A node is a net: the inputs
come first, then the gates, each standing for the net that it drives.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from prefixrl.circuits.netlist import Gate, Netlist
from prefixrl.errors import InputError
from prefixrl.synthesis.native.library import MAXIMUM_OPERANDS, NativeLibrary

INPUTS, NODES, OUTPUTS = 0, 1, 2


class Net(NamedTuple):
    """A netlist; there is room for gates that are added.

    :param size: [3] number of inputs, of all nodes, of output ports
    :param cell: [C] cell of a gate, -1 for inputs and for gates that were taken out
    :param fanin: [C, O] nodes that drive a gate's operands
    :param outputs: [P] node that drives an output port
    :param ports: [C] output ports that a node drives
    :param order: [C] the gates, drivers first; the rest is -1
    :param sink_first: [C + 1] sinks of node v: sink_first[v] up to the next entry
    :param sinks: [C * O] gate * O + operand
    :param column: [C] where a node stands, in bits from the right
    :param row: [C] where a node stands, in rows from the inputs
    :param work: [2, C + 1] for `connect`
    """

    size: np.ndarray
    cell: np.ndarray
    fanin: np.ndarray
    outputs: np.ndarray
    ports: np.ndarray
    order: np.ndarray
    sink_first: np.ndarray
    sinks: np.ndarray
    column: np.ndarray
    row: np.ndarray
    work: np.ndarray


class Surroundings(NamedTuple):
    """Constraints, as compiled code takes them.

    :param driver: [1] cell that drives every input
    :param figures: [3] output load in fF, longest slew in ns, most readers of a net; the latter two may be infinite
    :param arrivals: [I] when inputs switch, ns
    :param margins: [P] how much before the target outputs are due, ns
    :param wire: [4] um per column, um per row, fF per um, kohm per um; zeros for no wires
    """

    driver: np.ndarray
    figures: np.ndarray
    arrivals: np.ndarray
    margins: np.ndarray
    wire: np.ndarray


def empty_net(inputs: int, outputs: int, capacity: int) -> Net:
    """Room for a netlist of `capacity` nodes."""
    return Net(
        np.array([inputs, inputs, outputs], dtype=np.int64),
        np.full(capacity, -1, dtype=np.int32),
        np.full((capacity, MAXIMUM_OPERANDS), -1, dtype=np.int32),
        np.full(outputs, -1, dtype=np.int32),
        np.zeros(capacity, dtype=np.int32),
        np.full(capacity, -1, dtype=np.int32),
        np.zeros(capacity + 1, dtype=np.int32),
        np.zeros(capacity * MAXIMUM_OPERANDS, dtype=np.int32),
        np.zeros(capacity),
        np.zeros(capacity),
        np.zeros((2, capacity + 1), dtype=np.int32),
    )


def net_of(netlist: Netlist, library: NativeLibrary, room: int = 0) -> Net:
    """The arrays of any netlist of the library's cells.

    :param room: gates that may be added
    :raises InputError: a cell that the library does not have, or has too many inputs
    """
    gates = netlist.gates
    inputs = netlist.input_nets
    net = empty_net(len(inputs), len(netlist.output_nets), len(inputs) + len(gates) + room)
    number = {name: node for node, name in enumerate(inputs)}
    number.update({gate.output: len(inputs) + place for place, gate in enumerate(gates)})
    net.size[NODES] = len(number)
    for place, gate in enumerate(gates):
        node = len(inputs) + place
        cell = library.number.get(gate.cell)
        if cell is None:
            raise InputError(f"every cell of a netlist must be one of the library with timing: {gate.cell!r}")
        net.cell[node] = cell
        pins = dict(gate.inputs)
        for operand, pin in enumerate(library.orders[cell]):
            net.fanin[node, operand] = number[pins[pin]]
    for place, name in enumerate(netlist.output_nets):
        net.outputs[place] = number[name]
    return net


def netlist_of(net: Net, library: NativeLibrary, template: Netlist) -> Netlist:
    """The netlist that arrays stand for.

    :param template: gives the module's name and ports; every output port must be driven by a gate
    """
    inputs, nodes = int(net.size[INPUTS]), int(net.size[NODES])
    nets = [*template.input_nets, *(f"n{node}" for node in range(inputs, nodes))]
    for port, node in zip(template.output_nets, net.outputs.tolist(), strict=True):
        nets[node] = port
    gates = []
    for node in range(inputs, nodes):
        cell = int(net.cell[node])
        if cell >= 0:
            order = library.orders[cell]
            by_pin = {pin: nets[net.fanin[node, operand]] for operand, pin in enumerate(order)}
            pins = tuple((pin, by_pin[pin]) for pin in library.cells[cell].inputs)
            gates.append(Gate(library.cells[cell].name, pins, library.cells[cell].output, nets[node]))
    return Netlist(template.module, template.inputs, template.outputs, tuple(gates))
