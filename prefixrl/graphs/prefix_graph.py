"""`PrefixGraph`: the value that everything else takes: immutable, legal by construction, hashable, one canonical form.

Letters: N width (number of inputs), msb row (most significant bit), lsb column (least significant bit).
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Iterable
from functools import cached_property
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from prefixrl.errors import InputError
from prefixrl.graphs import rows as bit_rows

MIN_WIDTH = 2
MAX_WIDTH = 256
FORMAT = "prefixrl-graph-1"

Node = tuple[int, int]
Rule = Literal["rederive", "keep"]
RULES: tuple[Rule, ...] = ("rederive", "keep")


class PrefixGraph:
    """A legal prefix graph on `width` inputs.

    Node (msb, lsb) with msb >= lsb computes x_msb o ... o x_lsb. Inputs (i, i) and outputs (i, 0) are always there. The
    upper parent of (msb, lsb) is (msb, k), the present node of row msb with the smallest k > lsb; its lower parent is
    (k-1, lsb).

    :param width: number of inputs, 2 to 256
    :param nodes: (msb, lsb) of the nodes; inputs and outputs may be left out, repeats do no harm
    :param legalize: add missing lower parents instead of refusing the graph
    :raises InputError: width out of range, a node outside the triangle, or (unless `legalize`) a missing lower parent
    """

    _rows: bit_rows.Rows

    def __init__(self, width: int, nodes: Iterable[tuple[int, int]] = (), *, legalize: bool = False) -> None:
        width = check_width(width)
        rows = bit_rows.ripple_rows(width)
        for node in nodes:
            msb, lsb = check_node(width, node)
            rows[msb] |= 1 << lsb
        self._set_rows(rows, legalize)

    def _set_rows(self, rows: list[int], legalize: bool) -> None:
        if legalize:
            bit_rows.close(rows)
        elif (missing := bit_rows.first_missing(rows)) is not None:
            node, parent = missing
            raise InputError(f"a legal graph has the lower parent of every node; node {node} lacks {parent}")
        self.__dict__["_rows"] = tuple(rows)

    @classmethod
    def _of_legal_rows(cls, rows: Iterable[int]) -> PrefixGraph:
        graph = cls.__new__(cls)
        graph.__dict__["_rows"] = tuple(rows)
        return graph

    @classmethod
    def from_grid(cls, grid: NDArray[Any], legalize: bool = False) -> PrefixGraph:
        """Read a 0/1 matrix.

        :param grid: [N, N], row = msb, column = lsb; inputs and outputs may be left out
        :param legalize: add missing lower parents instead of refusing the graph
        :raises InputError: not square, other values than 0 and 1, a 1 above the diagonal, or not legal
        """
        grid = np.asarray(grid)
        if grid.ndim != 2 or grid.shape[0] != grid.shape[1]:
            raise InputError(f"a grid is square, got shape {grid.shape}")
        width = check_width(grid.shape[0])
        if not np.isin(grid, (0, 1)).all():
            raise InputError(f"a grid holds 0 and 1 only, got {grid[~np.isin(grid, (0, 1))][0]}")
        above = np.argwhere(np.triu(grid, 1))
        if len(above):
            raise InputError(f"a grid is zero above the diagonal (row = msb, column = lsb), got {_pair(above[0])}")
        ripple = bit_rows.ripple_rows(width)
        graph = cls.__new__(cls)
        graph._set_rows([row | ripple[msb] for msb, row in enumerate(_rows_of(grid.astype(bool)))], legalize)
        return graph

    @classmethod
    def from_legal_grid(cls, grid: NDArray[Any]) -> PrefixGraph:
        """The same, unchecked: for grids that the kernels made, which searches read by the million.

        :param grid: [N, N], a legal graph's `grid`
        """
        return cls._of_legal_rows(_rows_of(grid))

    @classmethod
    def from_bytes(cls, width: int, data: bytes) -> PrefixGraph:
        """The inverse of `to_bytes`.

        :raises InputError: wrong length, bits beyond the last cell, or not legal
        """
        width = check_width(width)
        cells = (width - 1) * (width - 2) // 2
        if len(data) != (cells + 7) // 8:
            raise InputError(f"a packed graph of width {width} has {(cells + 7) // 8} bytes, got {len(data)}")
        packed = int.from_bytes(data, "little")
        if packed >> cells:
            raise InputError(
                f"a packed graph of width {width} has {cells} bits, got a bit at {packed.bit_length() - 1}"
            )
        graph = cls.__new__(cls)
        graph._set_rows(bit_rows.int_to_rows(width, packed), legalize=False)
        return graph

    def to_bytes(self) -> bytes:
        """The free cells packed eight to a byte: cell i of `actions.free_cells` is bit i % 8 of byte i // 8."""
        cells = (self.width - 1) * (self.width - 2) // 2
        return bit_rows.rows_to_int(self._rows).to_bytes((cells + 7) // 8, "little")

    def bare(self) -> PrefixGraph:
        """An equal graph that holds nothing derived: at 16 bits levels and fanouts are 7 kB, much to keep of many."""
        return self._of_legal_rows(self._rows)

    @property
    def width(self) -> int:
        """Number of inputs, N."""
        return len(self._rows)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes but the inputs, by rising msb, then rising lsb."""
        return tuple(
            (msb, lsb) for msb, row in enumerate(self._rows) for _, lsb, _ in reversed(bit_rows.lower_parents(row))
        )

    @cached_property
    def size(self) -> int:
        """Number of nodes that are not inputs."""
        return sum(row.bit_count() for row in self._rows) - self.width

    @cached_property
    def depth(self) -> int:
        """Nodes on the longest path; inputs are at 0."""
        return max(max(row.values()) for row in self._level_rows)

    @cached_property
    def max_fanout(self) -> int:
        """Largest number of children of any node, inputs included."""
        return max(max(row.values()) for row in self._fanout_rows)

    @cached_property
    def grid(self) -> NDArray[np.uint8]:
        """uint8 [N, N], read-only: 1 where a node is present, inputs and outputs included."""
        return self._spread(self._rows)

    @cached_property
    def minlist(self) -> NDArray[np.uint8]:
        """uint8 [N, N], read-only: 1 at the free nodes that are nobody's lower parent."""
        return self._spread(self._minlist_rows)

    @cached_property
    def levels(self) -> NDArray[np.int16]:
        """int16 [N, N], read-only: level of every node, -1 where there is none."""
        return self._table(self._level_rows, absent=-1)

    @cached_property
    def fanouts(self) -> NDArray[np.int16]:
        """int16 [N, N], read-only: number of children of every node, 0 where there is none."""
        return self._table(self._fanout_rows, absent=0)

    @cached_property
    def key(self) -> str:
        """SHA-256 of the canonical form, in hexadecimal: equal for equal graphs, on every machine."""
        return hashlib.sha256(f"{FORMAT}:{self.width}:".encode() + self.to_bytes()).hexdigest()

    def __contains__(self, node: object) -> bool:
        """Whether (msb, lsb) is a node, inputs and outputs included."""
        if not isinstance(node, tuple) or len(node) != 2:
            return False
        msb, lsb = node
        return 0 <= lsb <= msb < self.width and bool(self._rows[msb] >> lsb & 1)

    def upper_parent(self, msb: int, lsb: int) -> Node:
        """(msb, k), the present node of row msb with the smallest k > lsb.

        :raises InputError: (msb, lsb) is not a node, or is an input
        """
        self._check_inner(msb, lsb)
        above = self._rows[msb] >> (lsb + 1)
        return msb, lsb + (above & -above).bit_length()

    def lower_parent(self, msb: int, lsb: int) -> Node:
        """(k-1, lsb), where (msb, k) is the upper parent.

        :raises InputError: (msb, lsb) is not a node, or is an input
        """
        return self.upper_parent(msb, lsb)[1] - 1, lsb

    def children(self, msb: int, lsb: int) -> tuple[Node, ...]:
        """The nodes that have (msb, lsb) as a parent, in canonical order; empty for a cell without node."""
        return self._children.get((msb, lsb), ())

    def topological_order(self) -> tuple[Node, ...]:
        """All nodes but the inputs, every node after its parents."""
        return self._topological_order

    def can_add(self, msb: int, lsb: int) -> bool:
        """Whether (msb, lsb) is a free cell without a node."""
        return 1 <= lsb < msb < self.width and not self._rows[msb] >> lsb & 1

    def can_delete(self, msb: int, lsb: int) -> bool:
        """Whether (msb, lsb) is a free node that is nobody's lower parent."""
        return 1 <= lsb < msb < self.width and bool(self._minlist_rows[msb] >> lsb & 1)

    def add(self, msb: int, lsb: int, rule: Rule = "rederive") -> PrefixGraph:
        """The graph with node (msb, lsb) added and made legal (DAC 2021, section on states and actions).

        :param rule: "rederive" closes minlist plus the cell, so that lower parents which only the old graph needed
            go; "keep" closes all nodes plus the cell
        :raises InputError: the cell is not free or has a node already (the action is redundant)
        """
        if not self.can_add(msb, lsb):
            raise InputError(f"add needs a cell between input and output that holds no node, got {(msb, lsb)}")
        rows = self._seed(rule)
        rows[msb] |= 1 << lsb
        return self._of_legal_rows(bit_rows.close(rows))

    def delete(self, msb: int, lsb: int, rule: Rule = "rederive") -> PrefixGraph:
        """The graph with node (msb, lsb) taken out and made legal.

        :param rule: "rederive" takes along the lower parents that only this node needed; "keep" leaves them
        :raises InputError: (msb, lsb) is not in minlist (the action is redundant: legalisation would put it back)
        """
        if not self.can_delete(msb, lsb):
            raise InputError(f"delete needs a free node that is nobody's lower parent, got {(msb, lsb)}")
        rows = self._seed(rule)
        rows[msb] &= ~(1 << lsb)
        return self._of_legal_rows(bit_rows.close(rows))

    def _seed(self, rule: str) -> list[int]:
        if rule == "keep":
            return list(self._rows)
        if rule == "rederive":
            ends = bit_rows.ripple_rows(self.width)
            return [row | end for row, end in zip(self._minlist_rows, ends, strict=True)]
        raise InputError(f"rule must be one of {', '.join(RULES)}, got {rule!r}")

    def _check_inner(self, msb: int, lsb: int) -> None:
        if (msb, lsb) not in self or msb == lsb:
            raise InputError(f"only a node that is not an input has parents, got {(msb, lsb)}")

    @cached_property
    def _minlist_rows(self) -> bit_rows.Rows:
        return bit_rows.minlist_rows(self._rows)

    @cached_property
    def _level_rows(self) -> list[dict[int, int]]:
        return bit_rows.level_rows(self._rows)

    @cached_property
    def _fanout_rows(self) -> list[dict[int, int]]:
        return bit_rows.fanout_rows(self._rows)

    @cached_property
    def _topological_order(self) -> tuple[Node, ...]:
        return tuple((msb, lsb) for msb, row in enumerate(self._rows) for _, lsb, _ in bit_rows.lower_parents(row))

    @cached_property
    def _children(self) -> dict[Node, tuple[Node, ...]]:
        found: dict[Node, list[Node]] = {}
        for node in self.nodes:
            found.setdefault(self.upper_parent(*node), []).append(node)
            found.setdefault(self.lower_parent(*node), []).append(node)
        return {parent: tuple(children) for parent, children in found.items()}

    def _spread(self, rows: bit_rows.Rows) -> NDArray[np.uint8]:
        row_bytes = (self.width + 7) // 8
        packed = np.frombuffer(b"".join(row.to_bytes(row_bytes, "little") for row in rows), np.uint8)
        grid = np.unpackbits(packed.reshape(self.width, row_bytes), axis=1, count=self.width, bitorder="little")
        grid.flags.writeable = False
        return grid

    def _table(self, rows: list[dict[int, int]], absent: int) -> NDArray[np.int16]:
        table = np.full((self.width, self.width), absent, np.int16)
        for msb, row in enumerate(rows):
            table[msb, list(row)] = list(row.values())
        table.flags.writeable = False
        return table

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PrefixGraph):
            return NotImplemented
        return self._rows == other._rows

    def __hash__(self) -> int:
        return hash(self._rows)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a PrefixGraph cannot be changed, got an assignment to {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a PrefixGraph cannot be changed, got a deletion of {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_bytes, (self.width, self.to_bytes())

    def __repr__(self) -> str:
        return f"<PrefixGraph width={self.width} size={self.size} depth={self.depth} key={self.key[:8]}>"


def check_width(width: object) -> int:
    """`width` as an int.

    :raises InputError: not an integer from 2 to 256
    """
    try:
        if isinstance(width, bool | np.bool_):
            raise TypeError
        value = operator.index(width)  # type: ignore[arg-type]
    except TypeError:
        raise InputError(f"width must be an integer from {MIN_WIDTH} to {MAX_WIDTH}, got {short_text(width)}") from None
    if not MIN_WIDTH <= value <= MAX_WIDTH:
        raise InputError(f"width must be an integer from {MIN_WIDTH} to {MAX_WIDTH}, got {short_text(value)}")
    return value


def check_node(width: int, node: object) -> Node:
    """`node` as a pair of ints with width > msb >= lsb >= 0.

    :raises InputError: anything else
    """
    try:
        pair: list[Any] = list(node)  # type: ignore[call-overload]
        if len(pair) != 2 or any(isinstance(number, bool | np.bool_) for number in pair):
            raise TypeError
        msb, lsb = operator.index(pair[0]), operator.index(pair[1])
    except TypeError:
        raise InputError(f"a node is a pair of integers (msb, lsb), got {short_text(node)}") from None
    if not 0 <= lsb <= msb < width:
        raise InputError(f"a node needs {width} > msb >= lsb >= 0, got {short_text((msb, lsb))}")
    return msb, lsb


def _rows_of(grid: NDArray[Any]) -> list[int]:
    """The rows of a 0/1 matrix, column i as bit i."""
    packed = np.packbits(grid, axis=1, bitorder="little")
    data, length = packed.tobytes(), packed.shape[1]
    return [int.from_bytes(data[begin : begin + length], "little") for begin in range(0, len(data), length)]


def _pair(index: NDArray[Any]) -> Node:
    return int(index[0]), int(index[1])


def short_text(value: object) -> str:
    """`repr` on one short line, whatever the value is (a huge integer has no decimal form that Python would print)."""
    try:
        text = repr(value)
    except ValueError:
        text = "a huge number"
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:77] + "..."
