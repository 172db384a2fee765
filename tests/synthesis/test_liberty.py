"""Liberty files: what is read of a good one, and that a bad one is refused in one line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from prefixrl.errors import InputError
from prefixrl.synthesis.liberty import merged_cell_library, read_liberty, read_liberty_text
from prefixrl.synthesis.liberty_syntax import parse_liberty
from prefixrl.synthesis.pdk import load_pdk

SMALL = """
/* a comment with a brace { */
library ("small") {
  time_unit : "10ps";  // another comment
  capacitive_load_unit (0.1, pf);
  define(extra, cell, string);
  cell ("INV") {
    area : 0.5
    pin (A) { direction : input; capacitance : 0.02; }
    pin (Y) { direction : "output"; function : "!A"; timing () { values ("1, 2", \\
      "3, 4"); related_pin : "A"; } }
  }
  cell (NAND) {
    area : 1.0; dont_use : true;
    pin (A) { direction : input; } pin (B) { direction : input; }
    pin (Y) { direction : output; function : "(A & B)'";
      timing () { related_pin : "A B"; } }
  }
  cell (DFF) {
    area : 4;
    ff (IQ, IQN) { next_state : "D"; }
    pin (D) { direction : input; } pin (Q) { direction : output; function : "IQ"; }
  }
  cell (FILL) { area : 0.1; }
}
"""


def written(tmp_path: Path, content: str | bytes, name: str = "x.lib") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_cells_units_and_functions(tmp_path: Path) -> None:
    library = read_liberty(written(tmp_path, SMALL))
    assert library.name == "small"
    assert library.time_unit_ns == pytest.approx(0.01)
    assert library.capacitance_unit_ff == pytest.approx(100)
    assert [cell.name for cell in library.cells] == ["INV", "NAND", "DFF", "FILL"]
    inverter = library.by_name["INV"]
    assert inverter.area_um2 == 0.5
    assert inverter.input_capacitance_ff == {"A": pytest.approx(2.0)}
    assert inverter.logic is not None
    assert (inverter.logic.inputs, inverter.logic.output, inverter.logic.truth_table) == (("A",), "Y", 0b01)
    assert library.by_name["NAND"].dont_use
    assert library.by_name["DFF"].logic is None
    assert library.by_name["FILL"].logic is None
    cells = merged_cell_library([library])
    assert "NAND" in cells
    assert cells.role("NAND2") is None, "a cell that the library says not to use"


def test_gzip_is_read_alike(tmp_path: Path) -> None:
    plain = written(tmp_path, SMALL)
    packed = written(tmp_path, gzip.compress(SMALL.encode()), "x.lib.gz")
    assert read_liberty(packed) == read_liberty(plain)


def test_tables_are_there_when_not_skipped() -> None:
    group = parse_liberty(SMALL)
    output = next(pin for pin in next(group.named("cell")).named("pin") if pin.arguments == ("Y",))
    assert next(output.named("timing")).attributes["values"] == ("1, 2", "3, 4")


def test_nangate45_has_what_its_documentation_says() -> None:
    library = load_pdk("nangate45").liberty_libraries()[0]
    assert library.name == "NangateOpenCellLibrary"
    assert len(library.cells) == 135
    assert (library.time_unit_ns, library.capacitance_unit_ff) == (1.0, 1.0)
    assert library.by_name["NAND2_X1"].area_um2 == pytest.approx(0.798)
    assert library.by_name["BUF_X1"].input_capacitance_ff["A"] == pytest.approx(0.974659)
    assert library.by_name["DFF_X1"].logic is None
    assert library.by_name["FA_X1"].logic is None, "two outputs"


def test_cells_that_would_be_free_are_not_used(tmp_path: Path) -> None:
    library = read_liberty(written(tmp_path, SMALL.replace("area : 1.0", "area : 0.0")))
    assert (library.by_name["NAND"].logic, library.by_name["NAND"].unfit) == (None, "it has no area")
    library = read_liberty(written(tmp_path, SMALL.replace('"A B"', '"A"')))
    assert (library.by_name["NAND"].logic, library.by_name["NAND"].unfit) == (None, "it has no timing from pin B")


def test_dont_touch_is_taken_for_dont_use(tmp_path: Path) -> None:
    library = read_liberty(written(tmp_path, SMALL.replace("area : 0.5", "area : 0.5; dont_touch : true;")))
    assert library.by_name["INV"].dont_use
    library = read_liberty(written(tmp_path, SMALL.replace("dont_use : true", "dont_use : false")))
    assert not library.by_name["NAND"].dont_use


MUTATIONS = {
    "empty": (b"", "must not be empty"),
    "blank": (b" \n\n", "must not be empty"),
    "truncated in a cell": (SMALL[: SMALL.index("DFF") + 20], "may be truncated"),
    "truncated in a table": (SMALL[: SMALL.index('"3, 4"') + 2], "may be truncated"),
    "truncated in the last line": (SMALL.rstrip()[:-1], "may be truncated"),
    "one brace too many": (SMALL + "}", "closing brace"),
    "text after the library": (SMALL + "library (two) { }", "only groups and attributes"),
    "utf-16": (SMALL.encode("utf-16"), "plain text"),
    "binary": (bytes(range(256)) * 40, "plain text"),
    "gzip cut": (gzip.compress(SMALL.encode() * 9)[:-20], "must be readable"),
    "gzip flipped": (b"\x1f\x8b" + b"\x08garbage" * 9, "must be readable"),
    "verilog": ("module m(input a); endmodule\n", "must have a value"),
    "html": ("<html><body>404</body></html>", "only groups and attributes"),
    "no cells": ('library (x) { time_unit : "1ns"; }', "must have cells"),
    "twice one cell": (SMALL.replace("NAND", "INV"), "two cells of one name"),
    "negative area": (SMALL.replace("area : 1.0", "area : -1.0"), "area of cell NAND"),
    "area not a number": (SMALL.replace("area : 1.0", "area : nan"), "area of cell NAND"),
    "area infinite": (SMALL.replace("area : 1.0", "area : 1e999"), "area of cell NAND"),
    "function is nonsense": (SMALL.replace("(A & B)'", "(A & B'"), "cell NAND"),
    "function of a stranger": (SMALL.replace("(A & B)'", "(A & C)'"), "cell NAND"),
    "unit unknown": (SMALL.replace("10ps", "10 fortnights"), "time_unit"),
    "unit zero": (SMALL.replace("(0.1, pf)", "(0, pf)"), "capacitive_load_unit"),
    "cell named by a command": (SMALL.replace("cell (NAND)", 'cell ("NAND; !touch x")'), "must be named by"),
    "pin named by a command": (SMALL.replace("pin (B)", 'pin ("B $(x)")'), "must be named by|cell NAND"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_damaged_library_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    content, rule = MUTATIONS[name]
    with pytest.raises(InputError, match=rule) as caught:
        read_liberty(written(tmp_path, content, "bad.lib"))
    assert "\n" not in str(caught.value)
    assert "bad.lib" in str(caught.value)


@pytest.mark.parametrize("fraction", [0.001, 0.01, 0.1, 0.3, 0.5, 0.77, 0.9, 0.999, 0.99999])
def test_truncated_nangate45_is_refused(fraction: float, tmp_path: Path) -> None:
    text = read_liberty_text(load_pdk("nangate45").liberty[0])
    with pytest.raises(InputError, match=r"cut\.lib"):
        read_liberty(written(tmp_path, text[: int(len(text) * fraction)], "cut.lib"))


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.lib", tmp_path):
        with pytest.raises(InputError, match="must be readable"):
            read_liberty(path)
