"""Lookup tables of Liberty files: slew and load in, delay or slew out; checked, in ns and fF, two-dimensional."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from prefixrl.errors import InputError
from prefixrl.synthesis.liberty_syntax import Group

# A delay table with anything beyond this is broken: a millisecond, a microfarad.
MAXIMUM_TIME_NS = 1e6
MAXIMUM_CAPACITANCE_FF = 1e9
MAXIMUM_TABLE_ENTRIES = 4096

# The names that the Liberty Reference Manual has for the two axes of a delay table.
_SLEW_NAMES = ("input_net_transition", "input_transition_time", "related_pin_transition")
_LOAD_NAMES = ("total_output_net_capacitance",)


@dataclass(frozen=True)
class Units:
    """What one unit of a library is.

    :param time_ns: of its times
    :param capacitance_ff: of its capacitances
    """

    time_ns: float
    capacitance_ff: float


@dataclass(frozen=True)
class Table:
    """A delay or a slew (ns) over input slew and output load.

    :param slews: rising, ns; at least two
    :param loads: rising, fF; at least two
    :param values: [S, L], ns
    """

    slews: tuple[float, ...]
    loads: tuple[float, ...]
    values: np.ndarray

    def at_slew(self, slew_ns: float) -> np.ndarray:
        """[L] the values at one input slew, interpolated, or extrapolated from the two nearest rows as timers do."""
        low, fraction = _bracket(self.slews, slew_ns)
        return np.asarray(self.values[low] + fraction * (self.values[low + 1] - self.values[low]))

    def at(self, slew_ns: float, load_ff: float) -> float:
        """The value at one input slew and one load."""
        row = self.at_slew(slew_ns)
        low, fraction = _bracket(self.loads, load_ff)
        return float(row[low] + fraction * (row[low + 1] - row[low]))

    def resampled(self, slews: Sequence[float], loads: Sequence[float]) -> Table:
        """The same surface on other knots; exact where these include the table's own."""
        values = np.array([[self.at(slew, load) for load in loads] for slew in slews])
        return Table(tuple(slews), tuple(loads), values)


def worst_of(tables: Sequence[Table]) -> Table:
    """The table that is nowhere below any of the given ones at the knots of all."""
    if all((table.slews, table.loads) == (tables[0].slews, tables[0].loads) for table in tables):
        slews, loads = tables[0].slews, tables[0].loads
    else:
        slews = tuple(sorted({slew for table in tables for slew in table.slews}))
        loads = tuple(sorted({load for table in tables for load in table.loads}))
        tables = [table.resampled(slews, loads) for table in tables]
    return Table(slews, loads, np.maximum.reduce([table.values for table in tables]))


def read_table(group: Group, templates: Mapping[str, Group], units: Units, where: str) -> Table:
    """The table of one group (`cell_rise (template) { index_1 ... values ... }`).

    :param templates: the library's `lu_table_template` groups by name
    :param where: cell and pin, for messages
    :raises InputError: an axis that is neither slew nor load, figures that are missing, too many, not finite, huge, or
        not rising
    """
    template = templates.get(group.arguments[0]) if group.arguments else None
    if template is None and group.arguments and group.arguments[0] != "scalar":
        raise InputError(f"a timing table must have its template in the library ({where}): {group.arguments[0]!r}")
    axes: dict[str, tuple[float, ...]] = {}
    order: list[str] = []
    for number in (1, 2, 3):
        kind = _axis_kind(template, number, group, where)
        if kind is None:
            continue
        if kind in axes:
            raise InputError(f"the two axes of a timing table must be slew and load ({where}): {kind!r} twice")
        index = group.attributes.get(f"index_{number}") or (template and template.attributes.get(f"index_{number}"))
        scale = (units.time_ns, MAXIMUM_TIME_NS) if kind == "slew" else (units.capacitance_ff, MAXIMUM_CAPACITANCE_FF)
        axes[kind] = _axis(index or (), *scale, f"index_{number}, {where}")
        order.append(kind)
    values = _numbers(group.attributes.get("values", ()), units.time_ns, MAXIMUM_TIME_NS, f"values, {where}")
    shape = [len(axes[kind]) for kind in order]
    if len(values) != math.prod(shape):
        raise InputError(f"a timing table must have {math.prod(shape)} values ({where}): {len(values)}")
    grid = np.array(values).reshape(shape or [1])
    return _two_dimensional(grid, order, axes)


def _two_dimensional(grid: np.ndarray, order: list[str], axes: Mapping[str, tuple[float, ...]]) -> Table:
    """[S, L] whatever axes there are: a missing one, or one of a single knot, makes no difference to the value."""
    if not order:
        grid = grid.reshape(1, 1)
    elif order == ["load"]:
        grid = grid[None, :]
    elif order == ["slew"]:
        grid = grid[:, None]
    elif order == ["load", "slew"]:
        grid = grid.T
    slews, loads = axes.get("slew", (0.0,)), axes.get("load", (0.0,))
    if len(slews) == 1:
        slews, grid = (slews[0], slews[0] + 1.0), np.repeat(grid, 2, axis=0)
    if len(loads) == 1:
        loads, grid = (loads[0], loads[0] + 1.0), np.repeat(grid, 2, axis=1)
    return Table(slews, loads, grid)


def _axis_kind(template: Group | None, number: int, group: Group, where: str) -> str | None:
    variable = template.get(f"variable_{number}") if template is not None else None
    if variable is None:
        if group.attributes.get(f"index_{number}"):
            raise InputError(f"a timing table's template must name variable_{number} ({where}): {group.arguments!r}")
        return None
    if variable in _SLEW_NAMES:
        return "slew"
    if variable in _LOAD_NAMES:
        return "load"
    known = ", ".join((*_SLEW_NAMES, *_LOAD_NAMES))
    raise InputError(f"an axis of a timing table must be one of {known} ({where}): {variable!r}")


def _axis(texts: Sequence[str], unit: float, limit: float, where: str) -> tuple[float, ...]:
    knots = _numbers(texts, unit, limit, where)
    if not knots:
        raise InputError(f"an axis of a timing table must have knots ({where}): 0")
    if any(later <= earlier for earlier, later in pairwise(knots)) or knots[0] < 0:
        raise InputError(f"the knots of a timing table must rise from at least 0 ({where}): {', '.join(texts)[:60]!r}")
    return knots


def _numbers(texts: Sequence[str], unit: float, limit: float, where: str) -> tuple[float, ...]:
    """The numbers of `index_1 ("0.1, 0.2")` and `values ("1, 2", "3, 4")`, in our units."""
    words = " ".join(texts).replace(",", " ").replace("\\", " ").split()
    if len(words) > MAXIMUM_TABLE_ENTRIES:
        raise InputError(f"a timing table must have at most {MAXIMUM_TABLE_ENTRIES} entries ({where}): {len(words)}")
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        raise InputError(f"a timing table must hold numbers ({where}): {' '.join(words)[:60]!r}") from None
    if unit != 1.0:
        numbers = [number * unit for number in numbers]
    bad = next((number for number in numbers if not abs(number) <= limit), None)
    if bad is not None:
        raise InputError(f"a timing table must hold finite numbers up to {limit:g} in ns or fF ({where}): {bad}")
    return tuple(numbers)


def _bracket(knots: Sequence[float], position: float) -> tuple[int, float]:
    low = 0
    while low + 2 < len(knots) and knots[low + 1] <= position:
        low += 1
    return low, (position - knots[low]) / (knots[low + 1] - knots[low])
