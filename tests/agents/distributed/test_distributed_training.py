"""Training on a Ray of this machine: learns, keeps its bounds, survives whoever dies, saves, resumes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from ray_samples import Watching, actors_of, gone, small_job

from prefixrl.agents import training as alone
from prefixrl.agents.checkpoint import latest_checkpoint
from prefixrl.agents.live import LiveView, Snapshot
from prefixrl.cli.main import run
from prefixrl.designs import Design, DesignStore
from prefixrl.synthesis.ray_cluster import cluster

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module", autouse=True)
def machine() -> Iterator[None]:
    """One Ray for all jobs of this module; what was compiled stays where it is."""
    pytest.importorskip("ray", reason="ray is not installed (pip install 'prefixrl[ray]')")
    cluster.join("local")
    yield
    cluster.leave()


def designs_of(folder: Path) -> dict[str, Design]:
    with DesignStore.open(folder / "designs.sqlite") as store:
        designs = list(store.designs())
    assert len({design.key for design in designs}) == len(designs)
    return {design.key: design for design in designs}


def test_a_job_learns_and_keeps_its_bounds(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from prefixrl.agents.distributed.training import train

    view = Watching()
    job = small_job("budget.steps=600", "ray.max_staleness=3")
    result = train(job, tmp_path / "run", "local", view)
    assert (result.ended_by, view.messages) == ("budget", [])
    assert 600 <= result.steps < 600 + 4 * (job.ray.queue + 8)
    designs = designs_of(tmp_path / "run")
    assert result.evaluations == sum(design.source == "train" for design in designs.values())
    checkpoint = latest_checkpoint(tmp_path / "run" / "checkpoints", print)
    assert checkpoint is not None
    assert checkpoint.state["learner"]["updates"] > 50
    assert len(checkpoint.state["acting"]) == 2
    assert checkpoint.parts["environments"]["ages"].shape == (8,)
    last = view.snapshots[-1]
    # Every graph was evaluated once, whoever asked first; the store has what was evaluated, and nothing twice.
    assert last.evaluations + 4 <= len(designs)
    kept = int(checkpoint.parts["replay"]["added"][0])
    assert kept + max(s.figures["too old"] for s in view.snapshots) <= result.steps
    assert {
        "actors",
        "edits/s",
        "steps wait",
        "evaluators",
        "graphs wait",
        "stale max",
        "near %",
    } <= last.figures.keys()
    assert max(s.figures["steps wait"] for s in view.snapshots) <= job.ray.queue
    assert last.figures["actors"] == 2
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    tags = set(events.Tags()["scalars"])
    assert {"ray/stale_max", "ray/edits_per_s", "ray/near_percent", "ray/shared", "front/hypervolume"} <= tags
    points = json.loads((tmp_path / "run" / "front.json").read_text())["points"]
    assert len(points) == len(result.front) > 3


class Replaced(Watching):
    """Ends the job once all have been replaced and another 100 edits were made."""

    killed_at = 2**60

    def show(self, snapshot: Snapshot, force: bool = False) -> None:
        super().show(snapshot, force)
        figures = snapshot.figures
        whole = (figures.get("actors"), figures.get("lost: actor"), figures.get("evaluators")) == (2, 1, 1)
        if snapshot.phase == "learning" and whole and snapshot.steps > self.killed_at + 100:
            self.killed_at = 2**60
            signal.raise_signal(signal.SIGINT)


def test_whoever_is_killed_another_takes_the_place(tmp_path: Path) -> None:
    from prefixrl.agents.distributed.training import train

    killed: list[int] = []

    def murder() -> None:
        evaluator = actors_of("WorkerActor")[0]
        for victim in (actors_of("EnvironmentActor")[0], evaluator.children()[0], evaluator):
            victim.kill()
            killed.append(victim.pid)
        view.killed_at = view.snapshots[-1].steps

    view = Replaced(150, murder)
    # No number of steps says when the new actor plays: the view ends the job.
    job = small_job("circuit.width=7", "budget.steps=null", "budget.time_s=400")
    result = train(job, tmp_path / "run", "local", view)
    assert len(killed) == 3
    assert result.ended_by == "stopped", "all roles have come back and went on"
    designs = designs_of(tmp_path / "run")
    assert [design.reason for design in designs.values() if not design.points] == []
    assert view.snapshots[-1].figures["lost: actor"] == 1
    assert view.snapshots[-1].figures["actors"] == 2, "another actor has taken the place"
    assert not {process.pid for process in actors_of("")} & set(killed)


def test_ctrl_c_saves_and_the_job_goes_on_here_and_there(tmp_path: Path) -> None:
    from prefixrl.agents.distributed.training import resume, train

    asked: list[float] = []

    def interrupt() -> None:
        asked.append(time.monotonic())
        signal.raise_signal(signal.SIGINT)

    folder = tmp_path / "run"
    stopped = train(small_job("budget.steps=2000"), folder, "local", Watching(200, interrupt))
    assert time.monotonic() - asked[0] < 10
    assert stopped.ended_by == "stopped"
    assert gone(lambda: actors_of("EnvironmentActor") + actors_of("WorkerActor"))
    before, saved = designs_of(folder), latest_checkpoint(folder / "checkpoints", print)
    assert saved is not None
    assert saved.step == stopped.steps

    view = Watching()
    more = f"budget.steps={stopped.steps + 200}"
    resumed = resume(folder, "local", view, [more])
    assert view.messages == [], "every actor goes on where it was"
    assert resumed.steps >= stopped.steps + 200
    assert resumed.hypervolume >= stopped.hypervolume
    after = designs_of(folder)
    assert {key: design.recorded_at for key, design in before.items()}.items() <= {
        key: design.recorded_at for key, design in after.items()
    }.items()
    newest = latest_checkpoint(folder / "checkpoints", print)
    assert newest is not None
    assert newest.parts["replay"]["added"][0] > saved.parts["replay"]["added"][0]
    kept = saved.parts["replay"]["actions"]
    assert (newest.parts["replay"]["actions"][: len(kept)] == kept).all()

    view = Watching()
    finished = alone.resume(folder, view, [f"budget.steps={resumed.steps + 100}"])
    assert finished.steps >= resumed.steps + 100
    assert view.messages == ["the environments were played by actors: they begin new episodes"]


@pytest.mark.slow
def test_a_job_that_was_begun_alone_goes_on_with_actors(tmp_path: Path) -> None:
    from prefixrl.agents.distributed.training import resume

    begun = alone.train(small_job("budget.steps=200"), tmp_path / "run", LiveView(quiet=True))
    view = Watching()
    result = resume(tmp_path / "run", "local", view, ["budget.steps=300", "ray.actors=1", "ray.environments=3"])
    assert result.steps >= 300
    assert result.hypervolume >= begun.hypervolume
    assert view.messages == ["the job had 1 x 4 environments, now 1 x 3: they begin new episodes"]


@pytest.mark.slow
def test_a_full_store_ends_the_job_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefixrl.agents.distributed.training import train
    from prefixrl.errors import PrefixrlError

    record = DesignStore.record
    written: list[str] = []

    def full(self: DesignStore, evaluation, source: str, step: int = 0) -> bool:  # type: ignore[no-untyped-def]
        if len(written) >= 30:
            raise PrefixrlError("the design store cannot be written: the disk is full")
        written.append(evaluation.key)
        return record(self, evaluation, source, step)

    monkeypatch.setattr(DesignStore, "record", full)
    with pytest.raises(PrefixrlError, match="the disk is full"):
        train(small_job("budget.steps=2000"), tmp_path / "run", "local", Watching())
    assert len(designs_of(tmp_path / "run")) >= 30
    assert gone(lambda: actors_of("EnvironmentActor"))


class _Impatient(Watching):
    """Presses Ctrl-C twice when it is told something: nothing goes on, and so nothing can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = threading.Event()

    def show(self, snapshot: Snapshot, force: bool = False) -> None:
        assert snapshot.phase == "classical structures"
        self.waiting.set()

    def message(self, text: str) -> None:
        super().message(text)
        # Before that, the interrupt would hit the import of something, and leave half of it.
        assert self.waiting.wait(60)
        for _ in range(2):
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.slow
def test_a_cluster_without_room_for_evaluators_says_what_they_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefixrl.agents.distributed import training

    monkeypatch.setattr(training, "GROW_S", 0.2)
    monkeypatch.setattr(training, "LONELY_S", 1.0)
    view = _Impatient()
    with pytest.raises(KeyboardInterrupt):
        training.train(small_job("ray.evaluator_resources={licence: 1}"), tmp_path / "run", "local", view)
    assert view.messages[0].endswith("add one or ask for less: {'CPU': 0.0, 'licence': 1.0}")


