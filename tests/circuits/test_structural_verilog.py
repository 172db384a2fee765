"""Netlists as place-and-route tools write them: read back whole, or refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
from circuit_samples import circuit, made_up_library, nangate45_library

from prefixrl.circuits.kinds import KINDS, Port
from prefixrl.circuits.mapping import map_structure
from prefixrl.circuits.netlist import Netlist
from prefixrl.circuits.structural_verilog import netlist_from_verilog
from prefixrl.errors import InputError

LIBRARY = made_up_library("INV", "NAND2", "BUF")
TEMPLATE = Netlist("m", (Port("a", 2), Port("c", 1)), (Port("y", 2), Port("z", 1)), ())
WRITTEN = """\
// made by a tool
module m (c,
    z,
    a,
    y);
 input c;
 output z;
 input [1:0] a;
 output [1:0] y;

 wire \\odd/name[3] ;
 wire [2:1] n;
 wire net1;

 NAND2_cell \\u/1  (.A(a[0]),
    .B(a[1]),
    .Y(\\odd/name[3] ));
 BUF_cell max_cap1 (.A(\\odd/name[3] ), .Y(net1));
 INV_cell u2 (.A(net1), .Y(n[2]));
 INV_cell u3 (.Y(\\y[1] ), .A(c));
 assign y[0] = n[2];
 assign z = n[2];
endmodule
"""


def simulate(netlist: Netlist) -> dict[str, list[list[int]]]:
    words = {"a": np.array([[0b1100], [0b1010]], dtype=np.uint64), "c": np.array([[0b0110]], dtype=np.uint64)}
    return {name: (rows & np.uint64(15)).tolist() for name, rows in netlist.simulate(LIBRARY, words).items()}


def test_a_written_netlist() -> None:
    netlist, cells = netlist_from_verilog(WRITTEN, TEMPLATE, LIBRARY)
    netlist.check(LIBRARY)
    assert (netlist.module, netlist.inputs, netlist.outputs) == (TEMPLATE.module, TEMPLATE.inputs, TEMPLATE.outputs)
    assert simulate(netlist) == {"y": [[0b1000], [0b1001]], "z": [[0b1000]]}
    assert cells == ("NAND2_cell", "BUF_cell", "INV_cell", "INV_cell")
    assert netlist.cell_counts()["BUF_cell"] == 2, "two outputs on one net have a cell between them"
    assert netlist_from_verilog(netlist.to_verilog(), TEMPLATE, LIBRARY).netlist.gates == netlist.gates


def test_scalar_nets_need_no_declaration() -> None:
    """Builds of OpenSTA from before 2020 write none."""
    assert netlist_from_verilog(WRITTEN.replace(" wire net1;\n", ""), TEMPLATE, LIBRARY) == netlist_from_verilog(
        WRITTEN, TEMPLATE, LIBRARY
    )


def test_an_output_that_is_an_input_gets_a_buffer() -> None:
    template = Netlist("m", (Port("a", 1),), (Port("y", 1),), ())
    text = "module m (a, y); input a; output y; assign y = a; endmodule"
    netlist, cells = netlist_from_verilog(text, template, LIBRARY)
    assert (netlist.cell_counts(), cells) == ({"BUF_cell": 1}, ())


def test_inner_assigns_and_chains() -> None:
    template = Netlist("m", (Port("a", 1),), (Port("y", 1),), ())
    text = (
        "module m (a, y); input a; output y; wire p, q, r; INV_cell u (.A(p), .Y(q)); assign p = a; "
        "assign r = q; assign y = r; endmodule"
    )
    netlist, _ = netlist_from_verilog(text, template, LIBRARY)
    netlist.check(LIBRARY)
    assert netlist.gates[0].inputs == (("A", "a"),)
    assert netlist.gates[0].output == "y"


@pytest.mark.parametrize("kind", KINDS)
def test_what_we_write_can_be_read(kind: str) -> None:
    library = nangate45_library()
    netlist = map_structure(circuit(kind, "sklansky", 9), library)
    again = netlist_from_verilog(netlist.to_verilog(), netlist, library).netlist
    assert again == netlist


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("endmodule", "", "it ends too soon"),
        ("endmodule", "endmodule endmodule", "one module"),
        ("module m", "module other", "the module of a netlist must be m"),
        (" input c;\n", "", "keep the ports"),
        ("module m (c,", "module m (", "keep the ports"),
        ("[1:0] a", "[2:0] a", "keep the ports"),
        ("input c", "output c", "keep the ports"),
        (" wire [2:1] n;\n", "", "declared"),
        ("[2:1] n", "[1:2] n", "high:low"),
        ("[2:1] n", "[99999999:1] n", "high:low"),
        (".B(a[1]),\n", "", "must connect the pins"),
        (".B(a[1])", ".B(a)", "of one bit"),
        (".B(a[1])", ".B(a[7])", "declared"),
        (".B(a[1])", ".B(1'b0)", "identifier"),
        (".B(a[1])", ".B({a[1]})", "identifier"),
        (".B(a[1])", ".B()", "identifier"),
        (".B(a[1])", ".C(a[1])", "must connect the pins"),
        (".B(a[1])", ".A(a[1])", "must connect the pins"),
        ("NAND2_cell", "EVIL_cell", "library must have every cell"),
        ("max_cap1", "u2", "two instances"),
        ("assign z = n[2];", "assign z = n[2]; assign z = net1;", "one driver"),
        ("assign z = n[2];", "assign n[2] = net1;", "one driver"),
        ("assign z = n[2];", "assign n[1] = n[1];", "no loop"),
        ("assign z = n[2];", "initial x = 1;", "declarations, assigns and instances"),
        ("assign z = n[2];", '`include "/etc/passwd"', "names, numbers and punctuation"),
        ("assign z = n[2];", "assign z = ~n[2];", "names, numbers and punctuation"),
    ],
)
def test_what_is_no_netlist_is_refused(old: str, new: str, rule: str) -> None:
    assert old in WRITTEN
    with pytest.raises(InputError, match=rule) as caught:
        netlist_from_verilog(WRITTEN.replace(old, new, 1), TEMPLATE, LIBRARY)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (".Y(net1)", ".Y(n[2])", "one driver"),
        (".A(net1)", ".A(n[2])", "no loop"),
        (".A(c)", ".A(n[1])", "must have a driver"),
        ("assign z = n[2];", "", "must have a driver"),
    ],
)
def test_drivers_and_loops_are_for_check(old: str, new: str, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        netlist_from_verilog(WRITTEN.replace(old, new, 1), TEMPLATE, LIBRARY).netlist.check(LIBRARY)


def test_every_cut_is_refused() -> None:
    for length in range(len(WRITTEN.rstrip()) - 1):
        with pytest.raises(InputError):
            netlist_from_verilog(WRITTEN[:length], TEMPLATE, LIBRARY)


def test_a_large_netlist_is_read_quickly_enough() -> None:
    library = nangate45_library()
    netlist = map_structure(circuit("adder", "sklansky", 64), library)
    text = re.sub(r" u(\d+) \(", r" \\u[\1]  (", netlist.to_verilog())
    assert netlist_from_verilog(text, netlist, library).netlist == netlist
