"""A self-checking Verilog testbench for a circuit, whether as RTL or as a netlist with the library's cell models."""

from __future__ import annotations

from prefixrl.circuits.identifiers import check_identifier
from prefixrl.circuits.kinds import Circuit, Port
from prefixrl.circuits.reference import naive_verilog
from prefixrl.circuits.rtl_body import CLOCK

EXHAUSTIVE_INPUT_BITS = 16
RANDOM_PATTERNS = 4_000
_SHOWN_MISMATCHES = 10
_WORD = 32


def to_testbench(circuit: Circuit, module: str | None = None, stages: int = 0) -> str:
    """Verilog-2001 that runs `module` beside a naive model and ends with a line `PASS ...` or `FAIL ...`.

    All patterns up to 16 input bits; beyond, corner cases (walking ones and zeros, carries that start at every bit and
    run to the top, operands that complement each other) and 4,000 random patterns of a fixed seed. The text holds
    module `<module>_tb` (the top) and `<module>_reference`, and needs the design under test beside it:
    `iverilog -o run NAME_tb.v NAME.v && vvp run`. A pipeline is given new operands at every clock edge.

    :param stages: of the RTL's pipeline; 0 for none
    :raises InputError: the module's name is not an identifier
    """
    module = check_identifier(circuit.default_module if module is None else module)
    bits = sum(port.width for port in circuit.inputs)
    flushed = f" - {stages}" if stages else ""
    stimuli = _exhaustive(bits) if bits <= EXHAUSTIVE_INPUT_BITS else _corners_and_random(circuit, bits)
    lines = [
        f"// self-checking testbench of module {module}: {circuit.width}-bit {circuit.kind.replace('_', ' ')}",
        "`timescale 1ns / 1ps",
        "",
        f"module {module}_tb;",
        f"  reg [{bits - 1}:0] stimulus;",
        *([f"  reg {CLOCK};"] if stages else []),
        "  integer patterns, mismatches, i, seed;",
        *_input_wires(circuit),
        *(f"  wire {_range(port)}{port.name}, expected_{port.name};" for port in circuit.outputs),
        "",
        _instance(module, "dut", circuit, "", clocked=stages > 0),
        _instance(f"{module}_reference", "reference", circuit, "expected_"),
        "",
        *(_delayed(circuit, stages) if stages else []),
        *_check_task(circuit, bits, stages),
        "",
        "  initial begin",
        "    patterns = 0;",
        "    mismatches = 0;",
        "    seed = 1;",
        *([f"    {CLOCK} = 0;"] if stages else []),
        *stimuli,
        *([f"    for (i = 0; i < {stages}; i = i + 1) check({bits}'d0);"] if stages else []),
        f'    if (mismatches == 0) $display("PASS {module}: %0d patterns", patterns{flushed});',
        f'    else $display("FAIL {module}: %0d of %0d patterns", mismatches, patterns{flushed});',
        "    $finish;",
        "  end",
        "endmodule",
        "",
    ]
    return "\n".join(lines) + "\n" + naive_verilog(circuit, f"{module}_reference")


def _range(port: Port) -> str:
    return "" if port.width == 1 else f"[{port.width - 1}:0] "


def _input_wires(circuit: Circuit) -> list[str]:
    """Every input is a slice of the stimulus, the first port lowest."""
    lines = []
    offset = 0
    for port in circuit.inputs:
        place = f"{offset}" if port.width == 1 else f"{offset + port.width - 1}:{offset}"
        lines.append(f"  wire {_range(port)}{port.name} = stimulus[{place}];")
        offset += port.width
    return lines


def _instance(module: str, name: str, circuit: Circuit, prefix: str, clocked: bool = False) -> str:
    pins = [f".{CLOCK}({CLOCK})"] if clocked else []
    pins += [f".{port.name}({port.name})" for port in circuit.inputs]
    pins += [f".{port.name}({prefix}{port.name})" for port in circuit.outputs]
    return f"  {module} {name} ({', '.join(pins)});"


def _delayed(circuit: Circuit, stages: int) -> list[str]:
    """What is expected, as late as the pipeline answers."""
    bits = sum(port.width for port in circuit.outputs)
    last = stages * bits - 1
    shifted = _expected(circuit) if stages == 1 else f"{{late[{last - bits}:0], {_expected(circuit)}}}"
    return [f"  reg [{last}:0] late;", f"  always @(posedge {CLOCK}) late <= {shifted};"]


def _expected(circuit: Circuit) -> str:
    return "{" + ", ".join(f"expected_{port.name}" for port in circuit.outputs) + "}"


def _check_task(circuit: Circuit, bits: int, stages: int) -> list[str]:
    got = "{" + ", ".join(port.name for port in circuit.outputs) + "}"
    width = sum(port.width for port in circuit.outputs)
    expected = f"late[{stages * width - 1}:{(stages - 1) * width}]" if stages else _expected(circuit)
    ready = f"patterns >= {stages} && " if stages else ""
    return [
        f"  task check(input [{bits - 1}:0] value);",
        "    begin",
        "      stimulus = value;",
        "      #5;",
        *([f"      {CLOCK} = 1;"] if stages else []),
        "      #5;",
        "      patterns = patterns + 1;",
        f"      if ({ready}{got} !== {expected}) begin",
        "        mismatches = mismatches + 1;",
        f"        if (mismatches <= {_SHOWN_MISMATCHES})",
        f'          $display("mismatch: stimulus %h, outputs %h, expected %h", stimulus, {got}, {expected});',
        "      end",
        *([f"      {CLOCK} = 0;"] if stages else []),
        "    end",
        "  endtask",
    ]


def _exhaustive(bits: int) -> list[str]:
    return [f"    for (i = 0; i < {1 << bits}; i = i + 1) check(i);"]


def _corners_and_random(circuit: Circuit, bits: int) -> list[str]:
    ones, one = f"{{{bits}{{1'b1}}}}", f"{{{{{bits - 1}{{1'b0}}}}, 1'b1}}"
    lines = [
        f"    check({bits}'d0);",
        f"    check({ones});",
        f"    for (i = 0; i < {bits}; i = i + 1) begin",
        f"      check({one} << i);",
        f"      check(~({one} << i));",
        f"      check({ones} << i);",
        f"      check(~({ones} << i));",
        "    end",
    ]
    if circuit.kind in ("adder", "comparator"):
        lines += _operand_corners(circuit.width, bits)
    words = ", ".join(["$random(seed)"] * -(-bits // _WORD))
    # Shifted, so that the highest set bit of a request, or the end of a carry chain, is anywhere.
    shift = "" if circuit.kind in ("adder", "comparator") else f" >> (i % {bits})"
    return [*lines, f"    for (i = 0; i < {RANDOM_PATTERNS}; i = i + 1) check({{{words}}}{shift});"]


def _operand_corners(width: int, bits: int) -> list[str]:
    """Pairs (b, a) where a carry starts at bit i and runs to the top, or where every bit propagates."""
    high = f"({{{width}{{1'b1}}}} << i)"
    low_bit = f"({{{{{width - 1}{{1'b0}}}}, 1'b1}} << i)"
    extra = ["1'b0", "1'b1"] if bits > 2 * width else [""]
    lines = [f"    for (i = 0; i < {width}; i = i + 1) begin"]
    for carry in extra:
        front = f"{carry}, " if carry else ""
        for b, a in ((low_bit, high), (high, low_bit), (f"~{high}", high), (high, high)):
            lines.append(f"      check({{{front}{b}, {a}}});")
    return [*lines, "    end"]
