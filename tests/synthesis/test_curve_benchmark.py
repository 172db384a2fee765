"""The benchmark of curves: its figures mean what they say."""

from __future__ import annotations

import math

import pytest

from prefixrl.errors import InputError
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint
from prefixrl.synthesis.curve_benchmark import bench_curves, stepped_area


def test_stepped_area_is_that_of_netlists_that_exist() -> None:
    curve = AreaDelayCurve((CurvePoint(1.0, 10.0, "a"), CurvePoint(2.0, 5.0, "b")))
    assert [stepped_area(curve, delay) for delay in (0.9, 1.0, 1.9, 2.0, 3.0)] == [math.inf, 10, 10, 5, 5]


def test_figures_of_a_small_run() -> None:
    figures = bench_curves((8,), ("brent-kung",), random_graphs=1)["widths"]["8"]
    assert figures["graphs"] == 2
    assert figures["dense_points"] >= figures["points"] >= 3
    assert 0 <= figures["stepped_mean"] <= figures["stepped_worst"] < 0.2
    assert 0 <= figures["fastest_mean"] <= figures["fastest_worst"] < 0.2
    assert abs(figures["optimum_mean"]) < 0.1
    assert figures["dense_ms"] > figures["fast_ms"]


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(InputError, match="at least one graph: 0"):
        bench_curves((8,), (), random_graphs=0)
