"""One module with a parameter WIDTH in front of the modules of several widths: `adder #(.WIDTH(16)) sum_of (...)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prefixrl.circuits.identifiers import check_identifier
from prefixrl.circuits.kinds import Circuit, Port
from prefixrl.circuits.proof import Proof, prove_rtl
from prefixrl.circuits.rtl_body import CLOCK
from prefixrl.errors import InputError

UNSUITABLE = ("priority_encoder",)
"""Its index has as many bits as the logarithm of the width, which Verilog-2001 cannot write."""

_TOP = "prefixrl_of_one_width"


def member_name(module: str, width: int) -> str:
    """The module of one width of a family."""
    return f"{module}_{width}"


def check_family(circuits: Sequence[Circuit]) -> None:
    """Check that circuits can stand behind one wrapper.

    :raises InputError: their kinds or carries differ, two have one width, or the kind cannot be wrapped
    """
    first = circuits[0]
    if first.kind in UNSUITABLE:
        raise InputError(f"a wrapper cannot have the ports of this kind of circuit: {first.kind}")
    for other in circuits[1:]:
        if (other.kind, other.carry_in, other.carry_out) != (first.kind, first.carry_in, first.carry_out):
            raise InputError(f"all widths of a family must be of one kind with the same carries: {other.kind}")
    widths = [circuit.width for circuit in circuits]
    if len(set(widths)) < len(widths):
        raise InputError(f"every width may be there once: {', '.join(map(str, widths))}")


def to_wrapper(circuits: Sequence[Circuit], module: str, stages: int = 0) -> str:
    """Verilog-2001 that instantiates the module of the width that is asked for.

    Another width is an error at elaboration: it instantiates a module that there is not, whose name says so.

    :param circuits: of different widths; the first one's is the default
    :param module: the wrapper's name; the modules behind it are `member_name`
    :param stages: of the pipeline that all of them are; 0 for none
    :raises InputError: as `check_family` and `check_identifier`
    """
    check_family(circuits)
    check_identifier(module)
    first = circuits[0]
    listed = ", ".join(str(circuit.width) for circuit in circuits)
    ports = [f"input {CLOCK}"] if stages else []
    ports += [_declaration("input", port, first.width) for port in first.inputs]
    ports += [_declaration("output", port, first.width) for port in first.outputs]
    pins = [CLOCK] if stages else []
    pins += [port.name for port in (*first.inputs, *first.outputs)]
    connected = ", ".join(f".{pin}({pin})" for pin in pins)
    lines = [f"// {first.kind.replace('_', ' ')} of {listed} bits behind one face", f"module {module} #("]
    lines += [
        f"  parameter WIDTH = {first.width}",
        ") (",
        ",\n".join(f"  {port}" for port in ports),
        ");",
        "  generate",
    ]
    opening = "    if"
    for circuit in circuits:
        lines.append(f"{opening} (WIDTH == {circuit.width}) begin : width_{circuit.width}")
        lines.append(f"      {member_name(module, circuit.width)} core ({connected});")
        opening = "    end else if"
    lines += [
        "    end else begin : no_such_width",
        f"      {module}_is_not_exported_for_this_WIDTH missing ();",
        "    end",
        "  endgenerate",
        "endmodule",
        "",
    ]
    return "\n".join(lines)


def prove_wrapper(text: str, module: str, members: Mapping[int, tuple[Circuit, str]], stages: int = 0) -> Proof:
    """Prove the wrapper at every width, through the modules behind it.

    :param members: width -> circuit and Verilog text of its module
    :raises ProofFailed: as `prove_rtl`
    """
    everything = "\n".join([text, *(member for _, member in members.values())])
    for circuit, _ in members.values():
        prove_rtl(f"{everything}\n{_instance(circuit, module, stages)}", _TOP, circuit, stages)
    return Proof("cec", f"instantiated with WIDTH {', '.join(map(str, members))}; ABC cec: Networks are equivalent")


def _instance(circuit: Circuit, module: str, stages: int) -> str:
    ports = [f"input {CLOCK}"] if stages else []
    pins = [CLOCK] if stages else []
    for direction, group in (("input", circuit.inputs), ("output", circuit.outputs)):
        for port in group:
            ports.append(f"{direction} {'' if port.width == 1 else f'[{port.width - 1}:0] '}{port.name}")
            pins.append(port.name)
    connected = ", ".join(f".{pin}({pin})" for pin in pins)
    return (
        f"module {_TOP} ({', '.join(ports)});\n  {module} #(.WIDTH({circuit.width})) tested ({connected});\nendmodule\n"
    )


def _declaration(direction: str, port: Port, width: int) -> str:
    return f"{direction} [WIDTH-1:0] {port.name}" if port.width == width else f"{direction} {port.name}"
