"""Netlists that are wrong in one way each, and a stand-in for OpenSTA that lies."""

from __future__ import annotations

from pathlib import Path

from prefixrl.circuits import Circuit
from prefixrl.circuits.mapping import map_structure
from prefixrl.circuits.netlist import Gate, Netlist
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.pdk import load_pdk

PDK = load_pdk()
LIBRARY = PDK.library()
CONSTRAINTS = default_constraints(PDK)
CIRCUIT = Circuit("adder", structure("sklansky", 4))
NETLIST = map_structure(CIRCUIT, LIBRARY, "adder")


def replaced(old: Gate, *new: Gate, module: str = "adder") -> Netlist:
    """The sample netlist with other gates in one gate's place."""
    gates = [each for gate in NETLIST.gates for each in (new if gate is old else (gate,))]
    return Netlist(module, NETLIST.inputs, NETLIST.outputs, tuple(gates))


def mutated_netlists() -> dict[str, Netlist]:
    """What is wrong -> a netlist that no timer may put a figure to."""
    inner = next(gate for gate in NETLIST.gates if gate.output not in NETLIST.output_nets)
    last = next(gate for gate in NETLIST.gates if gate.output == "sum[3]")
    (pin, _), *others = inner.inputs
    return {
        "unknown cell": replaced(inner, inner._replace(cell="NAND9_X1")),
        "flip-flop": replaced(inner, inner._replace(cell="DFF_X1")),
        "unknown pin": replaced(inner, inner._replace(inputs=(("Q", inner.inputs[0][1]), *others))),
        "pin left open": replaced(inner, inner._replace(inputs=tuple(others))),
        "pin twice": replaced(inner, inner._replace(inputs=(*inner.inputs, inner.inputs[0]))),
        "other output pin": replaced(inner, inner._replace(output_pin="Q")),
        "undriven net": replaced(inner, inner._replace(inputs=((pin, "nowhere"), *others))),
        "no driver of an output": replaced(last),
        "two drivers": replaced(inner, inner, inner),
        "driver of an input": replaced(inner, inner, inner._replace(output="a[0]")),
        "loop": replaced(inner, inner._replace(inputs=((pin, inner.output), *others))),
        "no gates": Netlist("adder", NETLIST.inputs, NETLIST.outputs, ()),
        "other ports": Netlist("adder", NETLIST.inputs[:1], NETLIST.outputs, NETLIST.gates),
        "keyword": replaced(inner, inner, module="module"),
        "Tcl in the module": replaced(inner, inner, module="adder\nexec touch x"),
        "brackets in the module": replaced(inner, inner, module="[exec touch x]"),
        "Tcl in the cell": replaced(inner, inner._replace(cell="INV_X1 [exec touch x]")),
        "Tcl in a net": replaced(inner, inner, Gate("INV_X1", (("A", "a[0]"),), "ZN", "n;[exec touch x]")),
        "Verilog in a net": replaced(inner, inner, Gate("INV_X1", (("A", "a[0]"),), "ZN", "n)); endmodule //")),
        "line end in a net": replaced(inner, inner, Gate("INV_X1", (("A", "a[0]"),), "ZN", "n\n`include x")),
    }


_LIAR = """#!{python} -S
import sys
if sys.argv[1:] == ["-version"]:
    print("9.9")
    sys.exit()
while header := sys.stdin.readline():
    size, token = header.split()
    script = sys.stdin.read(int(size))
    if "report_checks" in script:
        print(open({answer!r}).read())
    print("ENDED" + token, 0, flush=True)
"""


def write_liar(folder: Path, python: str, answer: str) -> Path:
    """A stand-in for `sta` that accepts every script and answers a timing script with a given text."""
    (folder / "answer").write_text(answer)
    liar = folder / "sta"
    liar.write_text(_LIAR.format(python=python, answer=str(folder / "answer")))
    liar.chmod(0o755)
    return liar
