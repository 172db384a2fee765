"""The pool on Ray: the curves of every other pool, and actors, workers and tools that die, hang or swell."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from prefixrl.circuits import Circuit
from prefixrl.errors import InputError, ToolError, ToolMissing
from prefixrl.graphs.structures import structure, structure_names
from prefixrl.synthesis import pool as pools
from prefixrl.synthesis.cache import EvaluationCache
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.evaluator import evaluation_key
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.pool import WorkerPool, make_pool
from prefixrl.synthesis.ray_actor import ActorHand, UnfitNode, WorkerActor, check_versions, versions
from prefixrl.synthesis.ray_cluster import RayCluster
from prefixrl.synthesis.ray_cluster import cluster as ray_cluster
from prefixrl.synthesis.ray_pool import QUEUED_PER_ACTOR, RayPool
from prefixrl.synthesis.remote import WorkerProcess
from prefixrl.synthesis.service import EvaluationService
from prefixrl.synthesis.work import EvaluatorSpec, WorkUnit
from prefixrl.tools import require_tool
from prefixrl.tools.tree import temporary_folder, tree_pids
from prefixrl.tools.watchdog import marked_processes

PDK = load_pdk()
CONSTRAINTS = default_constraints(PDK)
SPEC = EvaluatorSpec("yosys", PDK)
ANALYTIC = EvaluatorSpec("analytic", PDK)
CIRCUITS = [Circuit("adder", structure(name, 8)) for name in structure_names(8)]

Misbehave = Callable[[str], Path]


def test_pool_without_ray_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match=r"pip install 'prefixrl\[ray\]'.*'ray'$"):
        make_pool("ray", SPEC)


@pytest.mark.ray
@pytest.mark.parametrize("address", ["127.0.0.1:1", "$(touch TRAP)", "localhost", "localhost:99999", "a b:1", "x\ny:1"])
def test_address_where_nobody_listens_is_refused_at_once(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="ray is not installed (pip install 'prefixrl[ray]')")
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(InputError, match="RAY_ADDRESS must be auto or that of a Ray cluster"):
        RayPool(SPEC)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One Ray for all tests, whose actors see an ABC that does what a file beside it says, else its work."""
    pytest.importorskip("ray", reason="ray is not installed (pip install 'prefixrl[ray]')")
    abc = tmp_path_factory.mktemp("tools") / "abc"
    abc.write_text(
        f"#!{sys.executable} -IS\nimport os, sys, time\nfrom pathlib import Path\n"
        f"body = Path(__file__).with_name('body.py')\n"
        f"if sys.argv[1:] != ['-s'] or not body.exists(): os.execv({require_tool('yosys-abc').path!r}, sys.argv)\n"
        "sys.stdin.readline()\nexec(body.read_text())\n"
    )
    abc.chmod(0o755)
    before = os.environ.get("PREFIXRL_ABC")
    os.environ["PREFIXRL_ABC"] = str(abc)
    ray_cluster.join()
    yield abc
    ray_cluster.leave()
    if before is None:
        del os.environ["PREFIXRL_ABC"]
    else:
        os.environ["PREFIXRL_ABC"] = before


@pytest.fixture
def misbehave(cluster: Path) -> Iterator[Misbehave]:
    """Have every ABC do something else with its first command; gives the path that its processes are known by."""
    body = cluster.with_name("body.py")

    def begin(text: str) -> Path:
        body.write_text(text)
        return cluster

    yield begin
    body.unlink(missing_ok=True)


def unit_of(circuit: Circuit, spec: EvaluatorSpec = SPEC) -> WorkUnit:
    evaluator = spec()
    try:
        return WorkUnit(evaluation_key(circuit, CONSTRAINTS, evaluator), circuit, CONSTRAINTS)
    finally:
        evaluator.close()


def running(path: Path) -> bool:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if str(path) in process.cmdline():
                return True
    return False


