"""Workers on a Ray cluster, behind the interface of the other pools.

    RayPool: queue, hands -- JSON text --> WorkerActor (any machine): WorkerProcess --> evaluator, tools

An actor does nothing but hold a worker process of its own, so that time-out, memory cap and the end of everything that
a tool started are those of `ProcessPool`, on the machine where they happen. An actor that dies costs the unit that it
had one attempt; another one takes its place.

The cluster is the one that this process has joined already, or that `$RAY_ADDRESS` names; else Ray is started on this
machine, and ended with the last pool. Ray is imported only when a pool is made.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from prefixrl.errors import EvaluationFailed, InputError, PrefixrlError, ToolError
from prefixrl.synthesis.curve import AreaDelayCurve
from prefixrl.synthesis.pool import (
    DEFAULT_MEMORY_MIB,
    DEFAULT_TIMEOUT_S,
    QUEUED_PER_WORKER,
    LocalPool,
    check_limits,
)
from prefixrl.synthesis.remote import START_TIMEOUT_S, WorkerProcess
from prefixrl.synthesis.work import EvaluatorSpec, WorkUnit
from prefixrl.tools.tree import end_tree, own_mark, temporary_folder
from prefixrl.tools.watchdog import MARK_VARIABLE

_ERRORS: dict[str, type[PrefixrlError]] = {"refused": EvaluationFailed, "input": InputError, "crash": ToolError}
_STARTS_AT_MOST = 3
# Beyond the time-out: what the actor itself needs to end a worker, and the way there and back.
_GRACE_S = 5.0
_CLOSE_S = 10.0
_HUNG_CLOSE_S = 2.0
_POLL_S = 0.5
_CONNECT_S = 5.0
# Of setproctitle, which Ray has inside: titles take the place of arguments only.
_KEEP_ENVIRONMENT = "SPT_NOENV"
# Ray's sockets lie this deep below its folder, and their paths may have 107 characters (<sys/un.h>).
_LONGEST_FOLDER = 107 - len("/session_2000-01-01_00-00-00_000000_0000000/sockets/plasma_store")


class WorkerActor:
    """The actor: takes and gives JSON texts, raises nothing.

    :param specification: of the evaluator, as `EvaluatorSpec.to_json` gives it
    """

    def __init__(self, specification: str, timeout_s: float, memory_mib: int) -> None:
        self._specification = specification
        self._limits = timeout_s, memory_mib
        self._worker: WorkerProcess | None = None

    def make_ready(self) -> str:
        """Have a living worker process: `{"pid": of this actor}`, or an error."""
        return self._answer(self._make_ready)

    def evaluate(self, unit: str) -> str:
        """The curve of a unit: `{"curve": [...]}`, or `{"error": kind, "message": one line}`."""
        return self._answer(lambda: {"curve": self._made().evaluate(WorkUnit.from_json(json.loads(unit))).to_json()})

    def interrupt(self) -> None:
        """Give up what is under way; comes while `evaluate` runs in another thread."""
        if self._worker is not None:
            self._worker.interrupt()

    def close(self) -> None:
        """End the worker process and all that it started, and remove the folder of this process.

        Ray ends an actor together with its children, among them the watchdog that would do that.
        """
        if self._worker is not None:
            self._worker.close()
            shutil.rmtree(temporary_folder(), ignore_errors=True)

    def _make_ready(self) -> dict[str, Any]:
        self._made().make_ready()
        return {"pid": os.getpid()}

    def _made(self) -> WorkerProcess:
        if self._worker is None:
            spec = EvaluatorSpec.from_json(json.loads(self._specification))
            self._worker = WorkerProcess(spec, *self._limits)
        return self._worker

    @staticmethod
    def _answer(work: Callable[[], dict[str, Any]]) -> str:
        try:
            answer = work()
        except PrefixrlError as error:
            kind = next((kind for kind, known in _ERRORS.items() if isinstance(error, known)), "crash")
            answer = {"error": kind, "message": (str(error).splitlines() or ["no reason"])[0]}
        except Exception as error:
            answer = {"error": "crash", "message": f"{type(error).__name__}: {error}".splitlines()[0]}
        return json.dumps(answer)


class ActorHand:
    """The asking end of an actor, which is started anew when it dies."""

    def __init__(self, specification: str, timeout_s: float, memory_mib: int) -> None:
        self._arguments = specification, timeout_s, memory_mib
        self._timeout_s = timeout_s
        self._actor: Any = None
        self._ended = False
        self.pid: int | None = None
        """Process id of the actor on its machine, while it is known to live."""

    def evaluate(self, unit: WorkUnit) -> AreaDelayCurve:
        """As `WorkerProcess.evaluate`."""
        self._make_ready()
        answer = self._ask("evaluate", self._timeout_s + _GRACE_S, json.dumps(unit.to_json()))
        return AreaDelayCurve.from_json(answer["curve"])

    def _make_ready(self) -> None:
        """Have a living actor; that one died while it had nothing to do does not count against the unit that waits."""
        for attempt in range(_STARTS_AT_MOST):
            try:
                self.pid = self._ask("make_ready", START_TIMEOUT_S)["pid"]
                return
            except ToolError:
                if attempt == _STARTS_AT_MOST - 1 or self._ended:
                    raise

    def _ask(self, method: str, limit_s: float, *arguments: str) -> dict[str, Any]:
        import ray

        try:
            if self._actor is None:
                self._actor = _start_actor(*self._arguments)
            answer = json.loads(self._wait(getattr(self._actor, method).remote(*arguments), limit_s))
        except ray.exceptions.RayError as error:
            self._drop()
            raise ToolError(f"the actor failed: {type(error).__name__}") from error
        except ToolError:
            # Killed at once, an actor leaves the end of its tools to chance; no answer came, so it gets little time.
            self._end_actor(_HUNG_CLOSE_S)
            raise
        if "error" in answer:
            raise _ERRORS[answer["error"]](answer["message"])
        return answer

    def _wait(self, reference: Any, limit_s: float) -> str:
        """The text that an actor answers with."""
        import ray

        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            if self._ended:
                raise ToolError("the pool of workers was closed")
            if ray.wait([reference], timeout=_POLL_S)[0]:
                text: str = ray.get(reference)
                return text
        raise ToolError(f"the actor failed: no answer within {limit_s:g} s")

    def interrupt(self) -> None:
        """Asked by another thread: start no actor again, and have the present one give up."""
        self._ended = True
        if self._actor is not None:
            self._actor.interrupt.remote()

    def close(self) -> None:
        """End the actor, its worker and all that this one started."""
        self._end_actor(_CLOSE_S)

    def _end_actor(self, limit_s: float) -> None:
        import ray

        if self._actor is not None:
            with contextlib.suppress(ray.exceptions.RayError):  # what is dead has left nothing
                ray.get(self._actor.close.remote(), timeout=limit_s)
        self._drop()

    def _drop(self) -> None:
        import ray

        actor, self._actor, self.pid = self._actor, None, None
        if actor is not None:
            ray.kill(actor)


def _start_actor(specification: str, timeout_s: float, memory_mib: int) -> Any:
    """A new actor, on whatever machine of the cluster has the fewest. Two threads: one works, one can interrupt it."""
    import ray

    options = {"max_concurrency": 2, "max_restarts": 0, "scheduling_strategy": "SPREAD"}
    return ray.remote(WorkerActor).options(**options).remote(specification, timeout_s, memory_mib)


class RayPool(LocalPool):
    """Actors of a Ray cluster with a worker process each. The threads here only wait for them.

    :param spec: the evaluator of every worker
    :param workers: number of actors
    :param timeout_s: seconds of wall clock that one evaluation may take
    :param memory_mib: what one worker and its tools may hold together
    :param queue_size: units that may wait here, beyond those under way
    :raises InputError: numbers out of range
    :raises ToolError: there is no cluster to join, and none can be started
    """

    def __init__(
        self,
        spec: EvaluatorSpec,
        workers: int = 1,
        timeout_s: float | None = None,
        memory_mib: int | None = None,
        queue_size: int | None = None,
    ) -> None:
        check_limits(timeout_s, memory_mib)
        text = json.dumps(spec.to_json())
        limits = timeout_s or DEFAULT_TIMEOUT_S, memory_mib or DEFAULT_MEMORY_MIB
        queued = QUEUED_PER_WORKER * workers if queue_size is None else queue_size
        super().__init__(lambda: ActorHand(text, *limits), workers, queued)
        self._joined = False
        _cluster.join()
        self._joined = True

    def pids(self) -> list[int]:
        """Process ids, on their machines, of the actors that are known to live."""
        with self._lock:
            found = [hand.pid for hand in self._hands if isinstance(hand, ActorHand)]
        return [pid for pid in found if pid is not None]

    def close(self) -> None:
        """See `WorkerPool`."""
        super().close()
        if self._joined:
            self._joined = False
            _cluster.leave()


class _Cluster:
    """The Ray cluster of this process: started by the first pool if need be, and then ended with the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pools = 0
        self._own_folder: Path | None = None
        self._mark = ""

    def join(self) -> None:
        """Be on a cluster; each call needs a `leave`.

        :raises InputError: `$RAY_ADDRESS` names none
        :raises ToolError: none can be joined or started
        """
        import ray

        with self._lock:
            if not ray.is_initialized():
                try:
                    self._start()
                except InputError:
                    raise
                except (OSError, RuntimeError, ValueError) as error:
                    raise ToolError(f"cannot join or start Ray: {' '.join(str(error).split())[:200]}") from error
            self._pools += 1

    def _start(self) -> None:
        import ray

        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        address = os.environ.get("RAY_ADDRESS")
        if address:
            _check_address(address)
            ray.init(address=address, **quiet)
            return
        self._own_folder = folder = _short_folder()
        self._mark = f"{own_mark()}/{uuid.uuid4().hex}"
        # Of Ray's processes some outlive a job that is killed by a minute; by the mark our watchdog finds them all.
        # Ray's agents would write their titles over it (and over a part of the environment that differs each time).
        marked = {MARK_VARIABLE: self._mark, _KEEP_ENVIRONMENT: "1"}
        marked |= {"TMPDIR": str(folder), "RAY_USAGE_STATS_ENABLED": "0"}
        with _environment(marked):
            ray.init(address="local", include_dashboard=False, _temp_dir=str(folder), **quiet)

    def leave(self) -> None:
        """End the cluster if it is ours and nobody else needs it."""
        import ray

        with self._lock:
            self._pools -= 1
            if self._pools == 0 and self._own_folder is not None:
                ray.shutdown()
                end_tree(None, self._mark, _CLOSE_S)
                shutil.rmtree(self._own_folder, ignore_errors=True)
                self._own_folder = None


def _check_address(address: str) -> None:
    """Check that somebody listens there: Ray itself takes ten minutes and many lines to find out.

    :raises InputError: nobody does, or it is no address
    """
    if address in ("auto", "local"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        if not host or not port.isdecimal():
            raise OSError("no HOST:PORT")
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"$RAY_ADDRESS must be auto or that of a Ray cluster ({reason}): {address!r}") from error


def _short_folder() -> Path:
    """A new folder that goes with this process, whose path is short enough for sockets in it."""
    folder = temporary_folder() / "ray"
    if len(str(folder)) > _LONGEST_FOLDER:
        return Path(tempfile.mkdtemp(prefix="prefixrl-", dir="/tmp"))
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextlib.contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Variables that processes started meanwhile inherit."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


_cluster = _Cluster()
