"""Sweeps on Ray Tune: which trials there are, what is kept of them, how a sweep goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray_samples import small_job

from prefixrl.agents.job import load_job
from prefixrl.cli.main import run
from prefixrl.errors import InputError

pytest.importorskip("ray.tune", reason="ray[tune] is not installed (pip install 'prefixrl[ray]')")

from prefixrl.agents.distributed.sweep import RESULT, Sweep, plan_trials, run_sweep
from prefixrl.synthesis.ray_cluster import cluster

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def machine() -> Iterator[None]:
    cluster.join("local")
    yield
    cluster.leave()


def test_a_grid_has_every_combination_under_every_seed_and_draws_repeat_themselves() -> None:
    base = small_job()
    grid = plan_trials(base, ["agent.learning_rate=1e-3,1e-4", "environment.starts=[sklansky],[brent-kung]"], [3, 4])
    assert len({trial.name for trial in grid}) == len(grid) == 8
    assert grid[0].overrides == ("agent.learning_rate=0.001", 'environment.starts=["sklansky"]', "seed=3")
    assert not set("=,/ ") & set("".join(trial.name for trial in grid))
    ranges = ["agent.learning_rate=0.0001..0.01:log", "circuit.width=6..8"]
    drawn = plan_trials(base, ranges, [0], samples=20)
    assert drawn == plan_trials(base, ranges, [0], samples=20)
    values = [dict(text.split("=") for text in trial.overrides) for trial in drawn]
    assert {int(each["circuit.width"]) for each in values} == {6, 7, 8}
    assert all(1e-4 <= float(each["agent.learning_rate"]) <= 1e-2 for each in values)
    assert len(plan_trials(base, [], [0, 1])) == 2


@pytest.mark.parametrize(
    ("over", "samples", "said"),
    [
        ("agent.gamma", 1, "form key.sub=v1,v2"),
        ("agent.gama=0.9", 1, "did you mean 'gamma'"),
        ("agent.gamma=2..3", 1, "agent.gamma"),
        ("agent.gamma=0.9..0.1", 1, "to a larger one"),
        ("agent.gamma=0..1:log", 1, "above zero"),
        ("agent.gamma=a..b", 1, "from a number"),
        ("agent.gamma=[1", 1, "YAML"),
        ("agent.gamma=0.9,0.99", 3, "need a range"),
        ("seed=1,2", 1, "--seeds"),
    ],
)
def test_what_cannot_be_swept_is_refused(over: str, samples: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        plan_trials(load_job("tiny"), [over], [0], samples)


@pytest.mark.slow
def test_a_sweep_keeps_its_trials_and_goes_on_where_it_was(machine: None, tmp_path: Path) -> None:
    base = small_job("method=sa", "budget.evaluations=20", "budget.steps=null", "search.starts=[ripple-carry]")
    sweep = Sweep.create(tmp_path / "s", base, plan_trials(base, ["circuit.width=6,7"], [0, 1]))
    broken = sweep.folder(sweep.trials[3])
    broken.mkdir(parents=True)
    (broken / "designs.sqlite").write_text("no database")
    told: list[str] = []
    results = run_sweep(sweep, "local", parallel=2, tell=told.append)
    assert len(told) == 4
    assert [result.figures is None for result in results] == [False, False, False, True]
    assert "config.yaml" in (results[3].failure or "")
    volumes = [result.figures["hypervolume"] for result in results if result.figures]
    assert volumes == sorted(volumes, reverse=True)
    for result in results[:3]:
        assert result.figures is not None
        assert result.figures["evaluations"] == 20
        assert (result.run / "front.json").is_file()
    # As if the process had been killed in the middle of one trial and at the beginning of another.
    begun = results[0].run
    (begun / RESULT).unlink()
    before = (begun / "designs.sqlite").read_bytes()
    shutil.rmtree(broken)
    told.clear()
    again = run_sweep(Sweep.open(tmp_path / "s"), "local", tell=told.append)
    assert len(told) == 2
    assert all(result.figures for result in again)
    assert {result.run for result in again} == {sweep.folder(trial) for trial in sweep.trials}
    assert json.loads((begun / RESULT).read_text())["hypervolume"] == volumes[0]
    assert len((begun / "designs.sqlite").read_bytes()) == len(before), "no design was evaluated anew"


def test_bad_sweeps_are_one_line_and_write_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "s"
    for arguments, said in (
        (["--preset", "tiny", "--over", "agent.gama=1", "--out", str(out)], "did you mean"),
        (["--preset", "tiny"], "--out DIR"),
        (["--preset", "tiny", "--method", "sb3", "--out", str(out)], "method"),
        (["--resume", str(out)], "sweep.yaml"),
        (["--resume", str(out), "--over", "agent.gamma=1"], "nothing of it can be given"),
    ):
        assert run(["sweep", *arguments]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert len(error.splitlines()) == 1
        assert not out.exists()
    out.mkdir()
    for text in ("", "trials: 3", "{base: {}, trials: [{name: ../x, overrides: []}]}"):
        (out / "sweep.yaml").write_text(text)
        with pytest.raises(InputError, match="damaged"):
            Sweep.open(out)
