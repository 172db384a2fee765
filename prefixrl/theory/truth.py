"""The whole truth about small widths: every legal graph measured, and the front that no method can beat.

Letters: N width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.enumeration import all_rows, graph_of
from prefixrl.graphs.rows import Rows, fanout_rows, level_rows, lower_parents
from prefixrl.synthesis.analytic import DELAY_PER_CHILD, NODE_AREA, NODE_DELAY

Measure = Callable[[Rows], tuple[float, float]]
"""(delay, area) of the rows of a graph."""


@dataclass(frozen=True)
class TruePoint:
    """A non-dominated point and one of the graphs behind it."""

    delay: float
    area: float
    graph: PrefixGraph


def true_front(width: int, measure: Measure) -> list[TruePoint]:
    """The front of all legal graphs of a width, by rising delay.

    :param width: 2 to 8; 9 has 25 million graphs
    :raises InputError: width out of range
    """
    best: dict[float, tuple[float, Rows]] = {}
    for rows in all_rows(width):
        delay, area = measure(rows)
        if delay not in best or area < best[delay][0]:
            best[delay] = area, rows
    front: list[TruePoint] = []
    for delay, (area, rows) in sorted(best.items()):
        if not front or area < front[-1].area:
            front.append(TruePoint(delay, area, graph_of(rows)))
    return front


def depth_and_size(rows: Rows) -> tuple[float, float]:
    """Levels on the longest path, and nodes."""
    return float(max(row[0] for row in level_rows(rows))), float(_size(rows))


def analytic_figures(rows: Rows) -> tuple[float, float]:
    """Delay and area of the analytic evaluator: see `prefixrl.synthesis.analytic`."""
    fanouts = fanout_rows(rows)
    arrivals: list[dict[int, float]] = []
    for msb, row in enumerate(rows):
        found = {msb: 0.0}
        arrival = 0.0
        for r, lsb, _ in lower_parents(row):
            other = found[lsb] if r == msb else arrivals[r][lsb]
            arrival = max(arrival, other) + NODE_DELAY + DELAY_PER_CHILD * fanouts[msb][lsb]
            found[lsb] = arrival
        arrivals.append(found)
    return max(row[0] for row in arrivals), NODE_AREA * _size(rows)


MEASURES: dict[str, Measure] = {"depth": depth_and_size, "analytic": analytic_figures}


def _size(rows: Rows) -> int:
    return sum(row.bit_count() for row in rows) - len(rows)
