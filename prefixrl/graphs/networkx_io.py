"""Prefix graphs as networkx directed graphs, for people's own analyses and drawings; not for hot loops."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import networkx as nx

from prefixrl.errors import InputError
from prefixrl.graphs.prefix_graph import FORMAT, Node, PrefixGraph, check_node, check_width, short_text


def to_networkx(graph: PrefixGraph) -> nx.DiGraph:
    """All nodes, inputs included, with edges from parent to child.

    Nodes are (msb, lsb) with the attributes msb, lsb, kind ("input", "output", "span"), level, fanout; edges have the
    attribute parent ("upper" or "lower"); the graph has format and width. All values are int or str, so that every
    networkx writer can store them. Node (0, 0), input and output at once, has the kind "input".
    """
    result = nx.DiGraph(format=FORMAT, width=graph.width)
    for node in [*((i, i) for i in range(graph.width)), *graph.nodes]:
        msb, lsb = node
        kind = "input" if msb == lsb else "output" if lsb == 0 else "span"
        level, fanout = int(graph.levels[msb, lsb]), int(graph.fanouts[msb, lsb])
        result.add_node(node, msb=msb, lsb=lsb, kind=kind, level=level, fanout=fanout)
    for node in graph.nodes:
        result.add_edge(graph.upper_parent(*node), node, parent="upper")
        result.add_edge(graph.lower_parent(*node), node, parent="lower")
    return result


def from_networkx(source: nx.DiGraph, legalize: bool = False) -> PrefixGraph:
    """Read a directed graph back.

    Nodes are known by their attributes msb and lsb where they have both (files store other names), else by being
    (msb, lsb) themselves. The width is the graph's attribute, else the highest msb plus one. Edges may be left out
    altogether; where there are some, they must be those that the nodes imply.

    :param legalize: add missing lower parents instead of refusing the graph; edges are then not looked at
    :raises InputError: a node without position, a graph that is not legal, or an edge that does not fit
    """
    positions = {name: _position(name, attributes) for name, attributes in source.nodes(data=True)}
    highest = max((msb for msb, _ in positions.values()), default=0)
    graph = PrefixGraph(check_width(source.graph.get("width", highest + 1)), positions.values(), legalize=legalize)
    if not legalize and source.number_of_edges():
        _check_edges(graph, {(positions[parent], positions[child]) for parent, child in source.edges()})
    return graph


def _position(name: Hashable, attributes: dict[str, Any]) -> Node:
    pair = (attributes["msb"], attributes["lsb"]) if {"msb", "lsb"} <= attributes.keys() else name
    return check_node(2**31, pair)


def _check_edges(graph: PrefixGraph, edges: set[tuple[Node, Node]]) -> None:
    implied = set(to_networkx(graph).edges())
    for wrong in sorted(edges - implied):
        raise InputError(f"edges lead from a parent to its child, got {short_text(wrong)}")
    for missing in sorted(implied - edges):
        raise InputError(f"where edges are given, all parents need one; missing: {short_text(missing)}")
