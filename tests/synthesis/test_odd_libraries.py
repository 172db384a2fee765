"""Odd but legal libraries: both evaluators take them up, and every delay on them is OpenSTA's."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from library_samples import CELLS, CIRCUIT, CONSTRAINTS, in_units, small_library, split, written

from prefixrl.errors import InputError
from prefixrl.synthesis.evaluator import make_evaluator
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.pdk_check import check_pdk
from prefixrl.synthesis.signoff import SignoffTimer
from prefixrl.tools import find_tool

GOOD = small_library()
# What the evaluators' delays may differ by from OpenSTA's, in percent: ABC merges conditional arcs.
AGREEMENT = {"native": 0.01, "yosys": 2.0}
# Names that say nothing of a cell's function, or something else.
RENAMED = (
    re.sub(r"\bNAND2_X(\d)", r"nd02d\1", GOOD)
    .replace("NOR2_X", "nr02d")
    .replace("OAI21_X", "aoi_like_", 100)
    .replace("AOI21_X", "AOI22_like_", 100)
    .replace("XOR2_X", "sum_")
    .replace("pin (ZN)", "pin (Y)")
)
UNUSABLE = """
  type (pair) { base_type : array; data_type : bit; bit_width : 2; bit_from : 1; bit_to : 0; downto : true; }
  cell (LATCHLESS_BUS) { area : 0.1;
    bus (D) { bus_type : pair; direction : input; capacitance : 1; pin (D[0]) { direction : input; } }
    pin (Q) { direction : output; function : "D[0]"; } }
  cell (MULTIBIT) { area : 0.1;
    bundle (P) { members (P0, P1); direction : input; capacitance : 1; }
    pin (Q) { direction : output; function : "P0 & P1"; } }
  cell ("""
HEADER = """
  define (vendor_note, cell, string);
  define_group (vendor_group, library);
  define_cell_area (pads, pad_slots);
  type (pair) { base_type : array; data_type : bit; bit_width : 2; bit_from : 1; bit_to : 0; downto : true; }
  vendor_group (extra) { anything : 3.0; nested (a, b) { c : "d"; } }
  operating_conditions (typical) { process : 1; voltage : 1.1; temperature : 25; }
  output_voltage (GENERAL) { vol : 0.4; voh : 2.4; vomin : -0.3; vomax : VDD + 0.3; }
  cell ("""


def marked(attribute: str, *cells: str) -> str:
    text = GOOD
    for cell in cells:
        text = text.replace(f"cell ({cell}) {{", f"cell ({cell}) {{ {attribute} : true;")
    return text


def without(*roles: str) -> str:
    return small_library(tuple(cell for cell in CELLS if cell.split("_")[0] not in roles))


ODD: dict[str, list[str | bytes]] = {
    "three files": list(split(3)),
    "a gzip'd file beside a plain one": [gzip.compress(split(2)[0].encode()), split(2)[1]],
    "ps and fF": [in_units(GOOD, (1e-3, '"1ps"'), (1.0, "1, ff"))],
    "ns and pF": [in_units(GOOD, (1.0, '"1ns"'), (1000.0, "1, pf"))],
    "files in different units": [in_units(split(2)[0], (1e-3, '"1ps"'), (1.0, "1, ff")), split(2)[1]],
    "no XNOR": [without("XNOR2")],
    "no XOR at all": [without("XOR2", "XNOR2")],
    "no OAI21": [without("OAI21")],
    "no AOI21": [without("AOI21")],
    "neither of them": [without("OAI21", "AOI21")],
    "no NOR": [without("NOR2", "AOI21")],
    "other names of cells and pins": [RENAMED],
    "dont_use": [marked("dont_use", "NAND2_X1", "XOR2_X1", "XOR2_X2", "OAI21_X2")],
    "dont_touch": [marked("dont_touch", "INV_X2", "XNOR2_X1", "AOI21_X1")],
    "buses and bundles": [GOOD.replace("  cell (", UNUSABLE, 1)],
    "groups and attributes of a vendor": [GOOD.replace("  cell (", HEADER, 1)],
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFIXRL_CACHE", str(tmp_path / "cache"))


@pytest.mark.skipif(find_tool("sta") is None, reason="OpenSTA is not installed")
@pytest.mark.parametrize("name", ODD)
def test_delays_are_those_of_opensta(name: str, tmp_path: Path) -> None:
    pdk = load_pdk([str(path) for path in written(tmp_path, ODD[name])], "BUF_X1", 3.898)
    with SignoffTimer(pdk) as timer:
        for evaluator_name, percent in AGREEMENT.items():
            evaluator = make_evaluator(evaluator_name, pdk)
            try:
                curve = evaluator.evaluate(CIRCUIT, CONSTRAINTS)
                signed = timer.sign(evaluator, CIRCUIT, CONSTRAINTS, curve.points)
                netlist = evaluator.realize(CIRCUIT, CONSTRAINTS, curve.fastest, "adder")
            finally:
                evaluator.close()
            assert signed
            assert max(abs(each.error_percent) for each in signed) < percent
            assert not set(netlist.cell_counts()) & {"LATCHLESS_BUS", "MULTIBIT"}
            if name.startswith("dont_"):
                avoided = re.findall(rf"cell \((\w+)\) \{{ {name}", str(ODD[name][0]))
                assert len(avoided) >= 3
                assert not set(netlist.cell_counts()) & set(avoided)


@pytest.mark.parametrize("name", ["no XOR at all", "neither of them", "other names of cells and pins", "three files"])
def test_pdk_check_tells_what_is_made_of_others(name: str, tmp_path: Path) -> None:
    pdk = load_pdk([str(path) for path in written(tmp_path, ODD[name])], "BUF_X1", 3.898)
    found = check_pdk(pdk)
    assert found.failure is None
    assert found.proof is not None
    assert found.points
    expected = {"no XOR at all": {"XOR2", "XNOR2"}, "neither of them": {"AOI21", "OAI21"}}.get(name, set())
    assert expected <= set(found.composed)


@pytest.mark.parametrize("statement", ['include_file ("cells.lib");', "include_file (/etc/passwd);"])
def test_a_file_that_includes_another_is_refused(statement: str, tmp_path: Path) -> None:
    (tmp_path / "cells.lib").write_text(GOOD)
    (path,) = written(tmp_path, [GOOD.replace("  cell (", f"  {statement}\n  cell (", 1)])
    with pytest.raises(InputError, match="include_file") as caught:
        load_pdk(path, "BUF_X1", 3.898).library()
    assert "\n" not in str(caught.value)
