"""Libraries, graphs and circuits that the circuit tests share."""

from __future__ import annotations

import random
from functools import lru_cache

from prefixrl.circuits import Circuit
from prefixrl.circuits.cells import Cell, CellLibrary
from prefixrl.circuits.kinds import CARRY_KINDS, KINDS
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.pdk import Pdk, load_pdk

# Every kind with every choice of carries.
VARIANTS = [
    (kind, carry_in, carry_out)
    for kind in KINDS
    for carry_in in ((False, True) if kind in CARRY_KINDS else (False,))
    for carry_out in ((True, False) if kind in CARRY_KINDS else (False,))
]

_FUNCTIONS = {
    "INV": (("A",), "!A"),
    "BUF": (("A",), "A"),
    "NAND2": (("A", "B"), "(A B)'"),
    "NOR2": (("A", "B"), "!(A+B)"),
    "AND2": (("A", "B"), "A*B"),
    "OR2": (("A", "B"), "A|B"),
    "XOR2": (("A", "B"), "A^B"),
    "XNOR2": (("A", "B"), "!(A^B)"),
    "AOI21": (("A1", "A2", "B"), "!((A1 & A2) | B)"),
    "OAI21": (("A1", "A2", "B"), "!((A1 | A2) & B)"),
    "AO21": (("A1", "A2", "B"), "(A1 & A2) | B"),
    "OA21": (("A1", "A2", "B"), "(A1 | A2) & B"),
}


@lru_cache(maxsize=1)
def nangate45() -> Pdk:
    """The embedded PDK."""
    return load_pdk("nangate45")


@lru_cache(maxsize=1)
def nangate45_library() -> CellLibrary:
    """Its cells."""
    return nangate45().library()


def made_up_library(*roles: str) -> CellLibrary:
    """A library with one cell for each of these roles, of areas that grow with the inputs."""
    return CellLibrary(
        Cell(f"{role}_cell", 1.0 + len(_FUNCTIONS[role][0]), _FUNCTIONS[role][0], "Y", _FUNCTIONS[role][1])
        for role in roles
    )


def random_graph(width: int, seed: int) -> PrefixGraph:
    """A legal graph with some random nodes."""
    draw = random.Random(seed)
    count = draw.randrange(2 * width)
    nodes = [
        (msb, draw.randrange(1, msb)) for msb in (draw.randrange(2, width) for _ in range(count if width > 2 else 0))
    ]
    return PrefixGraph(width, nodes, legalize=True)


def circuit(
    kind: str, graph: PrefixGraph | str, width: int = 0, carry_in: bool = False, carry_out: bool = True
) -> Circuit:
    """A circuit of a graph, or of a structure's name and a width."""
    return Circuit(kind, structure(graph, width) if isinstance(graph, str) else graph, carry_in, carry_out)
