import gzip
from dataclasses import replace

import pytest
from circuit_samples import VARIANTS, circuit, nangate45, nangate45_library, random_graph

from prefixrl.circuits import Port
from prefixrl.circuits.mapping import map_structure
from prefixrl.circuits.netlist import Gate
from prefixrl.circuits.polarity import POLARITIES
from prefixrl.circuits.proof import ProofFailed, prove_netlist, prove_rtl
from prefixrl.circuits.rtl import to_verilog
from prefixrl.errors import InputError
from prefixrl.graphs.structures import structure_names

SHAPES = {24: "brent-kung", 32: "sklansky", 64: "han-carlson", 128: "kogge-stone"}


@pytest.mark.parametrize(("kind", "carry_in", "carry_out"), VARIANTS)
def test_wide_circuits(kind, carry_in, carry_out):
    """One structure of each width, netlist and RTL in turn."""
    library, liberty = nangate45_library(), nangate45().liberty
    for place, (width, name) in enumerate(SHAPES.items()):
        made = circuit(kind, name, width, carry_in, carry_out)
        if place % 2:
            proof = prove_rtl(to_verilog(made, "dut"), "dut", made)
        else:
            proof = prove_netlist(map_structure(made, library), made, library, liberty)
        assert proof.method == "cec"
        assert "Networks are equivalent" in proof.detail


@pytest.mark.slow
@pytest.mark.parametrize("width", [2, 3, 5, 8, 13, 16, 24, 32, 64, 128])
@pytest.mark.parametrize(("kind", "carry_in", "carry_out"), VARIANTS)
def test_everything(kind, carry_in, carry_out, width):
    library, liberty = nangate45_library(), nangate45().liberty
    graphs = {circuit("adder", name, width).graph for name in structure_names(width)[:8]}
    for graph in graphs | {random_graph(width, seed) for seed in range(2)}:
        made = circuit(kind, graph, carry_in=carry_in, carry_out=carry_out)
        prove_rtl(to_verilog(made), made.default_module, made)
        for polarity in POLARITIES:
            prove_netlist(map_structure(made, library, polarity=polarity), made, library, liberty)


@pytest.mark.slow
def test_256_bits():
    library, liberty = nangate45_library(), nangate45().liberty
    for kind, carry_in, carry_out in VARIANTS:
        made = circuit(kind, "sklansky", 256, carry_in, carry_out)
        prove_netlist(map_structure(made, library), made, library, liberty)


def test_small_netlists_are_simulated_as_well():
    library = nangate45_library()
    made = circuit("adder", "sklansky", 8)
    netlist = map_structure(made, library)
    assert prove_netlist(netlist, made, library).method == "exhaustive"
    assert prove_netlist(netlist, made, library, nangate45().liberty).method == "exhaustive+cec"


def _swapped_gate(netlist):
    """One NAND2 becomes a NOR2."""
    place = next(number for number, gate in enumerate(netlist.gates) if gate.cell == "NAND2_X1")
    return replace(netlist, gates=_with(netlist.gates, place, netlist.gates[place]._replace(cell="NOR2_X1")))


def _swapped_pins(netlist):
    """The two different operands of one OAI21 node change places."""
    place = [number for number, gate in enumerate(netlist.gates) if gate.cell == "OAI21_X1"][-1]
    (a, x), (b, y), *rest = netlist.gates[place].inputs
    return replace(
        netlist, gates=_with(netlist.gates, place, netlist.gates[place]._replace(inputs=((a, y), (b, x), *rest)))
    )


def _missing_inverter(netlist):
    """One inverter becomes a buffer."""
    place = [number for number, gate in enumerate(netlist.gates) if gate.cell == "INV_X1"][-1]
    gate = netlist.gates[place]
    return replace(netlist, gates=_with(netlist.gates, place, Gate("BUF_X1", gate.inputs, "Z", gate.output)))


def _missing_output(netlist):
    return replace(netlist, gates=tuple(gate for gate in netlist.gates if gate.output != "sum[3]"))


