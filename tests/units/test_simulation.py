"""Simulation of written units: what Yosys reads is what Icarus runs; registers are looked through with care."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prefixrl.circuits.proof import ProofFailed
from prefixrl.errors import InputError
from prefixrl.tools import find_tool
from prefixrl.units.parameters import Parameters
from prefixrl.units.prefixes import OPERATOR, PrefixPlan
from prefixrl.units.registry import build_unit
from prefixrl.units.simulation import NotBalanced, simulator_of
from prefixrl.units.simulation.aiger import read_aiger
from prefixrl.units.simulation.kernels import pack, unpack
from prefixrl.units.testbench import unit_testbench
from prefixrl.units.verify import verify


def test_packing_there_and_back() -> None:
    values = np.random.default_rng(0).integers(0, 1 << 63, 640, dtype=np.uint64)
    slices = np.zeros((64, 10), dtype=np.uint64)
    pack(values, 64, slices)
    assert [int(slices[bit, 1] & np.uint64(1)) for bit in range(64)] == [
        int(values[64]) >> bit & 1 for bit in range(64)
    ]
    back = np.zeros_like(values)
    unpack(slices, back)
    assert (back == values).all()


def test_number_of_patterns_that_is_no_multiple_of_64() -> None:
    built = build_unit("add", Parameters(width=5))
    simulator = simulator_of(built.written, built.module.input_ports, built.module.output_ports)
    given = {"a": np.arange(3) + 29, "b": np.array([2, 2, 31]), "cin": np.array([0, 1, 1])}
    found = simulator.run(given)
    assert found["sum"].tolist() == [31, 1, 31]
    assert found["cout"].tolist() == [0, 1, 1]


def test_text_that_is_no_aiger() -> None:
    with pytest.raises(InputError, match="binary AIGER"):
        read_aiger(b"aag 1 1 0 0 0\n")
    with pytest.raises(InputError, match="name its inputs"):
        read_aiger(b"aig 1 1 0 1 0\n2\no0 y\n")


@pytest.mark.parametrize("stages", [2, 3, 5])
def test_pipelined_units_are_balanced_and_right(stages: int) -> None:
    built = build_unit("fp8_add", Parameters(format="e3m4fn", stages=stages))
    assert built.written.latency == stages - 1
    assert "always @(posedge clk)" in built.written.top
    assert verify(built, circuits=False).patterns == 65536


def test_unbalanced_registers_are_found() -> None:
    built = build_unit("fp8_mul", Parameters(stages=2))
    line = next(line for line in built.written.top.splitlines() if "<= " in line)
    register, source = line.strip(" ;").split(" <= ")
    top = built.written.top.replace(line, "").replace(f"  reg {register};", f"  wire {register} = {source};")
    top = "\n".join(
        row.replace("reg ", "wire ").replace(f"{register};", f"{register} = {source};")
        if row.strip().startswith("reg ") and row.endswith(f" {register};")
        else row
        for row in top.splitlines()
    )
    with pytest.raises((NotBalanced, ProofFailed)):
        verify(replace(built, written=replace(built.written, top=top)), circuits=False)


@pytest.mark.tools
@pytest.mark.parametrize(
    ("unit", "given"),
    [
        ("fp8_mul", {}),
        ("fp8_fma", {"format": "e5m2", "stages": 3}),
        ("mx_dot", {"block": 3, "stages": 4}),
        ("mx_dot", {"format": "int8", "block": 2}),
        ("mx_quant", {"block": 2, "out_format": "e5m2"}),
        ("tc_dot", {"block": 4, "width": 13}),
        ("lzc", {"width": 130}),
    ],
)
def test_icarus_says_the_same(unit: str, given: dict[str, object], tmp_path: Path) -> None:
    if find_tool("iverilog") is None:
        pytest.skip("Icarus Verilog (iverilog) was not found")
    built = build_unit(unit, Parameters(**given))  # type: ignore[arg-type]
    assert _icarus(built.written.text + unit_testbench(built, 100), tmp_path).startswith("PASS")


@pytest.mark.tools
def test_testbench_can_fail(tmp_path: Path) -> None:
    if find_tool("iverilog") is None:
        pytest.skip("Icarus Verilog (iverilog) was not found")
    built = build_unit("fp8_mul")
    text = built.written.text.replace("a[7] ^ b[7]", "a[7] & b[7]")
    assert text != built.written.text
    assert "FAIL fp8_mul" in _icarus(text + unit_testbench(built, 100), tmp_path)


def _icarus(text: str, folder: Path) -> str:
    source = folder / "unit.v"
    source.write_text(text)
    tool = find_tool("iverilog")
    assert tool is not None
    compiled = subprocess.run(
        [*tool.argv, "-g2001", "-Wall", "-Wno-timescale", "-o", "run", str(source)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert compiled.returncode == 0, compiled.stderr
    assert "warning" not in compiled.stderr, compiled.stderr
    done = subprocess.run(["vvp", "run"], cwd=folder, capture_output=True, text=True, timeout=60)
    return done.stdout


def test_every_pin_is_named_and_operators_are_fenced() -> None:
    """Verilator ends with an error where an output pin is left out, or the widths of a plain sum differ."""
    written = build_unit("fp8_mul", plan=PrefixPlan(OPERATOR)).written
    assert ".valid()" in written.top
    for text in written.submodules.values():
        assert text.startswith("// verilator lint_off WIDTH\n")
        assert text.endswith("// verilator lint_on WIDTH\n")
