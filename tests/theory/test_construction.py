"""The tables and the graphs built from them: legal, as small as they say, and optimal wherever that is known."""

from __future__ import annotations

import pytest

from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph
from prefixrl.theory.construction import SmallestGraphs, least_depth
from prefixrl.theory.records import lower_bound, sergeev_size, widest_without_deficiency
from prefixrl.theory.truth import depth_and_size, true_front

WIDTH, DEPTH = 33, 7


@pytest.fixture(scope="module")
def smallest() -> SmallestGraphs:
    return SmallestGraphs(WIDTH, DEPTH)


def test_every_graph_is_legal_and_as_small_and_shallow_as_the_tables_say(smallest: SmallestGraphs) -> None:
    for width in range(2, WIDTH + 1):
        for depth in range(least_depth(width), DEPTH + 1):
            graph = smallest.graph(width, depth)
            assert PrefixGraph(width, graph.nodes) == graph
            assert graph.size == smallest.size(width, depth) >= lower_bound(width, min(depth, width - 1))
            assert graph.depth <= depth


@pytest.mark.parametrize("width", range(2, 8))
def test_small_graphs_are_the_smallest_of_all_legal_graphs(smallest: SmallestGraphs, width: int) -> None:
    for point in true_front(width, depth_and_size):
        if point.delay <= DEPTH:
            assert smallest.size(width, int(point.delay)) == point.area


def test_sizes_known_from_theory_are_met(smallest: SmallestGraphs) -> None:
    for depth in range(1, 6):
        assert smallest.size(2**depth, depth) == sergeev_size(depth)
        widest = widest_without_deficiency(depth)
        assert smallest.size(widest, depth) == 2 * widest - 2 - depth
    assert smallest.size(33, 6) == 2 * 33 - 2 - 6
    assert smallest.size(24, 5) == 45


def test_one_carry_does_not_suffice_for_the_least_depth(smallest: SmallestGraphs) -> None:
    single = SmallestGraphs(16, 5, carries=1)
    assert (single.size(16, 4), smallest.size(16, 4)) == (None, 31)
    assert single.graph(8, 4).size == 2 * 8 - 2 - 4
    with pytest.raises(InputError, match="16 inputs"):
        single.graph(16, 4)


@pytest.mark.parametrize(("width", "depth", "carries"), [(1, 3, 3), (16, 3, 3), (16, 5, 0), (16, 5, 7)])
def test_limits_out_of_range_are_refused(width: int, depth: int, carries: int) -> None:
    with pytest.raises(InputError):
        SmallestGraphs(width, depth, carries)
