"""What a search method sees of its job: curves for graphs, until the budget is used up.

A method is a plain function that asks the judge for the curves of the graphs that it proposes. The judge ends it by
raising `BudgetUsed` from within `evaluate`, after exactly as many unique designs as the budget allows.

A job that is resumed begins its method anew under the same seed. Designs that are in the store cost nothing, and the
judge counts them as it did the first time, so the method walks the way it walked, to the very same state, and goes on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from prefixrl.agents.archive import FrontArchive
from prefixrl.agents.session import JobSession
from prefixrl.envs.rewards import RewardScale
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import classical_structures
from prefixrl.synthesis.curve import AreaDelayCurve

Curve = AreaDelayCurve | None
"""None stands for a graph that could not be evaluated."""


class BudgetUsed(Exception):
    """The job ends here; the store has everything that was evaluated."""


class Judge:
    """Evaluates graphs for one method and keeps the front as far as the method has come.

    :param session: the job; its classical structures and the graphs that it inherits are evaluated already

    `scale` weighs area against delay so that both ranges between the classical structures' best and the reference
    point are 1, whatever evaluator and width: costs and temperatures mean the same everywhere.
    """

    def __init__(self, session: JobSession) -> None:
        self.session = session
        self.width = session.config.circuit.width
        self.classical = list(classical_structures(self.width).values())
        self.archive = FrontArchive()
        self._curves: dict[PrefixGraph, Curve] = {}
        self._counted = 0
        known = [*self.classical, *session.inherited]
        for graph, curve in zip(known, session.evaluate(known), strict=True):
            self._take(graph, curve)
        self.scale = self._make_scale()
        session.steps = 0
        session.mark_progress()

    @property
    def progress(self) -> float:
        """Part of the budget used, 0 to 1, with the evaluations that this run of the method has asked for."""
        return min(self.session.progress_at(self._counted), 1.0)

    def evaluate(self, graphs: Sequence[PrefixGraph]) -> list[Curve]:
        """Curves of graphs, None for those that cannot be evaluated.

        :raises BudgetUsed: the job has to end; what the budget still allowed has been evaluated and stored
        """
        self._check_budget()
        self.session.steps += len(graphs)
        asked = [graph for graph in dict.fromkeys(graphs) if graph not in self._curves]
        affordable = self._affordable(asked)
        for graph, curve in zip(affordable, self.session.evaluate(affordable), strict=True):
            self._take(graph, curve)
            self._counted += 1
        if affordable:
            self.session.mark_progress()
        self.session.show("searching")
        if len(affordable) < len(asked):
            raise BudgetUsed
        return [self._curves[graph] for graph in graphs]

    def knows(self, graph: PrefixGraph) -> bool:
        """Whether this run of the method has the graph's curve, so that asking for it costs nothing."""
        return graph in self._curves

    def cost(self, curve: Curve, weight: float) -> float:
        """Scalar cost of a curve: that of its best point; infinite for no curve.

        :param weight: share of area, 0 to 1
        """
        if curve is None:
            return math.inf
        area, delay = weight * self.scale.c_area, (1.0 - weight) * self.scale.c_delay
        return min(area * point.area_um2 + delay * point.delay_ns for point in curve.points)

    def front_graphs(self) -> list[PrefixGraph]:
        """The graphs of the front so far, each once, by rising delay."""
        return list(dict.fromkeys(self.archive.graphs))

    def _affordable(self, graphs: Sequence[PrefixGraph]) -> list[PrefixGraph]:
        """As many of the first graphs as the budget pays for; those that the store has are free."""
        left = self.session.evaluations_left
        for place, graph in enumerate(graphs):
            left -= not self.session.knows(graph)
            if left < 0:
                return list(graphs[:place])
        return list(graphs)

    def _check_budget(self) -> None:
        if self.session.finished:
            raise BudgetUsed

    def _take(self, graph: PrefixGraph, curve: Curve) -> None:
        self._curves[graph] = curve
        if curve is not None:
            self.archive.add(graph, curve.points)

    def _make_scale(self) -> RewardScale:
        delay_ns, area_um2 = self.session.reference
        ranges = np.array([area_um2 - self.archive.areas_um2.min(), delay_ns - self.archive.delays_ns.min()])
        c_area, c_delay = 1.0 / np.where(ranges > 0, ranges, 1.0)
        return RewardScale(float(c_area), float(c_delay))
