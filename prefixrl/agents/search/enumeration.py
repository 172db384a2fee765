"""`exhaustive`: the bottom-up generator of Roy, Choudhury, Puri and Pan (DAC 2013, TCAD 2014), evaluated as it comes.

Graphs grow by one row at a time, and every row that fits is tried (`prefixrl.graphs.enumeration`). Up to
`complete_width` inputs that is all there is to it: every legal graph of the width is generated. Beyond, partial graphs
are pruned as in the paper: too deep, too large for their depth, too wide a fanout, or too many of one depth and size
already. Should the budget outlast what one pass gives, the next one keeps twice as many.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from prefixrl.agents.search.judge import Judge
from prefixrl.agents.search_sections import EnumerationConfig, SearchConfig
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.enumeration import all_rows, columns, graph_of
from prefixrl.graphs.rows import Rows, fanout_rows, int_to_rows, level_rows, rows_to_int

BATCH = 64
"""Graphs evaluated together."""

PASSES = 8
"""Passes after which a search that still has budget ends: each keeps twice as many partial graphs as the one before."""


def enumeration(judge: Judge, config: SearchConfig, generator: np.random.Generator) -> None:
    """Evaluate all graphs of a small width, or those that survive the pruning, the most promising first."""
    settings = config.exhaustive
    if judge.width <= settings.complete_width:
        _evaluate(judge, complete_graphs(judge.width))
        return
    for factor in (2**i for i in range(PASSES)):
        _evaluate(judge, pruned_graphs(judge.width, settings, settings.bucket * factor, generator))


def _evaluate(judge: Judge, graphs: Iterable[PrefixGraph]) -> None:
    new = (graph for graph in graphs if not judge.knows(graph))
    while batch := list(itertools.islice(new, BATCH)):
        judge.evaluate(batch)


def complete_graphs(width: int) -> Iterator[PrefixGraph]:
    """Every legal graph, by nodes above the smallest of its depth, then by depth: 332,632 at 8 inputs."""
    packed, sizes, depths = [], [], []
    for rows in all_rows(width):
        packed.append(rows_to_int(rows))
        sizes.append(sum(row.bit_count() for row in rows) - width)
        depths.append(max(levels[0] for levels in level_rows(rows)))
    smallest = [min((s for s, d in zip(sizes, depths, strict=True) if d == depth), default=0) for depth in range(width)]
    excess = np.array(sizes) - np.array(smallest)[depths]
    return (graph_of(tuple(int_to_rows(width, packed[i]))) for i in np.lexsort((depths, excess)))


@dataclass(frozen=True)
class Partial:
    """The lower rows of a graph.

    :param levels: level of every node, one dictionary {column: level} per row
    :param depth: highest level of an output
    :param slowness: sum of the outputs' levels; among graphs of one depth and size the smaller one is more promising
    """

    rows: Rows
    levels: tuple[dict[int, int], ...]
    size: int
    depth: int
    slowness: int

    def extended(self, deepest: int, largest: int) -> Iterator[Partial]:
        """This graph with every row on top that keeps within a depth and a number of nodes."""
        msb = len(self.rows)
        partial: list[tuple[int, int, dict[int, int]]] = [(msb, 1 << msb, {msb: 0})]
        while partial:
            k, bits, levels = partial.pop()
            for column in columns(self.rows[k - 1]):
                level = max(levels[k], self.levels[k - 1][column]) + 1
                size = self.size + len(levels)
                if level > deepest - (column > 0) or size > largest - (column > 0):
                    continue
                row = levels | {column: level}
                if column:
                    partial.append((column, bits | 1 << column, row))
                else:
                    depth = max(self.depth, level)
                    rows, all_levels = (*self.rows, bits | 1), (*self.levels, row)
                    yield Partial(rows, all_levels, size, depth, self.slowness + level)


def pruned_graphs(
    width: int, settings: EnumerationConfig, bucket: int, generator: np.random.Generator
) -> list[PrefixGraph]:
    """Graphs that survive the pruning, by nodes above the smallest of their depth, then by depth.

    :param bucket: partial graphs kept per width, depth and size
    """
    deepest = (width - 1).bit_length() + settings.levels
    alive = [Partial((1,), ({0: 0},), 0, 0, 0)]
    for _ in range(1, width):
        smallest: dict[int, int] = {}
        buckets: dict[tuple[int, int], list[Partial]] = defaultdict(list)
        for graph in alive:
            for new in graph.extended(deepest, graph.size + 1 + settings.slack):
                least = smallest[new.depth] = min(new.size, smallest.get(new.depth, new.size))
                if new.size <= least + settings.slack and _narrow(new, settings.fanout):
                    buckets[new.depth, new.size].append(new)
        alive = []
        for (depth, size), graphs in sorted(buckets.items()):
            if size <= smallest[depth] + settings.slack:
                ties = generator.random(len(graphs))
                order = sorted(range(len(graphs)), key=lambda i: (graphs[i].slowness, ties[i]))
                alive += [graphs[i] for i in order[:bucket]]
    alive.sort(key=lambda graph: (graph.size - smallest[graph.depth], graph.depth))
    return [graph_of(graph.rows) for graph in alive]


def _narrow(graph: Partial, limit: int) -> bool:
    return not limit or max(max(row.values()) for row in fanout_rows(graph.rows)) <= limit
