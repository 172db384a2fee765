"""Worker pools: the same curves everywhere, and workers that die, hang or swell cost one retry and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from prefixrl.circuits import Circuit
from prefixrl.circuits.netlist import Netlist
from prefixrl.errors import EvaluationFailed, InputError, ToolError
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import structure, structure_names
from prefixrl.synthesis.cache import EvaluationCache
from prefixrl.synthesis.constraints import Constraints, default_constraints
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint
from prefixrl.synthesis.evaluator import evaluation_key, make_evaluator
from prefixrl.synthesis.pdk import Pdk, load_pdk
from prefixrl.synthesis.pool import InProcessPool, ProcessPool, WorkerPool, make_pool
from prefixrl.synthesis.remote import WorkerProcess, curve_of
from prefixrl.synthesis.service import Evaluation, EvaluationService
from prefixrl.synthesis.work import EvaluatorSpec, UnitBatch, WorkUnit, from_plain, pack_units, to_plain
from prefixrl.synthesis.worker import Worker
from prefixrl.tools import require_tool
from prefixrl.tools.tree import temporary_folder, tree_pids

PDK = load_pdk()
CONSTRAINTS = default_constraints(PDK)
ABC = require_tool("yosys-abc").path
SPEC = EvaluatorSpec("yosys", PDK)
ANALYTIC = EvaluatorSpec("analytic", PDK)
CIRCUITS = [Circuit("adder", structure(name, 8)) for name in structure_names(8)]


def unit_of(circuit: Circuit, spec: EvaluatorSpec = SPEC) -> WorkUnit:
    evaluator = spec()
    try:
        return WorkUnit(evaluation_key(circuit, CONSTRAINTS, evaluator), circuit, CONSTRAINTS)
    finally:
        evaluator.close()


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPool]:
    """Two workers, which several tests share; whoever kills them gets new ones."""
    made = ProcessPool(SPEC, workers=2, timeout_s=60)
    yield made
    made.close()


@contextlib.contextmanager
def serving(pool: ProcessPool, cache: EvaluationCache | None = None) -> Iterator[EvaluationService]:
    """A service whose end is not that of the pool."""
    service = EvaluationService(SPEC, CONSTRAINTS, cache, pool=pool)
    yield service
    service._first.close()


def test_units_and_specifications_survive_json() -> None:
    circuits = (*CIRCUITS, Circuit("incrementer", structure("sklansky", 5), carry_in=True, carry_out=False))
    units = [WorkUnit(str(place), circuit, CONSTRAINTS) for place, circuit in enumerate(circuits)]
    units.append(WorkUnit("other", circuits[0], replace(CONSTRAINTS, output_load_ff=7.5)))
    packed = pack_units(units)
    assert "\n" not in packed
    batch = UnitBatch(json.loads(packed))
    assert [batch.unit(place) for place in range(len(batch))] == units
    assert len(json.loads(packed)["constraints"]) == 2
    spec = EvaluatorSpec("yosys", replace(PDK, dont_use=("A*", "B"), output_load_ff=0.1 + 0.2), {"effort": "full"})
    again = EvaluatorSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert (again.name, again.pdk, again.options) == (spec.name, spec.pdk, spec.options)
    assert to_plain({"a": (1, None, Path("/x"))}) == {"a": [1, None, "/x"]}
    assert from_plain(tuple[tuple[int, str], ...], [[1, "a"], [2, "b"]]) == ((1, "a"), (2, "b"))
    assert from_plain(dict[str, float] | None, None) is None
    with pytest.raises(InputError, match="numbers, texts"):
        to_plain({"a": object()})


def test_pdk_whose_files_lie_elsewhere_is_found_by_its_name() -> None:
    data = EvaluatorSpec("yosys", replace(PDK, liberty=(Path("/elsewhere/x.lib"),), output_load_ff=7.0)).to_json()
    found = EvaluatorSpec.from_json(data).pdk
    assert found == replace(PDK, output_load_ff=7.0)


def test_illegal_units_are_refused_and_the_others_evaluated() -> None:
    units = [unit_of(circuit, ANALYTIC) for circuit in CIRCUITS[:2]]
    worker = Worker()
    assert [*worker.answers({"make": ANALYTIC.to_json()})] == [{"ready": "analytic"}]
    for place, change in ((2, 9), (3, "ff" * 3), (1, "divider"), (6, 1)):
        data = json.loads(pack_units(units))
        data["constraints"].append(json.dumps({"driving_cell": ";"}))
        data["units"][0][place] = change
        bad, good = worker.answers({"batch": data, "from": 0, "timeout_s": 1})
        assert bad["error"] in ("input", "crash")
        assert good["curve"]
    assert len([*worker.answers({"batch": data, "from": 1, "timeout_s": 1})]) == 1


def test_factories_that_another_process_can_use() -> None:
    spec = EvaluatorSpec.of(partial(make_evaluator, "yosys", PDK, effort="full"))
    assert (spec.name, spec.pdk, spec.options) == ("yosys", PDK, {"effort": "full"})
    assert EvaluatorSpec.of(SPEC) is SPEC
    with pytest.raises(InputError, match="EvaluatorSpec"):
        EvaluationService(lambda: make_evaluator("analytic", PDK), CONSTRAINTS, pool="processes")


def test_bad_settings_are_refused() -> None:
    for name, keywords in (
        ("threads", {}),
        ("in-process", {"workers": 0}),
        ("in-process", {"timeout_s": 0.0}),
        ("in-process", {"timeout_s": float("nan")}),
        ("processes", {"timeout_s": -1.0}),
        ("processes", {"memory_mib": 0}),
        ("processes", {"workers": 2000}),
    ):
        with pytest.raises(InputError):
            make_pool(name, SPEC, **keywords)  # type: ignore[arg-type]


def test_both_pools_give_the_same_curves(pool: ProcessPool, tmp_path: Path) -> None:
    with EvaluationService(SPEC, CONSTRAINTS, workers=2) as here, serving(pool) as there:
        assert isinstance(here.pool, WorkerPool)
        assert isinstance(there.pool, WorkerPool)
        expected = here.evaluate_many(CIRCUITS)
        outcomes = there.evaluate_many(CIRCUITS)
    assert all(outcome.curve is not None for outcome in expected)
    assert [outcome.curve for outcome in outcomes] == [outcome.curve for outcome in expected]
    assert len(pool.pids()) == 2
    assert os.getpid() not in pool.pids()


def test_worker_with_other_tools_is_found_out(pool: ProcessPool) -> None:
    unit = unit_of(CIRCUITS[0])
    assert pool.submit(unit).result().curve is not None
    with pytest.raises(InputError, match="library and the tools"):
        pool.submit(replace(unit, key="0" * 64)).result()


def test_killed_workers_and_tools_cost_nothing_but_time(pool: ProcessPool, tmp_path: Path) -> None:
    circuits = [Circuit("adder", structure(name, width)) for width in (12, 16, 20) for name in structure_names(width)]
    stored: Counter[str] = Counter()
    over = threading.Event()
    killed = []

    def kill() -> None:
        while not over.wait(0.7) and len(killed) < 4:
            tree = [pid for worker in pool.pids() for pid in tree_pids(worker)]
            for pid in tree[:1] if len(killed) % 2 else tree[-1:]:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    thread = threading.Thread(target=kill)
    cache = EvaluationCache(tmp_path / "c.sqlite")
    with serving(pool, cache) as service:
        service.listeners.append(lambda evaluation: stored.update([evaluation.key]))
        thread.start()
        outcomes = service.evaluate_many(circuits)
        over.set()
        thread.join()
    assert killed
    assert len(outcomes) == len(circuits)
    assert set(stored.values()) == {1}
    assert len(stored) == len(set(circuits))
    lasting = [outcome for outcome in outcomes if outcome.failure is None]
    assert all("signal 9" in outcome.failure for outcome in outcomes if outcome.failure is not None)
    assert len(lasting) > len(circuits) // 2
    assert cache.get_many(stored).keys() == {outcome.key for outcome in lasting}
    with EvaluationService(SPEC, CONSTRAINTS) as here:
        for outcome in lasting[::10]:
            assert here.evaluate(outcome.circuit).curve == outcome.curve


def stand_in_abc(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> Path:
    """An ABC that does `body` with its first command, also in worker processes."""
    path = folder / "abc"
    path.write_text(
        f"#!{sys.executable} -IS\nimport os, sys, time\n"
        "if 'version' in sys.argv: print('stand-in 1.0'); sys.exit()\n"
        f"sys.stdin.readline()\n{body}\n"
    )
    path.chmod(0o755)
    monkeypatch.setenv("PREFIXRL_ABC", str(path))
    return path


def running(path: Path) -> bool:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if str(path) in process.cmdline():
                return True
    return False


@pytest.mark.parametrize("name", ["in-process", "processes"])
def test_hanging_tool_is_a_failure_within_the_time_out(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stand_in_abc(tmp_path, monkeypatch, "time.sleep(600)")
    with EvaluationService(SPEC, CONSTRAINTS, EvaluationCache(tmp_path / "c"), pool=name, timeout_s=0.5) as service:
        assert isinstance(service.pool, InProcessPool | ProcessPool)
        outcome = service.evaluate(CIRCUITS[0])
        assert outcome.curve is None
        assert outcome.failure is not None
        assert "no answer within 0." in outcome.failure
        assert service.pool.crashes == 2
        begin = time.monotonic()
        assert service.evaluate(CIRCUITS[1]).failure is not None
        assert time.monotonic() - begin < 2 * (0.5 + 4)
        assert not running(path)
        assert (service.failures, len(service.cache or ())) == (2, 0)


def test_tree_that_holds_too_much_memory_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stand_in_abc(tmp_path, monkeypatch, "kept = os.urandom(1 << 20) * 700\ntime.sleep(600)")
    with EvaluationService(SPEC, CONSTRAINTS, pool="processes", timeout_s=60, memory_mib=600) as service:
        outcome = service.evaluate(CIRCUITS[0])
        assert outcome.failure == "the worker failed: held more than 600 MiB"
        assert not running(path)


def test_unit_that_ends_its_worker_leaves_the_rest_of_its_batch_unharmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "killed"
    path = stand_in_abc(tmp_path, monkeypatch, "")
    path.write_text(
        f"#!{sys.executable} -IS\nimport os, sys\n"
        f"if sys.argv[1:] != ['-s'] or os.path.exists({str(marker)!r}): os.execv({ABC!r}, sys.argv)\n"
        f"sys.stdin.readline()\nopen({str(marker)!r}, 'w')\nos.kill(os.getppid(), 9)\n"
    )
    units = [unit_of(circuit) for circuit in CIRCUITS[:3]]
    assert not marker.exists(), "only a worker's tool kills"
    worker = WorkerProcess(SPEC, 60.0, 4096)
    try:
        first, *others = worker.evaluate_many(pack_units(units), 3)
        assert worker.starts == 2
        with pytest.raises(ToolError, match="the worker failed: ended by signal 9"):
            curve_of(first)
        assert [curve_of(text) for text in others] == [worker.evaluate(unit) for unit in units[1:]]
        assert worker.starts == 2
    finally:
        worker.close()
    assert marker.exists()


def test_closing_does_not_wait_for_what_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stand_in_abc(tmp_path, monkeypatch, "time.sleep(600)")
    made = ProcessPool(SPEC, workers=1, timeout_s=500)
    futures = [made.submit(unit_of(circuit)) for circuit in CIRCUITS[:3]]
    deadline = time.monotonic() + 30
    while not running(path):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    begin = time.monotonic()
    made.close()
    assert time.monotonic() - begin < 5
    assert not running(path)
    for future in futures:
        with pytest.raises(CancelledError):
            future.result(0)


class Slow:
    """An evaluator that waits to be told."""

    name = "slow"
    version = "1"
    pdk: Pdk = PDK

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.done: list[PrefixGraph] = []

    def evaluate(self, circuit: Circuit, constraints: Constraints) -> AreaDelayCurve:
        assert self.go.acquire(timeout=20)
        self.done.append(circuit.graph)
        return AreaDelayCurve((CurvePoint(1.0, 1.0, "r"),))

    def realize(self, circuit: Circuit, constraints: Constraints, point: CurvePoint, module: str) -> Netlist:
        raise EvaluationFailed("none")

    def close(self) -> None:
        self.go.release(1000)


def test_full_queue_blocks_whoever_submits() -> None:
    slow = Slow()
    made = InProcessPool(lambda: slow, workers=1, queue_size=2)
    assert made.capacity == 3
    submitted: list[int] = []

    def submit() -> None:
        for number, circuit in enumerate(CIRCUITS[:5]):
            made.submit(WorkUnit(str(number), circuit, CONSTRAINTS))
            submitted.append(number)

    thread = threading.Thread(target=submit)
    thread.start()
    time.sleep(0.3)
    assert submitted == [0, 1, 2]
    slow.go.release(1000)
    thread.join(10)
    assert submitted == [0, 1, 2, 3, 4]
    made.close()


def test_more_circuits_than_the_queue_takes_are_announced_as_they_come() -> None:
    slow = Slow()
    slow.go.release(1000)
    heard: list[Evaluation] = []
    unheard: list[int] = []

    def listen(evaluation: Evaluation) -> None:
        heard.append(evaluation)
        unheard.append(len(slow.done) - len(heard))

    made = InProcessPool(lambda: slow, workers=1, queue_size=1)
    circuits = [Circuit("adder", structure(name, width)) for width in range(4, 12) for name in structure_names(width)]
    with EvaluationService(lambda: slow, CONSTRAINTS, pool=made) as service:
        service.listeners.append(listen)
        outcomes = service.evaluate_many(circuits)
    assert len(outcomes) == len(circuits)
    assert len(heard) == len(set(circuits)) > 30
    assert max(unheard) <= 3


def test_caller_that_gives_up_does_not_take_the_work_of_another_with_it() -> None:
    slow = Slow()
    service = EvaluationService(lambda: slow, CONSTRAINTS, workers=1)
    outcomes: list[list[Evaluation]] = []
    other = threading.Thread(target=lambda: outcomes.append(service.evaluate_many(CIRCUITS[:3])))

    def interrupt(evaluation: Evaluation) -> None:
        if threading.current_thread() is not other:
            raise KeyboardInterrupt

    service.listeners.append(interrupt)

    def give_up() -> None:
        with pytest.raises(KeyboardInterrupt):
            service.evaluate_many(CIRCUITS[:4])

    caller = threading.Thread(target=give_up)
    caller.start()
    time.sleep(0.1)
    other.start()
    time.sleep(0.1)
    slow.go.release()  # the first circuit's end makes the caller give up the second and third, which wait
    caller.join(10)
    slow.go.release(1000)
    other.join(10)
    service.close()
    assert [len(each) for each in outcomes] == [3]
    assert all(evaluation.curve is not None for evaluation in outcomes[0])


JOB = """
import sys
from pathlib import Path
from prefixrl.circuits import Circuit
from prefixrl.graphs.structures import structure, structure_names
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.service import EvaluationService
from prefixrl.synthesis.work import EvaluatorSpec
pdk = load_pdk()
with EvaluationService(EvaluatorSpec("yosys", pdk), default_constraints(pdk), workers=2, pool="processes") as service:
    service.evaluate_many([Circuit("adder", structure(name, 8)) for name in structure_names(8)])
    print(*service.pool.pids(), flush=True)
    while True:
        for width in range(10, 64):
            service.evaluate_many([Circuit("adder", structure(name, width)) for name in structure_names(width)])