def living(pid: int) -> bool:
    """Whether a process is there and not only its entry in the table, which waits for whoever inherited it."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def gone(condition: Callable[[], object], seconds: float = 5.0) -> bool:
    """Whether something is no more, at the latest after so many seconds."""
    deadline = time.monotonic() + seconds
    while condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not condition()


@pytest.mark.ray
def test_the_curves_are_those_of_this_process_whoever_is_killed(cluster: Path, tmp_path: Path) -> None:
    stored: Counter[str] = Counter()
    with (
        EvaluationService(SPEC, CONSTRAINTS, workers=1) as here,
        EvaluationService(SPEC, CONSTRAINTS, EvaluationCache(tmp_path / "c"), workers=2, pool="ray") as there,
    ):
        assert isinstance(there.pool, RayPool)
        assert isinstance(there.pool, WorkerPool)
        assert there.pool.capacity == 2 + 2 * QUEUED_PER_ACTOR
        there.listeners.append(lambda evaluation: stored.update([evaluation.key]))
        first = there.evaluate_many(CIRCUITS)
        actors = there.pool.pids()
        assert len(actors) == 2
        # An actor that is killed while it has nothing to do, a worker, and a tool: no result shows it.
        family = [tree_pids(actor) for actor in actors]
        for victim in (actors[0], family[1][1]):
            os.kill(victim, signal.SIGKILL)
        second = there.evaluate_many([Circuit("adder", structure(name, 10)) for name in structure_names(10)])
        os.kill(tree_pids(there.pool.pids()[0])[-1], signal.SIGKILL)
        third = there.evaluate_many([Circuit("adder", structure(name, 9)) for name in structure_names(9)])
        outcomes = [*first, *second, *third]
        expected = here.evaluate_many([outcome.circuit for outcome in outcomes])
        assert [outcome.failure for outcome in outcomes] == [None] * len(outcomes)
        assert [outcome.curve for outcome in outcomes] == [outcome.curve for outcome in expected]
        assert stored == Counter({outcome.key: 1 for outcome in outcomes})
        assert set(there.pool.pids()).isdisjoint(actors[:1])
        family += [tree_pids(actor) for actor in there.pool.pids()]
    assert gone(lambda: [pid for tree in family for pid in tree if living(pid)])


@pytest.mark.ray
def test_actor_that_dies_twice_with_a_unit_is_a_recorded_failure(misbehave: Misbehave, tmp_path: Path) -> None:
    # The tool's parent is the worker, whose parent is the actor.
    misbehave(
        "worker = os.getppid()\n"
        "status = Path(f'/proc/{worker}/status').read_text()\n"
        "os.kill(int(status.split('PPid:')[1].split()[0]), 9)\ntime.sleep(600)"
    )
    with EvaluationService(SPEC, CONSTRAINTS, EvaluationCache(tmp_path / "c"), pool="ray") as service:
        outcome = service.evaluate(CIRCUITS[0])
        assert outcome.failure is not None
        assert outcome.failure.startswith("the actor failed: ActorDied")
        assert isinstance(service.pool, RayPool)
        assert service.pool.crashes == 2
        assert len(service.cache or ()) == 0


@pytest.mark.ray
@pytest.mark.slow
def test_hanging_and_swelling_tools_are_failures_within_the_limits(misbehave: Misbehave) -> None:
    path = misbehave("time.sleep(600)")
    with EvaluationService(SPEC, CONSTRAINTS, pool="ray", timeout_s=0.5, memory_mib=600) as service:
        assert "no answer within 0." in (service.evaluate(CIRCUITS[0]).failure or "")
        begin = time.monotonic()
        assert service.evaluate(CIRCUITS[1]).failure is not None
        assert time.monotonic() - begin < 2 * (0.5 + 4)
        assert not running(path)
    misbehave("kept = os.urandom(1 << 20) * 700\ntime.sleep(600)")
    with EvaluationService(SPEC, CONSTRAINTS, pool="ray", timeout_s=60, memory_mib=600) as service:
        assert service.evaluate(CIRCUITS[0]).failure == "the worker failed: held more than 600 MiB"
        assert not running(path)


@pytest.mark.ray
def test_closing_does_not_wait_for_what_hangs_and_full_queues_block(misbehave: Misbehave) -> None:
    path = misbehave("time.sleep(600)")
    made = RayPool(SPEC, workers=1, timeout_s=500, queue_size=2)
    futures = [made.submit(unit_of(circuit)) for circuit in CIRCUITS[:3]]
    assert made.capacity == 3
    assert not made._room.acquire(blocking=False)
    assert gone(lambda: not running(path), 30)
    begin = time.monotonic()
    made.close()
    made.close()
    assert time.monotonic() - begin < 5
    assert not running(path)
    for future in futures:
        with pytest.raises(CancelledError):
            future.result(0)


@pytest.mark.ray
@pytest.mark.slow
def test_worker_with_other_tools_or_no_library_is_found_out(cluster: Path) -> None:
    made = RayPool(SPEC, workers=1)
    try:
        unit = unit_of(CIRCUITS[0])
        assert made.submit(unit).result().curve is not None
        with pytest.raises(InputError, match="library and the tools"):
            made.submit(replace(unit, key="0" * 64)).result()
    finally:
        made.close()
    for change in ({"timeout_s": 0.0}, {"memory_mib": 0}, {"workers": 0}):
        with pytest.raises(InputError):
            RayPool(SPEC, **change)  # type: ignore[arg-type]


@pytest.mark.ray
def test_node_without_the_library_is_named_and_nobody_waits_for_it(cluster: Path) -> None:
    told: list[str] = []
    nowhere = EvaluatorSpec("yosys", replace(PDK, name="nowhere", liberty=(Path("/no/such.lib"),)))
    made = RayPool(nowhere, report=told.append)
    try:
        # Asked before the node is known to be unfit, and after.
        for circuit in CIRCUITS[:2]:
            with pytest.raises(InputError, match=r"node 127\.0\.0\.1 cannot evaluate, it goes without: .*'nowhere'"):
                made.submit(unit_of(circuit)).result(60)
        assert told == [], "there is no other node, the error says it"
    finally:
        made.close()


@pytest.mark.ray
def test_two_who_ask_for_one_circuit_cost_one_evaluation(cluster: Path) -> None:
    with EvaluationService(SPEC, CONSTRAINTS, pool="ray") as service, ThreadPoolExecutor(4) as askers:
        outcomes = list(askers.map(service.evaluate, [CIRCUITS[0]] * 4))
        assert service.evaluations == 1
        assert service.shared == 3
        assert len({outcome.curve for outcome in outcomes}) == 1


def test_actor_of_another_version_is_refused_by_its_node() -> None:
    place = {"node": "n1", "address": "10.0.0.7", "versions": versions()}
    check_versions(place)
    place["versions"] = {**versions(), "prefixrl": "0.0.1"}
    with pytest.raises(
        UnfitNode, match=r"node 10\.0\.0\.7 must have prefixrl .* \(install it there\): '0\.0\.1'$"
    ) as caught:
        check_versions(place)
    assert caught.value.node == "n1"


@pytest.mark.ray
def test_cluster_of_another_ray_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def differs(**_: object) -> None:
        raise RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.9.0\n    Python: 3.9.1\n")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", differs)
    with pytest.raises(InputError, match=r"same Ray and the same Python, .*Ray: 2\.9\.0 Python: 3\.9\.1.*'auto'$"):
        RayCluster().join("auto")


def test_actor_answers_errors_by_their_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = WorkerActor(json.dumps(SPEC.to_json()), 1.0, 1000)
    for error, kind in ((InputError("no"), "input"), (ToolError("no\nmore"), "crash"), (KeyError("no"), "crash")):

        def fail(*_: object, error: Exception = error) -> list[str]:
            raise error

        monkeypatch.setattr(WorkerProcess, "evaluate_many", fail)
        answers = [json.loads(text) for text in worker.evaluate_many("", 2)]
        assert [answer["error"] for answer in answers] == [kind, kind]
        assert "more" not in answers[0]["message"]
    nowhere = EvaluatorSpec("yosys", replace(PDK, name="nowhere", liberty=(Path("/no/such.lib"),)))
    assert '"error": "input"' in WorkerActor(json.dumps(nowhere.to_json()), 1.0, 1000).make_ready()


@pytest.mark.ray
def test_deaths_of_idle_actors_and_of_company_are_no_attempts(cluster: Path) -> None:
    made = RayPool(ANALYTIC, workers=1)
    units = [unit_of(circuit, ANALYTIC) for circuit in CIRCUITS[:6]]
    try:
        for _ in range(3):
            # It has just answered, so nobody asks whether it lives before it gets the next unit.
            assert made.submit(units[0]).result(60).curve is not None
            actor = psutil.Process(made.pids()[0])
            actor.kill()
            actor.wait(5)
            assert made.submit(units[1]).result(60).attempts == 1
        assert made.crashes == 0
        # A worker that hangs in the middle of a batch, whose actor is killed: nobody knows whose fault it was.
        worker = psutil.Process(made.pids()[0]).children()[0]
        worker.suspend()
        made._mean_s = 1e-3  # units are quick, also on a machine that is busy
        with made._changed:
            futures = [made.submit(unit) for unit in units]
        assert gone(lambda: made.queued or made.under_way < 6)
        psutil.Process(made.pids()[0]).kill()
        assert [future.result(60).attempts for future in futures] == [1] * 6
        assert made.crashes == 1
    finally:
        made.close()


JOB = """
from prefixrl.circuits import Circuit
from prefixrl.graphs.structures import structure, structure_names
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.service import EvaluationService
from prefixrl.synthesis.work import EvaluatorSpec
pdk = load_pdk()
with EvaluationService(EvaluatorSpec("yosys", pdk), default_constraints(pdk), workers=2, pool="ray") as service:
    service.evaluate_many([Circuit("adder", structure(name, 8)) for name in structure_names(8)])
    print(*service.pool.pids(), flush=True)
    while True:
        for width in range(10, 64):
            service.evaluate_many([Circuit("adder", structure(name, width)) for name in structure_names(width)])
