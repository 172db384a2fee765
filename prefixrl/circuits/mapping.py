"""Structure-preserving technology mapping: a prefix graph becomes gates one to one, nothing is restructured.

The style is the paper's (PrefixRL, section 4; Zimmermann's mapping): per bit g' = NAND2(a, b) and the half-sum
p' = OAI21(a, b; g'), which is the XNOR taken from the NAND that exists anyway; nodes in alternating polarity, AOI21
with NAND2 on true signals and OAI21 with NOR2 on inverted ones; inverters only where polarities differ, one per signal;
XOR2 and XNOR2 absorb the polarity at the sums. Cells are found by their Liberty function and are the smallest of their
role: sizing is the evaluator's.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from prefixrl.circuits.builder import Builder, role_areas
from prefixrl.circuits.cells import CellLibrary
from prefixrl.circuits.forms import TRUE, UNUSED
from prefixrl.circuits.generator import logic_network
from prefixrl.circuits.identifiers import check_identifier
from prefixrl.circuits.kinds import Circuit
from prefixrl.circuits.logic import HALF, LogicNetwork
from prefixrl.circuits.netlist import Gate, Netlist
from prefixrl.circuits.polarity import FormTable, choose_forms, form_table
from prefixrl.errors import InputError

MAPPING_VERSION = 1
"""Rises whenever the netlist of any circuit could change; part of evaluation keys."""

_CACHED_LIBRARIES = 8
_form_tables: OrderedDict[str, FormTable] = OrderedDict()
_form_tables_lock = Lock()


def map_structure(circuit: Circuit, library: CellLibrary, module: str | None = None, polarity: str = "area") -> Netlist:
    """The circuit as a netlist of the library's smallest cells; equal arguments give equal netlists.

    :param library: needs a NAND2; whatever else is missing is composed
    :param module: the module's name, by default that of the circuit's kind
    :param polarity: "area" (least area of gates and inverters by local search), "speed" (the same, with inverters kept
        off critical paths at some cost), "level" (polarity alternates with the level, as in the paper), or "merged"
        ("area" with a bit's generate and its first carry in one AOI22 where that is smaller)
    :raises InputError: the library has no NAND2, the module's name is not an identifier or is that of a cell, or the
        policy is unknown
    """
    module = check_identifier(circuit.default_module if module is None else module)
    if module in library:
        raise InputError(f"a module must not have the name of one of its library's cells: {module!r}")
    return Netlist(module, circuit.inputs, circuit.outputs, map_network(logic_network(circuit), library, polarity))


def map_network(network: LogicNetwork, library: CellLibrary, polarity: str = "area") -> tuple[Gate, ...]:
    """A logic network as gates; nets of ports are called as its inputs and outputs are.

    :param library: needs a NAND2
    :param polarity: as in `map_structure`
    :raises InputError: the library has no NAND2, or the policy is unknown
    """
    table = _table(library)
    # numba takes a third of a second to import: only those who map pay for it.
    from prefixrl.circuits.kernels import used_nodes

    arrays = network.arrays()
    forms = choose_forms(arrays, table, polarity)
    used = used_nodes(forms, arrays.operands, arrays.outputs, table.needs).tolist()
    emitter = _Emitter(network, table, forms.tolist(), used, Builder(library))
    emitter.emit()
    return tuple(emitter.builder.gates)


def _table(library: CellLibrary) -> FormTable:
    """The library's form table, kept for the libraries used last."""
    with _form_tables_lock:
        if library.key not in _form_tables:
            library.require_mappable()
            _form_tables[library.key] = form_table(role_areas(library))
            if len(_form_tables) > _CACHED_LIBRARIES:
                _form_tables.popitem(last=False)
        _form_tables.move_to_end(library.key)
        return _form_tables[library.key]


class _Emitter:
    """Writes the gates of a network whose forms have been chosen.

    `nets[v]` are the net names of node v, true and inverted; a net exists once `made[v]` says so. Inverters are written
    when they are first needed, nodes that are not `used` not at all.
    """

    def __init__(
        self, network: LogicNetwork, table: FormTable, forms: list[int], used: list[bool], builder: Builder
    ) -> None:
        self.network = network
        self.builder = builder
        self._used = used
        self._forms = [table.forms[form] for form in forms]
        self._nets = [_net_names(name) for name in network.names]
        self._made = [[False, False] for _ in forms]
        self._name_outputs()

    def _name_outputs(self) -> None:
        """Signals that leave the module take the output's net name; those that cannot are copied at the end."""
        self._copies: list[tuple[str, int]] = []
        named: set[int] = set()
        for net, literal in self.network.outputs:
            node, polarity = literal >> 1, literal & 1
            is_input = not self._forms[node].needs
            if literal in named or (is_input and polarity == TRUE):
                self._copies.append((net, literal))
            else:
                named.add(literal)
                self._nets[node][polarity] = net

    def emit(self) -> None:
        """Write all gates."""
        for node, form in enumerate(self._forms):
            if not form.needs:
                self._made[node][TRUE] = True
                continue
            if not self._used[node]:
                continue
            operands = self.network.operands[node]
            if form.gates[0] in ("XOR2", "XNOR2"):
                self._exclusive_or(node, operands, form.output)
            elif form.needs[0] == UNUSED:
                # A carry of its bit's operands: those of the propagate.
                bits = self.network.operands[operands[1] >> 1][:2]
                nets = (*(self._signal(bit, TRUE) for bit in bits), *self._signals(operands[1:], form.needs[1:]))
                self._gates(node, form.name, form.gates, nets, self._nets[node][form.output])
            else:
                nets = self._signals(operands, form.needs)
                self._gates(node, form.name, form.gates, nets, self._nets[node][form.output])
            self._made[node][form.output] = True
        for _, literal in self.network.outputs:
            self._signal(literal, TRUE)
        for net, literal in self._copies:
            self.builder.build("BUF", (self._signal(literal, TRUE),), net)

    def _signals(self, literals: tuple[int, ...], needs: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(self._signal(literal, need) for literal, need in zip(literals, needs, strict=False))

    def _signal(self, literal: int, need: int) -> str:
        """The net that carries a literal in the needed polarity, with its inverter if it must have one."""
        node, polarity = literal >> 1, (literal & 1) ^ need
        made = self._made[node]
        net = self._nets[node][polarity]
        if not made[polarity]:
            assert made[1 - polarity], self.network.names[node]
            self.builder.build("INV", (self._nets[node][1 - polarity],), net)
            made[polarity] = True
        return net

    def _exclusive_or(self, node: int, operands: tuple[int, int, int], output: int) -> None:
        """XOR2 or XNOR2 of the operands in the polarity that their gates deliver."""
        nets = []
        parity = output
        for literal in operands[:2]:
            delivered = self._forms[literal >> 1].output
            parity ^= delivered ^ (literal & 1)
            nets.append(self._nets[literal >> 1][delivered])
        self.builder.build("XNOR2" if parity else "XOR2", (nets[0], nets[1]), self._nets[node][output])

    def _gates(self, node: int, name: str, roles: tuple[str, ...], operands: tuple[str, ...], net: str) -> None:
        if len(roles) == 1:
            if self.network.types[node] == HALF:
                x, y, both = operands
                operands = (both, x, y)
            self.builder.build(roles[0], operands, net)
            return
        # The two-gate forms: role(g, role(p, h)) of an AO, role(both, role(x, y)) of a HALF.
        x, y, z = operands
        outer, inner = (z, (x, y)) if self.network.types[node] == HALF else (x, (y, z))
        middle = self.builder.build(roles[0], inner, self.builder.inner(self._nets[node][0], "_m"))
        self.builder.build(roles[1], (outer, middle), net)


def _net_names(name: tuple[str, int, int] | str) -> list[str]:
    if isinstance(name, str):
        base, plain = name.replace("[", "_").replace("]", ""), name
    else:
        base = plain = f"{name[0]}_{name[1]}_{name[2]}"
    return [plain, f"{base}_n"]