"""


def test_workers_and_their_tools_end_when_the_job_is_killed(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    job = subprocess.Popen([sys.executable, "-c", JOB], stdout=subprocess.PIPE, text=True, env=environment)
    assert job.stdout is not None
    workers = [int(pid) for pid in job.stdout.readline().split()]
    family = {pid for worker in workers for pid in tree_pids(worker)}
    assert len(family) >= 4
    assert len(list(temporary.iterdir())) == 1
    job.kill()
    job.wait()
    job.stdout.close()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and (any(map(tree_pids, family)) or list(temporary.iterdir())):
        time.sleep(0.05)
    assert [pid for pid in family if tree_pids(pid)] == []
    assert list(temporary.iterdir()) == []


def test_nothing_is_left_after_close() -> None:
    others = {entry.name for entry in temporary_folder().iterdir()}
    made = ProcessPool(EvaluatorSpec("analytic", PDK), workers=1)
    unit = unit_of(CIRCUITS[0], EvaluatorSpec("analytic", PDK))
    assert made.submit(unit).result().curve is not None
    family = [pid for worker in made.pids() for pid in tree_pids(worker)]
    assert family
    assert len(list(temporary_folder().iterdir())) == len(others) + 1
    made.close()
    assert not any(map(tree_pids, family))
    assert [entry for entry in temporary_folder().iterdir() if entry.name not in others] == []


@pytest.mark.slow
def test_benchmark_finds_everything_stored_once() -> None:
    from prefixrl.synthesis.pool_benchmark import bench_pool

    figures = bench_pool(seconds=8)
    killed = figures["killed"]
    assert killed["stored_once"] == killed["graphs"] > 0
    assert (killed["stored_more"], killed["not_stored"], killed["wrong"], killed["orphans"]) == (0, 0, 0, 0)
    assert killed["cache_entries"] == killed["graphs"] - killed["failures"]
