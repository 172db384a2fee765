"""A cell library as flat arrays, which compiled code takes; see `NativeLibrary` for what they hold.

Cells that compute the same function, whatever their pins are called, are one **family**: its members differ in drive
strength and can take each other's place. Operands are numbered as in the family's first member, or as in
`cells.ROLE_FUNCTIONS` where the family plays a role of the mapper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, permutations
from typing import NamedTuple

import numpy as np

from prefixrl.circuits.cells import ROLE_FUNCTIONS, Cell, CellLibrary
from prefixrl.errors import InputError
from prefixrl.synthesis.liberty_tables import Table
from prefixrl.synthesis.liberty_timing import TimedCell

RISE, FALL = 0, 1
MAXIMUM_OPERANDS = 4
"""Cells of more inputs are left out."""

# The output edges that an input edge leads to.
_EDGES = {
    "positive_unate": ((RISE, RISE), (FALL, FALL)),
    "negative_unate": ((FALL, RISE), (RISE, FALL)),
    "non_unate": ((RISE, RISE), (FALL, RISE), (RISE, FALL), (FALL, FALL)),
}
_NAMES = {RISE: ("cell_rise", "rise_transition"), FALL: ("cell_fall", "fall_transition")}


class Tables(NamedTuple):
    """The arrays of a library, as compiled code takes them.

    Letters: K cells, O operands (`MAXIMUM_OPERANDS`), R arcs, A axes. An arc leads from one edge at one operand to one
    edge at the output. All tables of a cell have the same axes (`_Builder` sees to it, at no loss), so an arc has one
    run of `patches`, row by row of slew intervals, within them the load intervals. Of the eight numbers of a patch the
    first four give the delay, c0 + c1 slew + c2 load + c3 slew load, and the others the output slew.

    :param area: [K] um2
    :param family: [K]
    :param family_first: [F + 1] usable cells of family f: family_first[f] up to the next entry of `members`
    :param members: [K] by rising area within each family
    :param rank: [K] place of a cell in `members`
    :param parity: [F] whether it is a family of XOR or XNOR
    :param twin_first: [F + 1] pairs of operands that family f's function does not tell apart
    :param twins: [*, 2]
    :param operands: [K] number of operands
    :param pin_ff: [K, O, 2] capacitance of an operand's pin when it rises and when it falls, fF
    :param maximum_ff: [K] most load, infinite where the library states none
    :param slew_axis: [K] axis 0 is that of most cells
    :param load_axis: [K]
    :param arc_first: [K + 1] arcs of cell k: arc_first[k] up to the next entry, by operand
    :param arcs: [R, 4] operand, edge at it, edge at the output, first patch
    :param patches: [*, 8]
    :param axis_first: [A + 1] knots of axis a: axis_first[a] up to the next entry
    :param knots: ns or fF
    """

    area: np.ndarray
    family: np.ndarray
    family_first: np.ndarray
    members: np.ndarray
    rank: np.ndarray
    parity: np.ndarray
    twin_first: np.ndarray
    twins: np.ndarray
    operands: np.ndarray
    pin_ff: np.ndarray
    maximum_ff: np.ndarray
    slew_axis: np.ndarray
    load_axis: np.ndarray
    arc_first: np.ndarray
    arcs: np.ndarray
    patches: np.ndarray
    axis_first: np.ndarray
    knots: np.ndarray


@dataclass(frozen=True)
class NativeLibrary:
    """The usable cells of a PDK.

    :param cells: cell k
    :param orders: pins of cell k by operand
    :param families: family f's cells, by rising area
    :param roles: role of the mapper -> family, where the library has it
    :param tables: see `Tables`
    """

    cells: tuple[Cell, ...]
    orders: tuple[tuple[str, ...], ...]
    families: tuple[tuple[int, ...], ...]
    roles: Mapping[str, int]
    tables: Tables

    @cached_property
    def number(self) -> dict[str, int]:
        """Cell k by its name."""
        return {cell.name: k for k, cell in enumerate(self.cells)}


def native_library(
    library: CellLibrary, timed: Mapping[str, TimedCell], extra: Iterable[TimedCell] = ()
) -> NativeLibrary:
    """The arrays for a library.

    :param library: says which cells may be used, and who plays which role
    :param timed: the usable cells with their timing
    :param extra: further cells that may stand in netlists or drive inputs, but are never chosen
    :raises InputError: an arc without both of its tables
    """
    usable = [cell for cell in timed.values() if cell.cell.inputs]
    chosen = {cell.cell.name: cell for cell in (*usable, *extra) if 0 < len(cell.cell.inputs) <= MAXIMUM_OPERANDS}
    orders, family_of, roles = _families(library, [timed.cell for timed in chosen.values()])
    cells = sorted(chosen.values(), key=lambda each: (family_of[each.cell.name], each.cell.area_um2, each.cell.name))
    members: dict[int, list[int]] = {}
    for k, each in enumerate(cells):
        if each.cell.name in timed:
            members.setdefault(family_of[each.cell.name], []).append(k)
    count = max(family_of.values(), default=-1) + 1
    families = tuple(tuple(members.get(family, ())) for family in range(count))
    return NativeLibrary(
        tuple(each.cell for each in cells),
        tuple(orders[each.cell.name] for each in cells),
        families,
        roles,
        _Builder().build(cells, orders, family_of, families),
    )


def _families(
    library: CellLibrary, cells: list[Cell]
) -> tuple[dict[str, tuple[str, ...]], dict[str, int], dict[str, int]]:
    """Pins by operand of every cell, its family, and the family of every role."""
    orders: dict[str, tuple[str, ...]] = {}
    family_of: dict[str, int] = {}
    roles: dict[str, int] = {}
    by_function: dict[tuple[int, int], int] = {}
    for role, (operands, _) in ROLE_FUNCTIONS.items():
        players = library.players(role)
        if not operands or not players:
            continue
        roles[role] = len(by_function)
        for player in players:
            orders[player.cell.name] = player.pins
            family_of[player.cell.name] = roles[role]
        first = players[0]
        by_function[len(operands), _table_of(first.cell, first.pins)] = roles[role]
    for cell in cells:
        if cell.name in family_of:
            continue
        for pins in permutations(cell.inputs):
            family = by_function.get((len(pins), _table_of(cell, pins)))
            if family is not None:
                break
        else:
            pins, family = cell.inputs, len(by_function)
            by_function[len(pins), _table_of(cell, pins)] = family
        orders[cell.name], family_of[cell.name] = pins, family
    return orders, family_of, roles


def _table_of(cell: Cell, pins: tuple[str, ...]) -> int:
    """The truth table with the pins in another order."""
    table = 0
    for pattern in range(1 << len(pins)):
        row = sum((pattern >> place & 1) << cell.inputs.index(pin) for place, pin in enumerate(pins))
        table |= (cell.truth_table >> row & 1) << pattern
    return table


def _is_parity(cell: Cell) -> bool:
    """Whether a cell of two operands or more is the XOR or XNOR of them."""
    odd = sum(1 << pattern for pattern in range(1 << len(cell.inputs)) if pattern.bit_count() % 2)
    return len(cell.inputs) > 1 and cell.truth_table in (odd, odd ^ ((1 << (1 << len(cell.inputs))) - 1))


def _twins(cell: Cell, pins: tuple[str, ...]) -> list[tuple[int, int]]:
    """Pairs of operands that can be exchanged."""
    table = _table_of(cell, pins)
    found = []
    for pair in combinations(range(len(pins)), 2):
        swapped = list(pins)
        swapped[pair[0]], swapped[pair[1]] = pins[pair[1]], pins[pair[0]]
        if _table_of(cell, tuple(swapped)) == table:
            found.append(pair)
    return found


class _Builder:
    """Collects tables and axes, each of them once."""

    def __init__(self) -> None:
        self._patches: list[np.ndarray] = []
        self._length = 0
        self._axes: dict[tuple[float, ...], int] = {}
        self._runs: dict[bytes, int] = {}

    def build(
        self,
        cells: list[TimedCell],
        orders: Mapping[str, tuple[str, ...]],
        family_of: Mapping[str, int],
        families: tuple[tuple[int, ...], ...],
    ) -> Tables:
        stated = [_needed(_stated_arcs(each, orders[each.cell.name])) for each in cells]
        axes = [_common_axes(arcs) for arcs in stated]
        (commonest, _), *_ = Counter(slews for slews, _ in axes).most_common()
        self._axes[commonest] = 0
        pin_ff = np.zeros((len(cells), MAXIMUM_OPERANDS, 2))
        first, arcs = [0], []
        for k, (each, (slews, loads)) in enumerate(zip(cells, axes, strict=True)):
            for place, pin in enumerate(orders[each.cell.name]):
                pin_ff[k, place] = _capacitances(each.capacitance_ff[pin])
            for arc in stated[k]:
                arcs.append((arc.operand, arc.edge_in, arc.edge_out, self._run(arc, slews, loads)))
            first.append(len(arcs))
        numbers = [[self._axes.setdefault(axis, len(self._axes)) for axis in pair] for pair in axes]
        flat = np.array([k for members in families for k in members], dtype=np.int32)
        rank = np.full(len(cells), -1, dtype=np.int32)
        rank[flat] = np.arange(len(flat))
        cell_of = {family_of[each.cell.name]: each.cell for each in cells}
        twins = [_twins(cell_of[family], orders[cell_of[family].name]) for family in range(len(families))]
        limits = [np.inf if each.maximum_load_ff is None else each.maximum_load_ff for each in cells]
        return Tables(
            np.array([each.cell.area_um2 for each in cells]),
            np.array([family_of[each.cell.name] for each in cells], dtype=np.int32),
            np.concatenate(([0], np.cumsum([len(members) for members in families]))).astype(np.int32),
            flat,
            rank,
            np.array([_is_parity(cell_of[family]) for family in range(len(families))]),
            np.concatenate(([0], np.cumsum([len(pairs) for pairs in twins]))).astype(np.int32),
            np.array([pair for pairs in twins for pair in pairs], dtype=np.int32).reshape(-1, 2),
            np.array([len(each.cell.inputs) for each in cells], dtype=np.int32),
            pin_ff,
            np.array(limits, dtype=np.float64),
            np.array([slew for slew, _ in numbers], dtype=np.int32),
            np.array([load for _, load in numbers], dtype=np.int32),
            np.array(first, dtype=np.int32),
            np.array(arcs, dtype=np.int32).reshape(-1, 4),
            np.concatenate(self._patches),
            np.concatenate(([0], np.cumsum([len(axis) for axis in self._axes]))).astype(np.int32),
            np.concatenate([np.array(axis) for axis in self._axes]),
        )

    def _run(self, arc: _StatedArc, slews: tuple[float, ...], loads: tuple[float, ...]) -> int:
        """The first patch of an arc's two tables."""
        pair = [
            table if (table.slews, table.loads) == (slews, loads) else table.resampled(slews, loads)
            for table in (arc.delay, arc.slew)
        ]
        run = np.concatenate([_patches(table) for table in pair], axis=1)
        key = run.tobytes()
        if key not in self._runs:
            self._runs[key] = self._length
            self._patches.append(run)
            self._length += len(run)
        return self._runs[key]


