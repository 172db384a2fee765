"""`sa`: simulated annealing against the front, restarted from the front.

The usual form gives every chain a weight between area and delay. This one needs none: a chain's cost is how far its
graph lies behind the front that the job has so far (`front_gap`), so it wanders along the front freely, improves it
wherever it can, and pays for leaving it. Measured at 16 bits it is well above chains with weights, for equal budgets.
"""

from __future__ import annotations

import math

import numpy as np

from prefixrl.agents.search.front_gap import gap
from prefixrl.agents.search.judge import Judge
from prefixrl.agents.search.moves import neighbours
from prefixrl.agents.search.starts import FrontStarts
from prefixrl.agents.search_sections import SearchConfig

REHEAT_STEPS = 32
"""Edits of every chain without any new design after which annealing is twice as hot and its walks twice as long: the
budget counts new designs, so chains that are frozen among known ones would never end it."""


def annealing(judge: Judge, config: SearchConfig, generator: np.random.Generator) -> None:
    """Metropolis chains over single edits; a walk begins on the front and ends after `walk` edits."""
    settings = config.sa
    starts = FrontStarts(judge, config.starts, generator)
    graphs = [starts.draw() for _ in range(settings.chains)]
    gaps = [gap(judge, curve) for curve in judge.evaluate(graphs)]
    ages = [0] * settings.chains
    first, last = settings.temperature_start, settings.temperature_end
    while True:
        heat = 2.0 ** (judge.session.idle_steps / (REHEAT_STEPS * settings.chains))
        temperature = heat * first * (last / first) ** judge.progress
        proposed = neighbours(graphs, settings.rule, generator)
        curves = judge.evaluate(proposed)
        draws = generator.random(settings.chains)
        for chain, (graph, curve) in enumerate(zip(proposed, curves, strict=True)):
            new = gap(judge, curve)
            ages[chain] += 1
            if new <= gaps[chain] or draws[chain] < math.exp((gaps[chain] - new) / temperature):
                graphs[chain], gaps[chain] = graph, new
        for chain in range(settings.chains):
            if ages[chain] >= settings.walk * heat:
                graphs[chain], ages[chain] = starts.draw(), 0
                gaps[chain] = gap(judge, judge.evaluate([graphs[chain]])[0])
