"""The job's own front: the same as the store's filter, whatever the order of arrival."""

from __future__ import annotations

import random

import numpy as np
import pytest

from prefixrl.agents.archive import FrontArchive
from prefixrl.designs.front import nondominated
from prefixrl.envs.rewards import RewardScale
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import classical_structures
from prefixrl.synthesis.curve import CurvePoint

GRAPHS = list(classical_structures(8).values())
SCALE = RewardScale(1.0, 1.0)
Design = tuple[PrefixGraph, list[CurvePoint]]


def _designs(seed: int) -> list[Design]:
    """Small whole numbers, so that there are many equal points."""
    generator = random.Random(seed)
    return [
        (generator.choice(GRAPHS), [CurvePoint(generator.randint(1, 9), generator.randint(1, 9), "") for _ in range(3)])
        for _ in range(40)
    ]


def _archive(designs: list[Design]) -> FrontArchive:
    archive = FrontArchive()
    for graph, points in designs:
        archive.add(graph, points)
    return archive


@pytest.mark.parametrize("seed", range(5))
def test_the_front_is_that_of_all_points_in_any_order(seed: int) -> None:
    designs = _designs(seed)
    archive = _archive(designs)
    delays = np.array([point.delay_ns for _, points in designs for point in points])
    areas = np.array([point.area_um2 for _, points in designs for point in points])
    best = nondominated(delays, areas)
    assert archive.delays_ns.tolist() == delays[best].tolist()
    assert archive.areas_um2.tolist() == areas[best].tolist()
    for _ in range(5):
        random.Random(seed).shuffle(designs)
        assert _archive(designs).graphs == archive.graphs


def test_adding_tells_whether_the_front_changed() -> None:
    archive = FrontArchive()
    assert archive.add(GRAPHS[0], [CurvePoint(2, 5, ""), CurvePoint(4, 3, "")])
    assert not archive.add(GRAPHS[0], [CurvePoint(2, 5, "")])
    assert not archive.add(GRAPHS[1], [CurvePoint(3, 5, ""), CurvePoint(2, 6, "")])
    assert archive.add(GRAPHS[1], [CurvePoint(3, 4, "")])
    assert archive.hypervolume((5, 6)) == pytest.approx(1 * 1 + 1 * 2 + 1 * 3)
    assert [archive.area_at(delay) for delay in (1, 2, 3.5, 9)] == [None, 5, 4, 3]


def test_weights_choose_points_and_points_choose_weights() -> None:
    archive = FrontArchive()
    for graph, delay, area in zip(GRAPHS, (1, 2, 3), (9, 4, 3), strict=False):
        archive.add(graph, [CurvePoint(delay, area, "")])
    weights = np.linspace(0, 1, 101)
    for place in range(3):
        suited = archive.natural_weights(place, weights, SCALE)
        assert archive.best(float(suited[len(suited) // 2]), SCALE) == archive.graphs[place]


def test_a_point_in_a_dent_of_the_front_has_the_weight_that_suits_it_most() -> None:
    archive = FrontArchive()
    for graph, delay, area in zip(GRAPHS, (1, 3, 4), (9, 7, 1), strict=False):
        archive.add(graph, [CurvePoint(delay, area, "")])
    suited = archive.natural_weights(1, np.linspace(0, 1, 101), SCALE)
    # The first point is best below the weight 3/11 and the last one above; the gap of the second is least in between.
    assert suited == pytest.approx([0.27], abs=0.011)
