"""Readable structural Verilog of a circuit: one assignment per signal of the prefix graph, no cells of a library."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prefixrl.circuits.identifiers import check_identifier
from prefixrl.circuits.kinds import Circuit, Port
from prefixrl.circuits.logic import AND, AO, HALF, OR, XOR
from prefixrl.circuits.rtl_body import CLOCK, WIRE, Assignment, Body, Operand, rtl_body

__all__ = ["check_identifier", "header_lines", "to_verilog"]

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


def to_verilog(circuit: Circuit, module: str | None = None, stages: int = 0) -> str:
    """Verilog-2001 with the same ports as the circuit's netlists, and a signal for every node of its graph.

    :param module: the module's name, by default that of the circuit's kind
    :param stages: of a pipeline, which adds an input `clk`; 0 for combinational logic
    :raises InputError: the name is not an identifier (`check_identifier`), or a number of stages out of range
    """
    module = check_identifier(circuit.default_module if module is None else module)
    body = rtl_body(circuit, stages)
    lines = [*(f"// {line}" for line in header_lines(circuit, body)), f"module {module} ("]
    lines.append(",\n".join(f"  {declaration}" for declaration in _ports(circuit, stages)))
    lines.append(");")
    lines += _combinational(body) if not stages else _pipelined(body)
    return "\n".join([*lines, "endmodule", ""])


def header_lines(circuit: Circuit, body: Body) -> list[str]:
    """What stands above the module, in any language: what it is, its graph, what the names mean."""
    graph = circuit.graph
    carries = [name for name, there in (("carry-in", circuit.carry_in), ("carry-out", circuit.carry_out)) if there]
    lines = [
        f"{circuit.width}-bit {circuit.kind.replace('_', ' ')}{' with ' if carries else ''}{' and '.join(carries)}",
        f"prefix graph: size {graph.size}, depth {graph.depth}, maximum fanout {graph.max_fanout}",
    ]
    meanings = _MEANINGS | _COMPARATOR_MEANINGS if circuit.kind == "comparator" else _MEANINGS
    lines += [meanings[letter] for letter in body.letters if letter in meanings]
    if body.stages:
        edges = "clock edge" if body.stages == 1 else "clock edges"
        lines.append(
            f"pipeline: a result comes {body.stages} {edges} after its operands; _qK is a value in stage K + 1"
        )
    return lines


def _ports(circuit: Circuit, stages: int) -> Iterable[str]:
    if stages:
        yield f"input {CLOCK}"
    for port in circuit.inputs:
        yield _declaration("input", port)
    for port in circuit.outputs:
        yield _declaration("output reg" if stages else "output", port)


def _declaration(direction: str, port: Port) -> str:
    return f"{direction} {port.name}" if port.width == 1 else f"{direction} [{port.width - 1}:0] {port.name}"


def _combinational(body: Body) -> list[str]:
    """Wires first, then their assignments in topological order, then the outputs."""
    return [
        *(f"  wire {each.target};" for each in body.wires),
        "",
        *_assigned(body.wires),
        "",
        *_assigned(body.outputs),
    ]


def _pipelined(body: Body) -> list[str]:
    return [
        *(f"  wire {each.target};" for each in body.wires),
        *(f"  reg {register};" for register, _ in body.registers),
        "",
        *_assigned(body.wires),
        "",
        f"  always @(posedge {CLOCK}) begin",
        *(f"    {register} <= {signal};" for register, signal in body.registers),
        *(f"    {each.target} <= {_expression(each)};" for each in body.outputs),
        "  end",
    ]


def _assigned(assignments: Iterable[Assignment]) -> list[str]:
    return [f"  assign {each.target} = {_expression(each)};" for each in assignments]


def _expression(assignment: Assignment) -> str:
    return _TEXTS[assignment.node_type](*map(_literal, assignment.operands))


def _literal(operand: Operand) -> str:
    return f"~{operand.signal}" if operand.inverted else operand.signal


_TEXTS: dict[int, Callable[..., str]] = {
    WIRE: lambda x: x,
    AND: lambda x, y: f"{x} & {y}",
    OR: lambda x, y: f"{x} | {y}",
    XOR: lambda x, y: f"{x} ^ {y}",
    AO: lambda g, p, h: f"{g} | ({p} & {h})",
    HALF: lambda x, y: f"{x} ^ {y}",
}
