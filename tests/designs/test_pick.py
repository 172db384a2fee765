"""Picking: each wish gives the point that its definition names, and what cannot be had is said with its figure."""

from __future__ import annotations

import pytest

from prefixrl.designs.front import FrontPoint
from prefixrl.designs.pick import pick
from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph

GRAPH = PrefixGraph(4)


def point(identifier: str, delay_ns: float, area_um2: float) -> FrontPoint:
    return FrontPoint(identifier, delay_ns, area_um2, 3, 3, 2, GRAPH)


FRONT = [
    point("aaaa00000001-0", 0.287, 400.0),
    point("aaaa00000001-1", 0.300, 260.0),
    point("abcd00000002-0", 0.350, 230.0),
    point("123400000003-5", 0.600, 200.0),
]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ("min-delay", 0),
        ("min-area", 3),
        ("knee", 1),
        ("delay<=0.30", 1),
        (" delay <= 0.4 ", 2),
        ("delay<=0.287", 0),
        ("delay<=7", 3),
        ("area<=230", 2),
        ("area<=229.9", 3),
        ("area<=1e3", 0),
        ("aaaa00000001-1", 1),
        ("ABCD", 2),
        ("1", 3),
        ("123400000003-", 3),
    ],
)
def test_wish(wish: str, expected: int) -> None:
    assert pick(FRONT, wish) is FRONT[expected]


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ("delay<=0.1", "the fastest design here needs 0.287 ns: delay<=0.1"),
        ("area<=5", "the smallest design here needs 200 um2: area<=5"),
        ("delay<=-1", "a bound must be a positive number, delay<=NS or area<=UM2: delay<=-1"),
        ("delay<=nan", "a bound must be a positive number, delay<=NS or area<=UM2: delay<=nan"),
        ("area<=small", "a bound must be a positive number, delay<=NS or area<=UM2: area<=small"),
        ("fff", "no design on the front has an ID that begins so: fff"),
        (
            "aaaa",
            "an ID must be the beginning of only one of the front's (aaaa00000001-0, aaaa00000001-1): aaaa",
        ),
        (
            "best",
            "a pick must be knee, min-delay, min-area, delay<=NS, area<=UM2 or the ID of a design on the front: best",
        ),
        ("", "a pick must be knee, min-delay, min-area, delay<=NS, area<=UM2 or the ID of a design on the front: "),
    ],
)
def test_wish_that_cannot_be_met(wish: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        pick(FRONT, wish)
    assert str(caught.value) == message


def test_nothing_to_pick_from() -> None:
    with pytest.raises(InputError, match=r"none was evaluated successfully: knee$"):
        pick([], "knee")


def test_knee_does_not_depend_on_units_and_of_two_points_is_the_fastest() -> None:
    scaled = [point(p.id, p.delay_ns * 1000 + 7, p.area_um2 / 3 + 100) for p in FRONT]
    assert pick(scaled, "knee") is scaled[1]
    assert pick(FRONT[::3], "knee") is FRONT[0]
    assert pick(FRONT[2:3], "knee") is FRONT[2]


def test_knee_of_a_front_that_bulges_outwards_is_one_of_its_ends() -> None:
    bulging = [point("a-0", 0.0, 1.0), point("b-0", 0.8, 0.9), point("c-0", 1.0, 0.0)]
    assert pick(bulging, "knee") is bulging[0]
