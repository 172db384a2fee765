"""The RTL of a circuit as VHDL-93: the same assignments under the same names as the Verilog of `circuits.rtl`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prefixrl.circuits.identifiers import check_vhdl_identifier
from prefixrl.circuits.kinds import Circuit, Port
from prefixrl.circuits.logic import AND, AO, HALF, OR, XOR
from prefixrl.circuits.rtl import header_lines
from prefixrl.circuits.rtl_body import CLOCK, WIRE, Assignment, Body, Operand, rtl_body


def to_vhdl(circuit: Circuit, module: str | None = None, stages: int = 0) -> str:
    """An entity with the ports of the Verilog module, all `std_logic` and `std_logic_vector`.

    :param module: the entity's name, by default that of the circuit's kind
    :param stages: of a pipeline, which adds an input `clk`; 0 for combinational logic
    :raises InputError: the name is no identifier of Verilog and VHDL, or a number of stages out of range
    """
    module = check_vhdl_identifier(circuit.default_module if module is None else module)
    body = rtl_body(circuit, stages)
    lines = [*(f"-- {line}" for line in header_lines(circuit, body)), "library ieee;", "use ieee.std_logic_1164.all;"]
    lines += ["", f"entity {module} is", "  port (", ";\n".join(f"    {port}" for port in _ports(circuit, stages))]
    lines += ["  );", f"end entity {module};", "", f"architecture rtl of {module} is"]
    lines += [f"  signal {each.target} : std_logic;" for each in body.wires]
    lines += [f"  signal {register} : std_logic;" for register, _ in body.registers]
    lines += ["begin", *(f"  {_assigned(each)}" for each in body.wires), ""]
    lines += _registered(body) if stages else [f"  {_assigned(each)}" for each in body.outputs]
    return "\n".join([*lines, "end architecture rtl;", ""])


def _ports(circuit: Circuit, stages: int) -> Iterable[str]:
    if stages:
        yield f"{CLOCK} : in std_logic"
    for direction, ports in (("in", circuit.inputs), ("out", circuit.outputs)):
        for port in ports:
            yield f"{port.name} : {direction} {_type(port)}"


def _type(port: Port) -> str:
    return "std_logic" if port.width == 1 else f"std_logic_vector({port.width - 1} downto 0)"


def _registered(body: Body) -> list[str]:
    return [
        f"  process ({CLOCK})",
        "  begin",
        f"    if rising_edge({CLOCK}) then",
        *(f"      {register} <= {_bit(signal)};" for register, signal in body.registers),
        *(f"      {_assigned(each)}" for each in body.outputs),
        "    end if;",
        "  end process;",
    ]


def _assigned(assignment: Assignment) -> str:
    return f"{_bit(assignment.target)} <= {_TEXTS[assignment.node_type](*map(_literal, assignment.operands))};"


def _literal(operand: Operand) -> str:
    return f"(not {_bit(operand.signal)})" if operand.inverted else _bit(operand.signal)


def _bit(signal: str) -> str:
    return signal.replace("[", "(").replace("]", ")")


_TEXTS: dict[int, Callable[..., str]] = {
    WIRE: lambda x: x,
    AND: lambda x, y: f"{x} and {y}",
    OR: lambda x, y: f"{x} or {y}",
    XOR: lambda x, y: f"{x} xor {y}",
    AO: lambda g, p, h: f"{g} or ({p} and {h})",
    HALF: lambda x, y: f"{x} xor {y}",
}
