"""The timing planes agree with a plain walk over the graph."""

from __future__ import annotations

import numpy as np
import pytest

from prefixrl.agents.planes import timing_planes
from prefixrl.agents.replay import describe_grids
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import classical_structures
from prefixrl.synthesis.analytic import fanout_weighted_delay


def _expected(graph: PrefixGraph) -> np.ndarray:
    """Arrival and criticality of every node, out of the graph's own parents, children and order."""
    width, fanouts = graph.width, graph.fanouts
    arrival = {(bit, bit): 0.0 for bit in range(width)}
    for node in graph.topological_order():
        ready = max(arrival[graph.upper_parent(*node)], arrival[graph.lower_parent(*node)])
        arrival[node] = ready + 1 + 0.5 * fanouts[node]
    onward = dict.fromkeys(arrival, 0.0)
    for node in reversed(graph.topological_order()):
        for parent in (graph.upper_parent(*node), graph.lower_parent(*node)):
            onward[parent] = max(onward[parent], onward[node] + 1 + 0.5 * fanouts[node])
    longest = fanout_weighted_delay(graph)
    planes = np.zeros((2, width, width))
    for node, ready in arrival.items():
        planes[0][node], planes[1][node] = ready / longest, (ready + onward[node]) / longest
    return planes


@pytest.mark.parametrize("width", [3, 7, 16])
def test_planes_are_arrival_and_criticality(width: int) -> None:
    graphs = list(classical_structures(width).values())
    observations, _ = describe_grids(np.stack([graph.grid for graph in graphs]))
    planes = timing_planes(observations)
    for graph, found in zip(graphs, planes, strict=True):
        assert found == pytest.approx(_expected(graph), abs=1e-6)
        assert found.max() == pytest.approx(1.0)
