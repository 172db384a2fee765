"""Slack as colour, for drawings of graphs whose timing is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from prefixrl.graphs.prefix_graph import Node

STOPS = ((0.0, (193, 18, 31)), (0.35, (238, 155, 0)), (0.7, (148, 190, 160)), (1.0, (69, 123, 157)))
"""Red without slack, over amber and pale green to blue with the most; apart in lightness too."""
PATH = "#c1121f"


@dataclass(frozen=True)
class Shading:
    """What a drawing shows beside the graph.

    :param slack_ns: by node, inputs (i, i) among them; nodes that are missing keep their colour
    :param path: the nodes on the critical path, in order
    """

    slack_ns: Mapping[Node, float]
    path: Sequence[Node] = field(default=())

    @property
    def most_ns(self) -> float:
        """The slack that has the last colour."""
        return max(self.slack_ns.values(), default=0.0)

    def colour(self, node: Node) -> str | None:
        """`#rrggbb`, or None for a node whose slack is not known."""
        slack = self.slack_ns.get(node)
        if slack is None:
            return None
        return colour_at(max(slack, 0.0) / self.most_ns if self.most_ns > 0 else 0.0)


def colour_at(share: float) -> str:
    """The colour of a share of the most slack, 0 to 1."""
    for (low, one), (high, other) in pairwise(STOPS):
        if share <= high:
            part = (share - low) / (high - low)
            mixed = (round(a + part * (b - a)) for a, b in zip(one, other, strict=True))
            return "#" + "".join(f"{value:02x}" for value in mixed)
    return "#" + "".join(f"{value:02x}" for value in STOPS[-1][1])
