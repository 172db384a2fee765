"""`mcts`: upper confidence bounds over a tree of edits (UCT), as Lai et al. (NeurIPS 2024) do it for adders.

Theirs deletes nodes from one start; here edits add and delete, and the children of the root are the graphs of the
front, so that the search for where to begin is part of the same tree. A node has far too many edits to try them all:
it gets children in the measure in which it is visited (progressive widening, Coulom 2007).

A leaf's reward tells how close to the front it came when it was evaluated: exp(-gap / temperature), 1 on the front, and
0 for a design that had been evaluated before, so that the search leaves what it has seen.
"""

from __future__ import annotations

import math

import numpy as np

from prefixrl.agents.search.front_gap import gap
from prefixrl.agents.search.judge import Judge
from prefixrl.agents.search.moves import neighbours
from prefixrl.agents.search.starts import FrontStarts
from prefixrl.agents.search_sections import SearchConfig, TreeSearchConfig
from prefixrl.graphs import PrefixGraph

TRIES = 8
"""Edits drawn to find a child that a node does not have yet, before one that it has is descended into instead."""


class TreeNode:
    """A graph, how often it or one below it was evaluated, and the sum of their rewards. The root has no graph."""

    def __init__(self, graph: PrefixGraph | None) -> None:
        self.graph = graph
        self.visits = 0
        self.reward = 0.0
        self.children: dict[PrefixGraph, TreeNode] = {}
        self.complete = False  # whether there seems to be no further child

    def best_child(self, exploration: float) -> TreeNode:
        """The child of the highest upper confidence bound."""
        total = math.log(max(self.visits, 1))

        def bound(child: TreeNode) -> float:
            return child.reward / child.visits + exploration * math.sqrt(total / child.visits)

        return max(self.children.values(), key=bound)


def tree_search(judge: Judge, config: SearchConfig, generator: np.random.Generator) -> None:
    """Grow the tree, several leaves at a time."""
    settings = config.mcts
    starts = FrontStarts(judge, config.starts, generator)
    root = TreeNode(None)
    while True:
        paths = [_descend(root, settings, starts, generator) for _ in range(settings.leaves)]
        leaves = {path[-1].graph: path for path in paths if path[-1].graph is not None}
        new = [not judge.knows(graph) for graph in leaves]
        curves = judge.evaluate(list(leaves))
        for path, curve, is_new in zip(leaves.values(), curves, new, strict=True):
            reward = math.exp(-gap(judge, curve) / settings.temperature) if is_new else 0.0
            for node in path:
                node.reward += reward


def _descend(
    root: TreeNode, settings: TreeSearchConfig, starts: FrontStarts, generator: np.random.Generator
) -> list[TreeNode]:
    """The path to a new leaf, every node of it visited: until its reward is known, a visit counts as a failure."""
    path = [root]
    is_new = False
    while not is_new and len(path) <= settings.depth:
        node, child = path[-1], None
        if not node.complete and len(node.children) < (node.visits + 1) ** settings.widening:
            child = _new_child(node, settings, starts, generator)
        is_new = child is not None
        if child is None and not node.children:
            break  # a graph without edits
        path.append(child or node.best_child(settings.exploration))
    for node in path:
        node.visits += 1
    return path


def _new_child(
    node: TreeNode, settings: TreeSearchConfig, starts: FrontStarts, generator: np.random.Generator
) -> TreeNode | None:
    """A child that the node does not have yet; None where none was found."""
    for _ in range(TRIES):
        graph = starts.draw() if node.graph is None else neighbours([node.graph], settings.rule, generator)[0]
        if graph not in node.children and graph != node.graph:
            node.children[graph] = TreeNode(graph)
            return node.children[graph]
    node.complete = node.graph is not None  # the front, the children of the root, goes on growing
    return None
