"""Proofs that RTL and netlists do what their kind of circuit must, against models that know nothing of prefix graphs.

Up to 16 input bits a netlist is simulated on every pattern. Whatever the width, Yosys reads the design (for a netlist
with the cells' functions from the Liberty files, by its own reader) and the naive model, both become and-inverter
graphs, and ABC's SAT-based `cec` must print "Networks are equivalent": its exit status is 0 either way.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prefixrl.circuits.cells import CellLibrary
from prefixrl.circuits.identifiers import check_identifier
from prefixrl.circuits.kinds import Circuit
from prefixrl.circuits.latency import check_latency
from prefixrl.circuits.netlist import Netlist
from prefixrl.circuits.reference import naive_values, naive_verilog
from prefixrl.circuits.rtl_body import CLOCK
from prefixrl.errors import InputError, ProofFailed, ToolError
from prefixrl.tools.abc import run_abc
from prefixrl.tools.yosys import run_yosys

EXHAUSTIVE_INPUT_BITS = 16
PROOF_TIMEOUT_S = 300.0
_EQUIVALENT = "Networks are equivalent"
_MODEL = "naive_model"
# A register for a wire: what is left must be combinational, or writing AIGER without latches would show them.
_TRANSPARENT = """
(* techmap_celltype = "$dff" *)
module transparent (CLK, D, Q);
  parameter WIDTH = 1;
  parameter CLK_POLARITY = 1;
  input CLK;
  input [WIDTH-1:0] D;
  output [WIDTH-1:0] Q;
  assign Q = D;
