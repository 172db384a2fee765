"""Networks that go from one job to another: of any width, kept with the run, refused where they do not fit."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from prefixrl.agents import search as searches
from prefixrl.agents.checkpoint import latest_checkpoint
from prefixrl.agents.job import load_job
from prefixrl.agents.live import LiveView
from prefixrl.agents.search.guided import EDIT_MODEL
from prefixrl.agents.training import resume, train
from prefixrl.agents.transfer import FILE, given_network, read_given
from prefixrl.cli.main import run
from prefixrl.designs import DesignStore
from prefixrl.errors import InputError

COMMON = ["evaluator.judge=none", "budget.final_designs=0"]
GUIDED = [*COMMON, "method=guided", "evaluator.name=analytic", "search.guided.learning_starts=16"]
LEARNED = [*COMMON, "evaluator.name=analytic", "agent.learning_starts=32", "budget.evaluations=null"]


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 8 bits whose model has learned a little."""
    out = tmp_path_factory.mktemp("transfer") / "guided"
    job = load_job("tiny", overrides=[*GUIDED, "circuit.width=8", "budget.evaluations=80"])
    searches.search(job, out, LiveView(quiet=True))
    return out


def found(out: Path) -> list[object]:
    with DesignStore.open(out / "designs.sqlite") as store:
        return [design.graph for design in store.designs(source="search:guided")]


def test_a_guided_job_begins_with_the_model_of_another_width(guided: Path, tmp_path: Path) -> None:
    checkpoint = latest_checkpoint(guided / "checkpoints", pytest.fail)
    assert checkpoint is not None
    assert checkpoint.state["examples"] > 16
    own = [*GUIDED, "circuit.width=12", "budget.evaluations=120"]
    plain, given = tmp_path / "plain", tmp_path / "given"
    source = tmp_path / "source"
    shutil.copytree(guided, source)
    searches.search(load_job("tiny", overrides=own), plain, LiveView(quiet=True))
    searches.search(load_job("tiny", overrides=[*own, f"network_from={source}"]), given, LiveView(quiet=True))
    arrays = read_given(given)
    assert arrays is not None
    assert all(np.array_equal(arrays[name], array) for name, array in checkpoint.parts[EDIT_MODEL].items())
    assert found(plain) != found(given)
    # The run goes on, the same way, when the other is gone.
    shutil.rmtree(source)
    searches.resume(given, LiveView(quiet=True), ["budget.evaluations=140"])
    assert len(found(given)) == 140


def test_a_network_of_the_q_learning_agent_serves_at_another_width(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    steps = "budget.steps=160"
    train(load_job("tiny", overrides=[*LEARNED, "circuit.width=8", steps]), first, LiveView(quiet=True))
    job = load_job("tiny", overrides=[*LEARNED, "circuit.width=10", "budget.steps=8", f"network_from={first}"])
    train(job, second, LiveView(quiet=True))
    before, after = (latest_checkpoint(out / "checkpoints", pytest.fail) for out in (first, second))
    assert before is not None
    assert after is not None
    for part in ("online", "target"):
        for name, array in before.parts["online"].items():
            assert np.array_equal(after.parts[part][name], array), "eight steps are too few to learn from"
    resume(second, LiveView(quiet=True), [steps])
    learned = latest_checkpoint(second / "checkpoints", pytest.fail)
    assert learned is not None
    assert any(not np.array_equal(learned.parts["online"][n], a) for n, a in before.parts["online"].items())


def test_what_does_not_fit_is_refused_before_anything_is_written(
    guided: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    shutil.copytree(guided, empty)
    shutil.rmtree(empty / "checkpoints")
    for overrides, said in (
        (["search.guided.hidden=32"], "search.guided.hidden is"),
        (["method=qlearning"], "method is 'guided' there"),
        (["method=sa"], "must be of qlearning or guided: 'sa'"),
        ([f"network_from={empty}"], "must have a checkpoint"),
        ([f"network_from={tmp_path / 'nothing'}"], "nothing"),
    ):
        job = load_job("tiny", overrides=[*GUIDED, f"network_from={guided}", *overrides])
        with pytest.raises(InputError, match=said):
            given_network(job)
    out = tmp_path / "out"
    command = ["search", "-n", "8", "--method", "sa", "--network-from", str(guided), "--out", str(out)]
    assert run(command) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not out.exists()
    assert run(["train", "--resume", str(guided), "--network-from", str(guided)]) == 2
    assert "cannot be given" in capsys.readouterr().err


def test_a_damaged_network_is_named(guided: Path, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match=r"must be readable .*given\.safetensors"):
        read_given(tmp_path)
