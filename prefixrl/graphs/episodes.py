"""The edits that turn one graph into another, each of them legal: what an environment's episode could have been."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from prefixrl.errors import InputError
from prefixrl.graphs.prefix_graph import Node, PrefixGraph


class Edit(NamedTuple):
    """One step.

    :param kind: "start", "add" or "delete"
    :param node: what was added or deleted; None at the start
    :param graph: what came of it
    """

    kind: str
    node: Node | None
    graph: PrefixGraph


def episode(graphs: Sequence[PrefixGraph]) -> list[Edit]:
    """The edits from the first graph through all others.

    :raises InputError: no graph, or graphs of different widths
    """
    if not graphs:
        raise InputError("an episode needs at least one graph: none")
    for graph in graphs[1:]:
        if graph.width != graphs[0].width:
            raise InputError(f"all graphs of an episode must be of {graphs[0].width} bits: {graph.width}")
    steps = [Edit("start", None, graphs[0])]
    for goal in graphs[1:]:
        steps += edits_between(steps[-1].graph, goal)
    return steps


def edits_between(start: PrefixGraph, goal: PrefixGraph) -> Iterator[Edit]:
    """Edits by the rule "keep" that end in `goal`.

    A node that the goal lacks goes as soon as no other needs it, the highest row first; else the next node of the goal
    comes, the lowest row first, and with it what keeps the graph legal. Nodes of the goal never go, so it ends: once
    all of them are there, the highest row that has a stranger has one that nobody needs.
    """
    graph, wanted = start, frozenset(goal.nodes)
    while graph != goal:
        strangers = [node for node in sorted(graph.nodes, reverse=True) if node not in wanted]
        gone = next((node for node in strangers if graph.can_delete(*node)), None)
        if gone is not None:
            graph = graph.delete(*gone, rule="keep")
            yield Edit("delete", gone, graph)
            continue
        present = frozenset(graph.nodes)
        come = min(node for node in goal.nodes if node not in present)
        graph = graph.add(*come, rule="keep")
        yield Edit("add", come, graph)
