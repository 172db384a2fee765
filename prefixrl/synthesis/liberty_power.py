"""What Liberty files say about power: leakage by state, internal energy per transition, and the slews that it needs.

Only the cells that are asked for are parsed, since tables are most of a library.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from prefixrl.circuits.functions import Expression, parse_function
from prefixrl.errors import InputError
from prefixrl.synthesis.liberty import read_liberty_text
from prefixrl.synthesis.liberty_syntax import Group, parse_liberty

_CELL = re.compile(r"^[ \t]*cell\s*\(\s*\"?([\w.$\[\]]+)\"?\s*\)\s*\{", re.MULTILINE)
_BRACES = re.compile(r'"[^"]*"|/\*.*?\*/|//[^\n]*|[{}]', re.DOTALL)
_FIGURE = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_MEASURE = re.compile(r"\s*([\d.]+(?:[eE][-+]?\d+)?)\s*([a-zA-Z]+)\s*")
_POWER_NW = {"w": 1e9, "mw": 1e6, "uw": 1e3, "nw": 1.0, "pw": 1e-3, "fw": 1e-6}
_VOLTAGE_V = {"kv": 1e3, "v": 1.0, "mv": 1e-3, "uv": 1e-6}
_SLEWS = ("input_net_transition", "input_transition_time")
_LOADS = ("total_output_net_capacitance",)
_TEMPLATES = ("lu_table_template", "power_lut_template")
_SKIPPED = frozenset(("wire_load", "wire_load_selection", "normalized_driver_waveform", "test_cell"))


@dataclass(frozen=True)
class Table:
    """A look-up table over input slew and output load, both in the library's units; either may be absent.

    Between the points it is bilinear, beyond them it keeps the value of the edge.
    """

    slews: tuple[float, ...]
    loads: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, slew: float, load: float) -> float:
        """The value at a slew and a load."""
        columns = len(self.loads) or 1
        row, slew_part = _position(self.slews, slew)
        column, load_part = _position(self.loads, load)
        total = 0.0
        for down, down_weight in ((0, 1 - slew_part), (1, slew_part)):
            for right, right_weight in ((0, 1 - load_part), (1, load_part)):
                if down_weight and right_weight:
                    total += down_weight * right_weight * self.values[(row + down) * columns + column + right]
        return total


@dataclass(frozen=True)
class InternalPower:
    """Energy that a transition of a pin takes inside the cell (Liberty group `internal_power`).

    :param related_pins: the inputs that cause it; none for transitions of an input pin themselves
    :param when: the state that it holds in; None for any
    :param rise: energy of a rising transition
    :param fall: energy of a falling one
    """

    related_pins: tuple[str, ...]
    when: Expression | None
    rise: Table | None
    fall: Table | None


@dataclass(frozen=True)
class CellPower:
    """Power of one cell, in the library's units.

    :param leakage: leakage of the cell in any state, None where the library has none
    :param states: (state, leakage in it)
    :param capacitance: input pin -> capacitance
    :param internal: pin -> its internal energies
    :param slews: input pin -> tables of the output's slew, rising and falling
    """

    leakage: float | None
    states: tuple[tuple[Expression, float], ...]
    capacitance: dict[str, float]
    internal: dict[str, tuple[InternalPower, ...]]
    slews: dict[str, tuple[Table, ...]]


@dataclass
class PowerLibrary:
    """The power of the cells of one Liberty file; cells are parsed when they are asked for.

    :raises InputError: the file cannot be read, or what it says of units is not Liberty
    """

    path: Path
    _cells: dict[str, CellPower] = field(default_factory=dict, repr=False)

    @cached_property
    def _text(self) -> str:
        return read_liberty_text(self.path)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {match.group(1): match.start() for match in _CELL.finditer(self._text)}

    @cached_property
    def _header(self) -> Group:
        """The library without its cells."""
        end = min(self._places.values(), default=len(self._text))
        tail = "}" if self._places else ""
        return parse_liberty(self._text[:end] + tail, _SKIPPED)

    @cached_property
    def _templates(self) -> dict[str, Group]:
        return {" ".join(group.arguments): group for group in self._header.named(*_TEMPLATES)}

    @cached_property
    def voltage_v(self) -> float:
        """Supply voltage: that of the default operating conditions, else the nominal one."""
        chosen = self._header.get("default_operating_conditions")
        conditions = {" ".join(group.arguments): group for group in self._header.named("operating_conditions")}
        group = conditions.get(chosen or "", self._header)
        stated = group.get("voltage") or self._header.get("nom_voltage")
        if stated is None:
            raise InputError(f"a library must state its voltage: {self.path.name!r}")
        return _number(stated, "voltage") * _unit(self._header, "voltage_unit", "1V", _VOLTAGE_V)

    @cached_property
    def leakage_unit_nw(self) -> float:
        """The library's unit of leakage power; 1 nW where it states none."""
        return _unit(self._header, "leakage_power_unit", "1nW", _POWER_NW)

    @cached_property
    def voltage_unit_v(self) -> float:
        """The library's unit of voltage; its square times the unit of capacitance is that of internal energy."""
        return _unit(self._header, "voltage_unit", "1V", _VOLTAGE_V)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __getitem__(self, name: str) -> CellPower:
        """The power of one cell.

        :raises InputError: a figure or a function in it is not Liberty
        """
        if name not in self._cells:
            self._cells[name] = self._parsed(name)
        return self._cells[name]

    def _parsed(self, name: str) -> CellPower:
        place = self._places[name]
        library = parse_liberty(f"library (one) {{ {self._text[place : _end_of_group(self._text, place)]} }}", _SKIPPED)
        cell = next(library.named("cell"))
        pins = {" ".join(pin.arguments): pin for pin in cell.named("pin")}
        always = next((group.get("value") for group in cell.named("leakage_power") if group.get("when") is None), None)
        leakage = cell.get("cell_leakage_power") or always or self._header.get("default_cell_leakage_power")
        capacitance = {
            pin: _number(group.get("capacitance") or "0", f"capacitance of {name}")
            for pin, group in pins.items()
            if group.get("direction") == "input"
        }
        return CellPower(
            leakage=None if leakage is None else _number(leakage, f"leakage of {name}"),
            states=_states(cell),
            capacitance=capacitance,
            internal={pin: self._internal(group) for pin, group in pins.items()},
            slews=self._slews(pins.values()),
        )

    def _internal(self, pin: Group) -> tuple[InternalPower, ...]:
        return tuple(
            InternalPower(
                tuple((group.get("related_pin") or "").split()),
                _expression(group.get("when")),
                self._table(group, "rise_power", "power"),
                self._table(group, "fall_power", "power"),
            )
            for group in pin.named("internal_power")
            if not _is_of_ground(group)
        )

    def _slews(self, pins: Iterable[Group]) -> dict[str, tuple[Table, ...]]:
        tables: dict[str, list[Table]] = {}
        for timing in (group for pin in pins for group in pin.named("timing")):
            found = [self._table(timing, name) for name in ("rise_transition", "fall_transition")]
            for related in (timing.get("related_pin") or "").split():
                tables.setdefault(related, []).extend(table for table in found if table is not None)
        return {pin: tuple(found) for pin, found in tables.items()}

    def _table(self, group: Group, *names: str) -> Table | None:
        """The first of the named tables, its axes put in order."""
        table = next((each for name in names for each in group.named(name)), None)
        if table is None:
            return None
        template = self._templates.get(" ".join(table.arguments))
        axes = []
        for number in (1, 2):
            stated = table.attributes.get(f"index_{number}")
            variable = template.get(f"variable_{number}") if template is not None else None
            if stated is None and template is not None and variable is not None:
                stated = template.attributes.get(f"index_{number}")
            if stated is not None:
                axes.append((variable or (_SLEWS, _LOADS)[number - 1][0], _figures(stated)))
        return _ordered(axes, _figures(table.attributes.get("values", ())), group.name)


