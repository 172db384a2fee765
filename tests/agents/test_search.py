"""The baselines: same store and budget as the agent, better than their start, repeatable."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from prefixrl.agents.job import JobConfig, load_job
from prefixrl.agents.live import LiveView, Snapshot
from prefixrl.agents.search import METHODS, resume, search
from prefixrl.designs import DesignStore
from prefixrl.errors import InputError

QUIET = LiveView(quiet=True)


def _job(method: str, *overrides: str) -> JobConfig:
    settings = ["budget.steps=null", "budget.evaluations=200", "search.chains=4"]
    settings += ["search.temperature_start=0.2", "search.temperature_end=0.01"]
    return load_job("tiny", overrides=[f"method={method}", *settings, *overrides])


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_baseline_uses_its_budget_and_improves_on_the_classical_structures(method: str, tmp_path: Path) -> None:
    result = search(_job(method), tmp_path / "run", QUIET)
    assert result.ended_by == "budget"
    most = 4 * (8 if method == "greedy" else 1)
    assert 200 <= result.evaluations < 200 + most
    with DesignStore.open(tmp_path / "run" / "designs.sqlite") as store:
        sources = [design.source for design in store.designs()]
        classical = [point for curve in store.classical().values() for point in curve]
    assert sources.count(f"search:{method}") == result.evaluations
    assert set(sources) == {"classical", f"search:{method}"}
    fastest = min((point.delay_ns, point.area_um2) for point in classical)
    best = min((point.delay_ns, point.area_um2) for point in result.front)
    assert best <= fastest
    assert json.loads((tmp_path / "run" / "front.json").read_text())["hypervolume"] == result.hypervolume


def test_annealing_beats_random_edits(tmp_path: Path) -> None:
    volumes = {name: search(_job(name), tmp_path / name, QUIET).hypervolume for name in ("sa", "random")}
    assert volumes["sa"] > volumes["random"]


@pytest.mark.parametrize("method", sorted(METHODS))
def test_the_same_seed_evaluates_the_same_designs(method: str, tmp_path: Path) -> None:
    designs = []
    for run in ("one", "two"):
        search(_job(method, "evaluator.workers=2"), tmp_path / run, QUIET)
        with DesignStore.open(tmp_path / run / "designs.sqlite") as store:
            designs.append({(design.key, design.step) for design in store.designs()})
    assert designs[0] == designs[1]


class _Interrupting(LiveView):
    def show(self, snapshot: Snapshot, force: bool = False) -> None:
        if snapshot.phase == "searching" and snapshot.evaluations >= 60:
            signal.raise_signal(signal.SIGTERM)


def test_an_interrupted_search_goes_on_with_its_designs(tmp_path: Path) -> None:
    job = _job("sa")
    stopped = search(job, tmp_path / "run", _Interrupting(quiet=True))
    assert stopped.ended_by == "stopped"
    assert 60 <= stopped.evaluations < 70
    result = resume(tmp_path / "run", QUIET)
    assert result.ended_by == "budget"
    assert result.evaluations >= 200
    assert result.hypervolume >= stopped.hypervolume
    assert result.steps > stopped.steps


def test_starts_may_be_chosen_and_a_learner_is_no_baseline(tmp_path: Path) -> None:
    result = search(_job("random", "search.starts=[sklansky]", "budget.evaluations=30"), tmp_path / "run", QUIET)
    assert result.evaluations >= 30
    with pytest.raises(InputError, match="'qlearning'"):
        search(load_job("tiny"), tmp_path / "other", QUIET)
    assert not (tmp_path / "other").exists()
