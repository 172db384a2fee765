"""The compiled annealing: its lists against the oracle, and that it finds optima from nowhere."""

from __future__ import annotations

import numpy as np
import pytest

from prefixrl.graphs import PrefixGraph, kernels, structure
from prefixrl.theory import links
from prefixrl.theory.annealing import anneal
from prefixrl.theory.construction import SmallestGraphs

Lists = tuple[np.ndarray, np.ndarray, np.ndarray]


def _lists(graph: PrefixGraph) -> Lists:
    n = graph.width
    up, down, uses = np.empty((n, n), np.int16), np.empty((n, n), np.int16), np.empty((n, n), np.int16)
    links.link_all(np.array(graph.grid), up, down, uses)
    return up, down, uses


def _same(one: Lists, other: Lists) -> bool:
    there = one[0] >= 0
    return np.array_equal(there, other[0] >= 0) and all(
        np.array_equal(a[there], b[there]) for a, b in zip(one, other, strict=True)
    )


def test_edits_of_the_lists_are_those_of_prefix_graphs_and_can_be_undone() -> None:
    generator = np.random.default_rng(0)
    graph = structure("sklansky", 12)
    lists = _lists(graph)
    log = np.empty((512, 3), np.int16)
    levels = np.zeros((12, 12), np.int16)
    edits = 0
    while edits < 200:
        m = int(generator.integers(2, 12))
        c = int(generator.integers(1, m))
        if graph.can_add(m, c):
            edited, count = graph.add(m, c, "keep"), links.add(m, c, *lists, log, 0)
        elif graph.can_delete(m, c):
            edited, count = graph.delete(m, c, "keep"), links.remove(m, c, *lists, log, 0)
        else:
            continue
        edits += 1
        assert _same(lists, _lists(edited))
        links.update_levels(1, lists[0], lists[1], levels)
        there = edited.grid.astype(bool)
        assert np.array_equal(levels[there], kernels.levels(np.array(edited.grid)[None])[0][there])
        if generator.random() < 0.3:
            links.undo(*lists, log, count)
            assert _same(lists, _lists(graph))
        else:
            graph = edited


@pytest.mark.parametrize(("width", "depth", "size"), [(8, 3, 12), (8, 4, 10), (16, 5, 25)])
def test_annealing_finds_optima(width: int, depth: int, size: int) -> None:
    graph = anneal(structure("sklansky", width), depth, 1_000_000, seed=0, hot=1.0)
    assert graph.size == size
    assert graph.depth <= depth
    assert graph == anneal(structure("sklansky", width), depth, 1_000_000, seed=0, hot=1.0)


def test_annealing_gets_below_the_tables_nowhere() -> None:
    smallest = SmallestGraphs(24, 6)
    for width, depth in ((13, 4), (14, 4), (20, 5), (22, 5), (24, 5)):
        start = smallest.graph(width, depth)
        assert anneal(start, depth, 500_000, seed=1).size == start.size


def test_a_start_that_is_too_deep_is_kept_where_nothing_better_is_passed() -> None:
    start = structure("ripple-carry", 16)
    assert anneal(start, 4, 3, seed=0) == start
