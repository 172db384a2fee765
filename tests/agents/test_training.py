"""Training, end to end under the analytic model: learns, repeats itself, saves, resumes, survives being killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from prefixrl.agents.checkpoint import Checkpoint, latest_checkpoint
from prefixrl.agents.exploration import greedy_actions
from prefixrl.agents.job import JobConfig, load_job
from prefixrl.agents.live import LiveView, Snapshot
from prefixrl.agents.qlearning import DivergedError, QLearner
from prefixrl.agents.replay import describe_grids
from prefixrl.agents.training import resume, train
from prefixrl.designs import DesignStore, RunDirectory
from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph, free_cells, kernels
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.analytic import fanout_weighted_delay

QUIET = {"quiet": True}
FAST = [
    *("circuit.width=6", "agent.channels=8", "agent.kernel_size=3", "agent.batch_size=16"),
    *("agent.learning_starts=32", "environment.environments=4"),
]


def _job(*overrides: str) -> JobConfig:
    return load_job("tiny", overrides=[*FAST, *overrides])


def _checkpoint(run: Path) -> Checkpoint:
    checkpoint = latest_checkpoint(run / "checkpoints", print)
    assert checkpoint is not None
    return checkpoint


def _all_graphs(width: int) -> set[PrefixGraph]:
    """Every legal graph of a small width."""
    cells = free_cells(width)
    grids = np.zeros((2 ** len(cells), width, width), np.uint8)
    choices = (np.arange(len(grids))[:, None] >> np.arange(len(cells))) & 1
    grids[:, cells[:, 0], cells[:, 1]] = choices
    kernels.legalize_(grids)
    return {PrefixGraph.from_grid(grid) for grid in np.unique(grids, axis=0)}


class _Interrupting(LiveView):
    """Sends this process a signal once the job has made so many steps."""

    def __init__(self, steps: int, number: signal.Signals = signal.SIGINT) -> None:
        super().__init__(quiet=True)
        self.steps, self.number = steps, number

    def show(self, snapshot: Snapshot, force: bool = False) -> None:
        if snapshot.phase == "learning" and snapshot.steps >= self.steps:
            self.steps = 2**60
            signal.raise_signal(self.number)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished job of six bits."""
    folder = tmp_path_factory.mktemp("learned")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFIXRL_CACHE", str(folder / "cache"))
        train(
            _job("budget.steps=2400", "agent.kernel_size=5", "agent.batch_size=32"),
            folder / "run",
            LiveView(quiet=True),
        )
    return folder / "run"


def test_the_agent_finds_the_true_front_of_six_bits(learned: Path) -> None:
    points = {(fanout_weighted_delay(graph), float(graph.size)) for graph in _all_graphs(6)}
    best = {p for p in points if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in points)}
    document = json.loads((learned / "front.json").read_text())
    assert {(point["delay_ns"], point["area_um2"]) for point in document["points"]} == best


def _greedy_costs(learner: QLearner, weights: np.ndarray, steps: int) -> np.ndarray:
    """Least cost met by following the network greedily from ripple-carry, one episode per weight."""
    grids = np.stack([structure("ripple-carry", 6).grid] * len(weights))
    costs = np.full(len(weights), np.inf)
    for _ in range(steps + 1):
        graphs = [PrefixGraph.from_grid(grid) for grid in grids]
        areas = np.array([graph.size for graph in graphs])
        delays = np.array([fanout_weighted_delay(graph) for graph in graphs])
        costs = np.minimum(costs, weights * areas + (1 - weights) * delays)
        observations, masks = describe_grids(grids)
        kernels.edit_(grids, greedy_actions(learner.values(observations, weights), masks), "keep")
    return costs


def test_the_network_has_learned_to_improve_for_every_weight(learned: Path) -> None:
    agent = _job("agent.kernel_size=5").agent
    weights = np.linspace(0.15, 0.85, 8)
    fresh, trained = QLearner(agent, 0), QLearner(agent, 0)
    checkpoint = _checkpoint(learned)
    trained.load_state(checkpoint.state["learner"], checkpoint.parts)
    graphs = _all_graphs(6)
    best = [min(w * graph.size + (1 - w) * fanout_weighted_delay(graph) for graph in graphs) for w in weights]
    excess = [_greedy_costs(learner, weights, 8) / best - 1 for learner in (fresh, trained)]
    assert excess[1].mean() < 0.03, excess[1]
    assert excess[1].mean() < 0.3 * excess[0].mean(), excess


