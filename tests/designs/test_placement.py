"""Placements of designs that OpenROAD evaluated, from a program that replays its logs and writes a DEF."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from prefixrl.circuits import Circuit
from prefixrl.designs.export import export_design
from prefixrl.designs.manifest import Figures
from prefixrl.errors import InputError, ToolError
from prefixrl.graphs import structure
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.curve import CurvePoint
from prefixrl.synthesis.evaluator import make_evaluator
from prefixrl.synthesis.pdk import load_pdk

sys.path.insert(0, str(Path(__file__).parents[1] / "synthesis"))  # the stand-in lies with the evaluator's tests

from openroad_stand_in import write_stand_in

PDK = load_pdk()
CONSTRAINTS = default_constraints(PDK)
CIRCUIT = Circuit("adder", structure("sklansky", 8))

_WRITES_DEF = r"""
if "write_def placed.def" in steps["report"]:
    names = re.findall(r"^\s+([A-Z][A-Z0-9_]*_X\d+) (\S+)\s+\(", text, re.MULTILINE)
    rows = [f"- {name} {cell} + PLACED ( {380 * place} 0 ) N ;" for place, (cell, name) in enumerate(names)]
    if fault == "unplaced":
        rows[3] = rows[3].replace("+ PLACED ( 1140 0 ) N", "+ UNPLACED")
    body = ["DESIGN adder ;", f"COMPONENTS {len(rows)} ;", *rows, "END COMPONENTS", "END DESIGN", ""]
    Path("placed.def").write_text("\n".join(body))
"""


@pytest.fixture
def point(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CurvePoint:
    """A point that the stand-in made; the parameter is the fault of its DEF."""
    program = write_stand_in(tmp_path / "tool", request.param)
    program.write_text(program.read_text().replace('if fault != "no end":', f'{_WRITES_DEF}if fault != "no end":'))
    monkeypatch.setenv("OPENROAD_EXE", str(program))
    return make_evaluator("openroad", PDK, runs=2).evaluate(CIRCUIT, CONSTRAINTS).fastest


def exported(folder: Path, point: CurvePoint, evaluator: str = "openroad") -> dict[str, str]:
    made = make_evaluator("openroad", PDK)
    netlist = made.realize(CIRCUIT, CONSTRAINTS, point, "fast_add")
    figures = Figures(point.delay_ns, point.area_um2, evaluator, "1", point.recipe)
    formats = ["placement", "netlist"]
    export_design(folder, CIRCUIT, netlist, CONSTRAINTS, PDK, figures, formats=formats, module="fast_add")
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize("point", [""], indirect=True)
def test_def_and_the_netlist_that_goes_with_it(tmp_path: Path, point: CurvePoint) -> None:
    files = exported(tmp_path / "out", point)
    assert {"fast_add.def", "fast_add.placed.v", "fast_add.netlist.v", "manifest.json"} <= set(files)
    assert files["fast_add.def"].startswith("DESIGN fast_add ;\n")
    assert "module fast_add" in files["fast_add.placed.v"]
    placed = [line.split()[1] for line in files["fast_add.def"].splitlines() if line.startswith("- ")]
    assert all(f" {name} " in files["fast_add.placed.v"] for name in placed)


@pytest.mark.parametrize("point", ["unplaced"], indirect=True)
def test_a_cell_without_a_place_is_refused(tmp_path: Path, point: CurvePoint) -> None:
    with pytest.raises(ToolError, match="must place"):
        exported(tmp_path / "out", point)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("point", [""], indirect=True)
def test_other_evaluators_have_no_placement(tmp_path: Path, point: CurvePoint) -> None:
    with pytest.raises(InputError, match="openroad evaluated, this one was judged by: native"):
        exported(tmp_path / "out", point, "native")
