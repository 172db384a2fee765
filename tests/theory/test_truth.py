"""The truth about small widths agrees with the evaluator and with theory."""

from __future__ import annotations

import pytest

from prefixrl.graphs.enumeration import all_graphs, all_rows
from prefixrl.synthesis.analytic import fanout_weighted_delay
from prefixrl.theory.records import lower_bound
from prefixrl.theory.truth import analytic_figures, depth_and_size, true_front


def test_measures_are_those_of_graphs_and_of_the_analytic_evaluator() -> None:
    for rows, graph in zip(all_rows(5), all_graphs(5), strict=True):
        assert depth_and_size(rows) == (graph.depth, graph.size)
        assert analytic_figures(rows) == (fanout_weighted_delay(graph), graph.size)


def test_the_front_of_seven_bits() -> None:
    front = true_front(7, depth_and_size)
    assert [(point.delay, point.area) for point in front] == [(3, 9), (4, 8), (5, 7), (6, 6)]
    for point in front:
        assert (point.graph.depth, point.graph.size) == (point.delay, point.area)
        assert point.area == lower_bound(7, int(point.delay))


@pytest.mark.slow
def test_the_front_of_eight_bits_under_the_analytic_model() -> None:
    front = [(point.delay, point.area) for point in true_front(8, analytic_figures)]
    assert front == [(4.5, 15), (5, 14), (5.5, 12), (6, 11), (6.5, 10), (7.5, 9), (9, 8), (10, 7)]
