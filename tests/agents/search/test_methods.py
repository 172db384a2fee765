"""The baselines: same store and budget as the agent, better than their start, repeatable, resumable."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from prefixrl.agents.job import BASELINES, JobConfig, load_job
from prefixrl.agents.live import LiveView, Snapshot
from prefixrl.agents.search import METHODS, resume, search
from prefixrl.circuits import Circuit
from prefixrl.designs import DesignStore
from prefixrl.errors import EvaluationFailed, InputError
from prefixrl.synthesis.analytic import AnalyticEvaluator
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import AreaDelayCurve

QUIET = LiveView(quiet=True)
LEARNERS = ("sb3-dqn", "maskable-ppo")


def _job(method: str, *overrides: str) -> JobConfig:
    return load_job("tiny", overrides=[f"method={method}", "budget.steps=null", "budget.evaluations=80", *overrides])


def _designs(run: Path) -> list[tuple[str, int, str]]:
    with DesignStore.open(run / "designs.sqlite") as store:
        return sorted((design.key, design.step, design.source) for design in store.designs())


def test_the_command_line_knows_every_method() -> None:
    assert tuple(METHODS) == BASELINES


@pytest.mark.parametrize("method", METHODS)
def test_a_baseline_uses_its_budget_exactly_and_improves_on_the_classical_structures(
    method: str, tmp_path: Path
) -> None:
    result = search(_job(method), tmp_path / "run", QUIET)
    assert result.ended_by == "budget"
    assert result.evaluations == 80
    sources = [source for _, _, source in _designs(tmp_path / "run")]
    assert sources.count(f"search:{method}") == 80
    assert set(sources) == {"classical", f"search:{method}"}
    with DesignStore.open(tmp_path / "run" / "designs.sqlite") as store:
        classical = {point.graph for curve in store.classical().values() for point in curve}
    assert any(point.graph not in classical for point in result.front)
    assert json.loads((tmp_path / "run" / "front.json").read_text())["hypervolume"] == result.hypervolume


def test_annealing_beats_random_edits(tmp_path: Path) -> None:
    volumes = {}
    for name in ("sa", "random"):
        jobs = [_job(name, f"seed={seed}", "budget.evaluations=300") for seed in range(3)]
        volumes[name] = sum(search(job, tmp_path / f"{name}{job.seed}", QUIET).hypervolume for job in jobs)
    assert volumes["sa"] > volumes["random"]


class _Interrupting(LiveView):
    def show(self, snapshot: Snapshot, force: bool = False) -> None:
        if snapshot.phase == "searching" and snapshot.evaluations >= 40:
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupted_search_ends_where_an_uninterrupted_one_does(method: str, tmp_path: Path) -> None:
    stopped = search(_job(method), tmp_path / "run", _Interrupting(quiet=True))
    assert stopped.ended_by == "stopped"
    assert 40 <= stopped.evaluations < 80
    result = resume(tmp_path / "run", QUIET)
    whole = search(_job(method, "evaluator.workers=2"), tmp_path / "whole", QUIET)
    assert (result.ended_by, result.evaluations) == ("budget", 80)
    assert result.hypervolume == whole.hypervolume
    assert _designs(tmp_path / "run") == _designs(tmp_path / "whole")


def test_a_larger_budget_is_used_up_too(tmp_path: Path) -> None:
    first = search(_job("sa"), tmp_path / "run", QUIET)
    result = resume(tmp_path / "run", QUIET, ["budget.evaluations=150"])
    assert result.evaluations == 150
    assert result.hypervolume >= first.hypervolume


@pytest.mark.parametrize("method", METHODS)
def test_a_design_that_cannot_be_evaluated_is_a_bad_design(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = AnalyticEvaluator.evaluate

    def sometimes(self: AnalyticEvaluator, circuit: Circuit, constraints: Constraints) -> AreaDelayCurve:
        if circuit.graph.key[0] in "0123":
            raise EvaluationFailed("a quarter of all graphs fails here")
        return whole(self, circuit, constraints)

    monkeypatch.setattr(AnalyticEvaluator, "evaluate", sometimes)
    result = search(_job(method), tmp_path / "run", QUIET)
    assert (result.ended_by, result.evaluations) == ("budget", 80)
    with DesignStore.open(tmp_path / "run" / "designs.sqlite") as store:
        assert store.count(failed=True) >= 5
    assert all(point.graph.key[0] not in "0123" for point in result.front)


@pytest.mark.parametrize("method", [name for name in METHODS if name not in LEARNERS])
def test_a_width_of_few_graphs_ends_when_all_are_evaluated(method: str, tmp_path: Path) -> None:
    result = search(_job(method, "circuit.width=4"), tmp_path / "run", QUIET)
    assert result.ended_by == "exhausted"
    assert len(_designs(tmp_path / "run")) == 7


def test_starts_may_be_chosen_and_a_learner_is_no_baseline(tmp_path: Path) -> None:
    for method in METHODS:
        job = _job(method, "search.starts=[sklansky]", "budget.evaluations=20")
        assert search(job, tmp_path / method, QUIET).evaluations == 20
    with pytest.raises(InputError, match="'qlearning'"):
        search(load_job("tiny"), tmp_path / "other", QUIET)
    assert not (tmp_path / "other").exists()
