"""`random`: random edits, from the front and back."""

from __future__ import annotations

import numpy as np

from prefixrl.agents.search.judge import Judge
from prefixrl.agents.search.moves import neighbours
from prefixrl.agents.search.starts import FrontStarts
from prefixrl.agents.search_sections import SearchConfig


def random_walk(judge: Judge, config: SearchConfig, generator: np.random.Generator) -> None:
    """Walk at random, whatever comes, and return to a start every `walk` edits; an edit that fails is taken back."""
    settings = config.random
    starts = FrontStarts(judge, config.starts, generator)
    while True:
        graphs = [starts.draw() for _ in range(settings.chains)]
        judge.evaluate(graphs)
        for _ in range(settings.walk):
            proposed = neighbours(graphs, settings.rule, generator)
            curves = judge.evaluate(proposed)
            graphs = [new if curve else old for new, curve, old in zip(proposed, curves, graphs, strict=True)]
