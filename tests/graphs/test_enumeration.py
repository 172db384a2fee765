"""Enumeration: every legal graph, once."""

from __future__ import annotations

import itertools

import pytest

from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph, free_cells
from prefixrl.graphs.enumeration import GRAPH_COUNTS, all_graphs, count_graphs, row_choices
from prefixrl.graphs.rows import ripple_rows


def _by_trying(width: int) -> set[PrefixGraph]:
    cells = [tuple(cell) for cell in free_cells(width).tolist()]
    found = set()
    for chosen in itertools.product((False, True), repeat=len(cells)):
        try:
            found.add(PrefixGraph(width, [cell for cell, there in zip(cells, chosen, strict=True) if there]))
        except InputError:
            continue
    return found


@pytest.mark.parametrize("width", [2, 3, 4, 5])
def test_all_graphs_are_those_that_a_prefix_graph_accepts(width: int) -> None:
    graphs = list(all_graphs(width))
    assert len(graphs) == len(set(graphs)) == GRAPH_COUNTS[width]
    assert set(graphs) == _by_trying(width)


@pytest.mark.parametrize("width", sorted(GRAPH_COUNTS))
def test_counts(width: int) -> None:
    assert count_graphs(width) == GRAPH_COUNTS[width]


def test_a_row_fits_where_its_lower_parents_are() -> None:
    # On a ripple of three inputs, which lacks (2, 1), the row {3, 1, 0} is the only one that does not fit.
    assert sorted(row_choices(tuple(ripple_rows(3)))) == [0b1001, 0b1101, 0b1111]


def test_a_width_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="width"):
        count_graphs(1)