def test_a_run_directory_is_complete(learned: Path) -> None:
    assert {path.name for path in learned.iterdir()} >= {
        "config.yaml",
        "designs.sqlite",
        "checkpoints",
        "tensorboard",
        "front.json",
    }
    config = load_job(config=learned / "config.yaml")
    assert config.circuit.width == 6
    assert {"evaluator", "prefixrl", "torch"} <= config.versions.keys()
    assert len(list((learned / "checkpoints").iterdir())) == 3
    with DesignStore.open(learned / "designs.sqlite") as store:
        assert {design.source for design in store.designs()} == {"classical", "train"}
        assert "sklansky" in store.classical()


def test_tensorboard_has_the_agreed_curves(learned: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(learned / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["scalars"]) >= {
        *("rollout/epsilon", "rollout/reward", "rollout/steps_per_s"),
        *("train/loss", "train/mean_value", "train/gradient_norm"),
        *("synth/evaluations", "synth/evaluations_per_s", "synth/repeat_rate", "synth/failures"),
        *("front/size", "front/hypervolume"),
    }
    volumes = [event.value for event in events.Scalars("front/hypervolume")]
    assert volumes == sorted(volumes)


def _assert_same_state(one: Checkpoint, other: Checkpoint) -> None:
    assert one.step == other.step
    assert one.parts.keys() == other.parts.keys()
    for part, arrays in one.parts.items():
        for name, array in arrays.items():
            assert np.array_equal(array, other.parts[part][name], equal_nan=array.dtype.kind == "f"), (part, name)
    for key in ("acting", "sampling", "evaluations", "update_debt", "learner"):
        assert one.state[key] == other.state[key]


def test_the_same_seed_gives_the_same_transitions_and_networks(tmp_path: Path) -> None:
    job = _job("budget.steps=400", "evaluator.workers=2")
    for name in ("one", "two"):  # the second one finds all its designs in the cache
        train(job, tmp_path / name, LiveView(**QUIET))
    _assert_same_state(_checkpoint(tmp_path / "one"), _checkpoint(tmp_path / "two"))
    train(_job("budget.steps=400", "seed=1"), tmp_path / "other", LiveView(**QUIET))
    actions = [_checkpoint(tmp_path / name).parts["replay"]["actions"] for name in ("one", "other")]
    assert not np.array_equal(*actions)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_job_goes_on_as_if_nothing_had_happened(number: signal.Signals, tmp_path: Path) -> None:
    job = _job("budget.steps=400")
    train(job, tmp_path / "whole", LiveView(**QUIET))
    handler = signal.getsignal(number)
    stopped = train(job, tmp_path / "parts", _Interrupting(250, number))
    assert (stopped.ended_by, stopped.steps) == ("stopped", 252)
    assert signal.getsignal(number) is handler, "the handlers are as they were"
    assert json.loads((tmp_path / "parts" / "front.json").read_text())["points"]
    finished = resume(tmp_path / "parts", LiveView(**QUIET))
    assert (finished.ended_by, finished.steps) == ("budget", 400)
    _assert_same_state(_checkpoint(tmp_path / "whole"), _checkpoint(tmp_path / "parts"))


CHILD = """
import sys
from prefixrl.agents.job import load_job
from prefixrl.agents.live import LiveView
from prefixrl.agents.training import train
train(load_job("tiny", overrides=sys.argv[2:]), sys.argv[1], LiveView(quiet=True))
"""


def test_a_killed_job_loses_no_design_and_evaluates_none_twice(tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = ["budget.steps=null", "budget.evaluations=600", "checkpoint.every_steps=100", "agent.channels=8"]
    settings += ["agent.kernel_size=3", "agent.updates_per_step=0.5"]
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(run), *settings], env=os.environ.copy())
    try:
        _wait_for(lambda: _designs(run) >= 250 and any((run / "checkpoints").glob("step-*")), child)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    with DesignStore.open(run / "designs.sqlite") as store:
        before = {design.key: (design.points, design.recorded_at) for design in store.designs()}
    result = resume(run, LiveView(**QUIET))
    assert result.ended_by == "budget"
    with DesignStore.open(run / "designs.sqlite") as store:
        after = {design.key: (design.points, design.recorded_at) for design in store.designs()}
        assert store.count() - len(store.classical()) >= 600
    assert len(before) >= 250
    assert before.items() <= after.items(), "a design was lost or evaluated anew"


def _designs(run: Path) -> int:
    try:
        with DesignStore.open(run / "designs.sqlite") as store:
            return store.count()
    except InputError:
        return 0


def _wait_for(condition, child: subprocess.Popen) -> None:  # type: ignore[no-untyped-def, type-arg]
    end = time.monotonic() + 120
    while not condition():
        assert child.poll() is None, "the job ended before it could be killed"
        assert time.monotonic() < end, "the job made no progress"
        time.sleep(0.05)


