"""One prefix graph as a tuple of integers: bit lsb of `rows[msb]` says that node (msb, lsb) is present.

Python's integers make single-graph edits quick without numba: a row is decoded once into its list of lower parents
and remembered, because neighbouring graphs of a search share nearly all their rows. `kernels` does the same work on
batches, `reference` does it slowly as the oracle.

Letters: N width, msb row (most significant bit), lsb column (least significant bit), k column of the upper parent.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

Rows = tuple[int, ...]


@lru_cache(maxsize=16384)
def lower_parents(row: int) -> tuple[tuple[int, int, int], ...]:
    """Decode one row: (row of the lower parent, lsb, 1 << lsb) for every node of the row but the input, lsb falling.

    :param row: the row's bits; the highest one is the input node of the row
    """
    k = row.bit_length() - 1
    rest = row ^ (1 << k)
    found = []
    while rest:
        lsb = rest.bit_length() - 1
        bit = 1 << lsb
        found.append((k - 1, lsb, bit))
        rest ^= bit
        k = lsb
    return tuple(found)


def free_mask(msb: int) -> int:
    """Bits 1 .. msb-1: the cells of row msb that are neither input nor output."""
    return (1 << msb) - 2 if msb else 0


def ripple_rows(width: int) -> list[int]:
    """Inputs and outputs alone."""
    return [(1 << msb) | 1 for msb in range(width)]


def close(rows: list[int]) -> list[int]:
    """Add every missing lower parent, in place. One pass suffices: a lower parent lies in a lower row.

    :param rows: with inputs and outputs present
    """
    for msb in range(len(rows) - 1, 0, -1):
        for r, _, bit in lower_parents(rows[msb]):
            rows[r] |= bit
    return rows


def first_missing(rows: Sequence[int]) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """A node that lacks its lower parent, highest row first, as (node, missing parent); None when legal."""
    for msb in range(len(rows) - 1, 0, -1):
        for r, lsb, bit in lower_parents(rows[msb]):
            if not rows[r] & bit:
                return (msb, lsb), (r, lsb)
    return None


def lower_parent_rows(rows: Sequence[int]) -> Rows:
    """Bits of the nodes that are the lower parent of at least one node."""
    marks = [0] * len(rows)
    for row in rows:
        for r, _, bit in lower_parents(row):
            marks[r] |= bit
    return tuple(marks)


def minlist_rows(rows: Sequence[int]) -> Rows:
    """Bits of the free nodes that are nobody's lower parent: `close` of them gives the graph back."""
    marks = lower_parent_rows(rows)
    return tuple(row & ~mark & free_mask(msb) for msb, (row, mark) in enumerate(zip(rows, marks, strict=True)))


def level_rows(rows: Sequence[int]) -> list[dict[int, int]]:
    """Level of every node, one dictionary {lsb: level} per row; inputs are at level 0."""
    levels: list[dict[int, int]] = []
    for msb, row in enumerate(rows):
        level = 0
        found = {msb: 0}
        for r, lsb, _ in lower_parents(row):
            other = found[lsb] if r == msb else levels[r][lsb]
            level = 1 + (level if level > other else other)
            found[lsb] = level
        levels.append(found)
    return levels


def fanout_rows(rows: Sequence[int]) -> list[dict[int, int]]:
    """Number of children of every node, one dictionary {lsb: children} per row.

    Every node but the output is the upper parent of exactly one node, the next one of its row.
    """
    fanouts: list[dict[int, int]] = []
    for msb, row in enumerate(rows):
        columns = [msb, *(lsb for _, lsb, _ in lower_parents(row))]
        fanouts.append({lsb: int(lsb > 0) for lsb in columns})
        for r, lsb, _ in lower_parents(row):
            fanouts[r][lsb] += 1
    return fanouts


def rows_to_int(rows: Sequence[int]) -> int:
    """The free cells as one integer, cell i (numbered as in `actions`) at bit i."""
    packed = 0
    offset = 0
    for msb in range(2, len(rows)):
        packed |= ((rows[msb] & free_mask(msb)) >> 1) << offset
        offset += msb - 1
    return packed


def int_to_rows(width: int, packed: int) -> list[int]:
    """The inverse of `rows_to_int`, with inputs and outputs put in."""
    rows = ripple_rows(width)
    for msb in range(2, width):
        rows[msb] |= (packed & ((1 << (msb - 1)) - 1)) << 1
        packed >>= msb - 1
    return rows
