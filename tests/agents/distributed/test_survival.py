"""What clusters do: drivers that are killed or interrupted from a terminal, nodes that leave and join."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray_samples import SMALL, Watching, actors_of, gone, small_job

from prefixrl.agents.live import Snapshot
from prefixrl.designs import DesignStore
from prefixrl.errors import InputError
from prefixrl.tools.tree import tree_pids

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for all temporary files of a job, with a short path: sockets lie in it."""
    pytest.importorskip("ray", reason="ray is not installed (pip install 'prefixrl[ray]')")
    folder = Path("/tmp") / f"p{os.getpid()}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def launch(folder: Path, temporary: Path, *arguments: str) -> subprocess.Popen[str]:
    """A job in a process group of its own, as a terminal makes them."""
    settings = [text for setting in SMALL for text in ("--set", setting)]
    command = [sys.executable, "-m", "prefixrl", "train", "--ray", "local", *arguments, *settings]
    environment = {**os.environ, "TMPDIR": str(temporary), "SECRET_OF_MINE": "swordfish-4711"}
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, start_new_session=True, **streams)


def designs(folder: Path) -> dict[str, tuple[Any, float]]:
    try:
        with DesignStore.open(folder / "designs.sqlite") as store:
            return {design.key: (design.points, design.recorded_at) for design in store.designs()}
    except InputError:
        return {}


def wait_for_designs(folder: Path, count: int, job: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while len(designs(folder)) < count or not any((folder / "checkpoints").glob("step-*")):
        assert job.poll() is None, "the job ended before it could be killed"
        assert time.monotonic() < deadline, "the job made no progress"
        time.sleep(0.1)


def test_a_killed_driver_loses_nothing_and_leaves_nothing(temporary: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    new = ("--preset", "tiny", "--out", str(folder), "--set", "budget.steps=100000", "--set", "circuit.width=7")
    job = launch(folder, temporary, *new)
    wait_for_designs(folder, 100, job)
    family = tree_pids(job.pid)
    logs = [path for path in temporary.rglob("*.out")] + [path for path in temporary.rglob("*.log")]
    assert logs
    assert not [path for path in logs if "swordfish-4711" in path.read_text(errors="replace")]
    assert len(family) > 6
    job.kill()
    job.communicate()
    before = designs(folder)
    assert gone(lambda: [pid for pid in family if psutil.pid_exists(pid) and not _zombie(pid)])
    assert gone(lambda: list(temporary.glob("prefixrl-*")))

    job = launch(folder, temporary, "--resume", str(folder), "--set", "budget.steps=100000", "--set", "circuit.width=7")
    wait_for_designs(folder, len(before) + 20, job)
    begin = time.monotonic()
    os.killpg(job.pid, signal.SIGINT)
    said, errors = job.communicate(timeout=30)
    assert time.monotonic() - begin < 10
    assert job.returncode == 0, errors
    assert "go on with --resume" in said
    assert "Traceback" not in errors
    assert before.items() <= designs(folder).items(), "a design was lost or evaluated anew"
    assert gone(lambda: list(temporary.glob("prefixrl-*")))


def _zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Recovering(Watching):
    """After the change, ends the job once all roles are there again and have gone on."""

    waits_from = 2**60

    def begin_waiting(self) -> None:
        self.waits_from = self.snapshots[-1].steps

    def show(self, snapshot: Snapshot, force: bool = False) -> None:
        super().show(snapshot, force)
        whole = (snapshot.figures.get("actors"), snapshot.figures.get("evaluators")) == (2, 2)
        if whole and snapshot.steps > self.waits_from + 100:
            self.waits_from = 2**60
            signal.raise_signal(signal.SIGINT)


def test_nodes_leave_and_join(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed (pip install 'prefixrl[ray]')")
    from ray.cluster_utils import Cluster

    from prefixrl.agents.distributed.training import train

    # The head, on which the driver is, has room for nothing: everybody is on the other nodes.
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    first = nodes.add_node(num_cpus=2, resources={"licence": 1})
    later: list[Any] = []

    def change() -> None:
        nodes.remove_node(first, allow_graceful=False)
        later.append(nodes.add_node(num_cpus=4, resources={"licence": 2}))
        view.begin_waiting()

    own = ["ray.actor_cpus=0.5", "ray.evaluator_cpus=0.5", "ray.evaluator_resources={licence: 1}"]
    view = Recovering(100, change)
    try:
        job = small_job("circuit.width=7", "budget.steps=null", "budget.time_s=400", "ray.evaluators=null", *own)
        result = train(job, tmp_path / "run", nodes.address, view)
        # Two licences came with the second node, so there are two evaluators where there was one.
        assert result.ended_by == "stopped", "actors and evaluators have come back"
        assert later
        assert any("has left, the job goes on without it" in message for message in view.messages)
        with DesignStore.open(tmp_path / "run" / "designs.sqlite") as store:
            assert store.count(failed=True) == 0
            assert store.count() > 100
        figures = view.snapshots[-1].figures
        assert sum(count for name, count in figures.items() if name.startswith("lost: ")) >= 1
    finally:
        import ray

        ray.shutdown()
        nodes.shutdown()
    assert gone(lambda: actors_of("EnvironmentActor"))


def test_a_killed_sweep_goes_on_and_every_trial_ends_once(temporary: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray.tune", reason="ray[tune] is not installed (pip install 'prefixrl[ray]')")
    out = tmp_path / "sweep"
    command = [sys.executable, "-m", "prefixrl", "sweep", "--json"]
    new = ["--preset", "tiny", "--over", "agent.learning_rate=0.001,0.0001", "--seeds", "2", "--parallel", "2"]
    settings = ("circuit.width=7", "budget.steps=1500", "checkpoint.every_steps=100", "agent.channels=8")
    new += [text for setting in settings for text in ("--set", setting)]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    job = subprocess.Popen(
        [*command, *new, "--out", str(out)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )

    def trials() -> dict[Path, dict[str, tuple[Any, float]]]:
        return {run: designs(run) for run in sorted((out / "trials").glob("*"))}

    def ended() -> dict[Path, str]:
        return {path.parent: path.read_text() for path in sorted((out / "trials").glob("*/trial.json"))}

    # One trial has ended at least, and another is under way.
    deadline = time.monotonic() + 400
    while not (begun := [run for run in trials() if run not in ended() and len(designs(run)) > 30]) or not ended():
        assert job.poll() is None, "the sweep ended before it could be killed"
        assert time.monotonic() < deadline, "the sweep made no progress"
        time.sleep(0.05)
    family = tree_pids(job.pid)
    job.kill()
    job.communicate()
    assert gone(lambda: [pid for pid in family if psutil.pid_exists(pid) and not _zombie(pid)])
    before, finished = trials(), ended()
    assert 0 < len(finished) < 4

    resumed = subprocess.run(
        [*command, "--resume", str(out)], env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert resumed.returncode == 0, resumed.stderr
    told = [line for line in resumed.stderr.splitlines() if " of 4: " in line]
    assert [int(line.partition(" ")[0]) for line in told] == list(range(len(finished) + 1, 5)), "each ends once"
    results = json.loads(resumed.stdout)["trials"]
    assert len({result["run"] for result in results}) == len(results) == 4
    assert all(result["failure"] is None for result in results)
    after = trials()
    assert len(after) == 4
    for run, kept in before.items():
        assert kept.items() <= after[run].items(), "a design was lost or evaluated anew"
    assert ended().items() >= finished.items()
    assert any(len(after[run]) > len(before[run]) for run in begun)
    assert gone(lambda: list(temporary.glob("prefixrl-*")))
