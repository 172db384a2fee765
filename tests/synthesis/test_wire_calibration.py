"""The wires of a datapath layout are fitted to placement: a known detour is found again, and tables are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openroad_stand_in import measured, write_stand_in

from prefixrl.circuits import Circuit
from prefixrl.cli.main import run
from prefixrl.errors import InputError
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.native import NativeEvaluator
from prefixrl.synthesis.native.wire_calibration import added_in_table, calibrate
from prefixrl.synthesis.pdk import load_pdk

PDK = load_pdk()
TABLE = """structure,width,wires,clock_ns,area_um2,delay_ns,exit
sklansky,16,zero,0.6,111.986,0.3347,0
sklansky,16,zero,0.3,113.582,0.2909,0
sklansky,16,placed,0.6,111.986,0.3742,0
sklansky,16,placed,0.3,117.572,0.3011,0
sklansky,16,placed,0.2,117.572,,1
koggestone,32,placed,0.6,341.8,0.4,0
"""


def smallest_ns(name: str, width: int, **wires: object) -> float:
    circuit = Circuit("adder", structure(name, width))
    return NativeEvaluator(PDK, **wires).evaluate(circuit, default_constraints(PDK)).smallest.delay_ns  # type: ignore[arg-type]


def test_a_known_detour_is_found_again() -> None:
    problems = [("sklansky", 16), ("kogge-stone", 16)]
    added = {
        each: smallest_ns(*each, wires="datapath", wire_detour=2.5) - smallest_ns(*each, wires="none")
        for each in problems
    }
    figures = calibrate(PDK, added)
    assert abs(figures["detour"] - 2.5) <= 0.03
    assert figures["rms_ps"] < 0.5 < figures["in_use"]["rms_ps"]
    assert [(row["structure"], row["width"]) for row in figures["rows"]] == problems
    assert all(abs(row["model_ps"] - row["placement_ps"]) < 1 for row in figures["rows"])


def test_a_table_of_placements(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    assert added_in_table(path) == {("sklansky", 16): pytest.approx(0.0395)}
    with pytest.raises(InputError, match=r"placed netlists of 32 bits: table\.csv"):
        added_in_table(path, [32])  # Kogge-Stone's is there with wires alone


def test_placement_by_openroad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setenv("OPENROAD_EXE", str(write_stand_in(tmp_path / "tool")))
    assert run(["pdk", "calibrate", "-n", "32", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    placed_ns = max(delay_ns for _, _, delay_ns in measured("sklansky", 32))
    (row,) = [row for row in figures["rows"] if row["structure"] == "sklansky"]
    assert 0 < row["placement_ps"] < 1e3 * placed_ns
    assert run(["pdk", "calibrate", "-n", "32"]) == 0
    assert f"wire_detour: {figures['detour']:g} fits best" in capsys.readouterr().out


@pytest.mark.parametrize("options", [{"wire_detour": 2.0}, {"wires": "datapath", "wire_detour": -1.0}])
def test_detours_that_cannot_be(options: dict) -> None:
    with pytest.raises(InputError, match="a wire detour must be positive, and needs wires"):
        NativeEvaluator(PDK, **options)
