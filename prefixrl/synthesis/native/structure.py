"""From a logic network to a mapped netlist in arrays, compiled: what `circuits.mapping` does, gate for gate.

The forms of the nodes are chosen by `circuits.polarity`; what each of them is made of, in this library, is a template.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from prefixrl.circuits.builder import Builder, role_areas
from prefixrl.circuits.cells import ROLE_FUNCTIONS, CellLibrary
from prefixrl.circuits.forms import FORMS, UNUSED, Form
from prefixrl.circuits.kernels import used_nodes
from prefixrl.circuits.logic import HALF, INPUT, LogicNetwork, NetworkArrays
from prefixrl.circuits.netlist import Gate
from prefixrl.circuits.polarity import ANNEALING_SWEEPS, FormTable, choose_forms, form_table
from prefixrl.compiling import inlined, kernel
from prefixrl.synthesis.native.library import MAXIMUM_OPERANDS, NativeLibrary
from prefixrl.synthesis.native.netlists import INPUTS, NODES, Net, empty_net

_PLAIN, _PARITY = 0, 1
_INVERTER, _BUFFER, _XOR, _XNOR = range(4)
_TRUE = 0


class Templates(NamedTuple):
    """What the forms, and four roles that are needed beside them, are made of in a library.

    Letters: K forms, then the roles INV, BUF, XOR2 and XNOR2; G gates; O operands.

    :param first: [K + 5] gates of template t: first[t] up to the next entry; the last one of them delivers
    :param cell: [G]
    :param source: [G, O] operand of the form (0 to 3), or -2 - g for the output of the template's gate g; -1 for none
    :param kind: [K] 0 for plain forms, 1 for those that take operands in any polarity (XOR, XNOR)
    """

    first: np.ndarray
    cell: np.ndarray
    source: np.ndarray
    kind: np.ndarray


class Network(NamedTuple):
    """A logic network whose forms are chosen, as arrays.

    :param types: int32 [V]
    :param operands: int32 [V, 3] literals
    :param forms: int32 [V]
    :param columns: float64 [V] highest bit of a node's span
    :param outputs: int32 [P] literals
    """

    types: np.ndarray
    operands: np.ndarray
    forms: np.ndarray
    columns: np.ndarray
    outputs: np.ndarray


class Mapper:
    """Maps circuits to a library's arrays.

    :param library: what is mapped to
    :param native: the same in arrays
    """

    def __init__(self, library: CellLibrary, native: NativeLibrary) -> None:
        library.require_mappable()
        self.forms: FormTable = form_table(role_areas(library))
        self._templates = _templates(library, native, self.forms.forms)
        self._widest = int(np.diff(self._templates.first).max())
        self._needs, self._outputs = self.forms.needs, self.forms.outputs

    def map(
        self,
        network: LogicNetwork,
        polarity: str,
        room: int,
        sweeps: int = ANNEALING_SWEEPS,
        placed: bool = True,
    ) -> tuple[Net, np.ndarray]:
        """The netlist of smallest cells, and its XOR-type propagates of operand bits.

        These are int32 [H, 4]: gate, both operands, whether the gate delivers the propagate inverted.

        :param polarity: policy, see `circuits.polarity`
        :param room: gates that may be added later
        :param sweeps: see `choose_forms`
        :param placed: whether it is asked in which column a gate stands
        """
        columns = _columns(network) if placed else np.zeros(len(network))
        return self.map_arrays(network.arrays(), columns, polarity, room, sweeps)

    def map_arrays(
        self, arrays: NetworkArrays, columns: np.ndarray, polarity: str, room: int, sweeps: int = ANNEALING_SWEEPS
    ) -> tuple[Net, np.ndarray]:
        """As `map`, of a network that is arrays already.

        :param columns: float64 [V] where the nodes stand
        """
        forms = choose_forms(arrays, self.forms, polarity, sweeps)
        inputs = int(np.count_nonzero(arrays.types == INPUT))
        capacity = inputs + (len(arrays.types) + len(arrays.outputs)) * (self._widest + 1)
        draft = empty_net(inputs, len(arrays.outputs), capacity)
        made = np.full((len(arrays.types), 2), -1, dtype=np.int32)
        chosen = Network(arrays.types, arrays.operands, forms, columns, arrays.outputs)
        used = used_nodes(forms, arrays.operands, arrays.outputs, self._needs)
        emit(chosen, used, self._needs, self._outputs, self._templates, draft, made)
        return _fitted(draft, room), _halves(arrays, self._outputs[forms], made)


def _halves(network: NetworkArrays, delivered: np.ndarray, made: np.ndarray) -> np.ndarray:
    x, y = network.operands[:, 0], network.operands[:, 1]
    nodes = np.flatnonzero((network.types == HALF) & ((x | y) & 1 == 0))
    inverted = delivered[nodes]
    drivers = [made[literals[nodes] >> 1, _TRUE] for literals in (x, y)]
    return np.stack([made[nodes, inverted], *drivers, inverted], axis=1).astype(np.int32)


def _columns(network: LogicNetwork) -> np.ndarray:
    """float64 [V] highest bit of every node's span."""
    return np.array([name[1] if isinstance(name, tuple) else _bit(name) for name in network.names], dtype=np.float64)


