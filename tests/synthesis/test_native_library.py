"""Libraries in arrays: whatever a file's tables look like, delays are OpenSTA's, or the file is refused in one line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from library_samples import CONSTRAINTS, in_units, small_library, written
from native_samples import NANGATE45, SKLANSKY8, needs_sta, random_circuit, sky130hd

from prefixrl.circuits import Circuit
from prefixrl.circuits.cells import Cell, CellLibrary
from prefixrl.circuits.mapping import map_structure
from prefixrl.errors import InputError
from prefixrl.synthesis.liberty_tables import Table
from prefixrl.synthesis.liberty_timing import TABLES, Arc, TimedCell, _unateness
from prefixrl.synthesis.native import NativeEvaluator, library, library_file
from prefixrl.synthesis.native.benchmark import scrambled
from prefixrl.synthesis.native.library import native_library
from prefixrl.synthesis.native.timer import NativeTimer
from prefixrl.synthesis.pdk import Pdk, load_pdk
from prefixrl.synthesis.signoff import SignoffTimer

GOOD = small_library()
_TABLE = re.compile(
    r"(\w+) \(table_7x7\) \{ index_1 \(\"(.*?)\"\); index_2 \(\"(.*?)\"\); values \((.*?)\); \}", re.DOTALL
)
_TEMPLATES = """
  lu_table_template (swapped) { variable_1 : total_output_net_capacitance; variable_2 : input_net_transition;
    index_1 ("0, 1"); index_2 ("0, 1"); }
  lu_table_template (by_load) { variable_1 : total_output_net_capacitance; index_1 ("0, 1"); }
  lu_table_template (by_slew) { variable_1 : input_net_transition; index_1 ("0, 1"); }
  cell ("""


def numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.9g}" for value in values)


def group(name: str, template: str, axes: Iterable[Iterable[float]], rows: Iterable[Iterable[float]]) -> str:
    indexes = "".join(f'index_{place} ("{numbers(axis)}"); ' for place, axis in enumerate(axes, 1))
    return (
        f"{name} ({template}) {{ {indexes}values ({', '.join(f'{chr(34)}{numbers(row)}{chr(34)}' for row in rows)}); }}"
    )


def figures(match: re.Match[str]) -> tuple[str, np.ndarray, np.ndarray, np.ndarray]:
    axes = [np.array([float(word) for word in text.split(",")]) for text in match.group(2, 3)]
    values = np.array([float(word) for word in re.findall(r"[\d.e+-]+", match.group(4))]).reshape(7, 7)
    return match.group(1), axes[0], axes[1], values


def fewer_knots(match: re.Match[str]) -> str:
    """Each kind of table with other knots."""
    name, slews, loads, values = figures(match)
    rows = [place for place in range(7) if place != 1 + TABLES.index(name)]
    columns = [place for place in range(7) if place != 5 - TABLES.index(name)]
    return group(name, "table_7x7", (slews[rows], loads[columns]), values[np.ix_(rows, columns)])


def swapped(match: re.Match[str]) -> str:
    name, slews, loads, values = figures(match)
    return group(name, "swapped", (loads, slews), values.T)


def scalar(match: re.Match[str]) -> str:
    name, _, _, values = figures(match)
    return group(name, "scalar", (), [[values[3, 3]]])


def by_load(match: re.Match[str]) -> str:
    name, _, loads, values = figures(match)
    return group(name, "by_load", (loads,), [values[3]])


def by_slew(match: re.Match[str]) -> str:
    name, slews, _, values = figures(match)
    return group(name, "by_slew", (slews,), [values[:, 3]])


def one_knot(match: re.Match[str]) -> str:
    name, slews, loads, values = figures(match)
    return group(name, "table_7x7", (slews[3:4], loads), values[3:4])


def jagged(match: re.Match[str]) -> str:
    """Rising and falling in both directions."""
    name, slews, loads, values = figures(match)
    return group(name, "table_7x7", (slews, loads), values[:, [0, 2, 1, 4, 3, 6, 5]][[1, 0, 3, 2, 5, 4, 6]])


def negative(match: re.Match[str]) -> str:
    name, slews, loads, values = figures(match)
    return group(name, "table_7x7", (slews, loads), values - (0.02 if name.startswith("cell") else 0.0))


def all_tables(change: object, cells: str = r"\w+") -> str:
    def changed(match: re.Match[str]) -> str:
        return _TABLE.sub(change, match.group()) if re.fullmatch(cells, match.group(1)) else match.group()  # type: ignore[call-overload, no-any-return]

    text = re.sub(r"  cell \((\w+)\) \{\n.*?\n  \}\n", changed, GOOD, flags=re.DOTALL)
    return text.replace("  cell (", _TEMPLATES, 1)


STRANGE = {
    "as it is": GOOD,
    "other knots in every table": all_tables(fewer_knots),
    "load first": all_tables(swapped),
    "scalars": all_tables(scalar, "(NAND2|XOR2|INV).*"),
    "by load alone": all_tables(by_load, "(NAND2|XOR2|AOI).*"),
    "by slew alone": all_tables(by_slew, "(NOR2|XNOR2|OAI).*"),
    "a single slew": all_tables(one_knot, "(NAND2|XNOR2).*"),
    "not monotone": all_tables(jagged, "(NAND2|XOR2|AOI21|BUF).*"),
    "negative delays": all_tables(negative, "(NAND2|AOI21).*"),
    "no senses": re.sub(r" timing_sense : \w+;", "", GOOD),
    "no load limits": re.sub(r" max_capacitance : [\d.]+;", "", GOOD),
    "one capacitance for both edges": re.sub(r" (rise|fall)_capacitance : [\d.]+;", "", GOOD),
    "ps and fF": in_units(GOOD, (1e-3, "1ps"), (1.0, '1, "fF"')),
    "10 ps and 10 fF": in_units(GOOD, (0.01, '"10ps"'), (10.0, "10, ff")),
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFIXRL_CACHE", str(tmp_path / "cache"))


def pdk_of(text: str, folder: Path) -> Pdk:
    (path,) = written(folder, [text])
    return load_pdk(path, "BUF_X1", 3.898)


@needs_sta
@pytest.mark.parametrize("name", STRANGE)
def test_strange_tables_are_read_as_opensta_reads_them(name: str, tmp_path: Path) -> None:
    pdk = pdk_of(STRANGE[name], tmp_path)
    native, generator = NativeTimer(pdk), np.random.default_rng(0)
    circuits = (SKLANSKY8, random_circuit("comparator", 9, 1))
    with SignoffTimer(pdk) as judge:
        for circuit in circuits:
            netlist = map_structure(circuit, pdk.library(), "strange")
            for each in (netlist, *(scrambled(netlist, native.library, generator) for _ in range(3))):
                said = judge.time(each, circuit, CONSTRAINTS).delay_ns
                assert native.time(each, circuit, CONSTRAINTS) == pytest.approx(said, rel=1e-4)


@pytest.mark.parametrize("name", STRANGE)
def test_strange_tables_give_curves(name: str, tmp_path: Path) -> None:
    pdk = pdk_of(STRANGE[name], tmp_path)
    evaluator, timer = NativeEvaluator(pdk), NativeTimer(pdk)
    for point in evaluator.evaluate(SKLANSKY8, CONSTRAINTS).points:
        netlist = evaluator.realize(SKLANSKY8, CONSTRAINTS, point, "strange")
        assert timer.time(netlist, SKLANSKY8, CONSTRAINTS) == pytest.approx(point.delay_ns, abs=1e-6)


def delay_on(text: str, folder: Path, circuit: Circuit = SKLANSKY8) -> float:
    pdk = pdk_of(text, folder)
    return NativeTimer(pdk).time(map_structure(circuit, pdk.library(), "m"), circuit, CONSTRAINTS)


@pytest.mark.parametrize("name", ["load first", "ps and fF", "10 ps and 10 fF", "no load limits"])
def test_what_is_only_written_otherwise_makes_no_difference(name: str, tmp_path: Path) -> None:
    assert delay_on(STRANGE[name], tmp_path) == pytest.approx(delay_on(GOOD, tmp_path), rel=1e-6)


SENSES = {
    "A": "positive_unate",
    "!A": "negative_unate",
    "!!A": "positive_unate",
    "!(A & B)": "negative_unate",
    "A | !B": "positive_unate",
    "B | !A": "negative_unate",
    "A ^ B": "non_unate",
    "!(A ^ B)": "non_unate",
    "(A & B) | (!A & C)": "non_unate",
    "!(B ^ C)": None,
    "1": None,
}


@pytest.mark.parametrize("function", SENSES)
def test_senses_that_are_not_stated_are_those_of_the_function(function: str) -> None:
    assert _unateness(Cell("X", 1.0, ("A", "B", "C"), "Y", function).expression, "A") == SENSES[function]


def test_an_arc_without_its_slews_is_refused_with_cell_and_pin(tmp_path: Path) -> None:
    start = GOOD.index("rise_transition", GOOD.index("cell (NAND2_X1)"))
    damaged = GOOD[:start] + "retain_rise_slew" + GOOD[start + len("rise_transition") :]
    with pytest.raises(InputError, match=r"table of delays and one of slews: NAND2_X1, A1$"):
        NativeEvaluator(pdk_of(damaged, tmp_path))


def test_arcs_that_others_cover_are_left_out_and_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    pruned = NativeTimer(NANGATE45)
    monkeypatch.setattr(library, "_needed", lambda arcs: sorted(arcs, key=lambda each: each[:3]))
    # Or the arrays that were made before would serve again.
    monkeypatch.setattr(library_file, "_natives", {})
    monkeypatch.setattr(library_file, "load_library", lambda path: None)
    monkeypatch.setattr(library_file, "save_library", lambda native, path: None)
    full = NativeTimer(NANGATE45)
    assert len(pruned.library.tables.arcs) < len(full.library.tables.arcs)
    generator = np.random.default_rng(1)
    for seed in range(20):
        circuit = random_circuit("adder", 12, seed)
        netlist = map_structure(circuit, NANGATE45.library(), "m")
        for each in (netlist, scrambled(netlist, full.library, generator)):
            expected = full.time(each, circuit, CONSTRAINTS)
            assert pruned.time(each, circuit, CONSTRAINTS) == pytest.approx(expected, rel=1e-12)


def cell_of(tables: dict[str, Table], *more: dict[str, Table]) -> TimedCell:
    arcs = tuple(Arc("negative_unate", each) for each in (tables, *more))
    cell = Cell("IV", 1.0, ("A",), "Y", "!A")
    return TimedCell(cell, {"A": {"capacitance": 1.0}}, None, {"A": arcs[0]}, {"A": arcs})


def test_tables_on_common_knots_are_the_same_surfaces() -> None:
    generator = np.random.default_rng(2)
    axes = [((0.0, 0.1, 0.3), (1.0, 2.0)), ((0.05, 0.1), (0.5, 3.0, 9.0)), ((0.2, 0.4), (1.0, 4.0))]
    axes.append(((0.0, 1.0), (0.0, 7.0)))
    tables = {
        name: Table(slews, loads, generator.uniform(0.1, 1.0, (len(slews), len(loads))))
        for name, (slews, loads) in zip(TABLES, axes, strict=True)
    }
    timed = cell_of(tables)
    made = native_library(CellLibrary([timed.cell]), {"IV": timed}).tables
    slews = made.knots[made.axis_first[made.slew_axis[0]] : made.axis_first[made.slew_axis[0] + 1]]
    loads = made.knots[made.axis_first[made.load_axis[0]] : made.axis_first[made.load_axis[0] + 1]]
    assert slews.tolist() == sorted({knot for pair in axes for knot in pair[0]})
    for slew in generator.uniform(0, 1.5, 40):
        for load in generator.uniform(0, 12, 5):
            row = int(np.clip(np.searchsorted(slews, slew, "right") - 1, 0, len(slews) - 2))
            column = int(np.clip(np.searchsorted(loads, load, "right") - 1, 0, len(loads) - 2))
            for _, _, edge, first in made.arcs.tolist():
                patch = made.patches[first + row * (len(loads) - 1) + column]
                terms = np.array([1.0, slew, load, slew * load])
                for half, name in enumerate(TABLES[edge::2]):
                    expected = tables[name].at(slew, load)
                    assert patch[4 * half : 4 * half + 4] @ terms == pytest.approx(expected, abs=1e-9)


def test_a_condition_that_is_never_worse_is_dropped_and_one_that_crosses_is_kept() -> None:
    slews, loads = (0.0, 1.0), (0.0, 1.0)
    flat, rising = np.full((2, 2), 1.0), np.array([[0.5, 2.0], [0.5, 2.0]])

    def tables(values: np.ndarray) -> dict[str, Table]:
        return {name: Table(slews, loads, values) for name in TABLES}

    def arcs(*values: np.ndarray) -> int:
        timed = cell_of(*(tables(each) for each in values))
        return len(native_library(CellLibrary([timed.cell]), {"IV": timed}).tables.arcs)

    assert arcs(flat) == arcs(flat, flat - 0.5) == arcs(flat - 0.5, flat) == 2
    assert arcs(flat, rising) == 4
    # Below at every knot, above beyond the last one.
    assert arcs(flat, np.array([[0.1, 0.9], [0.1, 0.9]])) == 4


def test_families_know_equal_functions_by_whatever_pins() -> None:
    made = NativeTimer(sky130hd()).library
    names = {made.cells[cell].name.split("__")[1] for cell in made.families[made.roles["NAND2"]]}
    assert {"nand2_1", "nand2_8"} <= names
    areas = made.tables.area[list(made.families[made.roles["NAND2"]])]
    assert (np.diff(areas) >= 0).all()
