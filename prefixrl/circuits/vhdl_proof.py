"""Proofs of VHDL: what a reader of VHDL makes of a text is proven as Verilog.

The reader is GHDL where this machine has it. Elsewhere it is the strict one here, which knows just the forms that
`circuits.vhdl` writes, shares no code with it, and refuses every other line.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from prefixrl.circuits.identifiers import check_vhdl_identifier, is_identifier
from prefixrl.circuits.kinds import Circuit
from prefixrl.circuits.proof import Proof, prove_rtl
from prefixrl.errors import ProofFailed, ToolError
from prefixrl.tools.finder import Tool, find_tool
from prefixrl.tools.process import run_tool

TIMEOUT_S = 120.0

_PORT = re.compile(r"(\w+) : (in|out) (?:std_logic|std_logic_vector\((\d+) downto 0\));?")
_SIGNAL = re.compile(r"signal (\w+) : std_logic;")
_ASSIGNMENT = re.compile(r"(\w+(?:\(\d+\))?) <= ([\w() ]+);")
_WORD = re.compile(r"\w+\(\d+\)|\w+|[()]| +")
_OPERATORS = {"and": "&", "or": "|", "xor": "^", "not": "~", "(": "(", ")": ")"}


def prove_vhdl(text: str, entity: str, circuit: Circuit, stages: int = 0) -> Proof:
    """Prove a VHDL text with one entity and its architecture.

    :param stages: of a pipeline, whose first port is `clk`
    :raises ProofFailed: as `prove_rtl`; or the text cannot be read
    """
    check_vhdl_identifier(entity)
    ghdl = find_tool("ghdl")
    if ghdl is None:
        reader, verilog = "read back", vhdl_as_verilog(text)
    else:
        reader, verilog = "read by GHDL", _through_ghdl(ghdl, text, entity)
    proof = prove_rtl(verilog, entity, circuit, stages)
    return Proof(proof.method, f"{reader}; {proof.detail}")


def _through_ghdl(ghdl: Tool, text: str, entity: str) -> str:
    with tempfile.TemporaryDirectory(prefix="prefixrl-ghdl-") as folder:
        Path(folder, "design.vhdl").write_text(text)
        try:
            run_tool([*ghdl.argv, "-a", "--std=93", "design.vhdl"], timeout_s=TIMEOUT_S, cwd=folder)
            synth = [*ghdl.argv, "--synth", "--std=93", "--out=verilog", entity]
            return run_tool(synth, timeout_s=TIMEOUT_S, cwd=folder).stdout
        except ToolError as error:
            reason = error.tail.strip().splitlines()[-1:] or [str(error)]
            raise ProofFailed(f"entity {entity} could not be read by GHDL: {reason[0]}") from error


def vhdl_as_verilog(text: str) -> str:
    """The Verilog that says the same.

    :raises ProofFailed: a line that is none of the known forms
    """
    lines = [line.strip() for line in text.splitlines() if not line.strip().startswith("--")]
    reader = iter([line for line in lines if line])
    head = [next(reader, ""), next(reader, "")]
    if head != ["library ieee;", "use ieee.std_logic_1164.all;"]:
        raise ProofFailed(f"a VHDL text must begin with its library: {head[0]!r}")
    name = _name(next(reader, ""), r"entity (\w+) is")
    _expect(reader, "port (")
    ports = [_port(line) for line in _until(reader, ");")]
    _expect(reader, f"end entity {name};")
    _expect(reader, f"architecture rtl of {name} is")
    signals = [_name(line, _SIGNAL.pattern) for line in _until(reader, "begin")]
    wires, registers = _statements(reader)
    targets = {target for target, _ in registers}
    return "\n".join(
        [
            f"module {name} ({', '.join(port for port, _ in ports)});",
            *(f"  {direction};" for _, direction in ports),
            *(f"  reg q_{number};" for number in range(len(registers))),
            *(f"  wire {signal};" for signal in signals),
            *(f"  assign {target} = {value};" for target, value in wires),
            *(f"  assign {target} = q_{number};" for number, (target, _) in enumerate(registers)),
            *(["  always @(posedge clk) begin"] if targets else []),
            *(f"    q_{number} <= {value};" for number, (_, value) in enumerate(registers)),
            *(["  end"] if targets else []),
            "endmodule",
            "",
        ]
    )


def _statements(reader: Iterator[str]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Assignments outside and inside of the clocked process."""
    wires: list[tuple[str, str]] = []
    registers: list[tuple[str, str]] = []
    for line in reader:
        if line == "end architecture rtl;":
            if (rest := next(reader, None)) is not None:
                raise ProofFailed(f"nothing may follow the architecture: {rest!r}")
            return wires, registers
        if line == "process (clk)":
            _expect(reader, "begin")
            _expect(reader, "if rising_edge(clk) then")
            registers += [_assignment(each) for each in _until(reader, "end if;")]
            _expect(reader, "end process;")
        else:
            wires.append(_assignment(line))
    raise ProofFailed("an architecture must have an end: the text is cut off")


def _until(reader: Iterator[str], end: str) -> Iterator[str]:
    for line in reader:
        if line == end:
            return
        yield line
    raise ProofFailed(f"a VHDL text must go on to {end!r}: it is cut off")


def _expect(reader: Iterator[str], wanted: str) -> None:
    found = next(reader, "")
    if found != wanted:
        raise ProofFailed(f"a VHDL text must have the line {wanted!r} here: {found!r}")


def _name(line: str, pattern: str) -> str:
    match = re.fullmatch(pattern, line)
    if match is None or not is_identifier(match[1]):
        raise ProofFailed(f"a VHDL text must have a declaration of a plain name here: {line!r}")
    return match[1]


def _port(line: str) -> tuple[str, str]:
    match = _PORT.fullmatch(line)
    if match is None:
        raise ProofFailed(f"a VHDL port must be a std_logic or a vector downto 0: {line!r}")
    span = "" if match[3] is None else f"[{match[3]}:0] "
    return match[1], f"{match[2]}put {span}{match[1]}"


def _assignment(line: str) -> tuple[str, str]:
    match = _ASSIGNMENT.fullmatch(line)
    if match is None:
        raise ProofFailed(f"a VHDL statement must be an assignment: {line!r}")
    return _word(match[1]), "".join(_word(word) for word in _WORD.findall(match[2]))


def _word(word: str) -> str:
    if not word.strip() or word in _OPERATORS:
        return _OPERATORS.get(word, word)
    return word.replace("(", "[").replace(")", "]")