def _bit(net: str) -> int:
    """The bit of `a[3]`; 0 for a scalar."""
    return int(net[net.index("[") + 1 : -1]) if net.endswith("]") else 0


def _fitted(net: Net, room: int) -> Net:
    """The same netlist with just so much room."""
    nodes = int(net.size[NODES])
    fitted = empty_net(int(net.size[INPUTS]), len(net.outputs), nodes + room)
    fitted.size[:] = net.size
    fitted.outputs[:] = net.outputs
    for name in ("cell", "fanin", "column", "row"):
        getattr(fitted, name)[:nodes] = getattr(net, name)[:nodes]
    return fitted


def _templates(library: CellLibrary, native: NativeLibrary, forms: Iterable[Form]) -> Templates:
    first, cells, sources, kinds = [0], [], [], []
    recipes = [_form_gates(library, form) for form in forms]
    recipes += [_role_gates(library, role) for role in ("INV", "BUF", "XOR2", "XNOR2")]
    for gates in recipes:
        number = {gate.output: -2 - place for place, gate in enumerate(gates)}
        number |= {f"operand{place}": place for place in range(4)}
        for gate in gates:
            cell = native.number[gate.cell]
            pins = dict(gate.inputs)
            row = [number[pins[pin]] for pin in native.orders[cell]]
            cells.append(cell)
            sources.append(row + [-1] * (MAXIMUM_OPERANDS - len(row)))
        first.append(len(cells))
    kinds = [_PARITY if form.gates[:1] in (("XOR2",), ("XNOR2",)) else _PLAIN for form in forms]
    return Templates(
        np.array(first, dtype=np.int32),
        np.array(cells, dtype=np.int32),
        np.array(sources, dtype=np.int32).reshape(-1, MAXIMUM_OPERANDS),
        np.array(kinds, dtype=np.int32),
    )


def _role_gates(library: CellLibrary, role: str) -> list[Gate]:
    builder = Builder(library)
    count = len(ROLE_FUNCTIONS[role][0])
    builder.build(role, tuple(f"operand{place}" for place in range(count)), "net")
    return builder.gates


def _form_gates(library: CellLibrary, form: Form) -> list[Gate]:
    """The gates of a form over its operands x, y, z, which are called operand0 to operand2.

    A form that does without the first one has the bit's two operands in place of it, and so four.
    """
    builder = Builder(library)
    x, y, z = (f"operand{place}" for place in range(3))
    half = form in FORMS[HALF]
    if form.needs[:1] == (UNUSED,):
        builder.build(form.gates[0], (x, y, z, "operand3"), "net")
    elif len(form.gates) == 1:
        operands = (z, x, y) if half else (x, y, z)
        builder.build(form.gates[0], operands[: len(ROLE_FUNCTIONS[form.gates[0]][0])], "net")
        if half and len(ROLE_FUNCTIONS[form.gates[0]][0]) == 2:
            builder.gates.clear()
            builder.build(form.gates[0], (x, y), "net")
    elif form.gates:
        # role(g, role(p, h)) of an AO, role(both, role(x, y)) of a HALF.
        outer, inner = (z, (x, y)) if half else (x, (y, z))
        middle = builder.build(form.gates[0], inner, "middle")
        builder.build(form.gates[1], (outer, middle), "net")
    return builder.gates


