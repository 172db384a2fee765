"""Sixty damaged or strange libraries: each is refused in one line, or gives the very figures of the good one."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from library_samples import CIRCUIT, CONSTRAINTS, curve_on, small_library, written

from prefixrl.errors import InputError
from prefixrl.synthesis.native import NativeEvaluator
from prefixrl.synthesis.pdk import load_pdk

GOOD = small_library()
_CELL = re.compile(r"  cell \((\w+)\) \{\n.*?\n  \}\n", re.DOTALL)


def _cell(name: str) -> str:
    return next(match.group() for match in _CELL.finditer(GOOD) if match.group(1) == name)


def _without(*patterns: str) -> str:
    return _CELL.sub(lambda m: "" if any(re.fullmatch(p, m.group(1)) for p in patterns) else m.group(), GOOD)


def _first(old: str, new: str, cell: str = "NAND2_X1") -> str:
    body = _cell(cell)
    assert old in body, old
    return GOOD.replace(body, body.replace(old, new, 1))


def _pattern(old: str, new: str, cell: str = "NAND2_X1") -> str:
    body = _cell(cell)
    changed = re.sub(old, new, body, count=1, flags=re.DOTALL)
    assert changed != body, old
    return GOOD.replace(body, changed)


REFUSED: dict[str, str | bytes] = {
    **{
        f"truncated at {fraction}": GOOD[: int(len(GOOD) * fraction)] for fraction in (0.002, 0.1, 0.25, 0.5, 0.8, 0.99)
    },
    "truncated by one brace": GOOD.rstrip()[:-1],
    "truncated gzip": gzip.compress(GOOD.encode())[:-500],
    "gzip of nothing": gzip.compress(b""),
    "empty": "",
    "only blanks": " \n\t\n",
    "utf-16": GOOD.encode("utf-16"),
    "utf-16 without a mark": GOOD.encode("utf-16-le"),
    "zero bytes": GOOD.encode().replace(b" ", b"\0"),
    "a text": "Dear library,\nplease find the timing attached.\n",
    "json": '{"library": {"cell": []}}',
    "verilog": "module adder(input a, output b); assign b = a; endmodule\n",
    "a library in a library": GOOD.replace("library (prefixrl) {", "library (prefixrl) { library (inner) {", 1),
    "two libraries": GOOD + GOOD,
    "no cells": GOOD[: GOOD.index("  cell (")] + "}\n",
    "no nand": _without("NAND2.*"),
    "no buffer and no inverter": _without("BUF.*", "INV.*"),
    "no driving cell": _without("BUF_X1"),
    "nan in a delay": _pattern(r"(values \( \\\n +\")[\d.e-]+", r"\1nan"),
    "infinity in a delay": _pattern(r"(values \( \\\n +\")[\d.e-]+", r"\1inf"),
    "a huge delay": _pattern(r"(values \( \\\n +\")[\d.e-]+", r"\g<1>1e30"),
    "a delay of 400 digits": _pattern(r"(values \( \\\n +\")[\d.e-]+", r"\g<1>" + "9" * 400),
    "a word in a delay": _pattern(r"(values \( \\\n +\")[\d.e-]+", r"\1fast"),
    "a hexadecimal delay": _pattern(r"(values \( \\\n +\")[\d.e-]+", r"\g<1>0x1f"),
    "a value missing": _pattern(r"(values \( \\\n +\")[\d.e-]+, ", r"\1"),
    "a row missing": _pattern(r"(values \( )\\\n +\"[^\"]*\", \\\n", r"\1"),
    "a million values": _pattern(r"(values \( \\\n +\")[\d.e-]+", r"\g<1>" + "0.1, " * 5000 + "0.1"),
    "falling knots": _pattern(r'index_1 \("([\d.e-]+), ([\d.e-]+)', r'index_1 ("\2, \1'),
    "equal knots": _pattern(r'index_1 \("([\d.e-]+), ([\d.e-]+)', r'index_1 ("\1, \1'),
    "negative knots": _pattern(r'index_2 \("', r'index_2 ("-'),
    "nan among knots": _pattern(r'index_2 \("[\d.e-]+', r'index_2 ("NaN'),
    "an unknown template": _pattern(r"cell_rise \(table_7x7\)", "cell_rise (nowhere)"),
    "a template of power": GOOD.replace("variable_2 : total_output_net_capacitance", "variable_2 : iv_output_voltage"),
    "both axes slew": GOOD.replace("variable_2 : total_output_net_capacitance", "variable_2 : input_net_transition"),
    "no slew tables": GOOD.replace("rise_transition (", "retain_rise_slew (").replace("fall_transition (", "other ("),
    "an unknown sense": _first("negative_unate", "sideways_unate"),
    "negative area": _pattern(r"area : [\d.]+", "area : -0.8"),
    "nan area": _pattern(r"area : [\d.]+", "area : NaN"),
    "area of two numbers": _pattern(r"area : [\d.]+", "area : 0.8 0.9"),
    "infinite area": _pattern(r"area : [\d.]+", "area : 1e999"),
    "all areas zero": re.sub(r"area : [\d.]+", "area : 0", GOOD),
    "nan capacitance": _pattern(r"capacitance : [\d.]+", "capacitance : nan"),
    "negative capacitance": _pattern(r"capacitance : [\d.]+", "capacitance : -1.5"),
    "no capacitance": _pattern(r"direction : input;[^}]*\}", "direction : input; }"),
    "time in fortnights": GOOD.replace('"1ns"', '"1fortnight"'),
    "time unit of zero": GOOD.replace('"1ns"', '"0ns"'),
    "capacitance in ohms": GOOD.replace("(1, ff)", "(1, ohm)"),
    "capacitance unit of nan": GOOD.replace("(1, ff)", "(nan, ff)"),
    "a function that refers to itself": _first("!((A1 & A2))", "!((A1 & ZN))"),
    "a function of a stranger": _first("!((A1 & A2))", "!((A1 & B7))"),
    "half a function": _first("!((A1 & A2))", "!((A1 & A2)"),
    "twice the same cell": GOOD.replace("  cell (NOR2_X1)", _cell("NAND2_X1") + "  cell (NOR2_X1)"),
    "a cell with a command for a name": GOOD.replace("cell (NAND2_X1)", 'cell ("NAND2_X1; !touch pwned")'),
    "a pin with brackets for a name": GOOD.replace("pin (A1)", 'pin ("A1[exec touch pwned]")'),
    "a cell without a name": GOOD.replace("cell (NAND2_X1)", "cell ()"),
    "an unclosed string": _first('function : "', "function : "),
    "an unclosed comment": GOOD.replace("  cell (NOR2_X1)", "  /* cell (NOR2_X1)"),
    "times of an hour": GOOD.replace('"1ns"', '"1000s"'),
    "times said to be ps": GOOD.replace('"1ns"', '"1ps"'),
    "times said to be us": GOOD.replace('"1ns"', '"100us"'),
    "capacitances said to be pF": GOOD.replace("(1, ff)", "(1, pf)"),
    "areas in square millimetres": re.sub(r"area : ([\d.]+)", r"area : \1e-6", GOOD),
}

HARMLESS: dict[str, str | bytes] = {
    "byte order mark": b"\xef\xbb\xbf" + GOOD.encode(),
    "carriage returns": GOOD.replace("\n", "\r\n"),
    "gzip": gzip.compress(GOOD.encode()),
    "comments with brackets": GOOD.replace("  cell (", "  /* { [ ( */ // }\n  cell ("),
    "strings with brackets": GOOD.replace("  cell (", '  revision : "{ } ) ( \\" [";\n  cell (', 1),
    "a cell without timing": GOOD.replace(
        "  cell (NOR2_X1)",
        "  cell (FREE) { area : 0.01; pin (A) { direction : input; capacitance : 1; } pin (B) { direction : input; } "
        'pin (Y) { direction : output; function : "!(A & B)"; } }\n  cell (NOR2_X1)',
    ),
    "a cell without area": GOOD.replace(
        "  cell (NOR2_X1)",
        re.sub(r"area : [\d.]+", "area : 0.0", _cell("NAND2_X1")).replace("NAND2_X1", "GIFT") + "  cell (NOR2_X1)",
    ),
    "a full adder": GOOD.replace(
        "  cell (NOR2_X1)",
        '  cell (FA) { area : 0.1; pin (A) { direction : input; } pin (CO) { direction : output; function : "A"; } '
        'pin (S) { direction : output; function : "!A"; } }\n  cell (NOR2_X1)',
    ),
    "a tie cell": GOOD.replace(
        "  cell (NOR2_X1)",
        '  cell (TIE) { area : 0.5; pin (Y) { direction : output; function : "1"; } }\n  cell (NOR2_X1)',
    ),
    "a tri-state buffer": GOOD.replace(
        "  cell (NOR2_X1)",
        "  cell (TBUF) { area : 0.1; pin (A) { direction : input; } pin (EN) { direction : input; } "
        'pin (Z) { direction : output; function : "A"; three_state : "!EN"; } }\n  cell (NOR2_X1)',
    ),
    "a missing wire load selection": GOOD.replace("  cell (", '  default_wire_load_selection : "none";\n  cell (', 1),
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFIXRL_CACHE", str(tmp_path / "cache"))


def _take_up(path: Path, driving_cell: str | None) -> None:
    """What every evaluator does with a library before it evaluates anything."""
    pdk = load_pdk(path, driving_cell)
    pdk.library()
    pdk.sizing_liberty()


def _native_points(path: Path) -> list[tuple[float, float]]:
    curve = NativeEvaluator(load_pdk(path, "BUF_X1", 3.898)).evaluate(CIRCUIT, CONSTRAINTS)
    return [(point.delay_ns, point.area_um2) for point in curve.points]


@pytest.mark.parametrize("name", REFUSED)
def test_damaged_library_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    (path,) = written(tmp_path, [REFUSED[name]])
    with pytest.raises(InputError) as caught:
        _take_up(path, None if name.startswith("no buffer") else "BUF_X1")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert not list(tmp_path.glob("pwned"))


@pytest.fixture(scope="module")
def expected() -> list[tuple[float, float]]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (path,) = written(Path(folder), [GOOD])
        return [(point.delay_ns, point.area_um2) for point in curve_on(load_pdk(path, "BUF_X1", 3.898)).points]


@pytest.mark.parametrize("name", HARMLESS)
def test_strange_library_gives_the_figures_of_the_good_one(
    name: str, tmp_path: Path, expected: list[tuple[float, float]]
) -> None:
    (path,) = written(tmp_path, [HARMLESS[name]])
    curve = curve_on(load_pdk(path, "BUF_X1", 3.898))
    assert [(point.delay_ns, point.area_um2) for point in curve.points] == expected


@pytest.mark.parametrize("name", REFUSED)
def test_native_evaluator_refuses_damaged_libraries_in_one_line(name: str, tmp_path: Path) -> None:
    (path,) = written(tmp_path, [REFUSED[name]])
    with pytest.raises(InputError) as caught:
        NativeEvaluator(load_pdk(path, None if name.startswith("no buffer") else "BUF_X1"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", HARMLESS)
def test_native_curve_on_a_strange_library_is_that_on_the_good_one(name: str, tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    paths = written(tmp_path / "good", [GOOD]) + written(tmp_path, [HARMLESS[name]])
    good, strange = (_native_points(path) for path in paths)
    assert strange == good
