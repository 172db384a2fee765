"""Building gates by role: the library's cell where it has one, else a composition of what it has.

A library with nothing but a NAND2 can be built with; every missing role costs gates and depth.
"""

from __future__ import annotations

from collections.abc import Callable

from prefixrl.circuits.cells import ROLE_FUNCTIONS, CellLibrary
from prefixrl.circuits.netlist import Gate

Recipe = Callable[["Builder", tuple[str, ...], str], None]


class Builder:
    """Collects gates; `build(role, operands, net)` drives `net` with the role's function of the operand nets.

    :param library: must have a NAND2 (`CellLibrary.require_mappable`)
    """

    def __init__(self, library: CellLibrary) -> None:
        self._library = library
        self.gates: list[Gate] = []
        self._templates = {
            role: (match.cell.name, match.pins, match.cell.output)
            for role in ROLE_FUNCTIONS
            if (match := library.role(role)) is not None
        }

    def has(self, role: str) -> bool:
        """Whether the library has a cell for a role."""
        return role in self._templates

    def build(self, role: str, operands: tuple[str, ...], net: str) -> str:
        """Drive `net`; intermediate nets of a composition are called `net` with a suffix. Returns `net`."""
        template = self._templates.get(role)
        if template is None:
            _COMPOSITIONS[role](self, operands, net)
        else:
            cell, pins, output = template
            self.gates.append(Gate(cell, tuple(zip(pins, operands, strict=True)), output, net))
        return net

    def inner(self, net: str, suffix: str) -> str:
        """Name of an intermediate net: `sum[3]` -> `sum_3_x`."""
        return net.replace("[", "_").replace("]", "") + suffix


def role_areas(library: CellLibrary) -> dict[str, float]:
    """Area in um2 of every role that can be built, smallest cells, compositions included."""
    areas = {}
    for role, (operands, _) in ROLE_FUNCTIONS.items():
        if operands:
            builder = Builder(library)
            builder.build(role, operands, "net")
            areas[role] = sum(library[gate.cell].area_um2 for gate in builder.gates)
    return areas


def _inv(builder: Builder, operands: tuple[str, ...], net: str) -> None:
    (x,) = operands
    builder.build("NAND2", (x, x), net)


def _inverted(role: str) -> Recipe:
    """The inverse of another role."""

    def recipe(builder: Builder, operands: tuple[str, ...], net: str) -> None:
        builder.build("INV", (builder.build(role, operands, builder.inner(net, "_i")),), net)

    return recipe


def _or2(builder: Builder, operands: tuple[str, ...], net: str) -> None:
    if builder.has("NOR2"):
        _inverted("NOR2")(builder, operands, net)
        return
    x, y = (builder.build("INV", (o,), builder.inner(net, f"_{k}")) for k, o in enumerate(operands))
    builder.build("NAND2", (x, y), net)


def _aoi21(builder: Builder, operands: tuple[str, ...], net: str) -> None:
    g, p, h = operands
    if builder.has("AO21"):
        _inverted("AO21")(builder, operands, net)
    elif builder.has("NOR2"):
        builder.build("NOR2", (g, builder.build("AND2", (p, h), builder.inner(net, "_a"))), net)
    else:
        both = builder.build("NAND2", (p, h), builder.inner(net, "_a"))
        not_g = builder.build("INV", (g,), builder.inner(net, "_g"))
        builder.build("AND2", (not_g, both), net)


def _oai21(builder: Builder, operands: tuple[str, ...], net: str) -> None:
    g, p, h = operands
    if builder.has("OA21"):
        _inverted("OA21")(builder, operands, net)
    else:
        builder.build("NAND2", (g, builder.build("OR2", (p, h), builder.inner(net, "_o"))), net)


def _aoi22(builder: Builder, operands: tuple[str, ...], net: str) -> None:
    x, y, p, h = operands
    both = builder.build("NAND2", (x, y), builder.inner(net, "_g"))
    passed = builder.build("NAND2", (p, h), builder.inner(net, "_a"))
    builder.build("AND2", (both, passed), net)


def _xor2(builder: Builder, operands: tuple[str, ...], net: str) -> None:
    if builder.has("XNOR2"):
        _inverted("XNOR2")(builder, operands, net)
        return
    x, y = operands
    both = builder.build("NAND2", (x, y), builder.inner(net, "_b"))
    left = builder.build("NAND2", (x, both), builder.inner(net, "_x"))
    right = builder.build("NAND2", (both, y), builder.inner(net, "_y"))
    builder.build("NAND2", (left, right), net)


def _xnor2(builder: Builder, operands: tuple[str, ...], net: str) -> None:
    if builder.has("XOR2"):
        _inverted("XOR2")(builder, operands, net)
        return
    both = builder.build("NAND2", operands, builder.inner(net, "_b"))
    builder.build("OAI21", (both, *operands), net)


_COMPOSITIONS: dict[str, Recipe] = {
    "INV": _inv,
    "BUF": _inverted("INV"),
    "AND2": _inverted("NAND2"),
    "OR2": _or2,
    "NOR2": _inverted("OR2"),
    "AOI21": _aoi21,
    "OAI21": _oai21,
    "AO21": _inverted("AOI21"),
    "OA21": _inverted("OAI21"),
    "AOI22": _aoi22,
    "XOR2": _xor2,
    "XNOR2": _xnor2,
}
