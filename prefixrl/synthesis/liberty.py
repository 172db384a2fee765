"""Liberty files: what the mapper and the evaluators need of them, checked.

Here it is names, units, areas, pins, functions, and the cells that are not to be used; the tables are read by
`liberty_timing`.
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from prefixrl.circuits.cells import Cell, CellLibrary
from prefixrl.errors import InputError
from prefixrl.synthesis.liberty_syntax import Group, parse_liberty

MAXIMUM_LIBERTY_BYTES = 512 * 2**20
# Mapping uses cells of at most four inputs; larger ones are known by name and area only.
MAXIMUM_LOGIC_INPUTS = 8

# The large groups; what else is not looked at is quickly parsed.
SKIPPED_GROUPS = frozenset(("timing", "internal_power", "leakage_power", "normalized_driver_waveform", "pg_pin"))
_TIME_NS = {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0, "ps": 1e-3, "fs": 1e-6}
_CAPACITANCE_FF = {"f": 1e15, "nf": 1e6, "pf": 1e3, "ff": 1.0}
_MEASURE = re.compile(r"([0-9.]+(?:[eE][-+]?[0-9]+)?)\s*([a-zA-Z]+)")
_SAFE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.$]*(?:\[\d+\])?")
_RELATED_PIN = re.compile(r'related_pin\s*:\s*"?([^";\n]*)')
_STATE_GROUPS = ("ff", "latch", "ff_bank", "latch_bank", "statetable")


@dataclass(frozen=True)
class LibertyCell:
    """One cell of a library.

    :param name: its name
    :param area_um2: area as stated, 0 where the file states none
    :param dont_use: whether the library says not to use it, or not to touch it
    :param input_capacitance_ff: input pin -> capacitance
    :param logic: the cell as a function of one output; None for sequential, tri-state, multi-output and other cells
    :param unfit: why a cell with a function has no `logic`: no area, or an input without timing
    :param has_leakage: whether its leakage power is stated
    """

    name: str
    area_um2: float
    dont_use: bool
    input_capacitance_ff: dict[str, float]
    logic: Cell | None
    unfit: str | None = None
    has_leakage: bool = False


@dataclass(frozen=True)
class LibertyLibrary:
    """What is used of one Liberty file.

    :param name: the library's name
    :param time_unit_ns: its time unit
    :param capacitance_unit_ff: its capacitance unit
    :param cells: all cells, in the order of the file
    """

    name: str
    time_unit_ns: float
    capacitance_unit_ff: float
    cells: tuple[LibertyCell, ...]

    @cached_property
    def by_name(self) -> dict[str, LibertyCell]:
        """The cells by their names."""
        return {cell.name: cell for cell in self.cells}


def read_liberty(path: str | Path) -> LibertyLibrary:
    """Read a Liberty file, plain or gzip'd.

    :raises InputError: the file cannot be read, is empty, truncated, not Liberty, or says something impossible
    """
    text = read_liberty_text(path)
    try:
        return library_of(parse_liberty(text, SKIPPED_GROUPS), text)
    except InputError as error:
        raise InputError(f"{Path(path).name}: {error}") from error


def read_liberty_text(path: str | Path) -> str:
    """The text of a Liberty file, decompressed where it is gzip'd.

    :raises InputError: the file cannot be read, or is no text
    """
    path = Path(path)
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            with gzip.open(path) as stream:
                data = stream.read(MAXIMUM_LIBERTY_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or "it ends too soon"
        raise InputError(f"a Liberty file must be readable ({reason}): {str(path)!r}") from error
    if len(data) > MAXIMUM_LIBERTY_BYTES:
        raise InputError(f"a Liberty file must be smaller than {MAXIMUM_LIBERTY_BYTES >> 20} MiB: {str(path)!r}")
    if not data.strip():
        raise InputError(f"a Liberty file must not be empty: {str(path)!r}")
    if b"\0" in data or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(f"a Liberty file must be plain text in ASCII or UTF-8: {str(path)!r}")
    return data.decode("utf-8-sig" if data[:3] == b"\xef\xbb\xbf" else "latin-1")


def library_of(group: Group, text: str) -> LibertyLibrary:
    """What is used of a parsed library.

    :param text: what it was parsed from, with `SKIPPED_GROUPS` passed over
    :raises InputError: no cells, two cells of one name, a unit or figure that cannot be
    """
    cells = tuple(_cell(cell, _capacitance_unit_ff(group), text) for cell in group.named("cell"))
    if not cells:
        raise InputError(f"a library must have cells: {' '.join(group.arguments)!r}")
    names = [cell.name for cell in cells]
    repeated = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if repeated is not None:
        raise InputError(f"a library must not have two cells of one name: {repeated!r}")
    return LibertyLibrary(" ".join(group.arguments), _time_unit_ns(group), _capacitance_unit_ff(group), cells)


def merged_cell_library(libraries: Iterable[LibertyLibrary], dont_use: Iterable[str] = ()) -> CellLibrary:
    """The logic cells of several Liberty files as one library to map to.

    :param dont_use: names and shell patterns beyond what the files themselves say
    :raises InputError: two files have a cell of one name
    """
    libraries = tuple(libraries)
    cells = [cell.logic for library in libraries for cell in library.cells if cell.logic is not None]
    stated = [cell.name for library in libraries for cell in library.cells if cell.dont_use]
    return CellLibrary(cells, dont_use=[*dont_use, *stated])


def _time_unit_ns(group: Group) -> float:
    # Liberty Reference Manual: time_unit is 1ns unless stated.
    return _measure(group.get("time_unit") or "1ns", _TIME_NS, "time_unit")


def _capacitance_unit_ff(group: Group) -> float:
    # Liberty Reference Manual: capacitive_load_unit (value, unit); 1 pF where it is not stated.
    stated = group.attributes.get("capacitive_load_unit", ("1", "pf"))
    return _measure("".join(stated), _CAPACITANCE_FF, "capacitive_load_unit")


def _measure(text: str, units: dict[str, float], attribute: str) -> float:
    match = _MEASURE.fullmatch(text.strip())
    if match is None or match.group(2).lower() not in units:
        raise InputError(f"{attribute} must be a number and one of {', '.join(units)}: {text!r}")
    return _number(match.group(1), attribute, positive=True) * units[match.group(2).lower()]


def _number(text: str, what: str, *, positive: bool = False) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0 or (positive and value == 0):
        raise InputError(f"{what} must be a finite number {'above' if positive else 'of at least'} 0: {text!r}")
    return value


def _cell(group: Group, capacitance_unit_ff: float, text: str) -> LibertyCell:
    name = " ".join(group.arguments)
    _check_name(name, "cell")
    area_um2 = _number(group.get("area") or "0", f"the area of cell {name}")
    capacitances = {}
    for pin in group.named("pin"):
        if pin.get("direction") == "input":
            stated = _number(pin.get("capacitance") or "0", f"the capacitance of pin {_pin_name(pin)} of cell {name}")
            capacitances[_pin_name(pin)] = stated * capacitance_unit_ff
    dont_use = any(
        (group.get(attribute) or "false").lower() in ("true", "1") for attribute in ("dont_use", "dont_touch")
    )
    leakage = group.get("cell_leakage_power") is not None or any(True for _ in group.named("leakage_power"))
    logic = _logic(group, name, area_um2)
    unfit = None if logic is None else _unfit(group, logic, text)
    return LibertyCell(name, area_um2, dont_use, capacitances, None if unfit else logic, unfit, leakage)


def _logic(group: Group, name: str, area_um2: float) -> Cell | None:
    """The cell as one function of its inputs, where it is one."""
    if any(True for _ in group.named(*_STATE_GROUPS, "bus", "bundle")):
        return None
    pins = list(group.named("pin"))
    outputs = [pin for pin in pins if pin.get("direction") == "output"]
    inputs = [_pin_name(pin) for pin in pins if pin.get("direction") == "input"]
    if len(outputs) != 1 or len(inputs) + 1 != len(pins) or len(inputs) > MAXIMUM_LOGIC_INPUTS:
        return None
    function = outputs[0].get("function")
    if function is None or outputs[0].get("three_state") is not None:
        return None
    for pin in pins:
        _check_name(_pin_name(pin), f"pin of cell {name}")
    try:
        return Cell(name, area_um2, tuple(inputs), _pin_name(outputs[0]), function)
    except InputError as error:
        raise InputError(f"cell {name}: {error}") from error


def _unfit(group: Group, logic: Cell, text: str) -> str | None:
    """Why a cell cannot be used although its function is known; None where it can be.

    Timers take a missing arc for a delay of nothing and mappers take a cell without area for a gift.
    """
    if not logic.inputs:
        return None
    if logic.area_um2 == 0:
        return "it has no area"
    related: set[str] = set()
    for pin in group.named("pin"):
        for timing in pin.named("timing"):
            if timing.span is not None:
                match = _RELATED_PIN.search(text, *timing.span)
                related.update(match.group(1).split() if match else ())
    missing = [pin for pin in logic.inputs if pin not in related]
    return f"it has no timing from pin {missing[0]}" if missing else None


def _pin_name(pin: Group) -> str:
    return " ".join(pin.arguments)


def _check_name(name: str, what: str) -> None:
    """Names go into netlists and tool scripts, so nothing but a plain identifier may pass."""
    if _SAFE_NAME.fullmatch(name) is None:
        raise InputError(f"a {what} must be named by letters, digits, '_', '.' and '$': {name!r}")
