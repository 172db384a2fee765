"""`guided`: annealing whose edits are chosen by a model that learns, while it goes, what edits do to curves.

The walk is that of `sa`: chains that start on the front, pay for leaving it, and return to it. But where `sa` draws an
edit at random, this agent describes every legal edit by what it does to size, fanouts and simple timing
(`prefixrl.graphs.edit_features`), has an ensemble predict the change of the whole area-delay curve
(`prefixrl.agents.edit_model`), and evaluates the edit that promises the front most. What the evaluator then says is the
next example. Nothing but the model of edits differs from `sa`, so the difference in evaluations is what learning adds.

Letters: B chains, R legal edits, H heads, K delays, D inputs of the model.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prefixrl.agents.exploration import random_edits
from prefixrl.agents.search.front_gap import gap
from prefixrl.agents.search.judge import Curve, Judge
from prefixrl.agents.search.starts import FrontStarts
from prefixrl.agents.search_sections import GuidedConfig, SearchConfig
from prefixrl.agents.transfer import EDIT_MODEL
from prefixrl.graphs import PrefixGraph, action_count, kernels
from prefixrl.graphs.edit_features import EDIT_FEATURES, GRAPH_FEATURES, EditTable, describe_edits
from prefixrl.synthesis.curve import AreaDelayCurve

Floats = NDArray[np.float32]

REHEAT_STEPS = 32
"""As in `sa`: edits of every chain without a new design after which the walk is twice as hot and twice as long."""
FASTER = 0.95
"""The fastest delay of the grid over that of the classical front: there is room for what is to be found."""
ELASTICITY = 4.0
"""Log area taken for a log delay that a curve misses: steeper than fronts are, so that it never pays to be late."""
SOFTNESS = 0.01
"""Log area at which a predicted improvement is told from a near miss."""
EXCESS_LOW, EXCESS_HIGH = -0.1, 0.4
CANDIDATES = 32
"""Best edits of a chain that are looked through for one that is not evaluated yet."""
TABLE_BYTES = 2**26
"""Memory for descriptions of graphs that a walk may come back to."""


def guided(judge: Judge, config: SearchConfig, generator: np.random.Generator) -> None:
    """Metropolis chains over edits that a learning model proposes; a walk begins on the front, `walk` edits long."""
    settings = config.guided
    starts = FrontStarts(judge, config.starts, generator)
    agent = _Agent(judge, settings, generator)
    try:
        _walk(judge, settings, generator, starts, agent)
    finally:
        agent.save()


def _walk(
    judge: Judge, settings: GuidedConfig, generator: np.random.Generator, starts: FrontStarts, agent: _Agent
) -> None:
    """The loop, until the budget is used."""
    chains = [_begin(judge, starts) for _ in range(settings.chains)]
    while True:
        heat = 2.0 ** (judge.session.idle_steps / (REHEAT_STEPS * settings.chains))
        first, last = settings.temperature_start, settings.temperature_end
        temperature = heat * first * (last / first) ** judge.progress
        proposals = agent.propose(chains)
        curves = judge.evaluate([proposal.graph for proposal in proposals])
        draws = generator.random(settings.chains)
        agent.learn(chains, proposals, curves)
        for place, (chain, proposal, curve) in enumerate(zip(chains, proposals, curves, strict=True)):
            behind = gap(judge, curve)
            chain.age += 1
            if curve is not None and (
                behind <= chain.gap or draws[place] < math.exp((chain.gap - behind) / temperature)
            ):
                chain.graph, chain.curve, chain.gap = proposal.graph, curve, behind
            if chain.age >= settings.walk * heat:
                chains[place] = _begin(judge, starts)


@dataclass
class _Chain:
    """A walker: its graph, the graph's curve, how far that is behind the front, and edits since the start."""

    graph: PrefixGraph
    curve: AreaDelayCurve
    gap: float
    age: int = 0


@dataclass(frozen=True)
class _Proposal:
    """A graph to evaluate.

    :param inputs: of the edit that leads to it, [D]; None where that teaches nothing, the curve being known
    """

    graph: PrefixGraph
    inputs: Floats | None


