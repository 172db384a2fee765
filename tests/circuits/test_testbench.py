import subprocess

import pytest
from circuit_samples import VARIANTS, circuit, nangate45, nangate45_library

from prefixrl.circuits.mapping import map_structure
from prefixrl.circuits.rtl import to_verilog
from prefixrl.circuits.testbench import to_testbench
from prefixrl.errors import InputError
from prefixrl.tools.finder import find_tool


def run(tmp_path, module, *texts, models=()):
    """Compile with Icarus Verilog and run; returns what it printed."""
    if find_tool("iverilog") is None:
        pytest.skip("iverilog (Icarus Verilog) is not installed")
    files = []
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.v").write_text(text)
        files.append(str(tmp_path / f"{number}.v"))
    program = str(tmp_path / "program")
    compiler = find_tool("iverilog").argv
    subprocess.run([*compiler, "-g2001", "-s", f"{module}_tb", "-o", program, *files, *models], check=True, timeout=60)
    return subprocess.run(["vvp", "-n", program], check=True, timeout=60, capture_output=True, text=True).stdout


@pytest.mark.tools
@pytest.mark.parametrize(("kind", "carry_in", "carry_out"), VARIANTS)
@pytest.mark.parametrize("width", [5, 24])
def test_good_rtl_passes(tmp_path, kind, carry_in, carry_out, width):
    made = circuit(kind, "sklansky", width, carry_in, carry_out)
    assert f"PASS {kind}: " in run(tmp_path, kind, to_testbench(made), to_verilog(made))


@pytest.mark.tools
def test_a_netlist_passes_with_the_librarys_models(tmp_path):
    made = circuit("adder", "brent-kung", 16)
    netlist = map_structure(made, nangate45_library(), "add16").to_verilog()
    assert "PASS add16: " in run(tmp_path, "add16", to_testbench(made, "add16"), netlist, models=nangate45().verilog)


@pytest.mark.tools
@pytest.mark.parametrize("width", [4, 40])
def test_bad_rtl_fails(tmp_path, width):
    made = circuit("adder", "sklansky", width)
    broken = to_verilog(made).replace(f"a[{width - 1}] & b[{width - 1}]", f"a[{width - 1}] | b[{width - 1}]")
    printed = run(tmp_path, "adder", to_testbench(made), broken)
    assert "FAIL adder: " in printed
    assert "PASS" not in printed


def test_the_text_names_its_modules():
    text = to_testbench(circuit("comparator", "sklansky", 8), "less")
    assert "module less_tb;" in text
    assert "module less_reference (" in text
    assert "less dut (" in text


def test_bad_module_names_are_refused():
    with pytest.raises(InputError, match="module name"):
        to_testbench(circuit("adder", "sklansky", 4), "adder; $finish")
