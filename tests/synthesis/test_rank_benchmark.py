"""The evaluators side by side."""

from __future__ import annotations

import pytest

from prefixrl.errors import InputError
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint
from prefixrl.synthesis.evaluator import EVALUATOR_NAMES, efforts
from prefixrl.synthesis.rank_benchmark import _correlation, _Trial, compare_evaluators


def curve(*points: tuple[float, float]) -> AreaDelayCurve:
    return AreaDelayCurve(tuple(CurvePoint(delay, area, "r") for delay, area in points))


def test_every_evaluator_is_measured_or_said_to_be_missing() -> None:
    figures = compare_evaluators(width=6, graphs=3, seconds=2)
    labels = {f"{name} {effort}".strip() for name in EVALUATOR_NAMES for effort in efforts(name)}
    measured = set(figures["curves_per_s"])
    assert measured | set(figures["missing"]) == labels
    assert {"analytic", "yosys fast", "yosys full"} <= measured
    assert all(rate > 0 for rate in figures["curves_per_s"].values())
    assert figures["judged"]["yosys fast"] == 3
    judged_two = [label for label, count in figures["judged"].items() if count >= 2]
    assert len(figures["kendall"]) == len(judged_two) * (len(judged_two) - 1) // 2 > 0
    assert all(tau is None or -1 <= tau <= 1 for tau in figures["kendall"].values())


def test_delays_are_equal_where_they_ask_equally_much() -> None:
    ones = [curve((1.0, 50.0 + n), (2.0, 10.0 + n)) for n in range(6)]
    same_in_other_units = [curve((100.0, 5.0 + n), (200.0, 1.0 + n)) for n in range(6)]
    other_way_round = [curve((1.0, 50.0 - n), (2.0, 10.0 - n)) for n in range(6)]
    trial = _Trial(ones, 1.0)
    assert _correlation(trial, _Trial(same_in_other_units, 1.0)) == pytest.approx(1)
    assert _correlation(trial, _Trial(other_way_round, 1.0)) == pytest.approx(-1)
    assert _correlation(trial, _Trial([ones[0]] * 6, 1.0)) is None
    assert _correlation(trial, _Trial([*same_in_other_units[:3], None, None, None], 1.0)) == pytest.approx(1)
    assert _correlation(trial, _Trial([None] * 5 + ones[:1], 1.0)) is None


def test_slower_graphs_do_not_take_part_at_tight_delays() -> None:
    trial = _Trial([curve((float(n), 10.0 - n)) for n in range(1, 5)], 1.0)
    areas = trial.areas(0.5)
    assert list(areas[:2]) == [9.0, 8.0]
    assert all(area != area for area in areas[2:])
    assert list(trial.areas(1.0)) == [9.0, 8.0, 7.0, 6.0]


def test_too_few_graphs_are_refused() -> None:
    with pytest.raises(InputError, match="at least 2 graphs"):
        compare_evaluators(graphs=1)
    with pytest.raises(InputError, match="some time"):
        compare_evaluators(seconds=0)
