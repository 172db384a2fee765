"""Fronts: the filter against brute force, hypervolume against a sum of rectangles, savings as a step function."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefixrl.designs.front import (
    FrontPoint,
    best_at,
    dominates_everywhere,
    front_of,
    hypervolume,
    merged_classical_front,
    nondominated,
    reference_point,
    saving_at,
    savings,
)
from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph

GRAPH = PrefixGraph(8, [(3, 2), (5, 4), (7, 6), (7, 4)])

# Few different values, so that ties and duplicates are frequent.
COORDINATES = st.integers(1, 12).map(float)
POINTS = st.lists(st.tuples(COORDINATES, COORDINATES), max_size=30)


def point(delay_ns: float, area_um2: float, structure: str = "", graph: PrefixGraph = GRAPH) -> FrontPoint:
    return FrontPoint(
        f"{int(delay_ns * 1000):06x}{int(area_um2):06x}-0",
        delay_ns,
        area_um2,
        graph.size,
        graph.depth,
        graph.max_fanout,
        graph,
        "recipe",
        structure,
    )


def front(*pairs: tuple[float, float], structure: str = "") -> list[FrontPoint]:
    return [point(delay, area, structure) for delay, area in pairs]


@given(POINTS)
def test_filter_keeps_exactly_what_nothing_equals_or_beats(pairs: list[tuple[float, float]]) -> None:
    kept = nondominated(np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs]))
    expected = [
        i
        for i, (d, a) in enumerate(pairs)
        if not any(e <= d and b <= a and ((e, b) != (d, a) or j < i) for j, (e, b) in enumerate(pairs))
    ]
    assert sorted(kept) == expected
    assert [pairs[i][0] for i in kept] == sorted(pairs[i][0] for i in kept)


@given(POINTS)
def test_hypervolume_is_the_area_of_the_steps(pairs: list[tuple[float, float]]) -> None:
    cells = {(d, a) for x, y in pairs for d in range(int(x), 10) for a in range(int(y), 9)}
    assert hypervolume(front(*pairs), (10.0, 9.0)) == pytest.approx(len(cells))


def test_of_equal_points_the_first_is_kept() -> None:
    first, second = point(1.0, 2.0, "first"), point(1.0, 2.0, "second")
    assert front_of([first, second]) == [first]


def test_reference_point_leaves_out_ripple_carry() -> None:
    ripple = PrefixGraph(8)
    curves = {"ripple-carry": [point(9.0, 5.0, graph=ripple)], "sklansky": front((1.0, 20.0), (2.0, 10.0))}
    assert reference_point(curves) == pytest.approx((2.2, 22.0))
    assert reference_point({"ripple-carry": curves["ripple-carry"]}) == pytest.approx((9.9, 5.5))


def test_reference_point_needs_a_curve() -> None:
    with pytest.raises(InputError, match=r"must be given: none$"):
        reference_point({"sklansky": []})


def test_merged_classical_front_names_the_structure_of_every_point() -> None:
    merged = merged_classical_front(
        {
            "sklansky": front((1.0, 20.0), (2.0, 15.0), structure="sklansky"),
            "brent-kung": front((1.5, 16.0), (3.0, 9.0), structure="brent-kung"),
        }
    )
    assert [(p.structure, p.delay_ns) for p in merged] == [
        ("sklansky", 1.0),
        ("brent-kung", 1.5),
        ("sklansky", 2.0),
        ("brent-kung", 3.0),
    ]


def test_area_at_a_delay_is_a_step_never_an_interpolation() -> None:
    ours = front((1.0, 20.0), (2.0, 10.0))
    assert best_at(ours, 1.999) is ours[0]
    assert best_at(ours, 2.0) is ours[1]
    assert best_at(ours, 0.999) is None


def test_savings_cover_every_step_where_both_compete() -> None:
    ours = front((1.0, 20.0), (2.0, 10.0))
    classical = front((1.5, 25.0), (3.0, 8.0), structure="brent-kung")
    rows = savings(ours, classical)
    assert [(row.delay_ns, row.area_um2, row.classical_area_um2) for row in rows] == [
        (1.5, 20.0, 25.0),
        (2.0, 10.0, 25.0),
        (3.0, 10.0, 8.0),
    ]
    assert [row.saved_percent for row in rows] == pytest.approx([20.0, 60.0, -25.0])
    assert [row.saved_um2 for row in rows] == pytest.approx([5.0, 15.0, -2.0])
    assert rows[0].structure == "brent-kung"
    assert saving_at(ours, classical, 1.2) is None


def test_dominating_everywhere_needs_every_classical_point_beaten() -> None:
    classical = front((1.0, 20.0), (2.0, 10.0))
    assert dominates_everywhere(front((1.0, 19.0), (1.9, 10.0)), classical)
    assert not dominates_everywhere(front((1.0, 19.0), (2.0, 10.0)), classical)
    assert not dominates_everywhere(front((0.5, 21.0), (1.9, 10.0)), classical)
    assert not dominates_everywhere([], classical)
    assert not dominates_everywhere(classical, [])
