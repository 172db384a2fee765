"""What a netlist is made of and where its time goes: cells by kind, the critical path, slack at every node.

The timing is that of the native engine, without wires, whoever made the netlist. Nets are matched to the nodes of the
prefix graph by what they compute: a net carries a node's signal where it has the same values, or all of them inverted,
under patterns made so that long carries run. So buffers, inverted copies and names that a tool changed are no obstacle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from prefixrl.circuits import Circuit
from prefixrl.circuits.cells import Cell
from prefixrl.circuits.generator import logic_network
from prefixrl.circuits.logic import AND, AO, INPUT, OR, LogicNetwork
from prefixrl.circuits.netlist import Netlist
from prefixrl.designs.arcs import arc_delays
from prefixrl.errors import InputError
from prefixrl.graphs.prefix_graph import Node
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.native.netlists import Net, net_of
from prefixrl.synthesis.native.timer import NativeTimer, surroundings
from prefixrl.synthesis.pdk import Pdk

PATTERN_WORDS = 32
SEED = 0x9E3779B9
_SPAN_LETTERS = ("g", "p", "c", "any", "x")
_DENSITIES = (0.5, 0.8, 0.95, 0.99, 0.05, 0.01)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


class Step(NamedTuple):
    """A net on the critical path.

    :param cell: the cell that drives it, empty for an input
    :param arrival_ns: the later edge's there
    :param node: the node of the graph whose signal it carries, or None
    """

    net: str
    cell: str
    arrival_ns: float
    node: Node | None


@dataclass(frozen=True)
class Timing:
    """Where a netlist's time goes.

    :param delay_ns: as in `Constraints`
    :param slack_ns: worst slack of the nets that carry a node's signals, by node, inputs (i, i) among them; 0 on the
        critical path
    :param path: from the input to the output
    """

    delay_ns: float
    slack_ns: dict[Node, float]
    path: tuple[Step, ...]

    @property
    def nodes(self) -> list[Node]:
        """The nodes along the critical path, each once."""
        return list(dict.fromkeys(step.node for step in self.path if step.node is not None))


@dataclass(frozen=True)
class Anatomy:
    """What a netlist is made of.

    :param cells: instances by cell
    :param area_by_kind: um2 by what cells do, see `cell_kind`
    :param levels: most cells on a path
    :param largest_fanout: most pins that one net feeds
    :param timing: None where the library cannot be timed natively
    """

    gates: int
    area_um2: float
    cells: dict[str, int]
    area_by_kind: dict[str, float]
    levels: int
    largest_fanout: int
    timing: Timing | None = field(default=None)


def anatomy(netlist: Netlist, circuit: Circuit, constraints: Constraints, pdk: Pdk) -> Anatomy:
    """Take a netlist apart.

    :raises InputError: it has a cell that the library does not have, or a loop
    """
    library = pdk.library()
    by_kind: dict[str, float] = {}
    for cell, count in netlist.cell_counts().items():
        kind = cell_kind(library[cell])
        by_kind[kind] = by_kind.get(kind, 0.0) + library[cell].area_um2 * count
    readers = Counter(net for gate in netlist.gates for _, net in gate.inputs)
    depths: dict[str, int] = dict.fromkeys(netlist.input_nets, 0)
    for gate in netlist.check(library):
        depths[gate.output] = 1 + max((depths[net] for _, net in gate.inputs), default=0)
    try:
        timing = timing_of(netlist, circuit, constraints, pdk)
    except InputError:
        timing = None
    return Anatomy(
        gates=len(netlist.gates),
        area_um2=netlist.area_um2(library),
        cells=netlist.cell_counts(),
        area_by_kind={kind: round(area, 4) for kind, area in sorted(by_kind.items(), key=lambda each: -each[1])},
        levels=max(depths.values(), default=0),
        largest_fanout=max(readers.values(), default=0),
        timing=timing,
    )


def cell_kind(cell: Cell) -> str:
    """What a cell does, for people: inverters, buffers, XOR, NAND and NOR, AND-OR, constants."""
    inputs, rows = len(cell.inputs), 1 << len(cell.inputs)
    ones = cell.truth_table.bit_count()
    if inputs == 0:
        return "constants"
    if inputs == 1:
        return "inverters" if cell.truth_table & 1 else "buffers"
    if inputs == 2 and ones == rows // 2:
        return "XOR, XNOR"
    if ones in (1, rows - 1):
        return "NAND, NOR, AND, OR"
    return "AND-OR, OR-AND"


def timing_of(netlist: Netlist, circuit: Circuit, constraints: Constraints, pdk: Pdk) -> Timing:
    """Time a netlist natively, slack by node of the graph, and find its critical path.

    :raises InputError: a cell that the native library does not have, a library without timing, or a loop
    """
    timer = NativeTimer(pdk)
    net = net_of(netlist, timer.library)
    around = surroundings(timer.library, pdk.name, circuit, constraints)
    delay, times = timer.time_arrays(net, around)
    names = [*netlist.input_nets, *(gate.output for gate in netlist.gates)]
    required, entered = _backwards(net, list(arc_delays(timer.library.tables, net, times)), around.margins, delay)
    carried = _carried_nodes(netlist, circuit, pdk)
    arrival = times.arrival[: len(names)]
    slack = (required[: len(names)] - arrival).min(axis=1)
    by_node: dict[Node, float] = {}
    for number, name in enumerate(names):
        for node in carried.get(name, ()):
            by_node[node] = min(float(slack[number]), by_node.get(node, np.inf))
    worst = int(net.outputs[_worst_output(net, arrival, around.margins)])
    path = [_step(number, names, netlist, arrival, carried) for number in _path(worst, arrival, entered)]
    return Timing(delay, {node: round(value, 6) + 0.0 for node, value in sorted(by_node.items())}, tuple(path))


def _worst_output(net: Net, arrival: np.ndarray, margins: np.ndarray) -> int:
    return int(np.argmax([arrival[node].max() + margin for node, margin in zip(net.outputs, margins, strict=True)]))


def _step(number: int, names: list[str], netlist: Netlist, arrival: np.ndarray, carried: dict[str, list[Node]]) -> Step:
    inputs = len(netlist.input_nets)
    cell = netlist.gates[number - inputs].cell if number >= inputs else ""
    nodes = carried.get(names[number], [])
    return Step(names[number], cell, round(float(arrival[number].max()), 6), nodes[0] if nodes else None)


def _backwards(
    net: Net, arcs: list[tuple[int, int, int, int, float]], margins: np.ndarray, delay: float
) -> tuple[np.ndarray, dict[tuple[int, int], list[tuple[int, int, float]]]]:
    """Required times [nodes, 2], and the arcs into every (node, edge) as (source, edge, delay)."""
    nodes = int(net.size[1])
    required = np.full((nodes, 2), np.inf)
    for node, margin in zip(net.outputs, margins, strict=True):
        required[node] = np.minimum(required[node], delay - margin)
    entered: dict[tuple[int, int], list[tuple[int, int, float]]] = {}
    for node, edge, source, source_edge, needed in arcs:
        entered.setdefault((node, edge), []).append((source, source_edge, needed))
    for node in net.order[net.order >= 0][::-1].tolist():
        for edge in (0, 1):
            for source, source_edge, needed in entered.get((node, edge), ()):
                required[source, source_edge] = min(required[source, source_edge], required[node, edge] - needed)
    return required, entered


def _path(output: int, arrival: np.ndarray, entered: dict[tuple[int, int], list[tuple[int, int, float]]]) -> list[int]:
    """From an output back along the arcs that made each arrival, then turned round."""
    node, edge = output, int(arrival[output].argmax())
    found = [node]
    while arcs := entered.get((node, edge)):
        node, edge, _ = max(arcs, key=lambda arc: arrival[arc[0], arc[1]] + arc[2])
        found.append(node)
    return found[::-1]


def _carried_nodes(netlist: Netlist, circuit: Circuit, pdk: Pdk) -> dict[str, list[Node]]:
    """Net -> nodes of the graph whose signals it carries, true or inverted."""
    words = _patterns(circuit)
    signals: dict[bytes, list[Node]] = {}
    for node, values in _node_values(circuit, words):
        signals.setdefault(_signature(values), []).append(node)
    found: dict[str, list[Node]] = {}
    for net, values in netlist.simulate_nets(pdk.library(), words).items():
        nodes = signals.get(_signature(values))
        if nodes:
            found[net] = list(dict.fromkeys(nodes))
    return found


def _signature(values: np.ndarray) -> bytes:
    """The same for a signal and its complement."""
    return (values ^ _ALL if values[0] & np.uint64(1) else values).tobytes()


def _patterns(circuit: Circuit) -> dict[str, np.ndarray]:
    """Words [width, PATTERN_WORDS] by port: half of them with operands that mostly propagate, at several densities."""
    generator = np.random.default_rng(SEED)
    bits = PATTERN_WORDS * 64
    density = np.array(_DENSITIES)[np.arange(bits) % len(_DENSITIES)]
    words: dict[str, np.ndarray] = {}
    first: np.ndarray | None = None
    for port in circuit.inputs:
        dense = generator.random((port.width, bits)) < density
        # The second operand differs from the first in most bits of most patterns: carries run through them.
        values = dense if first is None or first.shape != dense.shape else first ^ dense
        if first is None and port.name == "a" and len(circuit.inputs) > 1 and circuit.inputs[1].name == "b":
            values = generator.random((port.width, bits)) < 0.5
        first = values if first is None else first
        words[port.name] = np.packbits(values, axis=1, bitorder="little").view(np.uint64)
    return words


def _node_values(circuit: Circuit, words: dict[str, np.ndarray]) -> Iterator[tuple[Node, np.ndarray]]:
    """Values of the signals of every node of the graph: of its span, and with OR for the propagate of its bits."""
    network = logic_network(circuit)
    for half in ("xor", "or") if circuit.kind == "adder" else ("xor",):
        values = _simulate(network, circuit, words, half)
        for name, signal in zip(network.names, values, strict=True):
            if isinstance(name, tuple) and name[0] in _SPAN_LETTERS:
                yield (name[1], name[2]), signal
    if circuit.kind not in ("adder", "comparator"):
        port = circuit.inputs[0]
        reversed_bits = circuit.kind != "incrementer"
        for bit in range(port.width):
            yield ((port.width - 1 - bit,) * 2 if reversed_bits else (bit, bit)), words[port.name][bit]


def _simulate(network: LogicNetwork, circuit: Circuit, words: dict[str, np.ndarray], half: str) -> list[np.ndarray]:
    nets = {net: words[port.name][bit] for port in circuit.inputs for bit, net in enumerate(port.bits())}
    values: list[np.ndarray] = []
    for node_type, operands, name in zip(network.types, network.operands, network.names, strict=True):
        if node_type == INPUT:
            values.append(nets[str(name)])
            continue
        x, y, *z = (
            values[literal >> 1] ^ (_ALL if literal & 1 else np.uint64(0)) for literal in operands if literal >= 0
        )
        if node_type == AND:
            values.append(x & y)
        elif node_type == OR or (half == "or" and isinstance(name, tuple) and name[0] == "p" and name[1] == name[2]):
            values.append(x | y)
        elif node_type == AO:
            values.append(x | (y & z[0]))
        else:
            values.append(x ^ y)
    return values
