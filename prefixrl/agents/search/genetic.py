"""`ga`: NSGA-II over legal graphs.

A child has one parent and a few random edits, or two parents and a crossover that means something for prefix graphs:
rows of one under rows of the other, a sub-triangle (the circuit over a range of inputs) put into the other, what both
have, or what either has. What is crossed are the nodes that no other node needs; legalisation brings the rest, so that
a child does not drag along what only the lost half of a parent needed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prefixrl.agents.search.judge import Curve, Judge
from prefixrl.agents.search.moves import neighbours
from prefixrl.agents.search.ranking import rank_curves
from prefixrl.agents.search_sections import GeneticConfig, SearchConfig
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import structure

Grid = NDArray[np.uint8]


def genetic(judge: Judge, config: SearchConfig, generator: np.random.Generator) -> None:
    """Generations of children; parents and children are sorted together, the best distinct ones survive."""
    settings = config.ga
    graphs = [structure(name, judge.width) for name in config.starts] or [*judge.classical, *judge.session.inherited]
    curves = judge.evaluate(graphs)
    while True:
        graphs, curves, merits = _survivors(graphs, curves, settings.population)
        children = [_child(graphs, merits, settings, generator) for _ in range(settings.offspring)]
        curves = curves + judge.evaluate(children)
        graphs = graphs + children


def crossover(one: PrefixGraph, other: PrefixGraph, generator: np.random.Generator) -> PrefixGraph:
    """A legal graph made of two; the kind of crossover is drawn evenly."""
    a, b = one.minlist, other.minlist
    kind = ("rows", "triangle", "union", "intersection")[int(generator.integers(4))]
    if kind == "union":
        grid: Grid = a | b
    elif kind == "intersection":
        grid = one.grid & other.grid
    else:
        low, high = np.sort(generator.integers(0, one.width, 2)) if kind == "triangle" else (0, 0)
        if kind == "rows":
            high = int(generator.integers(1, one.width))
        inside = np.zeros_like(a, dtype=bool)
        inside[low : high + 1, low : high + 1] = True
        grid = np.where(inside, a, b)
    return PrefixGraph.from_grid(grid, legalize=True)


def _child(
    graphs: list[PrefixGraph], merits: list[tuple[int, float]], settings: GeneticConfig, generator: np.random.Generator
) -> PrefixGraph:
    def parent() -> PrefixGraph:
        """The better of two drawn at random: of lower rank, then less crowded."""
        pair = generator.integers(0, len(graphs), 2).tolist()
        return graphs[min(pair, key=merits.__getitem__)]

    child = parent()
    crossed = generator.random() < settings.crossover
    if crossed:
        child = crossover(child, parent(), generator)
    # A crossing may give one of its parents back; every child is edited, one of two parents at least once.
    for _ in range(int(generator.integers(1, settings.edits + 1))):
        child = neighbours([child], settings.rule, generator)[0]
    return child


def _survivors(
    graphs: list[PrefixGraph], curves: list[Curve], count: int
) -> tuple[list[PrefixGraph], list[Curve], list[tuple[int, float]]]:
    """The best distinct graphs, their curves, and their merits (rank, -crowding)."""
    distinct = dict(zip(graphs, curves, strict=True))
    ranks, crowding = rank_curves(list(distinct.values()))
    merits = list(zip(ranks.tolist(), (-crowding).tolist(), strict=True))
    order = sorted(range(len(merits)), key=merits.__getitem__)[:count]
    kept = list(distinct.items())
    return [kept[i][0] for i in order], [kept[i][1] for i in order], [merits[i] for i in order]