"""


@pytest.mark.ray
def test_ray_and_everything_on_it_end_when_the_job_is_killed(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed (pip install 'prefixrl[ray]')")
    temporary = Path("/tmp") / f"p{os.getpid()}"  # sockets have short paths
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    job = subprocess.Popen([sys.executable, "-c", JOB], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert job.stdout is not None
        actors = [int(pid) for pid in job.stdout.readline().split()]
        assert len(actors) == 2
        family = {*tree_pids(job.pid), *(pid for each in actors for pid in tree_pids(each))}
        assert len(family) > 8
        job.kill()
        job.wait()
        job.stdout.close()
        assert gone(lambda: [pid for pid in family if living(pid)])
        assert gone(lambda: list(temporary.iterdir()))
    finally:
        job.kill()
        with contextlib.suppress(OSError):
            temporary.rmdir()


@pytest.mark.ray
def test_agents_of_ray_keep_the_mark_under_their_titles(cluster: Path) -> None:
    """They write titles over their arguments, and without our word over what follows these in memory."""
    raylet = next(
        child for child in psutil.Process().children() if (child.cmdline() or [""])[0].endswith("/raylet/raylet")
    )
    titles = {"ray::DashboardAgent", "ray::RuntimeEnvAgent"}

    def titled() -> list[psutil.Process]:
        return [child for child in raylet.children() if (child.cmdline() or [""])[0] in titles]

    assert gone(lambda: len(titled()) < 2, 30)
    assert {child.pid for child in (raylet, *titled())} <= set(marked_processes(ray_cluster._mark))


@pytest.mark.ray
def test_dead_hand_starts_no_actor_again(cluster: Path) -> None:
    hand = ActorHand("{}", 1.0, 1000)
    hand.interrupt()
    with pytest.raises(ToolError, match="closed"):
        hand.send([WorkUnit("key", CIRCUITS[0], CONSTRAINTS)], idle=True)
    hand.close()
    assert temporary_folder().is_dir()
