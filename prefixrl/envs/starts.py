"""Where episodes start: classical structures drawn evenly, or a pool that grows with the job."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import structure

StartPool = Callable[[np.random.Generator], PrefixGraph | None]
"""Draws a start graph with the generator of the environment; None leaves the choice to the named structures."""


class StartSampler:
    """Proposes start graphs, the preferred one first, the others in case it cannot be evaluated.

    :param names: structures to draw from evenly
    :param width: N
    :param pool: asked before the structures, for example for a graph of the front found so far (the adaptive reset of
        Song et al. 2022)
    :raises InputError: a name that is no structure of this width
    """

    def __init__(self, names: Sequence[str], width: int, pool: StartPool | None = None) -> None:
        self.width = width
        self.pool = pool
        self._structures = [structure(name, width) for name in names]

    def candidates(self, generator: np.random.Generator) -> Iterator[PrefixGraph]:
        """Yield start graphs; how much is drawn from `generator` does not depend on how many are taken."""
        order = generator.permutation(len(self._structures))
        proposed = self.pool(generator) if self.pool is not None else None
        if proposed is not None:
            yield check_start(proposed, self.width)
        for index in order:
            yield self._structures[index]


def check_start(graph: PrefixGraph, width: int) -> PrefixGraph:
    """Return `graph`.

    :raises InputError: not a graph, or of another width than the environment
    """
    if not isinstance(graph, PrefixGraph):
        raise InputError(f"an episode starts from a PrefixGraph, got {graph!r}")
    if graph.width != width:
        raise InputError(f"a start graph must have the environment's width {width}, got width {graph.width}")
    return graph
