"""Where a run stands, at work, done and ended early."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from design_samples import CONTEXT, evaluation, failed
from page_samples import make_run

from prefixrl.designs import DesignStore, RunDirectory
from prefixrl.designs.status import run_status
from prefixrl.errors import InputError


def test_a_finished_run(tmp_path: Path) -> None:
    status = run_status(make_run(tmp_path / "run", seed=1))
    assert (status.state, status.method, status.seed, status.width) == ("finished", "sa", 1, 8)
    assert status.budget == {"evaluations": 40.0}
    assert 0 < status.evaluations < status.designs
    assert status.steps == 7
    assert status.hypervolume >= status.classical_hypervolume > 0  # type: ignore[operator]
    assert status.best_saving_percent is not None


def test_a_job_at_work_that_writes_meanwhile(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", "method: sa\nunknown_key_of_another_version: 3\n")
    with DesignStore.create(run.store_path, CONTEXT) as store:
        store.record(evaluation(1), "search:sa", 1)
        assert run_status(run.path).state == "at work"
        store.record(failed(2, "time-out"), "search:sa", 5)
        status = run_status(run.path)
    assert (status.evaluations, status.failed, status.steps) == (2, 1, 5)
    assert (status.hypervolume, status.best_saving_percent) == (None, None)


def test_a_run_that_ended_early_and_an_empty_one(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", front=False)
    assert run_status(run).state == "at work"
    (run / "front.json").write_text("{}")
    os.utime(run / "front.json", (1, 1))
    assert run_status(run).state == "at work"
    empty = RunDirectory.create(tmp_path / "empty", "method: sa\n")
    DesignStore.create(empty.store_path, replace(CONTEXT, width=8)).close()
    status = run_status(empty.path)
    assert (status.state, status.designs, status.front) == ("ended early", 0, 0)
    with pytest.raises(InputError, match="directory that exists"):
        run_status(tmp_path / "none")
