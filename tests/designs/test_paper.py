"""The paper's published fronts, and the constraints that were fitted to its classical curves."""

from itertools import pairwise

import numpy as np
import pytest

from prefixrl.designs import FrontPoint
from prefixrl.designs.paper import (
    CLASSICAL,
    WIDTHS,
    PaperPoint,
    compare_with_paper,
    curve_distances,
    fit_residual,
    paper_front,
    paper_points,
)
from prefixrl.errors import InputError
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint
from prefixrl.synthesis.native import NativeEvaluator
from prefixrl.synthesis.pdk import load_pdk

SITE_UM2 = 0.266


def test_the_figures_are_those_of_the_paper() -> None:
    points = paper_points()
    assert set(points) == {(width, name) for width in WIDTHS for name in (*CLASSICAL, "prefixrl")}
    assert points[32, "prefixrl"][0] == pytest.approx((0.2754, 408.6), abs=0.06)
    assert points[64, "kogge-stone"][-1].area_um2 == pytest.approx(776.7, abs=0.06)


def test_areas_are_multiples_of_the_site() -> None:
    areas = np.array([point.area_um2 for points in paper_points().values() for point in points])
    steps = areas / SITE_UM2
    assert np.abs(steps - steps.round()).max() < 0.3  # read from a drawing, to about 0.05 um2


def test_the_front_has_no_point_that_another_one_betters() -> None:
    front = paper_front(64)
    assert all(later.area_um2 < earlier.area_um2 for earlier, later in pairwise(front))
    with pytest.raises(InputError, match=r"32 or 64 bits: 16$"):
        paper_front(16)


def test_distances_are_relative_and_signed() -> None:
    curve = AreaDelayCurve((CurvePoint(0.3, 200.0, ""), CurvePoint(0.4, 150.0, "")))
    below, above, fast = curve_distances(
        curve, [PaperPoint(0.5, 150.0 / 1.1), PaperPoint(0.5, 165.0), PaperPoint(0.27, 300.0)]
    )
    assert below == pytest.approx(np.log(1.1))
    assert above == pytest.approx(-np.log(1.1))
    assert fast == pytest.approx(np.log(0.3 / 0.27))


def test_savings_are_taken_at_equal_delay() -> None:
    graph = structure("sklansky", 32)
    slow, quick = PaperPoint(*paper_front(32)[-1]), PaperPoint(*paper_front(32)[0])
    front = [
        FrontPoint("x", delay, area, graph.size, graph.depth, graph.max_fanout, graph)
        for delay, area in ((quick.delay_ns + 1e-6, 400.0), (slow.delay_ns, slow.area_um2 * 0.9))
    ]
    found = compare_with_paper(front, 32)
    assert found["rows"][0]["own_um2"] is None
    assert found["rows"][-1]["saved_percent"] == pytest.approx(10.0)
    assert found["rows"][1]["saved_percent"] == pytest.approx(100 * (1 - 400.0 / paper_front(32)[1].area_um2))
    assert found["dominated"] == sum((row["saved_percent"] or -1) >= 0 for row in found["rows"]) < found["points"]


def test_the_fitted_constraints_meet_the_classical_curves_better_than_the_usual_ones() -> None:
    residuals = {}
    for name in ("default", "paper"):
        pdk = load_pdk(constraints=name)
        residuals[name] = fit_residual(NativeEvaluator(pdk), default_constraints(pdk))["rms_percent"]
    assert residuals["paper"] < residuals["default"]
    assert residuals["paper"] == pytest.approx(5.8, abs=0.3)
