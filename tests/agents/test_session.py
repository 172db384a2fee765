"""The session: which designs the final pass takes, and that it runs with real tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefixrl.agents.job import load_job
from prefixrl.agents.live import LiveView
from prefixrl.agents.search import search
from prefixrl.agents.session import JobSession
from prefixrl.designs import DesignStore
from prefixrl.errors import ToolMissing

QUIET = LiveView(quiet=True)


def test_the_final_pass_takes_designs_near_the_front_from_all_along_it(tmp_path: Path) -> None:
    job = load_job("tiny", overrides=["method=random", "budget.steps=600", "search.random.chains=4"])
    search(job, tmp_path / "run", QUIET)
    with JobSession.resume(tmp_path / "run", QUIET) as session:
        own = {design.graph: design.points[0] for design in session.store.designs(source="search:random")}
        chosen = session.near_front(12)
        assert len(chosen) == len(set(chosen)) == 12
        points = [own[graph] for graph in chosen]
        on_front = [p for p in points if session.archive.area_at(p.delay_ns) == p.area_um2]
        assert len(on_front) >= 3
        ratios = [p.area_um2 / (session.archive.area_at(p.delay_ns) or 0) for p in points]
        others = [p.area_um2 / (session.archive.area_at(p.delay_ns) or 0) for g, p in own.items() if g not in chosen]
        assert sum(ratios) / len(ratios) < sum(others) / len(others)
        # Both ends are there: the fastest and the smallest that the search found.
        assert min(p.delay_ns for p in points) == min(p.delay_ns for p in own.values())
        assert min(p.area_um2 for p in points) == min(p.area_um2 for p in own.values())
        assert len(session.near_front(10**6)) == len(own)


def test_a_job_with_real_tools_ends_with_a_final_pass(tmp_path: Path) -> None:
    settings = ["method=random", "circuit.width=4", "evaluator.name=yosys", "search.random.chains=2"]
    budget = ["budget.steps=6", "budget.final_designs=2"]
    result = search(load_job("tiny", overrides=[*settings, *budget]), tmp_path / "run", QUIET)
    with DesignStore.open(tmp_path / "run" / "designs.sqlite") as store:
        sources = {design.source for design in store.designs()}
        assert sources == {"classical", "search:random", "final"}
        assert not store.failures()
        assert all(store.classical().values())
    assert result.hypervolume > 0
    assert all(0.05 < point.delay_ns < 1 and 5 < point.area_um2 < 100 for point in result.front)


@pytest.mark.parametrize("judge", ["auto", "opensta"])
def test_a_judge_that_is_missing_is_refused_before_any_work(
    judge: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFIXRL_STA", str(tmp_path / "no-sta"))
    with pytest.raises(ToolMissing, match="PREFIXRL_STA"):
        search(load_job("tiny", overrides=["method=random", f"evaluator.judge={judge}"]), tmp_path / "run", QUIET)
    assert not (tmp_path / "run").exists()


def test_the_front_is_judged(tmp_path: Path) -> None:
    settings = ["method=random", "circuit.width=4", "evaluator.name=native", "evaluator.judge=yosys"]
    job = load_job("tiny", overrides=[*settings, "search.random.chains=2", "budget.steps=6", "budget.final_designs=2"])
    judgement = search(job, tmp_path / "run", QUIET).judgement
    assert judgement is not None
    assert judgement.judge == "yosys"
    assert judgement.worst_error_percent < 2
    assert (tmp_path / "run" / "judge.json").is_file()
