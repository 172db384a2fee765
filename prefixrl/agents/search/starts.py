"""Where searches begin and begin anew: from the front as it grows (Song et al. 2022)."""

from __future__ import annotations

import numpy as np

from prefixrl.agents.search.judge import Judge
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import structure


class FrontStarts:
    """Draws starts evenly from the graphs of the front, or from the structures that a job names.

    :param names: structures to start from; empty for the front
    """

    def __init__(self, judge: Judge, names: list[str], generator: np.random.Generator) -> None:
        self._judge, self._generator = judge, generator
        self._named = [structure(name, judge.width) for name in names]

    def draw(self) -> PrefixGraph:
        """One start."""
        graphs = self._named or self._judge.front_graphs()
        return graphs[int(self._generator.integers(len(graphs)))]
