"""The analytic model of the PrefixRL paper: no library, no tools, for tests and theory."""

from __future__ import annotations

from prefixrl.circuits import Circuit
from prefixrl.circuits.netlist import Netlist
from prefixrl.errors import EvaluationFailed
from prefixrl.graphs import PrefixGraph
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint
from prefixrl.synthesis.pdk import Pdk

NODE_AREA = 1.0
NODE_DELAY = 1.0
DELAY_PER_CHILD = 0.5


class AnalyticEvaluator:
    """Area 1 per node, delay 1 + 0.5 per child of a node; one point per graph.

    The figures are in the model's own units, although they stand where um2 and ns do elsewhere. The paper leaves
    open how inputs and outputs count: here inputs cost nothing and arrive at 0, and leaving the circuit is no child.
    The circuit's kind, the PDK and the constraints have no influence.
    """

    name = "analytic"
    version = "1"

    def __init__(self, pdk: Pdk) -> None:
        self.pdk = pdk

    def evaluate(self, circuit: Circuit, constraints: Constraints) -> AreaDelayCurve:
        """A curve of one point: size, and the fanout-weighted depth."""
        del constraints
        graph = circuit.graph
        return AreaDelayCurve((CurvePoint(fanout_weighted_delay(graph), NODE_AREA * graph.size, "analytic"),))

    def realize(self, circuit: Circuit, constraints: Constraints, point: CurvePoint, module: str) -> Netlist:
        """Not possible.

        :raises EvaluationFailed: always
        """
        raise EvaluationFailed(f"the analytic evaluator has no netlists: {module!r}")

    def close(self) -> None:
        """Nothing is kept alive."""


def fanout_weighted_delay(graph: PrefixGraph) -> float:
    """Longest path where a node takes 1 + 0.5 per child (PrefixRL's model, after Moto and Kaneko, ISCAS 2018)."""
    fanouts = graph.fanouts
    arrival = {(bit, bit): 0.0 for bit in range(graph.width)}
    for msb, lsb in graph.topological_order():
        ready = max(arrival[graph.upper_parent(msb, lsb)], arrival[graph.lower_parent(msb, lsb)])
        arrival[(msb, lsb)] = ready + NODE_DELAY + DELAY_PER_CHILD * float(fanouts[msb, lsb])
    return max(arrival.values())
