"""What the tests of the environments share: arguments, and a service that refuses some graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prefixrl.circuits import Circuit
from prefixrl.errors import EvaluationFailed
from prefixrl.graphs import PrefixGraph
from prefixrl.synthesis.analytic import AnalyticEvaluator
from prefixrl.synthesis.constraints import Constraints, default_constraints
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.service import EvaluationService

ANALYTIC: dict[str, Any] = {"width": 8, "evaluator": "analytic"}
REASON = "this graph is refused"


class RefusingEvaluator(AnalyticEvaluator):
    """The analytic evaluator, but graphs that `refused` is true of fail, as with a tool that cannot map them."""

    name = "refusing"

    def __init__(self, refused: Callable[[PrefixGraph], bool]) -> None:
        super().__init__(load_pdk())
        self.refused = refused
        self.closed = False

    def evaluate(self, circuit: Circuit, constraints: Constraints) -> AreaDelayCurve:
        if self.refused(circuit.graph):
            raise EvaluationFailed(REASON)
        return super().evaluate(circuit, constraints)

    def close(self) -> None:
        self.closed = True


class TradingEvaluator(AnalyticEvaluator):
    """Two points per graph: the analytic one, and one of half the delay and twice the area."""

    name = "trading"

    def evaluate(self, circuit: Circuit, constraints: Constraints) -> AreaDelayCurve:
        (slow,) = super().evaluate(circuit, constraints).points
        return AreaDelayCurve((slow, CurvePoint(slow.delay_ns / 2, slow.area_um2 * 2, "fast")))


def service_of(evaluator: AnalyticEvaluator) -> EvaluationService:
    """A running service around one evaluator, without a cache."""
    return EvaluationService(lambda: evaluator, default_constraints(evaluator.pdk))


def legal_action(mask: NDArray[Any], generator: np.random.Generator) -> int:
    """A legal action drawn evenly."""
    return int(generator.choice(np.flatnonzero(mask)))


def illegal_action(mask: NDArray[Any]) -> int:
    """The first illegal action."""
    return int(np.flatnonzero(~np.asarray(mask, dtype=bool))[0])