def test_weights_that_find_no_room_leave_the_actors_with_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    from prefixrl.agents.distributed.training import train

    put, kept = ray.put, []

    def full(value: object) -> object:
        if len(kept) >= 2:
            raise ray.exceptions.ObjectStoreFullError("full")
        kept.append(put(value))
        return kept[-1]

    monkeypatch.setattr(ray, "put", full)
    view = Watching()
    assert train(small_job("budget.steps=200"), tmp_path / "run", "local", view).ended_by == "budget"
    assert len(view.messages) == 1
    assert "actors play by old ones" in view.messages[0]
    assert view.snapshots[-1].figures["lost: no room"] >= 1


def test_nothing_listens_but_on_loopback_and_strangers_need_the_token() -> None:
    import ray

    public = []
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            for connection in process.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN and not connection.laddr.ip.endswith("127.0.0.1"):
                    public.append((process.name(), connection.laddr))
    assert public == []
    assert ray.nodes()[0]["NodeManagerAddress"] == "127.0.0.1"
    assert os.environ.get("RAY_AUTH_MODE", "token") == "token"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "ray://127.0.0.1:1"])
def test_an_address_without_a_cluster_is_one_line(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    assert run(["train", "--ray", address, "--preset", "tiny", "--out", str(tmp_path / "x")]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].endswith(f"ray start --head', or take local): {address!r}")
    assert not (tmp_path / "x").exists()
