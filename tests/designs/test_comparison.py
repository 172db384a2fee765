"""Comparisons worked out by hand, and intervals that hold what they should."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from design_samples import random_graph
from page_samples import make_run

from prefixrl.designs.comparison import (
    area_saved,
    compare_fronts,
    coverage,
    interquartile_mean,
    probability_of_improvement,
)
from prefixrl.designs.front import FrontPoint
from prefixrl.designs.methods import compare_methods, read_method
from prefixrl.errors import InputError

GRAPH = random_graph(3)


def front(*pairs: tuple[float, float]) -> list[FrontPoint]:
    return [
        FrontPoint(f"{i}", d, a, GRAPH.size, GRAPH.depth, GRAPH.max_fanout, GRAPH) for i, (d, a) in enumerate(pairs)
    ]


def test_area_saved_is_the_integral_over_the_common_range() -> None:
    ours, theirs = front((0.2, 90.0), (0.3, 60.0)), front((0.1, 200.0), (0.25, 100.0), (0.4, 80.0))
    saved = area_saved(ours, theirs)
    # 0.20-0.25: 90 against 200 (55 %); 0.25-0.30: 90 against 100 (10 %); 0.30-0.40: 60 against 100 (40 %).
    assert saved is not None
    assert saved.mean_percent == pytest.approx((0.05 * 55 + 0.05 * 10 + 0.1 * 40) / 0.2)
    assert (saved.largest_percent, saved.largest_at_ns) == (pytest.approx(55.0), 0.2)
    assert saved.range_ns == (0.2, 0.4)
    assert area_saved(ours, theirs, 0.25).mean_percent == pytest.approx(55.0)  # type: ignore[union-attr]
    assert area_saved(front((0.5, 1.0)), front((0.1, 2.0)), 0.4) is None


def test_one_front_against_itself_and_a_better_one() -> None:
    one, better = front((0.2, 90.0), (0.3, 60.0)), front((0.2, 80.0), (0.3, 50.0))
    same = compare_fronts(one, one, (0.5, 100.0))
    assert (same.hypervolume_ratio, same.covers, same.covered) == (1.0, 1.0, 1.0)
    assert same.saved is not None
    assert same.saved.mean_percent == 0.0
    assert (coverage(better, one), coverage(one, better)) == (1.0, 0.0)
    assert compare_fronts(better, one, (0.5, 100.0)).hypervolume_ratio > 1  # type: ignore[operator]
    with pytest.raises(InputError, match="one is empty"):
        compare_fronts(one, [], (0.5, 100.0))


def test_interquartile_mean_and_its_interval() -> None:
    scores = [float(score) for score in np.random.default_rng(0).normal(10, 1, 40)]
    estimate = interquartile_mean([scores])
    assert estimate.value == pytest.approx(np.mean(sorted(scores)[10:30]))
    low, high = estimate.interval  # type: ignore[misc]
    assert 9.2 < low < estimate.value < high < 10.8
    assert interquartile_mean([[1.0]]).interval is None
    assert interquartile_mean([[2.0, 2.0], [2.0, 2.0]]).interval == (2.0, 2.0)
    assert interquartile_mean([scores]) == estimate


def test_strata_are_resampled_apart() -> None:
    """Two problems of different scale: resampling them together would make the interval wide."""
    estimate = interquartile_mean([[1.0, 1.01, 0.99], [9.0, 9.01, 8.99]])
    low, high = estimate.interval  # type: ignore[misc]
    assert high - low < 0.05
    assert 4.9 < low < high < 5.1


def test_probability_of_improvement() -> None:
    assert probability_of_improvement([[2.0, 3.0]], [[1.0, 2.0]]) == pytest.approx((1 + 0.5 + 1 + 1) / 4)
    assert probability_of_improvement([[1.0], [0.0]], [[0.0], [1.0]]) == 0.5


def test_methods_with_seeds_and_folders_of_runs(tmp_path: Path) -> None:
    for seed in (0, 1, 2):
        make_run(tmp_path / "sparse" / f"s{seed}", seed, every=9)
        make_run(tmp_path / "dense" / f"s{seed}", seed, every=2)
    dense = ",".join(str(tmp_path / "dense" / f"s{seed}") for seed in (0, 1, 2))
    report = compare_methods([read_method(str(tmp_path / "sparse")), read_method(f"more={dense}")])
    (problem,) = report.problems
    first, second = problem.standings
    assert (first.method, second.method, first.runs, second.runs) == ("sparse", "more", 3, 3)
    assert first.against is None
    assert second.against is not None
    assert second.against.hypervolume_ratio >= 1  # type: ignore[operator]
    assert second.hypervolume.interval is not None
    estimate, probability = report.overall["more"]
    assert 0.5 <= probability <= 1
    assert estimate.value >= 1
    json.dumps(report.to_json(), allow_nan=False)


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    with pytest.raises(InputError, match="at least two"):
        compare_methods([read_method(str(run))])
    with pytest.raises(InputError, match="names of their own"):
        compare_methods([read_method(str(run))] * 2)
    with pytest.raises(InputError, match="same: run: adder of 8 bits; published:demo-adder16: adder of 16 bits"):
        compare_methods([read_method(str(run)), read_method("published:demo-adder16")])
    shutil.copytree(run, tmp_path / "empty")
    (tmp_path / "empty" / "designs.sqlite").unlink()
    document = json.loads((run / "front.json").read_text())
    (tmp_path / "empty" / "front.json").write_text(json.dumps({**document, "points": []}))
    with pytest.raises(InputError, match=r"there is none: .*empty"):
        compare_methods([read_method(str(run)), read_method(str(tmp_path / "empty"))])
