"""Every legal graph of a width, row by row from the bottom (the structure enumeration of Roy et al., DAC 2013).

A graph of N inputs without its highest row is a legal graph of N-1 inputs; and a row may be put on top of any legal
graph whose nodes are the row's lower parents. So the legal graphs of N inputs are those of N-1 inputs, each with every
row that fits on it, and none comes twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from prefixrl.graphs.prefix_graph import PrefixGraph, check_width
from prefixrl.graphs.rows import Rows

GRAPH_COUNTS = {2: 1, 3: 2, 4: 7, 5: 43, 6: 471, 7: 9296, 8: 332_632}
"""Legal graphs by width, as `count_graphs` counts them."""


@lru_cache(maxsize=65536)
def columns(row: int) -> tuple[int, ...]:
    """The columns of a row's nodes, its input included, falling."""
    return tuple(column for column in range(row.bit_length() - 1, -1, -1) if row >> column & 1)


def row_choices(rows: Rows) -> Iterator[int]:
    """Every row that can be put on top of a legal graph, as bits, its input and output included.

    The next node of a row, below (msb, k), may be any (msb, c) whose lower parent (k-1, c) is present.

    :param rows: the rows of the graph, as in `rows`; the new one has the number `len(rows)`
    """
    msb = len(rows)
    partial = [(msb, 1 << msb)]
    while partial:
        k, bits = partial.pop()
        for column in columns(rows[k - 1]):
            if column:
                partial.append((column, bits | 1 << column))
            else:
                yield bits | 1


def all_rows(width: int) -> Iterator[Rows]:
    """The rows of every legal graph of a width, each once."""
    if width == 1:
        yield (1,)
        return
    for lower in all_rows(width - 1):
        yield from ((*lower, row) for row in row_choices(lower))


def all_graphs(width: int) -> Iterator[PrefixGraph]:
    """Every legal graph of a width, each once.

    :param width: 2 and more; beyond 8 there are too many to wait for
    :raises InputError: width out of range
    """
    return (graph_of(rows) for rows in all_rows(check_width(width)))


def graph_of(rows: Rows) -> PrefixGraph:
    """The graph of rows that came from here, which are legal."""
    return PrefixGraph._of_legal_rows(rows)


def count_graphs(width: int) -> int:
    """How many legal graphs a width has: the rows that fit on each graph of one input less are counted, not made.

    :raises InputError: width out of range
    """
    return sum(_count_rows(rows) for rows in all_rows(check_width(width) - 1))


def _count_rows(rows: Rows) -> int:
    ways = [1]  # of going on below a node in column k, to the output
    for k in range(1, len(rows) + 1):
        ways.append(sum(ways[column] for column in columns(rows[k - 1])))
    return ways[-1]
