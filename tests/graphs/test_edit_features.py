"""Features of edits: what they change is what the edited graph has, and timing is that of longest paths."""

from __future__ import annotations

import networkx
import numpy as np
import pytest

from prefixrl.graphs import PrefixGraph, decode_action, kernels
from prefixrl.graphs.edit_features import EDIT_FEATURES, FAR, GRAPH_FEATURES, LOAD, EditTable, describe_edits
from prefixrl.graphs.structures import structure

SIZE, LATEST = GRAPH_FEATURES.index("size"), GRAPH_FEATURES.index("arrival: latest output")
DEPTH, WIDEST = GRAPH_FEATURES.index("depth"), GRAPH_FEATURES.index("largest fanout")
SLACK = len(GRAPH_FEATURES) + EDIT_FEATURES.index("node: slack")


def _table(graphs: list[PrefixGraph], rule: str = "keep") -> EditTable:
    grids = np.stack([graph.grid for graph in graphs])
    return describe_edits(grids, kernels.masks(grids), rule)


def _edited(graph: PrefixGraph, action: int, rule: str) -> PrefixGraph:
    grids = graph.grid[None].copy()
    kernels.edit_(grids, [action], rule)
    return PrefixGraph.from_grid(grids[0])


def _random_graph(width: int, seed: int) -> PrefixGraph:
    generator = np.random.default_rng(seed)
    graph = structure("brent-kung", width)
    for _ in range(width):
        legal = np.flatnonzero(kernels.masks(graph.grid[None].copy())[0])
        graph = _edited(graph, int(generator.choice(legal)), "keep")
    return graph


def _timed(graph: PrefixGraph) -> tuple[dict[tuple[int, int], float], dict[tuple[int, int], float]]:
    """Arrivals and slacks by longest paths through a networkx graph."""
    width, edges = graph.width, networkx.DiGraph()
    present = {(m, c) for m in range(width) for c in range(m + 1) if graph.grid[m, c]}
    for m, c in present:
        edges.add_node((m, c))
        if m != c:
            k = min(column for row, column in present if row == m and column > c)
            edges.add_edges_from([((m, k), (m, c)), ((k - 1, c), (m, c))])

    def delay(node: tuple[int, int]) -> float:
        children = edges.out_degree(node)
        if node[0] == node[1]:
            return 0.5 * LOAD * max(children - 1, 0)
        return 1.0 + LOAD * max(children - (node[1] > 0), 0)

    order = list(networkx.topological_sort(edges))
    arrival: dict[tuple[int, int], float] = {}
    for node in order:
        arrival[node] = delay(node) + max((arrival[parent] for parent in edges.predecessors(node)), default=0.0)
    latest = max(arrival.values())
    required: dict[tuple[int, int], float] = {}
    for node in reversed(order):
        own = [latest] if node[1] == 0 else []
        required[node] = min(own + [required[child] - delay(child) for child in edges.successors(node)])
    return arrival, {node: required[node] - arrival[node] for node in order}


@pytest.mark.parametrize("rule", ["keep", "rederive"])
def test_rows_are_the_legal_edits_and_what_they_change(rule: str) -> None:
    graphs = [structure("sklansky", 9), _random_graph(9, 1), structure("ripple-carry", 9)]
    masks = kernels.masks(np.stack([graph.grid for graph in graphs]))
    table = _table(graphs, rule)
    for number, graph in enumerate(graphs):
        count = int(table.counts[number])
        assert table.actions[number, :count].tolist() == np.flatnonzero(masks[number]).tolist()
        assert table.graphs[number, [SIZE, DEPTH, WIDEST]].tolist() == [graph.size, graph.depth, graph.max_fanout]
        for row, action in zip(table.rows[number, :count], table.actions[number, :count], strict=True):
            edited = _edited(graph, int(action), rule)
            changes = [edited.size - graph.size, edited.depth - graph.depth, edited.max_fanout - graph.max_fanout]
            assert row[[SIZE, DEPTH, WIDEST]].tolist() == changes


def test_arrivals_and_slacks_are_those_of_longest_paths() -> None:
    graph = _random_graph(9, 3)
    table = _table([graph])
    arrival, slack = _timed(graph)
    assert table.graphs[0, LATEST] == pytest.approx(max(arrival.values()))
    for row, action in zip(table.rows[0], table.actions[0, : int(table.counts[0])], strict=False):
        kind, msb, lsb = decode_action(9, int(action))
        edited = _edited(graph, int(action), "keep")
        assert table.graphs[0, LATEST] + row[LATEST] == pytest.approx(max(_timed(edited)[0].values()), abs=1e-5)
        there = slack if kind == "delete" else _timed(edited)[1]
        assert row[SLACK] == pytest.approx(min(there[msb, lsb], FAR), abs=1e-5)


def test_the_widest_and_longest_graphs_have_finite_features() -> None:
    grids = structure("ripple-carry", 256).grid[None].copy()
    few = np.zeros((1, 255 * 254), np.bool_)
    few[0, ::2000] = kernels.masks(grids)[0, ::2000]
    table = describe_edits(grids, few, "keep")
    assert int(table.counts[0]) == int(few.sum()) > 5
    assert np.isfinite(table.rows).all()
    assert np.isfinite(table.graphs).all()
