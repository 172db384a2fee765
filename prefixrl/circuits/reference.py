"""What every kind of circuit must do, said twice without any prefix graph: in naive behavioural Verilog for the
equivalence proofs, and in integer arithmetic for exhaustive simulation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from prefixrl.circuits.kinds import Circuit, Port, index_width

Integers = np.ndarray
"""int64 [P], one integer per pattern."""


def naive_verilog(circuit: Circuit, module: str) -> str:
    """A behavioural module with the circuit's ports, as a first lecture on Verilog would write it."""
    ports = [f"  {_declaration('input', port)}" for port in circuit.inputs]
    ports += [f"  {_declaration(_OUTPUT_TYPES.get(circuit.kind, 'output'), port)}" for port in circuit.outputs]
    width = circuit.width
    body = {
        "adder": _sum_assignment(circuit, "a + b" + (" + cin" if circuit.carry_in else "")),
        "incrementer": _sum_assignment(circuit, "a + cin" if circuit.carry_in else "a + 1'b1"),
        "priority_encoder": _priority_loop(width),
        "leading_one": _leading_loop(width),
        "gray_to_binary": _gray_loop(width),
        "comparator": "  assign lt = a < b;\n  assign eq = a == b;\n  assign gt = a > b;",
    }[circuit.kind]
    return f"module {module} (\n" + ",\n".join(ports) + f"\n);\n{body}\nendmodule\n"


_OUTPUT_TYPES = dict.fromkeys(("priority_encoder", "leading_one", "gray_to_binary"), "output reg")


def _declaration(direction: str, port: Port) -> str:
    return f"{direction} {port.name}" if port.width == 1 else f"{direction} [{port.width - 1}:0] {port.name}"


def _sum_assignment(circuit: Circuit, total: str) -> str:
    return f"  assign {'{cout, sum}' if circuit.carry_out else 'sum'} = {total};"


def _priority_loop(width: int) -> str:
    return f"""  integer i;
  always @* begin
    index = 0;
    valid = 0;
    for (i = 0; i < {width}; i = i + 1)
      if (request[i]) begin
        index = i;
        valid = 1;
      end
  end"""


def _leading_loop(width: int) -> str:
    return f"""  integer i;
  always @* begin
    grant = 0;
    valid = 0;
    for (i = {width - 1}; i >= 0; i = i - 1)
      if (request[i] && !valid) begin
        grant[i] = 1;
        valid = 1;
      end
  end"""


def _gray_loop(width: int) -> str:
    return f"""  integer i;
  always @* begin
    binary[{width - 1}] = gray[{width - 1}];
    for (i = {width - 2}; i >= 0; i = i - 1)
      binary[i] = binary[i + 1] ^ gray[i];
  end"""


def naive_values(circuit: Circuit, inputs: Mapping[str, Integers]) -> dict[str, Integers]:
    """The outputs as integers.

    :param inputs: input port -> int64 [P], non-negative; widths of at most 61 bits, so that sums fit
    :returns: output port -> int64 [P]
    """
    assert circuit.width <= 61, circuit.width
    kind, width = circuit.kind, circuit.width
    if kind in ("adder", "incrementer"):
        default = 0 if kind == "adder" else 1
        total = inputs["a"] + inputs.get("b", 0) + (inputs["cin"] if circuit.carry_in else default)
        return {"sum": total & ((1 << width) - 1), "cout": total >> width}
    if kind == "comparator":
        a, b = inputs["a"], inputs["b"]
        return {"lt": (a < b).astype(np.int64), "eq": (a == b).astype(np.int64), "gt": (a > b).astype(np.int64)}
    if kind == "gray_to_binary":
        binary = np.zeros_like(inputs["gray"])
        for shift in range(width):
            binary ^= inputs["gray"] >> shift
        return {"binary": binary}
    return _first_set(inputs["request"], width)


def _first_set(request: Integers, width: int) -> dict[str, Integers]:
    index = np.zeros_like(request)
    for bit in range(width):
        index = np.where(request >> bit & 1, bit, index)
    valid = (request != 0).astype(np.int64)
    assert index.max(initial=0) < 1 << index_width(width)
    return {"index": index, "valid": valid, "grant": valid << index}