class _StatedArc(NamedTuple):
    operand: int
    edge_in: int
    edge_out: int
    delay: Table
    slew: Table


def _stated_arcs(cell: TimedCell, order: tuple[str, ...]) -> list[_StatedArc]:
    found = []
    for operand, pin in enumerate(order):
        for arc in cell.conditions.get(pin) or (cell.arcs[pin],):
            for edge_in, edge_out in _EDGES[arc.sense]:
                delay, slew = (arc.tables.get(name) for name in _NAMES[edge_out])
                if delay is None and slew is None:
                    continue  # this condition is about the other edge
                if delay is None or slew is None:
                    raise InputError(f"an arc must have a table of delays and one of slews: {cell.cell.name}, {pin}")
                found.append(_StatedArc(operand, edge_in, edge_out, delay, slew))
    return found


def _needed(arcs: list[_StatedArc]) -> list[_StatedArc]:
    """The arcs, sorted, without those that another one between the same edges is never below.

    Bilinear tables that are ordered at all knots, and beyond the last ones too, are ordered everywhere.
    """
    kept: list[_StatedArc] = []
    for arc in sorted(arcs, key=lambda each: each[:3]):
        rivals = [each for each in kept if each[:3] == arc[:3]]
        if any(_covers(each, arc) for each in rivals):
            continue
        kept = [each for each in kept if each[:3] != arc[:3] or not _covers(arc, each)]
        kept.append(arc)
    return kept