def _begin(judge: Judge, starts: FrontStarts) -> _Chain:
    """A walk from a start; from the front, if the start is a structure that cannot be evaluated."""
    for graph in (starts.draw(), judge.front_graphs()[0]):
        curve = judge.evaluate([graph])[0]
        if curve is not None:
            break
    assert curve is not None, "every graph of the front has a curve"
    return _Chain(graph, curve, gap(judge, curve))


class _Agent:
    """Proposes the edits of all chains, and learns from what became of them."""

    def __init__(self, judge: Judge, settings: GuidedConfig, generator: np.random.Generator) -> None:
        from prefixrl.agents.edit_model import EditModel  # torch

        self._judge, self._settings, self._generator = judge, settings, generator
        self._delays = _Delays(judge, settings.delays)
        self._tables = _Tables(settings.rule, judge.width)
        inputs = 2 * len(GRAPH_FEATURES) + len(EDIT_FEATURES) + settings.delays
        self._model = EditModel(inputs, settings, generator)
        if judge.session.given_network is not None:
            self._model.begin_with(judge.session.given_network)

    def save(self) -> None:
        """Keep the model in the run, for jobs that begin with it (`transfer`)."""
        from prefixrl.agents.checkpoint import save_checkpoint

        session = self._judge.session
        state = {"job": session.config.model_dump(mode="json"), "examples": self._model.examples}
        save_checkpoint(session.run.checkpoints, session.steps, state, {EDIT_MODEL: self._model.arrays()}, keep=1)

    def propose(self, chains: Sequence[_Chain]) -> list[_Proposal]:
        """One edit of each chain: the most promising one that is not evaluated yet, or, now and then, any."""
        if self._judge.width < 3:  # one graph, without edits
            return [_Proposal(chain.graph, None) for chain in chains]
        tables = [self._tables.of(chain.graph) for chain in chains]
        front = self._delays.front(self._judge)
        behind = [self._delays.log_areas(chain.curve) - front for chain in chains]
        inputs = [_inputs(table, excess) for table, excess in zip(tables, behind, strict=True)]
        proposals: list[_Proposal] = []
        for chain, order in enumerate(self._orders(chains, tables, inputs, behind, front)):
            taken = {proposal.graph for proposal in proposals}
            place, graph = self._first_new(chains[chain].graph, tables[chain], order, taken)
            known = self._judge.knows(graph)
            proposals.append(_Proposal(graph, None if known else inputs[chain][place]))
        return proposals

    def learn(self, chains: Sequence[_Chain], proposals: Sequence[_Proposal], curves: Sequence[Curve]) -> None:
        """Remember the new edits of the chains, and update the model if there were any."""
        before = self._model.examples
        for chain, proposal, curve in zip(chains, proposals, curves, strict=True):
            if proposal.inputs is not None and curve is not None:
                log_areas = self._delays.log_areas
                self._model.remember(proposal.inputs, log_areas(chain.curve), log_areas(curve))
        if self._model.ready and self._model.examples > before:
            self._model.learn(self._delays.front(self._judge), self._judge.progress)

    def _orders(
        self,
        chains: Sequence[_Chain],
        tables: Sequence[EditTable],
        inputs: Sequence[Floats],
        behind: Sequence[Floats],
        front: Floats,
    ) -> list[list[int]]:
        """For each chain the edits to try, by their places in its table, the best first; the last one is random."""
        masks = kernels.masks(np.stack([chain.graph.grid for chain in chains]))
        drawn = random_edits(masks, self._generator)  # as `sa` draws them
        orders = [[int(np.searchsorted(table.actions[0], a))] for table, a in zip(tables, drawn, strict=True)]
        if not self._model.ready:
            return orders
        changes = np.split(
            self._model.predict(np.concatenate(inputs)), np.cumsum([len(rows) for rows in inputs])[:-1], axis=1
        )
        weights = self._delays.weights(front)
        for chain, change in enumerate(changes):
            if self._generator.random() >= self._settings.random_share:
                # One head is believed at a time: where heads disagree, edits are tried out (Thompson sampling).
                believed = behind[chain] + change[int(self._generator.integers(len(change)))]
                promise = np.logaddexp(0.0, -believed / SOFTNESS) @ weights
                best = np.argsort(-promise, kind="stable")[:CANDIDATES]
                orders[chain] = [*best.tolist(), *orders[chain]]
        return orders

    def _first_new(
        self, graph: PrefixGraph, table: EditTable, order: Sequence[int], taken: set[PrefixGraph]
    ) -> tuple[int, PrefixGraph]:
        """The first edit in `order` whose graph costs an evaluation, and that graph; the last if none does."""
        for place in order:
            grids = graph.grid[None].copy()
            kernels.edit_(grids, table.actions[:, place], self._settings.rule)
            edited = PrefixGraph.from_legal_grid(grids[0])
            if edited not in taken and not self._judge.knows(edited):
                break
        return place, edited


