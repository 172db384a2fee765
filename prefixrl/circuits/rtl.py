"""Readable structural Verilog of a circuit: one assignment per signal of the prefix graph, no cells of a library."""

from __future__ import annotations

from collections.abc import Callable

from prefixrl.circuits.generator import logic_network
from prefixrl.circuits.identifiers import check_identifier
from prefixrl.circuits.kinds import Circuit, Port
from prefixrl.circuits.logic import AND, AO, HALF, INPUT, OR, XOR, LogicNetwork

__all__ = ["check_identifier", "to_verilog"]

_MEANINGS = {
    "g": "g_m_l: bits m..l generate a carry",
    "p": "p_m_l: bits m..l propagate a carry",
    "c": "c_m_l: the carry out of bits m..l",
    "any": "any_m_l: there is a request among the m-th to l-th bit, counted from the highest",
    "x": "x_m_l: parity of the m-th to l-th bit, counted from the highest",
}
_COMPARATOR_MEANINGS = {
    "g": "g_m_l: bits m..l of a are less than those of b",
    "p": "p_m_l: bits m..l of a and b are equal",
}


def to_verilog(circuit: Circuit, module: str | None = None) -> str:
    """Verilog-2001 with the same ports as the circuit's netlists, and a signal for every node of its graph.

    :param module: the module's name, by default that of the circuit's kind
    :raises InputError: the name is not an identifier (`check_identifier`)
    """
    module = check_identifier(circuit.default_module if module is None else module)
    network = logic_network(circuit)
    ports = [*(("input", port) for port in circuit.inputs), *(("output", port) for port in circuit.outputs)]
    lines = [*_header(circuit, network), f"module {module} ("]
    lines.append(",\n".join(f"  {_declaration(direction, port)}" for direction, port in ports))
    lines.append(");")
    lines += _body(network)
    return "\n".join([*lines, "endmodule", ""])


def _header(circuit: Circuit, network: LogicNetwork) -> list[str]:
    graph = circuit.graph
    carries = [name for name, there in (("carry-in", circuit.carry_in), ("carry-out", circuit.carry_out)) if there]
    lines = [
        f"// {circuit.width}-bit {circuit.kind.replace('_', ' ')}{' with ' if carries else ''}{' and '.join(carries)}",
        f"// prefix graph: size {graph.size}, depth {graph.depth}, maximum fanout {graph.max_fanout}",
    ]
    meanings = _MEANINGS | _COMPARATOR_MEANINGS if circuit.kind == "comparator" else _MEANINGS
    letters = dict.fromkeys(name[0] for name in network.names if not isinstance(name, str))
    return lines + [f"// {meanings[letter]}" for letter in letters if letter in meanings]


def _declaration(direction: str, port: Port) -> str:
    return f"{direction} {port.name}" if port.width == 1 else f"{direction} [{port.width - 1}:0] {port.name}"


def _body(network: LogicNetwork) -> list[str]:
    """Wires first, then their assignments in topological order, then the outputs."""
    signals = [name if isinstance(name, str) else f"{name[0]}_{name[1]}_{name[2]}" for name in network.names]
    inlined = _inlined(network)
    expressions: list[str] = []
    declarations, assignments = [], []
    for node, node_type in enumerate(network.types):
        if node_type == INPUT:
            expressions.append(signals[node])
            continue
        operands = [_literal(expressions, literal) for literal in network.operands[node] if literal >= 0]
        text = _TEXTS[node_type](*operands)
        if node in inlined:
            expressions.append(text)
        else:
            expressions.append(signals[node])
            declarations.append(f"  wire {signals[node]};")
            assignments.append(f"  assign {signals[node]} = {text};")
    outputs = [f"  assign {net} = {_literal(expressions, literal)};" for net, literal in network.outputs]
    return [*declarations, "", *assignments, "", *outputs]


def _inlined(network: LogicNetwork) -> set[int]:
    """Nodes that only drive one output net, such as sums: their expression is written there."""
    readers: dict[int, int] = {}
    for operands in network.operands:
        for literal in operands:
            readers[literal >> 1] = readers.get(literal >> 1, 0) + 1
    outputs = [literal for _, literal in network.outputs]
    return {
        literal >> 1
        for literal in outputs
        if not readers.get(literal >> 1) and not literal & 1 and outputs.count(literal) == 1
    }


def _literal(expressions: list[str], literal: int) -> str:
    return ("~" if literal & 1 else "") + expressions[literal >> 1]


_TEXTS: dict[int, Callable[..., str]] = {
    AND: lambda x, y: f"{x} & {y}",
    OR: lambda x, y: f"{x} | {y}",
    XOR: lambda x, y: f"{x} ^ {y}",
    AO: lambda g, p, h: f"{g} | ({p} & {h})",
    HALF: lambda x, y, both: f"{x} ^ {y}",
}