def test_designs_outlive_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(_job("budget.steps=200"), tmp_path / "run", LiveView(**QUIET))
    monkeypatch.setenv("PREFIXRL_CACHE", str(tmp_path / "empty"))

    def refuse(*_: object) -> None:
        raise AssertionError("a design of the store was evaluated anew")

    monkeypatch.setattr("prefixrl.synthesis.analytic.fanout_weighted_delay", refuse)
    result = resume(tmp_path / "run", LiveView(**QUIET))
    assert result.ended_by == "budget"


def test_a_loss_that_is_not_finite_ends_the_job_and_keeps_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = QLearner.update

    def poisoned(self: QLearner, batch):  # type: ignore[no-untyped-def]
        if self.updates == 60:
            with torch.no_grad():
                next(self.online.parameters()).fill_(float("nan"))
        return update(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(QLearner, "update", poisoned)
        with pytest.raises(DivergedError, match="update 60"):
            train(_job("budget.steps=400", "checkpoint.every_steps=100"), tmp_path / "run", LiveView(**QUIET))
    checkpoint = _checkpoint(tmp_path / "run")
    assert 0 < checkpoint.state["learner"]["updates"] < 60
    assert all(np.isfinite(array).all() for array in checkpoint.parts["online"].values())
    assert resume(tmp_path / "run", LiveView(**QUIET)).ended_by == "budget"


def test_a_damaged_newest_checkpoint_costs_a_line_and_not_the_job(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(_job("budget.steps=300", "checkpoint.every_steps=100"), tmp_path / "run", LiveView(**QUIET))
    newest = sorted((tmp_path / "run" / "checkpoints").iterdir())[-1]
    (newest / "online.safetensors").write_bytes(b"rubbish")
    assert resume(tmp_path / "run", LiveView(**QUIET), ["budget.steps=400"]).steps == 400
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "online.safetensors" in captured.err


def test_resuming_with_another_network_says_what_differs(tmp_path: Path) -> None:
    train(_job("budget.steps=100"), tmp_path / "run", LiveView(**QUIET))
    with pytest.raises(InputError, match=r"agent\.channels is 8 there and 16 here"):
        resume(tmp_path / "run", LiveView(**QUIET), ["agent.channels=16"])


def test_a_run_of_an_older_version_goes_on(tmp_path: Path) -> None:
    """`data/run-2026-11` was made, from preset `tiny`, before jobs had `start_from` and `evaluator.wire_detour`."""
    shutil.copytree(Path(__file__).parent / "data" / "run-2026-11", tmp_path / "run")
    old = _checkpoint(tmp_path / "run")
    assert "start_from" not in old.state["job"]
    messages: list[str] = []
    view = LiveView(**QUIET)
    view.message = messages.append  # type: ignore[method-assign]
    result = resume(tmp_path / "run", view, ["budget.steps=200"])
    assert (result.ended_by, result.steps, messages) == ("budget", 200, [])
    new = _checkpoint(tmp_path / "run")
    assert new.step == 200
    assert new.state["learner"]["updates"] > old.state["learner"]["updates"] > 0
    assert result.evaluations >= old.state["evaluations"] > 0


def test_refusals_write_nothing(tmp_path: Path) -> None:
    for override, word in [
        ("environment.starts=[sklanski]", "sklanski"),
        ("circuit.width=2", "3 to 256"),
        ("circuit.kind=divider", "divider"),
        ("evaluator.name=oracle", "oracle"),
        ("pdk=no-such-pdk", "no-such-pdk"),
        ("constraints.driving_cell=BUF; exit", "BUF; exit"),
    ]:
        with pytest.raises(InputError, match=word):
            train(load_job("tiny", overrides=[override]), tmp_path / "run", LiveView(**QUIET))
        assert not (tmp_path / "run").exists(), override
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious").write_text("mine")
    with pytest.raises(InputError, match="new or empty"):
        train(_job(), tmp_path / "run", LiveView(**QUIET))
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["precious"]
    with pytest.raises(InputError):
        resume(tmp_path / "run", LiveView(**QUIET))


def test_a_small_space_that_is_exhausted_ends_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefixrl.agents.session.IDLE_STEPS", 200)
    result = train(
        _job("circuit.width=3", "budget.steps=null", "budget.evaluations=50"), tmp_path / "run", LiveView(**QUIET)
    )
    assert result.ended_by == "exhausted"
    assert RunDirectory.open(tmp_path / "run").front_path.exists()