def _missing_port(netlist):
    return replace(netlist, outputs=(Port("sum", netlist.outputs[0].width),))


def _other_ports(netlist):
    return replace(netlist, inputs=tuple(reversed(netlist.inputs)))


def _stuck_output(netlist):
    kept = tuple(gate for gate in netlist.gates if gate.output != "cout")
    return replace(netlist, gates=(*kept, Gate("LOGIC0_X1", (), "Z", "cout")))


def _with(gates, place, gate):
    return (*gates[:place], gate, *gates[place + 1 :])


BREAKAGES = [
    _swapped_gate, _swapped_pins, _missing_inverter, _missing_output, _missing_port, _other_ports, _stuck_output,
]  # fmt: skip


@pytest.mark.parametrize("breakage", BREAKAGES)
@pytest.mark.parametrize("width", [6, 20])
def test_broken_netlists_are_refused(breakage, width):
    library = nangate45_library()
    made = circuit("adder", "sklansky", width)
    broken = breakage(map_structure(made, library))
    assert broken != map_structure(made, library)
    with pytest.raises(ProofFailed):
        prove_netlist(broken, made, library, nangate45().liberty)
    if width == 6:
        with pytest.raises(ProofFailed):
            prove_netlist(broken, made, library)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("g_1_0 = g_1_1 |", "g_1_0 = g_1_1 ^ ~"),
        ("g_0_0 = a[0] & b[0]", "g_0_0 = a[0] | b[0]"),
        ("assign sum[3] =", "// assign sum[3] ="),
        ("input [19:0] b", "input [20:0] b"),
        ("output cout", "output carry, cout"),
        ("endmodule", "assign sum[0] = 1'b0;\nendmodule"),
        ("endmodule", ""),
        ("module adder", "module subtractor"),
        ("g_1_0 | ", "ghost | "),
    ],
)
def test_broken_rtl_is_refused(old, new):
    made = circuit("adder", "ripple-carry", 20)
    text = to_verilog(made)
    assert old in text or old == "g_1_0 | "
    with pytest.raises(ProofFailed):
        prove_rtl(text.replace(old, new) if old in text else text.replace("& g_1_0", "& ghost"), "adder", made)


@pytest.mark.parametrize(("kind", "carry_in", "carry_out"), VARIANTS)
def test_one_kind_is_not_taken_for_another(kind, carry_in, carry_out):
    """The ports alone tell most kinds apart; where they do not, the function must."""
    made = circuit(kind, "sklansky", 9, carry_in, carry_out)
    text = to_verilog(made, "dut")
    wrong = text.replace(" & ", " | ") if " & " in text else text.replace(" ^ ", " | ")
    with pytest.raises(ProofFailed, match="equivalent"):
        prove_rtl(wrong, "dut", made)


def test_renamed_ports_are_refused():
    """Inputs and outputs in the same number and order, but under another name."""
    made = circuit("adder", "sklansky", 20)
    with pytest.raises(ProofFailed, match="ports of the model"):
        prove_rtl(to_verilog(made).replace("sum", "total"), "adder", made)


def test_liberty_files_may_be_compressed_and_have_odd_names(tmp_path):
    path = tmp_path / "odd name; rm.lib.gz"
    path.write_bytes(gzip.compress(nangate45().liberty[0].read_bytes(), compresslevel=1))
    made = circuit("adder", "sklansky", 20)
    assert prove_netlist(map_structure(made, nangate45_library()), made, nangate45_library(), [path]).method == "cec"


def test_bad_arguments_are_refused(tmp_path):
    library = nangate45_library()
    made = circuit("adder", "sklansky", 20)
    with pytest.raises(InputError, match="Liberty files"):
        prove_netlist(map_structure(made, library), made, library)
    with pytest.raises(InputError, match="readable"):
        prove_netlist(map_structure(made, library), made, library, [tmp_path / "none.lib"])
    with pytest.raises(InputError, match="module name"):
        prove_rtl(to_verilog(made), "adder; exec", made)