endmodule
"""


@dataclass(frozen=True)
class Proof:
    """A design is equivalent to its naive model.

    :param method: "exhaustive", "cec", or "exhaustive+cec"
    :param detail: one line for people: how many patterns, the tool's success line
    """

    method: str
    detail: str

    def to_json(self) -> dict[str, str]:
        """As a manifest has it."""
        return {"method": self.method, "detail": self.detail}


def prove_netlist(
    netlist: Netlist, circuit: Circuit, library: CellLibrary, liberty_paths: Iterable[str | Path] = ()
) -> Proof:
    """Prove a mapped netlist, as it is written to Verilog.

    :param library: the cells as the mapper knows them
    :param liberty_paths: the files they came from (gzip accepted); without them only small circuits can be proven
    :raises ProofFailed: the netlist is malformed, its ports are others, it differs from the model, or a tool failed
    :raises ToolMissing: Yosys or ABC is not there
    :raises InputError: more than 16 input bits and no Liberty file
    """
    paths = [Path(path) for path in liberty_paths]
    small = sum(port.width for port in circuit.inputs) <= EXHAUSTIVE_INPUT_BITS
    if not (small or paths):
        raise InputError(f"a proof beyond {EXHAUSTIVE_INPUT_BITS} input bits needs the Liberty files: {circuit.kind}")
    _check_ports(netlist, circuit)
    try:
        netlist.check(library)
    except InputError as error:
        raise ProofFailed(f"the netlist of module {netlist.module} is malformed: {error}") from error
    proofs = [_simulate_everything(netlist, circuit, library)] if small else []
    if paths:
        proofs.append(_compare(netlist.to_verilog(), netlist.module, circuit, paths))
    return Proof("+".join(proof.method for proof in proofs), "; ".join(proof.detail for proof in proofs))


def prove_rtl(text: str, module: str, circuit: Circuit, stages: int = 0) -> Proof:
    """Prove a self-contained Verilog text.

    A pipeline is proven in two steps: with its registers made transparent it does what it should, and every path from
    an input to an output passes as many registers as it has stages.

    :param module: its top module
    :param stages: of a pipeline, whose first port is `clk`
    :raises ProofFailed: Yosys refuses the text, its ports are others, it differs from the model, or a tool failed
    :raises ToolMissing: Yosys or ABC is not there
    :raises InputError: the module's name is not an identifier
    """
    proof = _compare(text, check_identifier(module), circuit, (), clocked=stages > 0)
    if not stages:
        return proof
    check_latency(text, module, stages)
    return Proof(f"{proof.method}+latency", f"{proof.detail}; {stages} registers on every path")


def prove_aiger(data: bytes, module: str, circuit: Circuit) -> Proof:
    """Prove a binary AIGER file with the symbols of its inputs and outputs.

    :param module: its name, for messages
    :raises ProofFailed: as `prove_rtl`
    """
    with tempfile.TemporaryDirectory(prefix="prefixrl-proof-") as folder:
        place = Path(folder)
        (place / "model.v").write_text(naive_verilog(circuit, _MODEL))
        (place / "design.aig").write_bytes(data)
        return _equivalent(place, _to_aiger("model", _MODEL, ()), module, circuit)


def _check_ports(netlist: Netlist, circuit: Circuit) -> None:
    if (netlist.inputs, netlist.outputs) != (circuit.inputs, circuit.outputs):
        ports = ", ".join(port.name for port in (*netlist.inputs, *netlist.outputs))
        raise ProofFailed(f"the netlist must have the ports of the {circuit.kind} of {circuit.width} bits: {ports}")


def _simulate_everything(netlist: Netlist, circuit: Circuit, library: CellLibrary) -> Proof:
    """Compare all outputs on all patterns with integer arithmetic."""
    bits = sum(port.width for port in circuit.inputs)
    patterns = np.arange(max(64, 1 << bits), dtype=np.int64) & ((1 << bits) - 1)
    integers = {}
    offset = 0
    for port in circuit.inputs:
        integers[port.name] = patterns >> offset & ((1 << port.width) - 1)
        offset += port.width
    words = {port.name: pack_patterns(integers[port.name], port.width) for port in circuit.inputs}
    outputs = netlist.simulate(library, words)
    expected = naive_values(circuit, integers)
    for port in circuit.outputs:
        wrong = np.flatnonzero(unpack_patterns(outputs[port.name]) != expected[port.name])
        if len(wrong):
            example = ", ".join(f"{name}={values[wrong[0]]}" for name, values in integers.items())
            raise ProofFailed(
                f"output {port.name} of module {netlist.module} must be {expected[port.name][wrong[0]]} for {example}: "
                f"{unpack_patterns(outputs[port.name])[wrong[0]]}"
            )
    return Proof("exhaustive", f"all {1 << bits} input patterns simulated")


def pack_patterns(values: np.ndarray, width: int) -> np.ndarray:
    """Integers to bit-parallel words: int64 [P], P a multiple of 64, to uint64 [width, P / 64]."""
    bits = (values[np.newaxis, :] >> np.arange(width)[:, np.newaxis] & 1).astype(np.uint8)
    return np.packbits(bits, axis=1, bitorder="little").view(np.uint64)


def unpack_patterns(words: np.ndarray) -> np.ndarray:
    """Bit-parallel words to integers: uint64 [width, W] to int64 [64 W]."""
    bits = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1, bitorder="little").astype(np.int64)
    return np.asarray((bits << np.arange(len(words))[:, np.newaxis]).sum(axis=0))


def _compare(text: str, module: str, circuit: Circuit, liberty_paths: Sequence[Path], clocked: bool = False) -> Proof:
    """Prove a Verilog text against the naive model with Yosys and ABC.

    :param clocked: the text has registers and a clock; its registers are made wires
    """
    with tempfile.TemporaryDirectory(prefix="prefixrl-proof-") as folder:
        place = Path(folder)
        model = naive_verilog(circuit, _MODEL)
        (place / "model.v").write_text(model.replace("(\n", f"(\n  input {CLOCK},\n", 1) if clocked else model)
        (place / "design.v").write_text(text)
        (place / "transparent.v").write_text(_TRANSPARENT)
        libraries = [_bring(path, place / f"cells{number}.lib") for number, path in enumerate(liberty_paths)]
        script = [*_to_aiger("model", _MODEL, ()), "design -reset", *_to_aiger("design", module, libraries, clocked)]
        return _equivalent(place, script, module, circuit)


def _equivalent(place: Path, script: Sequence[str], module: str, circuit: Circuit) -> Proof:
    """Run a Yosys script that leaves model.aig (and design.aig, where it is not there yet) and compare the two."""
    try:
        run_yosys("\n".join(script), cwd=place, timeout_s=PROOF_TIMEOUT_S)
        _check_symbols(place, module)
        output = run_abc("cec model.aig design.aig", cwd=place, timeout_s=PROOF_TIMEOUT_S)
    except ToolError as error:
        reason = f"{error}; {error.tail.strip().splitlines()[-1]}" if error.tail.strip() else str(error)
        raise ProofFailed(f"module {module} could not be proven: {reason}") from error
    if _EQUIVALENT not in output:
        said = " ".join(output.split()) or "nothing"
        raise ProofFailed(f"module {module} must be equivalent to the naive {circuit.kind}; ABC says: {said}")
    return Proof("cec", f"ABC cec: {_EQUIVALENT}")


def _bring(liberty: Path, name: Path) -> str:
    """Put a Liberty file under a name that a Yosys script can spell; returns the name."""
    try:
        if liberty.read_bytes()[:2] == b"\x1f\x8b":
            with gzip.open(liberty) as source, name.open("wb") as target:
                shutil.copyfileobj(source, target)
        else:
            name.symlink_to(liberty.resolve())
    except OSError as error:
        raise InputError(f"a Liberty file must be readable ({error.strerror}): {str(liberty)!r}") from error
    return name.name


def _to_aiger(name: str, module: str, libraries: Sequence[str], clocked: bool = False) -> list[str]:
    """Yosys passes from `name`.v to `name`.aig; undriven or doubly driven nets are errors."""
    transparent = ["techmap -map transparent.v"] if clocked else []
    ignored = "-ignore_miss_func -ignore_miss_dir -ignore_miss_data_latch -ignore_buses"
    return [
        *(f"read_liberty {ignored} {library}" for library in libraries),
        f"read_verilog {name}.v",
        f"hierarchy -check -top {module}",
        "proc",
        "flatten",
        *transparent,
        "check -assert",
        "techmap",
        "opt_clean",
        "aigmap",
        f"write_aiger -symbols {name}.aig",
    ]


def _check_symbols(place: Path, module: str) -> None:
    """Both graphs must have the same inputs and outputs in the same order, which `cec` goes by."""
    model, design = (_symbols(place / name) for name in ("model.aig", "design.aig"))
    if model != design:
        strange = sorted(set(model) ^ set(design)) or design
        raise ProofFailed(f"module {module} must have the ports of the model, in their order: {', '.join(strange[:4])}")


def _symbols(path: Path) -> list[str]:
    """Symbol lines (`i0 a[0]`, `o3 sum[3]`) of a binary AIGER file: after the last gate, before the comment."""
    data = path.read_bytes()
    header = data.split(b"\n", 1)[0].split()
    outputs, gates = int(header[4]), int(header[5])
    place = len(data.split(b"\n", 1)[0]) + 1
    for _ in range(outputs):
        place = data.index(b"\n", place) + 1
    for _ in range(2 * gates):
        while data[place] & 0x80:
            place += 1
        place += 1
    text = data[place:].decode().split("\nc\n", 1)[0]
    return [line for line in text.splitlines() if line[:1] in "ilo"]
