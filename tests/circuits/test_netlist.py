import numpy as np
import pytest
from circuit_samples import circuit, made_up_library, nangate45_library

from prefixrl.circuits.kinds import Port
from prefixrl.circuits.mapping import map_structure
from prefixrl.circuits.netlist import Gate, Netlist
from prefixrl.errors import InputError

LIBRARY = made_up_library("INV", "NAND2", "BUF")
PORTS = ((Port("a", 2),), (Port("y", 1),))


def nand(x: str, y: str, output: str) -> Gate:
    return Gate("NAND2_cell", (("A", x), ("B", y)), "Y", output)


def test_verilog_instantiates_and_never_defines():
    netlist = Netlist("m", *PORTS, (nand("a[0]", "a[1]", "n"), Gate("INV_cell", (("A", "n"),), "Y", "y")))
    assert netlist.to_verilog() == (
        "module m (a, y);\n"
        "  input [1:0] a;\n"
        "  output y;\n"
        "  wire n;\n"
        "  NAND2_cell u0 (.A(a[0]), .B(a[1]), .Y(n));\n"
        "  INV_cell u1 (.A(n), .Y(y));\n"
        "endmodule\n"
    )
    assert netlist.cell_counts() == {"INV_cell": 1, "NAND2_cell": 1}
    assert netlist.area_um2(LIBRARY) == 5.0


def test_simulation_is_bit_parallel():
    netlist = Netlist("m", *PORTS, (nand("a[0]", "a[1]", "y"),))
    words = {"a": np.array([[0b1100, 1], [0b1010, 1]], dtype=np.uint64)}
    every = np.iinfo(np.uint64).max
    assert netlist.simulate(LIBRARY, words)["y"].tolist() == [[every ^ 0b1000, every ^ 1]]


@pytest.mark.parametrize(
    ("gates", "complaint"),
    [
        ((), "driver: y"),
        ((nand("a[0]", "ghost", "y"),), "driver: ghost"),
        ((nand("a[0]", "a[1]", "y"), nand("a[0]", "a[0]", "y")), "one driver: y"),
        ((nand("a[0]", "a[1]", "y"), nand("a[0]", "a[0]", "a[1]")), r"one driver: a\[1\]"),
        ((nand("a[0]", "n", "y"), nand("y", "a[1]", "n")), "loop"),
        ((nand("a[0]", "a[1]", "y"), nand("n", "a[1]", "n")), "loop: n"),
        ((Gate("XYZ", (("A", "a[0]"),), "Y", "y"),), "XYZ"),
        ((Gate("INV_cell", (("B", "a[0]"),), "Y", "y"),), "pins"),
        ((Gate("INV_cell", (("A", "a[0]"),), "Z", "y"),), "pins"),
        ((Gate("NAND2_cell", (("A", "a[0]"),), "Y", "y"),), "pins"),
    ],
)
def test_malformed_netlists_are_refused(gates, complaint):
    with pytest.raises(InputError, match=complaint):
        Netlist("m", *PORTS, gates).check(LIBRARY)


def test_blif_round_trip():
    netlist = map_structure(circuit("adder", "brent-kung", 9, carry_in=True), nangate45_library())
    assert Netlist.from_blif(netlist.to_blif(), netlist) == netlist


BLIF = """# written by a tool
.model other
.inputs a[0] \\
a[1]
.outputs y
.gate NAND2_cell A=a[0] \\
  B=a[1] Y=new_n5  # a comment
.gate INV_cell A=new_n5 Y=x$1
.names x$1 y
1 1
.end
"""


def test_blif_of_other_tools():
    template = Netlist("m", *PORTS, ())
    netlist = Netlist.from_blif(BLIF, template, LIBRARY)
    assert netlist.module == "m"
    assert [gate.cell for gate in netlist.gates] == ["NAND2_cell", "INV_cell", "BUF_cell"]
    netlist.check(LIBRARY)
    words = {"a": np.array([[0b1100], [0b1010]], dtype=np.uint64)}
    assert netlist.simulate(LIBRARY, words)["y"].tolist() == [[0b1000]]
    assert "$" not in netlist.to_verilog()


def test_blif_nets_never_collide_with_ports_or_instances():
    text = (
        BLIF.replace("new_n5", "u0")
        .replace("x$1", "a")
        .replace("Y=a\n", "Y=wire\n")
        .replace("names a y", "names wire y")
    )
    netlist = Netlist.from_blif(text, Netlist("m", *PORTS, ()), LIBRARY)
    internal = {gate.output for gate in netlist.gates} - {"y"}
    assert len(internal) == 2
    assert not internal & {"u0", "u1", "u2", "a", "y", "wire"}
    netlist.check(LIBRARY)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("1 1\n", "1 1\n.names b c y\n11 1\n"), "names"),
        ((".end\n", ""), ".end"),
        ((".model other\n", ""), ".model"),
        ((".outputs y", ".outputs z"), "ports"),
        (("a[1]\n.outputs", "b\n.outputs"), "ports"),
        ((".gate INV_cell", ".latch"), ".latch"),
        (("Y=new_n5", "new_n5"), "pin=net"),
    ],
)
def test_blif_that_is_no_mapped_netlist_is_refused(change, complaint):
    with pytest.raises(InputError, match=complaint):
        Netlist.from_blif(BLIF.replace(*change), Netlist("m", *PORTS, ()), LIBRARY)


def test_a_bare_wire_needs_a_library():
    with pytest.raises(InputError, match="BUF"):
        Netlist.from_blif(BLIF, Netlist("m", *PORTS, ()))
