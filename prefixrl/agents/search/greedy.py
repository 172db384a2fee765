"""`greedy`: steepest descents over samples of neighbours, one weight between area and delay each."""

from __future__ import annotations

import numpy as np

from prefixrl.agents.search.judge import Judge
from prefixrl.agents.search.moves import neighbours
from prefixrl.agents.search_sections import SearchConfig
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import structure


def greedy(judge: Judge, config: SearchConfig, generator: np.random.Generator) -> None:
    """Descend in all chains; one that is stuck begins anew with a weight drawn at random."""
    settings = config.greedy
    named = [structure(name, judge.width) for name in config.starts]

    def start(weight: float) -> PrefixGraph:
        return named[int(generator.integers(len(named)))] if named else judge.archive.best(weight, judge.scale)

    weights = np.linspace(settings.weight_low, settings.weight_high, settings.chains).tolist()
    graphs = [start(weight) for weight in weights]
    costs = [judge.cost(curve, weight) for curve, weight in zip(judge.evaluate(graphs), weights, strict=True)]
    failed = [0] * settings.chains
    while True:
        proposed = neighbours([g for g in graphs for _ in range(settings.neighbours)], settings.rule, generator)
        curves = judge.evaluate(proposed)
        for chain, weight in enumerate(weights):
            sample = range(chain * settings.neighbours, (chain + 1) * settings.neighbours)
            cost, best = min((judge.cost(curves[place], weight), place) for place in sample)
            if cost < costs[chain]:
                graphs[chain], costs[chain], failed[chain] = proposed[best], cost, 0
            else:
                failed[chain] += 1
        for chain in range(settings.chains):
            if failed[chain] >= settings.patience:
                weights[chain] = float(generator.uniform(settings.weight_low, settings.weight_high))
                # One random edit away from the start, or the chain would fall into the same dent again.
                graphs[chain] = neighbours([start(weights[chain])], settings.rule, generator)[0]
                costs[chain] = judge.cost(judge.evaluate([graphs[chain]])[0], weights[chain])
                failed[chain] = 0
