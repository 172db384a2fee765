import pytest
from circuit_samples import VARIANTS, circuit, nangate45_library, random_graph

from prefixrl.circuits.mapping import map_structure
from prefixrl.circuits.proof import prove_rtl
from prefixrl.circuits.rtl import to_verilog

TEXT = """\
// 3-bit adder with carry-in
// prefix graph: size 2, depth 2, maximum fanout 1
// g_m_l: bits m..l generate a carry
// p_m_l: bits m..l propagate a carry
// c_m_l: the carry out of bits m..l
module tiny (
  input [2:0] a,
  input [2:0] b,
  input cin,
  output [2:0] sum
);
  wire g_0_0;
  wire p_0_0;
  wire g_1_1;
  wire p_1_1;
  wire p_2_2;
  wire c_0_0;
  wire g_1_0;

  assign g_0_0 = a[0] & b[0];
  assign p_0_0 = a[0] ^ b[0];
  assign g_1_1 = a[1] & b[1];
  assign p_1_1 = a[1] ^ b[1];
  assign p_2_2 = a[2] ^ b[2];
  assign c_0_0 = g_0_0 | (p_0_0 & cin);
  assign g_1_0 = g_1_1 | (p_1_1 & c_0_0);

  assign sum[0] = p_0_0 ^ cin;
  assign sum[1] = p_1_1 ^ c_0_0;
  assign sum[2] = p_2_2 ^ g_1_0;
endmodule
"""


def test_text():
    assert to_verilog(circuit("adder", "ripple-carry", 3, carry_in=True, carry_out=False), "tiny") == TEXT


@pytest.mark.parametrize(("kind", "carry_in", "carry_out"), VARIANTS)
def test_small_widths_are_equivalent(kind, carry_in, carry_out):
    for width in (2, 3, 5):
        made = circuit(kind, random_graph(width, seed=1), carry_in=carry_in, carry_out=carry_out)
        prove_rtl(to_verilog(made), made.default_module, made)


@pytest.mark.parametrize(("kind", "carry_in", "carry_out"), VARIANTS)
def test_ports_are_those_of_the_netlist(kind, carry_in, carry_out):
    made = circuit(kind, random_graph(9, seed=2), carry_in=carry_in, carry_out=carry_out)
    rtl, netlist = to_verilog(made), map_structure(made, nangate45_library()).to_verilog()
    declared = [line.strip().rstrip(",") for line in rtl.splitlines() if line.startswith(("  input", "  output"))]
    assert declared == [
        line.strip().rstrip(";") for line in netlist.splitlines() if line.startswith(("  input", "  output"))
    ]