@inlined
def _instantiate(templates, template, net, x, y, z, w):
    """Add a template's gates; returns the node that delivers."""
    begin = templates.first[template]
    base = net.size[NODES]
    for place in range(begin, templates.first[template + 1]):
        node = net.size[NODES]
        net.size[NODES] += 1
        net.cell[node] = templates.cell[place]
        for operand in range(MAXIMUM_OPERANDS):
            source = templates.source[place, operand]
            if source == -1:
                break
            driver = x
            if source == 1:
                driver = y
            elif source == 2:
                driver = z
            elif source == 3:
                driver = w
            elif source < -1:
                driver = base - 2 - source
            net.fanin[node, operand] = driver
            net.row[node] = max(net.row[node], net.row[driver] + 1.0)
    return net.size[NODES] - 1


@inlined
def _signal(templates, roles, net, made, columns, literal, need):
    """The net that carries a literal in the needed polarity, with its inverter if it must have one."""
    node, polarity = literal >> 1, (literal & 1) ^ need
    if made[node, polarity] < 0:
        source = made[node, 1 - polarity]
        made[node, polarity] = _instantiate(templates, roles + _INVERTER, net, source, source, source, source)
        net.column[made[node, polarity]] = columns[node]
    return made[node, polarity]


@inlined
def _operands(network, needs, templates, roles, net, made, node):
    """The nets that the gates of a node read, in the order of its template; -1 where there are fewer."""
    form = network.forms[node]
    w = x = y = z = -1
    for place in range(3):
        literal = network.operands[node, place]
        if literal < 0:
            w, x, y, z = x, y, z, -1
        elif needs[form, place] == UNUSED:
            # A carry of its bit's operands: those of the propagate.
            propagate = network.operands[node, 1] >> 1
            y = made[network.operands[propagate, 0] >> 1, _TRUE]
            z = made[network.operands[propagate, 1] >> 1, _TRUE]
        else:
            w, x, y, z = x, y, z, _signal(templates, roles, net, made, network.columns, literal, needs[form, place])
    if needs[form, 0] == UNUSED:
        return w, x, y, z
    return x, y, z, w


@kernel
def emit(network, used, needs, delivers, templates, net, made):
    """Write the gates of a network whose forms have been chosen into `net`.

    :param used: bool [V] whether a node is to be there
    :param needs: [K, 3] polarity that forms need of their operands
    :param delivers: [K] polarity that forms deliver
    :param made: [V, 2] filled in with the nets that carry a node true and inverted
    """
    roles = len(templates.kind)
    inputs = 0
    for node in range(len(network.types)):
        form = network.forms[node]
        if network.types[node] == INPUT:
            made[node, _TRUE] = inputs
            net.column[inputs] = network.columns[node]
            inputs += 1
            continue
        if not used[node]:
            continue
        output = delivers[form]
        start = net.size[NODES]
        if templates.kind[form] == _PARITY:
            parity = output
            x = y = 0
            for place in range(2):
                literal = network.operands[node, place]
                delivered = delivers[network.forms[literal >> 1]]
                parity ^= delivered ^ (literal & 1)
                x, y = y, made[literal >> 1, delivered]
            gate = _instantiate(templates, roles + (_XNOR if parity else _XOR), net, x, y, y, y)
        else:
            x, y, z, w = _operands(network, needs, templates, roles, net, made, node)
            gate = _instantiate(templates, form, net, x, y, z, w)
        for added in range(start, net.size[NODES]):
            if net.column[added] == 0.0:
                net.column[added] = network.columns[node]
        made[node, output] = gate
    for place in range(len(network.outputs)):
        literal = network.outputs[place]
        carrier = _signal(templates, roles, net, made, network.columns, literal, _TRUE)
        copied = carrier < inputs
        for before in range(place):
            copied = copied or net.outputs[before] == carrier
        if copied:
            column = net.column[carrier]
            carrier = _instantiate(templates, roles + _BUFFER, net, carrier, carrier, carrier, carrier)
            net.column[carrier] = column
        net.outputs[place] = carrier