def _ordered(axes: list[tuple[str, tuple[float, ...]]], values: tuple[float, ...], title: str) -> Table:
    slews = next((points for variable, points in axes if variable in _SLEWS), ())
    loads = next((points for variable, points in axes if variable in _LOADS), ())
    if len(values) != max(1, len(slews)) * max(1, len(loads)):
        raise InputError(f"a table of {title} must have a value for every pair of its indexes: {len(values)}")
    if slews and loads and axes[0][0] in _LOADS:
        values = tuple(values[column * len(slews) + row] for row in range(len(slews)) for column in range(len(loads)))
    return Table(slews, loads, values)


def _position(points: Sequence[float], value: float) -> tuple[int, float]:
    """(index, part of the way to the next point) of a value on an axis."""
    if len(points) < 2 or value <= points[0]:
        return 0, 0.0
    if value >= points[-1]:
        return len(points) - 1, 0.0
    index = bisect_right(points, value) - 1
    return index, (value - points[index]) / (points[index + 1] - points[index])


def _states(cell: Group) -> tuple[tuple[Expression, float], ...]:
    """Leakage by state; where a library tells it supply by supply, one state has several entries, which add up."""
    return tuple(
        (_expression(group.get("when")) or ("1",), _number(group.get("value") or "", f"leakage of {cell.arguments}"))
        for group in cell.named("leakage_power")
        if group.get("when") is not None and not _is_of_ground(group)
    )


def _is_of_ground(group: Group) -> bool:
    """Whether a group tells of a ground pin: what flows out there has come in by a supply."""
    return (group.get("related_pg_pin") or "").upper().startswith(("VSS", "VGND", "GND", "VNB"))


def _expression(when: str | None) -> Expression | None:
    return None if when is None or not when.strip() else parse_function(when)


def _end_of_group(text: str, start: int) -> int:
    depth = 0
    for match in _BRACES.finditer(text, start):
        if match.group() == "{":
            depth += 1
        elif match.group() == "}":
            depth -= 1
            if depth == 0:
                return match.end()
    raise InputError(f"every group must be closed, the library may be truncated: {text[start : start + 40].strip()!r}")


def _figures(texts: Sequence[str]) -> tuple[float, ...]:
    return tuple(_number(figure, "table") for text in texts for figure in _FIGURE.findall(text))


def _unit(library: Group, attribute: str, default: str, units: dict[str, float]) -> float:
    text = library.get(attribute) or default
    match = _MEASURE.fullmatch(text)
    if match is None or match.group(2).lower() not in units:
        raise InputError(f"{attribute} must be a number and one of {', '.join(units)}: {text!r}")
    return _number(match.group(1), attribute) * units[match.group(2).lower()]


def _number(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"a {what} must be a finite number: {text!r}")
    return value
