"""The cocotb test passes on the RTL and fails on a wrong one; the core file is one that FuseSoC runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from circuit_samples import circuit

from prefixrl.circuits.cocotb_test import to_cocotb
from prefixrl.circuits.fusesoc import to_core
from prefixrl.circuits.rtl import to_verilog
from prefixrl.circuits.testbench import to_testbench


def run_pytest(folder: Path, name: str) -> int:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", name]
    return subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True).returncode


@pytest.mark.tools
@pytest.mark.parametrize(("kind", "stages"), [("adder", 2), ("priority_encoder", 0)])
def test_it_tells_right_from_wrong(tmp_path: Path, kind: str, stages: int) -> None:
    pytest.importorskip("cocotb")
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed (Debian: apt install iverilog)")
    made = circuit(kind, "sklansky", 5)
    (tmp_path / f"test_{kind}.py").write_text(to_cocotb(made, stages=stages))
    rtl = to_verilog(made, stages=stages)
    (tmp_path / f"{kind}.v").write_text(rtl)
    assert run_pytest(tmp_path, f"test_{kind}.py") == 0
    (tmp_path / f"{kind}.v").write_text(rtl.replace(" & ", " | ", 1))
    assert run_pytest(tmp_path, f"test_{kind}.py") == 1


@pytest.mark.parametrize("kind", ["adder", "incrementer", "comparator", "leading_one", "gray_to_binary"])
def test_the_reference_is_python(kind: str) -> None:
    text = to_cocotb(circuit(kind, "sklansky", 6))
    compile(text, "test.py", "exec")


def test_core_file() -> None:
    document = yaml.safe_load(to_core("adder", "an adder", ["adder.v"], "adder_tb.v", "adder.vhd").split("\n", 1)[1])
    assert document["name"] == "prefixrl:arithmetic:adder:1.0.0"
    assert document["targets"]["sim"]["toplevel"] == "adder_tb"
    assert document["filesets"]["vhdl"]["files"] == ["adder.vhd"]
    assert to_core("adder", "", ["adder.v"]).startswith("CAPI=2:\n")


@pytest.mark.tools
def test_fusesoc_runs_the_testbench(tmp_path: Path) -> None:
    if shutil.which("fusesoc") is None or shutil.which("iverilog") is None:
        pytest.skip("FuseSoC (pip install fusesoc) or Icarus Verilog is not installed")
    made = circuit("adder", "sklansky", 4)
    (tmp_path / "adder.v").write_text(to_verilog(made))
    (tmp_path / "adder_tb.v").write_text(to_testbench(made))
    (tmp_path / "adder.core").write_text(to_core("adder", "an adder", ["adder.v"], "adder_tb.v"))
    command = ["fusesoc", "--cores-root", ".", "run", "--target", "sim", "prefixrl:arithmetic:adder"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    assert "PASS adder" in done.stdout + done.stderr