def _inputs(table: EditTable, behind: Floats) -> Floats:
    """Inputs of the model, float32 [R, D]: what each edit changes, the graph, and how far it is behind the front."""
    rows = table.rows[0]
    graph = np.broadcast_to(table.graphs[0], (len(rows), table.graphs.shape[1]))
    excess = np.broadcast_to(np.clip(behind, EXCESS_LOW, EXCESS_HIGH), (len(rows), len(behind)))
    return np.concatenate([rows, graph, excess], axis=1)


class _Delays:
    """K delays, evenly in log, at which curves are compared: from somewhat below the classical front to the reference.

    A curve's log area at a delay is that of its best point, each point that is too slow being charged `ELASTICITY` for
    what it misses. So every curve has a finite value everywhere, and a change is told even where nothing is reached.
    """

    def __init__(self, judge: Judge, count: int) -> None:
        fastest = float(judge.archive.delays_ns.min()) * FASTER
        slowest = min(judge.session.reference[0], float(judge.archive.delays_ns.max()))
        self._delays = np.geomspace(fastest, max(slowest, 1.1 * fastest), count)

    def log_areas(self, curve: AreaDelayCurve) -> Floats:
        """float32 [K], log of um2."""
        return self._of([point.delay_ns for point in curve.points], [point.area_um2 for point in curve.points])

    def front(self, judge: Judge) -> Floats:
        """The same of the front so far."""
        return self._of(judge.archive.delays_ns, judge.archive.areas_um2)

    def weights(self, front: Floats) -> NDArray[np.float64]:
        """What a share of area is worth at each delay, [K]: the hypervolume that it adds, relative to all."""
        worth = np.gradient(self._delays) * np.exp(front)
        return np.asarray(worth / worth.sum(), dtype=np.float64)

    def _of(self, delays_ns: ArrayLike, areas_um2: ArrayLike) -> Floats:
        late = np.maximum(np.log(delays_ns)[None] - np.log(self._delays)[:, None], 0.0)
        return np.asarray((np.log(areas_um2)[None] + ELASTICITY * late).min(axis=1), dtype=np.float32)


class _Tables:
    """Edits of single graphs with their features; those used last are kept, for walks come back to the front."""

    def __init__(self, rule: str, width: int) -> None:
        self._rule = rule
        bytes_each = 4 * action_count(width) * (len(GRAPH_FEATURES) + len(EDIT_FEATURES)) // 2 + 1
        self._capacity = max(TABLE_BYTES // bytes_each, 64)
        self._kept: OrderedDict[PrefixGraph, EditTable] = OrderedDict()

    def of(self, graph: PrefixGraph) -> EditTable:
        """The table of one graph, its rows cut to the legal edits."""
        if graph not in self._kept:
            grids = graph.grid[None].copy()
            graphs, rows, actions, counts = describe_edits(grids, kernels.masks(grids), self._rule)
            legal = int(counts[0])
            self._kept[graph] = EditTable(graphs, rows[:, :legal].copy(), actions[:, :legal].copy(), counts)
            if len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        self._kept.move_to_end(graph)
        return self._kept[graph]
