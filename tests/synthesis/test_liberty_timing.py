"""Libraries as ABC gets them: units, several files, conditional arcs, and cells that only look usable."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from library_samples import CELLS, CONSTRAINTS, curve_on, in_units, small_library, split, written

from prefixrl.synthesis.liberty import read_liberty_text
from prefixrl.synthesis.liberty_tables import Table, worst_of
from prefixrl.synthesis.liberty_timing import read_timing
from prefixrl.synthesis.pdk import load_pdk


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFIXRL_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def expected() -> list[tuple[float, float]]:
    """Points of the curve on the small library as it is."""
    pdk = load_pdk()
    usable = [cell.name for cell in pdk.library()]
    curve = curve_on(load_pdk(dont_use=[name for name in usable if name not in CELLS]))
    return [(point.delay_ns, point.area_um2) for point in curve.points]


UNITS = {
    "ns and pF": ((1.0, '"1ns"'), (1000.0, "1.0, pf")),
    "ps and fF": ((1e-3, "1ps"), (1.0, '1, "fF"')),
    "10 ps and 10 fF, which ABC does not know": ((0.01, '"10.0ps"'), (10.0, "0.01, pf")),
    "2 ns and nF": ((2.0, '"2 ns"'), (1e6, "1, nf")),
}


@pytest.mark.parametrize("name", UNITS)
def test_units_make_no_difference(name: str, tmp_path: Path, expected: list[tuple[float, float]]) -> None:
    (path,) = written(tmp_path, [in_units(small_library(), *UNITS[name])])
    curve = curve_on(load_pdk(path, "BUF_X1", 3.898))
    assert [point.area_um2 for point in curve.points] == [area for _, area in expected]
    assert [point.delay_ns for point in curve.points] == pytest.approx([delay for delay, _ in expected], abs=2e-5)


def test_five_files_in_different_units_are_one_library(tmp_path: Path, expected: list[tuple[float, float]]) -> None:
    parts = split(5)
    parts[1] = in_units(parts[1], *UNITS["ps and fF"])
    parts[3] = in_units(parts[3], *UNITS["ns and pF"])
    pdk = load_pdk(written(tmp_path, parts), "BUF_X1", 3.898)
    assert pdk.name == "library0+4"
    curve = curve_on(pdk)
    assert [point.area_um2 for point in curve.points] == [area for _, area in expected]
    assert [point.delay_ns for point in curve.points] == pytest.approx([delay for delay, _ in expected], abs=2e-5)


def test_dont_use_false_is_no_dont_use(tmp_path: Path, expected: list[tuple[float, float]]) -> None:
    text = small_library().replace("    area :", "    dont_use : false; dont_touch : false;\n    area :")
    curve = curve_on(load_pdk(written(tmp_path, [text])[0], "BUF_X1", 3.898))
    assert [(point.delay_ns, point.area_um2) for point in curve.points] == expected


def test_cells_not_to_be_used_are_not_in_the_text(tmp_path: Path) -> None:
    text = re.sub(r"(cell \(XOR2_X2\) \{)", r"\1 dont_touch : true;", small_library())
    pdk = load_pdk(written(tmp_path, [text])[0], dont_use=["AOI21_*"])
    assert "cell (XOR2_X1)" in pdk.sizing_liberty()
    assert not re.search(r"cell \((XOR2_X2|AOI21)", pdk.sizing_liberty())


def test_text_is_kept_and_a_damaged_copy_is_made_again(tmp_path: Path) -> None:
    (path,) = written(tmp_path, [small_library()])
    text = load_pdk(path).sizing_liberty()
    (kept,) = (tmp_path / "cache" / "liberty").iterdir()
    kept.write_text(kept.read_text().replace("1.33", "1.34"))
    assert load_pdk(path).sizing_liberty() == text
    kept.write_bytes(b"\xff\xfe\x00")
    assert load_pdk(path).sizing_liberty() == text


def test_swapped_axes_scalars_and_conditions(tmp_path: Path) -> None:
    text = """library (x) { capacitive_load_unit (1, ff); time_unit : 1ns;
      lu_table_template (swapped) { variable_1 : total_output_net_capacitance; variable_2 : input_net_transition;
        index_1 ("1, 2, 3"); index_2 ("10, 20"); }
      lu_table_template (load) { variable_1 : total_output_net_capacitance; index_1 ("1, 2"); }
      cell (NAND2) { area : 1;
        pin (A) { direction : input; capacitance : 1; } pin (B) { direction : input; capacitance : 1; }
        pin (Y) { direction : output; function : "!(A B)";
          timing () { related_pin : "A B"; timing_sense : negative_unate; when : "B";
            cell_rise (swapped) { values ("1, 2", "3, 4", "5, 6"); } cell_fall (scalar) { values ("7"); }
            rise_transition (load) { values ("1, 3"); } }
          timing () { related_pin : A; timing_type : three_state_disable; cell_rise (scalar) { values ("1000"); } }
          timing () { related_pin : "A"; cell_rise (scalar) { values ("3.5"); } cell_fall (scalar) { values ("1"); }
            rise_transition (scalar) { values ("0"); } } } } }"""
    cell = read_timing(text, ["NAND2"]).cells["NAND2"]
    plain, conditional = cell.arcs["B"].tables, cell.arcs["A"].tables
    assert (plain["cell_rise"].slews, plain["cell_rise"].loads) == ((10.0, 20.0), (1.0, 2.0, 3.0))
    assert plain["cell_rise"].values.tolist() == [[1, 3, 5], [2, 4, 6]]
    assert plain["cell_fall"].at(123.0, 456.0) == 7
    assert plain["fall_transition"].at(5.0, 3.0) == pytest.approx(5), "there is none: the rise stands for it"
    assert conditional["cell_rise"].at(10.0, 1.0) == 3.5, "the worse of two conditions"
    assert conditional["cell_rise"].at(20.0, 3.0) == 6
    assert cell.arcs["A"].sense == "negative_unate"


def test_conditions_on_other_knots_are_resampled() -> None:
    first = Table((0.0, 1.0), (0.0, 2.0), np.array([[0.0, 2.0], [1.0, 3.0]]))
    second = Table((0.0, 1.0), (0.0, 1.0), np.array([[0.5, 0.5], [0.5, 0.5]]))
    worst = worst_of([first, second])
    assert worst.loads == (0.0, 1.0, 2.0)
    assert worst.values.tolist() == [[0.5, 1.0, 2.0], [1.0, 2.0, 3.0]]


def test_nangate45_tables_are_those_of_the_file() -> None:
    pdk = load_pdk()
    table = pdk.timed_cells()["INV_X1"].arcs["A"].tables["cell_rise"]
    text = read_liberty_text(pdk.liberty[0])
    inverter = text[text.index("cell (INV_X1)") :]
    values = re.search(r"cell_rise\(.*?values \((.*?)\);", inverter, re.DOTALL)
    assert values is not None
    numbers = [float(word) for word in re.findall(r"[\d.]+", values.group(1))]
    assert table.values.ravel().tolist() == numbers


def test_driving_cell_that_is_not_to_be_used_still_drives(expected: list[tuple[float, float]]) -> None:
    usable = [cell.name for cell in load_pdk().library()]
    avoided = [name for name in usable if name not in CELLS or name == "BUF_X2"]
    pdk = load_pdk(driving_cell="BUF_X2", dont_use=avoided)
    slower = {round(delay, 5) for delay, _ in expected}
    curve = curve_on(pdk, pdk_constraints := type(CONSTRAINTS)("BUF_X2", 3.898))
    assert pdk_constraints.plain
    assert curve.smallest.delay_ns < max(slower), "a stronger driver than BUF_X1"
    assert "cell (BUF_X2)" not in pdk.sizing_liberty()