def _covers(arc: _StatedArc, other: _StatedArc) -> bool:
    return all(
        (table.slews, table.loads) == (rival.slews, rival.loads) and bool((_widened(table) >= _widened(rival)).all())
        for table, rival in ((arc.delay, other.delay), (arc.slew, other.slew))
    )


def _widened(table: Table) -> np.ndarray:
    """The values with those beyond the table: no slew, no load, and twice the last knots."""
    slews = (0.0, *table.slews, 2 * table.slews[-1])
    loads = (0.0, *table.loads, 2 * table.loads[-1])
    return table.resampled(slews, loads).values


def _common_axes(arcs: Iterable[_StatedArc]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Slews and loads of all tables: on more knots a bilinear table is the same one."""
    tables = [table for arc in arcs for table in (arc.delay, arc.slew)]
    slews = {table.slews for table in tables}
    loads = {table.loads for table in tables}
    return tuple(sorted(set().union(*slews))), tuple(sorted(set().union(*loads)))


def _capacitances(stated: Mapping[str, float]) -> tuple[float, float]:
    """Of a rising and a falling pin; `capacitance` stands for either where that is not stated."""
    plain = stated.get("capacitance")
    rise = stated.get("rise_capacitance", plain)
    fall = stated.get("fall_capacitance", plain)
    either = rise if rise is not None else fall
    assert either is not None
    return (either if rise is None else rise, either if fall is None else fall)


def _patches(table: Table) -> np.ndarray:
    """[(S - 1) * (L - 1), 4] coefficients of the bilinear patches."""
    slews, loads, values = np.array(table.slews), np.array(table.loads), np.asarray(table.values)
    slew, load = slews[:-1, None], loads[None, :-1]
    ds, dl = np.diff(slews)[:, None], np.diff(loads)[None, :]
    corner = values[:-1, :-1]
    along_s = (values[1:, :-1] - corner) / ds
    along_l = (values[:-1, 1:] - corner) / dl
    both = (values[1:, 1:] - values[1:, :-1] - values[:-1, 1:] + corner) / (ds * dl)
    constant = corner - along_s * slew - along_l * load + both * slew * load
    coefficients = np.stack([constant, along_s - both * load, along_l - both * slew, both + 0 * slew], axis=-1)
    return np.ascontiguousarray(coefficients.reshape(-1, 4))
