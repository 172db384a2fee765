"""A prefix graph in Graphviz's language, for `dot -Kneato -n` and other tools that read it."""

from __future__ import annotations

from prefixrl.graphs.prefix_graph import Node, PrefixGraph

_PITCH_POINTS = 40


def draw(graph: PrefixGraph, name: str = "prefix_graph") -> str:
    """The text: nodes at their bit and level, an edge from each parent to each child.

    :param name: of the graph, an identifier
    """
    lines = [f"digraph {name} {{", "  node [shape=circle, style=filled, fontsize=9, width=0.4, fixedsize=true];"]
    for bit in range(graph.width - 1, -1, -1):
        lines.append(
            f'  {_id((bit, bit))} [label="{bit}", shape=box, fillcolor=white, pos="{_at(graph, (bit, bit))}"];'
        )
    for node in graph.nodes:
        colours = "fillcolor=grey" if node[1] == 0 else "fillcolor=black, fontcolor=white"
        lines.append(f'  {_id(node)} [label="{node[0]}:{node[1]}", {colours}, pos="{_at(graph, node)}"];')
    for node in graph.nodes:
        upper, lower = graph.upper_parent(*node), graph.lower_parent(*node)
        lines += [f"  {_id(upper)} -> {_id(node)};", f"  {_id(lower)} -> {_id(node)} [style=dashed];"]
    return "\n".join([*lines, "}", ""])


def _id(node: Node) -> str:
    return f"n{node[0]}_{node[1]}"


def _at(graph: PrefixGraph, node: Node) -> str:
    level = 0 if node[0] == node[1] else int(graph.levels[node])
    return f"{(graph.width - 1 - node[0]) * _PITCH_POINTS},{-level * _PITCH_POINTS}!"
