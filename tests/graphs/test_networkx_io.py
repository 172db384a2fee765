"""Networkx export and import."""

from __future__ import annotations

import io

import networkx as nx
import pytest
from graph_strategies import legal_graphs
from hypothesis import given

from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph, structure
from prefixrl.graphs.networkx_io import from_networkx, to_networkx


@given(legal_graphs())
def test_round_trip(graph: PrefixGraph) -> None:
    exported = to_networkx(graph)
    assert from_networkx(exported) == graph
    assert nx.is_directed_acyclic_graph(exported)
    assert nx.dag_longest_path_length(exported) == graph.depth
    assert exported.number_of_nodes() == graph.size + graph.width
    assert exported.number_of_edges() == 2 * graph.size


def test_attributes() -> None:
    exported = to_networkx(structure("sklansky", 8))
    assert exported.graph == {"format": "prefixrl-graph-1", "width": 8}
    assert exported.nodes[(7, 4)] == {"msb": 7, "lsb": 4, "kind": "span", "level": 2, "fanout": 1}
    assert exported.nodes[(3, 0)]["kind"] == "output"
    assert exported.nodes[(0, 0)]["kind"] == "input"
    assert exported.edges[(3, 0), (7, 0)] == {"parent": "lower"}
    assert exported.edges[(7, 4), (7, 0)] == {"parent": "upper"}


def test_through_graphml() -> None:
    graph = structure("brent-kung", 12)
    stream = io.BytesIO()
    nx.write_graphml_xml(to_networkx(graph), stream)
    stream.seek(0)
    assert from_networkx(nx.read_graphml(stream)) == graph


def test_nodes_alone_are_enough() -> None:
    bare = nx.DiGraph()
    bare.add_nodes_from([(3, 3), (3, 2)])
    assert from_networkx(bare) == PrefixGraph(4, [(3, 2)])


def test_bad_graphs_are_refused() -> None:
    wrong_edge = to_networkx(PrefixGraph(4))
    wrong_edge.add_edge((3, 0), (1, 0))
    missing_edge = to_networkx(PrefixGraph(4))
    missing_edge.remove_edge((1, 0), (2, 0))
    nameless = nx.DiGraph([("a", "b")])
    not_legal = nx.DiGraph(width=8)
    not_legal.add_node((7, 4))
    for bad, message in [
        (wrong_edge, r"got \(\(3, 0\), \(1, 0\)\)"),
        (missing_edge, r"missing: \(\(1, 0\), \(2, 0\)\)"),
        (nameless, "a pair of integers"),
        (not_legal, r"lacks \(6, 4\)"),
        (nx.DiGraph(), "width must be"),
    ]:
        with pytest.raises(InputError, match=message):
            from_networkx(bad)
    assert from_networkx(not_legal, legalize=True) == PrefixGraph(8, [(7, 4)], legalize=True)
