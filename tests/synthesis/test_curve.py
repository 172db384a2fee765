"""Area-delay curves: Pareto points, interpolation, optimum."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefixrl.errors import InputError
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint, Loss

figures = st.floats(0.1, 1000, allow_nan=False)
point_lists = st.lists(st.tuples(st.floats(0.1, 2).map(lambda x: round(x, 3)), figures), min_size=1, max_size=12)


def curve_of(*pairs: tuple[float, float]) -> AreaDelayCurve:
    return AreaDelayCurve(tuple(CurvePoint(delay, area, f"{number}") for number, (delay, area) in enumerate(pairs)))


def test_dominated_points_are_left_out() -> None:
    curve = curve_of((0.4, 250), (0.3, 300), (0.3, 310), (0.35, 300), (0.5, 250), (0.45, 240))
    assert [(point.delay_ns, point.area_um2) for point in curve.points] == [(0.3, 300), (0.4, 250), (0.45, 240)]
    assert (curve.fastest.recipe, curve.smallest.recipe) == ("1", "5")


def test_area_at_goes_through_the_points_and_ends_where_they_do() -> None:
    curve = curve_of((0.3, 300), (0.4, 250), (0.45, 240))
    assert [curve.area_at(delay) for delay in (0.3, 0.4, 0.45, 9)] == pytest.approx([300, 250, 240, 240])
    assert curve.area_at(0.2999) == math.inf
    assert curve_of((0.3, 300)).area_at(0.3) == 300


@given(point_lists)
def test_interpolation_is_monotone_and_within_the_points(pairs: list[tuple[float, float]]) -> None:
    curve = curve_of(*pairs)
    delays = np.linspace(curve.fastest.delay_ns, curve.smallest.delay_ns, 60)
    areas = [curve.area_at(float(delay)) for delay in delays]
    tolerance = 1e-9 * curve.points[0].area_um2
    assert all(right <= left + tolerance for left, right in itertools.pairwise(areas))
    assert max(areas) <= curve.fastest.area_um2 + tolerance
    assert min(areas) >= curve.smallest.area_um2 - tolerance


@given(point_lists, st.floats(0, 1))
def test_optimum_is_the_best_of_a_dense_search(pairs: list[tuple[float, float]], w_area: float) -> None:
    curve = curve_of(*pairs)
    w_delay = 1 - w_area

    def cost(delay: float, area: float) -> float:
        return w_area * 0.01 * area + w_delay * 10 * delay

    delay_ns, area_um2 = curve.optimum(w_area, w_delay)
    dense = np.linspace(curve.fastest.delay_ns, curve.smallest.delay_ns, 400)
    best = min(cost(float(delay), curve.area_at(float(delay))) for delay in dense)
    assert cost(delay_ns, area_um2) <= best + 1e-9
    assert area_um2 == pytest.approx(curve.area_at(delay_ns), rel=1e-6)


def test_optimum_at_the_ends() -> None:
    curve = curve_of((0.3, 300), (0.4, 250), (0.45, 240))
    assert curve.optimum(0, 1) == (0.3, 300)
    assert curve.optimum(1, 0) == (0.45, 240)


@given(point_lists)
def test_json_round_trip(pairs: list[tuple[float, float]]) -> None:
    curve = curve_of(*pairs)
    assert AreaDelayCurve.from_json(json.loads(json.dumps(curve.to_json()))) == curve


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_impossible_figures_are_refused(bad: float) -> None:
    with pytest.raises(InputError, match="delay"):
        CurvePoint(bad, 1.0, "")
    with pytest.raises(InputError, match="area"):
        CurvePoint(1.0, bad, "")


def test_empty_and_malformed_curves_are_refused() -> None:
    with pytest.raises(InputError, match="at least one point"):
        AreaDelayCurve(())
    for data in ([[1, 2]], [["x", 1, ""]], [None], [[1, 2, "", 4]]):
        with pytest.raises(InputError, match="list of"):
            AreaDelayCurve.from_json(data)  # type: ignore[arg-type]


def test_what_a_curve_lacks_is_told_and_survives_json() -> None:
    point = CurvePoint(0.5, 10.0, "area c500")
    lost, refused = Loss("area c300", "no end within 1 s", True), Loss("area c200", "DPL-0038", False)
    whole, lasting = AreaDelayCurve((point,)), AreaDelayCurve((point,), (refused,))
    passing = AreaDelayCurve((point,), (lost, refused))
    assert (whole.lasting, lasting.lasting, passing.lasting) == (True, True, False)
    assert whole.to_json() == [[0.5, 10.0, "area c500"]], "as caches of former versions have it"
    for curve in (whole, lasting, passing):
        assert AreaDelayCurve.from_json(json.loads(json.dumps(curve.to_json()))) == curve
    for broken in ({}, {"points": [[1, 2, "r"]]}, {"points": [[1, 2, "r"]], "losses": [["x"]]}):
        with pytest.raises(InputError, match="a curve must be a list"):
            AreaDelayCurve.from_json(broken)
