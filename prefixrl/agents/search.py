"""Baselines without learning: random edits, greedy descent, simulated annealing.

They run in the same `JobSession` as the agent: same evaluator, store, budget and front, so that curves against unique
evaluations compare methods and nothing else. Each runs several searches side by side, with a weight between area and
delay of their own, and asks for all their designs at once, which keeps every evaluator worker busy.

Letters: C chains, N width, A actions.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from prefixrl.agents.exploration import random_edits
from prefixrl.agents.job import JobConfig
from prefixrl.agents.live import LiveView
from prefixrl.agents.session import JobResult, JobSession
from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph, kernels
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.curve import AreaDelayCurve

REHEAT_STEPS = 32
"""Edits of every chain without any new design after which annealing is twice as hot."""

Curves = Sequence[AreaDelayCurve | None]


def search(config: JobConfig, out: str | Path, view: LiveView | None = None) -> JobResult:
    """Run a baseline in a new directory until its budget is used or a signal asks it to end.

    :param out: a new or empty directory
    :raises InputError: the job cannot be run as described, nothing was written; or its method is no baseline
    """
    check_method(config)
    with view or LiveView() as shown, JobSession.create(config, out, shown) as session:
        return _search(session)


def resume(run: str | Path, view: LiveView | None = None, overrides: Iterable[str] = ()) -> JobResult:
    """Go on with a baseline: its chains begin again from the best designs that the job has found.

    :param overrides: `key.sub=value` texts, such as `budget.evaluations=20000`
    :raises InputError: no run directory, or one of another method
    """
    with view or LiveView() as shown, JobSession.resume(run, shown, overrides) as session:
        check_method(session.config)
        session.steps = max((design.step for design in session.store.designs()), default=0)
        return _search(session)


def check_method(config: JobConfig) -> None:
    """Refuse a job that is no baseline.

    :raises InputError: names the baselines
    """
    if config.method not in METHODS:
        raise InputError(f"the method of a search must be one of {', '.join(METHODS)}: {config.method!r}")


def _search(session: JobSession) -> JobResult:
    session.evaluate_classical()
    method = METHODS[session.config.method](session)
    while not session.finished:
        graphs = method.propose()
        curves = session.evaluate(graphs)
        session.steps += len(graphs)
        method.receive(graphs, curves)
        session.show("searching")
    return session.conclude()


class SearchMethod(ABC):
    """Chains of graphs, each with its weight; a method proposes graphs and is told their curves.

    :param session: the job; classical structures are evaluated already
    """

    def __init__(self, session: JobSession) -> None:
        self.session = session
        self.config = session.config.search
        self.generator = np.random.default_rng(np.random.SeedSequence(session.config.seed))
        self.weights = np.linspace(self.config.weight_low, self.config.weight_high, self.config.chains)
        names = self.config.starts
        self.starts = [structure(name, session.config.circuit.width) for name in names]
        self.graphs = [self.start(float(weight)) for weight in self.weights]
        self.costs = [self.cost(curve, i) for i, curve in enumerate(session.evaluate(self.graphs))]

    @abstractmethod
    def propose(self) -> list[PrefixGraph]:
        """The graphs to evaluate next."""

    @abstractmethod
    def receive(self, graphs: Sequence[PrefixGraph], curves: Curves) -> None:
        """Take the curves of the graphs that were proposed; None for one that could not be evaluated."""

    def start(self, weight: float) -> PrefixGraph:
        """A graph to begin from: one of the configured structures, else the best one known for the weight."""
        if self.starts:
            return self.starts[int(self.generator.integers(len(self.starts)))]
        return self.session.archive.best(weight, self.session.scale)

    def cost(self, curve: AreaDelayCurve | None, chain: int) -> float:
        """Scalar cost of a curve under a chain's weight: that of its best point; infinite for no curve."""
        if curve is None:
            return math.inf
        weight = float(self.weights[chain])
        area_um2, delay_ns = self.session.scale.best_point(curve, weight)
        return weight * self.session.scale.c_area * area_um2 + (1.0 - weight) * self.session.scale.c_delay * delay_ns

    def neighbours(self, graphs: Sequence[PrefixGraph]) -> list[PrefixGraph]:
        """Each graph after one random legal edit: adding and deleting equally likely, then every cell."""
        grids = np.stack([graph.grid for graph in graphs])
        kernels.edit_(grids, random_edits(kernels.masks(grids), self.generator), self.session.config.environment.rule)
        return [PrefixGraph.from_grid(grid) for grid in grids]


