"""Standard cells found by what they compute: a role such as AOI21 is a truth table, not a name.

Operand order of the roles (the mapper speaks in these, the cell's own pins are found by permutation):
INV(x) BUF(x) NAND2(x, y) NOR2(x, y) AND2(x, y) OR2(x, y) XOR2(x, y) XNOR2(x, y), AOI21(g, p, h) = !(g | p & h),
OAI21(g, p, h) = !(g & (p | h)), AO21 and OA21 likewise without the inversion, AOI22(x, y, p, h) = !(x & y | p & h),
ZERO() and ONE().
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import permutations

from prefixrl.circuits.functions import Expression, parse_function, truth_table
from prefixrl.errors import InputError

ROLE_FUNCTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "ZERO": ((), "0"),
    "ONE": ((), "1"),
    "BUF": (("x",), "x"),
    "INV": (("x",), "!x"),
    "NAND2": (("x", "y"), "!(x & y)"),
    "NOR2": (("x", "y"), "!(x | y)"),
    "AND2": (("x", "y"), "x & y"),
    "OR2": (("x", "y"), "x | y"),
    "XOR2": (("x", "y"), "x ^ y"),
    "XNOR2": (("x", "y"), "!(x ^ y)"),
    "AOI21": (("g", "p", "h"), "!(g | (p & h))"),
    "OAI21": (("g", "p", "h"), "!(g & (p | h))"),
    "AO21": (("g", "p", "h"), "g | (p & h)"),
    "OA21": (("g", "p", "h"), "g & (p | h)"),
    "AOI22": (("x", "y", "p", "h"), "!((x & y) | (p & h))"),
}


@dataclass(frozen=True)
class Cell:
    """A combinational cell with one output.

    :param name: the library's name of the cell
    :param area_um2: area as the Liberty file states it
    :param inputs: input pins in the library's order
    :param output: output pin
    :param function: Liberty function of the output, over the inputs
    :raises InputError: the function is not one, names other pins, or the area is negative
    """

    name: str
    area_um2: float
    inputs: tuple[str, ...]
    output: str
    function: str
    truth_table: int = field(default=-1, repr=False)
    """Bit i is the output where input j equals bit j of i; worked out from the function when left at -1."""

    def __post_init__(self) -> None:
        if not self.area_um2 >= 0:
            raise InputError(f"the area of cell {self.name} must not be negative: {self.area_um2}")
        table = truth_table(self.expression, self.inputs)
        if self.truth_table not in (-1, table):
            raise InputError(f"the truth table of cell {self.name} must be that of its function: {self.function!r}")
        object.__setattr__(self, "truth_table", table)

    @cached_property
    def expression(self) -> Expression:
        """The parsed function."""
        return parse_function(self.function)


@dataclass(frozen=True)
class RoleCell:
    """A cell that plays a role: `pins[i]` is the pin that takes the role's operand i."""

    cell: Cell
    pins: tuple[str, ...]

    @property
    def area_um2(self) -> float:
        return self.cell.area_um2


class CellLibrary:
    """The combinational single-output cells of a library, with the smallest cell of every role.

    A library can be mapped to when it has a NAND2, of which everything else can be composed; see `require_mappable`.

    :param cells: distinct names
    :param dont_use: cell names or shell patterns (`*lpflow*`) that are known, but never chosen
    :raises InputError: two cells of one name
    """

    def __init__(self, cells: Iterable[Cell], dont_use: Iterable[str] = ()) -> None:
        self._cells: dict[str, Cell] = {}
        for cell in cells:
            if cell.name in self._cells:
                raise InputError(f"a cell library must not have two cells of one name: {cell.name}")
            self._cells[cell.name] = cell
        self.dont_use = tuple(dont_use)
        usable = sorted((cell for cell in self if not self.avoids(cell.name)), key=_preference)
        self._roles = {role: _players(role, usable) for role in ROLE_FUNCTIONS}

    def avoids(self, name: str) -> bool:
        """Whether a cell is known, but not to be used."""
        return any(fnmatchcase(name, pattern) for pattern in self.dont_use)

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._cells.values())

    def __len__(self) -> int:
        return len(self._cells)

    def __contains__(self, name: object) -> bool:
        return name in self._cells

    def __getitem__(self, name: str) -> Cell:
        """The cell of that name.

        :raises InputError: the library has none
        """
        try:
            return self._cells[name]
        except KeyError:
            raise InputError(f"the library must have every cell of a netlist: {name}") from None

    def role(self, name: str) -> RoleCell | None:
        """The smallest usable cell that plays a role, or None; equal areas go to the shorter name."""
        players = self._roles[name]
        return players[0] if players else None

    def players(self, name: str) -> tuple[RoleCell, ...]:
        """All usable cells that play a role (its drive strengths and look-alikes), by rising area."""
        return self._roles[name]

    def require_mappable(self) -> None:
        """Check that every circuit can be composed from what the library has.

        :raises InputError: there is no usable two-input NAND
        """
        if self.role("NAND2") is None:
            raise InputError(f"a cell library must have a two-input NAND (NAND2): none among {len(self)} cells")

    @cached_property
    def key(self) -> str:
        """SHA-256 of what mapping depends on: names, areas, pins, functions, and the cells not to use."""
        digest = hashlib.sha256(repr(self.dont_use).encode())
        for cell in sorted(self, key=lambda cell: cell.name):
            digest.update(repr((cell.name, cell.area_um2, cell.inputs, cell.output, cell.function)).encode())
        return digest.hexdigest()


def _preference(cell: Cell) -> tuple[float, int, str]:
    """Smaller first; of equal areas the shorter name, so that a plain inverter goes before a clock inverter."""
    return (cell.area_um2, len(cell.name), cell.name)


def _players(role: str, cells: list[Cell]) -> tuple[RoleCell, ...]:
    operands, function = ROLE_FUNCTIONS[role]
    expression = parse_function(function)
    orders = list(permutations(range(len(operands))))
    tables = [truth_table(expression, [operands[place] for place in order]) for order in orders]
    players = []
    for cell in cells:
        if len(cell.inputs) == len(operands) and cell.truth_table in tables:
            order = orders[tables.index(cell.truth_table)]
            pins = tuple(cell.inputs[order.index(operand)] for operand in range(len(operands)))
            players.append(RoleCell(cell, pins))
    return tuple(players)
