"""Edits: `PrefixGraph`, kernels and reference do the same under both rules, and do what the paper says."""

from __future__ import annotations

import numpy as np
import pytest
from graph_strategies import walks
from hypothesis import given

from prefixrl.errors import InputError
from prefixrl.graphs import RULES, PrefixGraph, Rule, decode_action, free_cell_count, kernels, reference, structure
from prefixrl.graphs.benchmark import bench_env_kernels


class Buffers:
    """One graph's arrays for `step_`, filled with rubbish that a step has to replace."""

    def __init__(self, width: int) -> None:
        self.grids = PrefixGraph(width).grid[None].copy()
        self.observations = np.full((1, 4, width, width), 7, np.float32)
        self.masks = np.ones((1, 2 * free_cell_count(width)), np.bool_)
        self.features = np.full((1, 3), -9, np.int64)

    def step(self, action: int, rule: str) -> None:
        kernels.step_(self.grids, [action], rule, self.observations, self.masks, self.features)


def edited(graph: PrefixGraph, action: int, rule: Rule) -> PrefixGraph:
    """`action` done on a `PrefixGraph`, or the graph itself where the action is redundant."""
    if not 0 <= action < 2 * free_cell_count(graph.width):
        return graph
    kind, msb, lsb = decode_action(graph.width, action)
    if kind == "add":
        return graph.add(msb, lsb, rule) if graph.can_add(msb, lsb) else graph
    return graph.delete(msb, lsb, rule) if graph.can_delete(msb, lsb) else graph


@pytest.mark.parametrize("rule", RULES)
@given(walk=walks())
def test_all_three_do_the_same(rule: Rule, walk: tuple[int, list[int]]) -> None:
    width, actions = walk
    graph, nodes, buffers = PrefixGraph(width), reference.ends(width), Buffers(width)
    for action in [-1, *actions]:
        graph = edited(graph, action, rule)
        allowed = action >= 0 and reference.masks(width, nodes)[action : action + 1] == [True]
        changed = kernels.edit_(other := buffers.grids.copy(), [action], rule)
        nodes, planes, masks, features = reference.step(width, nodes, action, rule)
        buffers.step(action, rule)
        assert changed.tolist() == [allowed]
        assert reference.is_legal(width, nodes)
        assert set(graph.nodes) | reference.ends(width) == nodes
        assert np.array_equal(buffers.grids[0], graph.grid)
        assert np.array_equal(other[0], graph.grid)
        assert np.array_equal(buffers.observations[0], np.array(planes, np.float32))
        assert buffers.masks[0].tolist() == masks
        assert tuple(buffers.features[0]) == features == (graph.size, graph.depth, graph.max_fanout)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("width", [32, 64, 65, 256])
def test_kernels_on_wide_batches(rule: Rule, width: int) -> None:
    random = np.random.default_rng(width)
    names = ("sklansky", "ripple-carry", "kogge-stone")
    graphs = [structure(name, width) for name in names]
    grids = np.stack([graph.grid for graph in graphs])
    for _ in range(12):
        masks = kernels.masks(grids)
        actions = [int(random.choice(np.flatnonzero(mask))) for mask in masks]
        assert kernels.edit_(grids, actions, rule).all()
        graphs = [edited(graph, action, rule) for graph, action in zip(graphs, actions, strict=True)]
        for index, graph in enumerate(graphs):
            assert np.array_equal(grids[index], graph.grid)
            assert np.array_equal(kernels.levels(grids)[index], graph.levels)
            assert np.array_equal(kernels.fanouts(grids)[index], graph.fanouts)
            assert np.array_equal(kernels.minlists(grids)[index], graph.minlist)


def test_legalize_adds_inputs_outputs_and_lower_parents() -> None:
    grids = np.zeros((2, 9, 9), np.uint8)
    grids[1, 8, 3] = 1
    kernels.legalize_(grids)
    assert PrefixGraph.from_grid(grids[0]) == PrefixGraph(9)
    assert PrefixGraph.from_grid(grids[1]) == PrefixGraph(9, [(8, 3)], legalize=True)


def test_an_addition_can_drop_a_parent_that_is_no_longer_needed() -> None:
    """(7, 2) needs (6, 2) until (7, 5) stands between; "rederive" lets the chain below (6, 2) go, "keep" does not."""
    graph = PrefixGraph(8, [(7, 2)], legalize=True)
    assert graph.can_add(7, 5)
    rederived, kept = graph.add(7, 5), graph.add(7, 5, "keep")
    assert (6, 2) not in rederived
    assert (6, 2) in kept
    assert {(7, 5), (7, 2), (6, 5), (4, 2)} <= set(rederived.nodes) < set(kept.nodes)


def test_a_deletion_takes_its_own_parents_along_or_leaves_them() -> None:
    graph = PrefixGraph(8).add(7, 4)
    assert set(graph.delete(7, 4).nodes) == set(PrefixGraph(8).nodes)
    assert set(graph.delete(7, 4, "keep").nodes) == set(graph.nodes) - {(7, 4)}


def test_a_deletion_may_need_a_new_parent() -> None:
    graph = structure("sklansky", 8)
    assert graph.can_delete(6, 4)
    assert graph.lower_parent(6, 0) == (3, 0)
    assert graph.delete(6, 4).lower_parent(6, 0) == (5, 0)


def test_redundant_edits_are_refused() -> None:
    graph = structure("sklansky", 8)
    for cell in [(7, 6), (7, 0), (7, 7), (8, 3), (3, 5), (-1, -2)]:
        assert not graph.can_add(*cell)
        with pytest.raises(InputError, match="add needs a cell"):
            graph.add(*cell)
    for cell in [(5, 4), (6, 1), (7, 0), (4, 4), (9, 1)]:  # (5, 4) is the lower parent of (6, 4) and (7, 4)
        assert not graph.can_delete(*cell)
        with pytest.raises(InputError, match="delete needs a free node"):
            graph.delete(*cell)


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(InputError, match="rule must be one of rederive, keep, got 'other'"):
        PrefixGraph(8).add(7, 4, "other")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="rule must be one of rederive, keep, got 'other'"):
        Buffers(8).step(0, "other")


def test_buffers_of_the_wrong_shape_are_caught_before_compiled_code_writes_into_them() -> None:
    buffers = Buffers(8)
    buffers.features = np.zeros((2, 3), np.int64)
    with pytest.raises(AssertionError):
        buffers.step(0, "keep")
    with pytest.raises(AssertionError):
        kernels.levels(np.zeros((8, 8), np.uint8))
    with pytest.raises(AssertionError):
        kernels.edit_(np.zeros((1, 8, 8), np.uint8), [0, 1])


def test_the_benchmark_measures_what_it_checked() -> None:
    """No time is asserted: the benchmark itself compares every result of kernel and oracle."""
    figures = bench_env_kernels(width=16, batch=4, rounds=2, steps=2)
    assert figures["width"] == 16
    assert figures["ratio"] > 0