class RandomSearch(SearchMethod):
    """Random walks that return to their start every `restart_steps` edits."""

    def propose(self) -> list[PrefixGraph]:
        return self.neighbours(self.graphs)

    def receive(self, graphs: Sequence[PrefixGraph], curves: Curves) -> None:
        if self.session.steps // self.config.chains % self.config.restart_steps == 0:
            self.graphs = [self.start(float(weight)) for weight in self.weights]
        else:
            self.graphs = [new if curve else old for new, curve, old in zip(graphs, curves, self.graphs, strict=True)]


class GreedySearch(SearchMethod):
    """Descent to the best of a sample of neighbours; a chain that is stuck begins anew with a random weight."""

    def __init__(self, session: JobSession) -> None:
        super().__init__(session)
        self._failures = [0] * self.config.chains

    def propose(self) -> list[PrefixGraph]:
        return self.neighbours([graph for graph in self.graphs for _ in range(self.config.neighbours)])

    def receive(self, graphs: Sequence[PrefixGraph], curves: Curves) -> None:
        count = self.config.neighbours
        for chain in range(self.config.chains):
            places = range(chain * count, (chain + 1) * count)
            costs = {place: self.cost(curves[place], chain) for place in places}
            best = min(places, key=costs.__getitem__)
            if costs[best] < self.costs[chain]:
                self.graphs[chain], self.costs[chain], self._failures[chain] = graphs[best], costs[best], 0
            else:
                self._failures[chain] += 1
        self._restart([chain for chain, failed in enumerate(self._failures) if failed >= self.config.patience])

    def _restart(self, chains: list[int]) -> None:
        for chain in chains:
            weight = float(self.generator.uniform(self.config.weight_low, self.config.weight_high))
            # One random edit away from the start, or the chain would fall into the same dent again.
            self.weights[chain], self.graphs[chain] = weight, self.neighbours([self.start(weight)])[0]
            self._failures[chain] = 0
        for chain, curve in zip(chains, self.session.evaluate([self.graphs[chain] for chain in chains]), strict=True):
            self.costs[chain] = self.cost(curve, chain)


class SimulatedAnnealing(SearchMethod):
    """Metropolis chains over single edits, one per weight, cooled geometrically over the job's budget.

    The budget counts new designs, so chains that are frozen among known ones would never end it: they are heated again
    until they leave.
    """

    def propose(self) -> list[PrefixGraph]:
        return self.neighbours(self.graphs)

    def receive(self, graphs: Sequence[PrefixGraph], curves: Curves) -> None:
        first, last = self.config.temperature_start, self.config.temperature_end
        temperature = first * (last / first) ** min(self.session.progress, 1.0)
        temperature *= 2.0 ** (self.session.idle_steps / (REHEAT_STEPS * len(graphs)))
        draws = self.generator.random(len(graphs))
        for chain, (graph, curve) in enumerate(zip(graphs, curves, strict=True)):
            cost = self.cost(curve, chain)
            rise = cost - self.costs[chain]
            if rise <= 0 or draws[chain] < math.exp(-rise / temperature):
                self.graphs[chain], self.costs[chain] = graph, cost


METHODS: dict[str, type[SearchMethod]] = {
    "random": RandomSearch,
    "greedy": GreedySearch,
    "sa": SimulatedAnnealing,
}
