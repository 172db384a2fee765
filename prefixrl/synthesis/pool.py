"""Who evaluates: threads of this process, worker processes with tools of their own, or the same on other machines
(`ray_pool`), behind one interface.

    service (keys, cache) --WorkUnit--> pool: bounded queue --> hands, one per worker --> evaluator, tools
                          <-WorkOutcome-

A hand is what a worker works with: an evaluator in this process, the asking end of a worker process, or of an actor.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol, runtime_checkable

from prefixrl.errors import EvaluationFailed, InputError, ToolError, ToolMissing
from prefixrl.hints import near_miss
from prefixrl.synthesis.curve import AreaDelayCurve
from prefixrl.synthesis.evaluator import Evaluator
from prefixrl.synthesis.remote import WorkerProcess
from prefixrl.synthesis.work import EvaluatorFactory, EvaluatorSpec, WorkUnit
from prefixrl.tools.limits import tool_limits

POOL_NAMES = ("in-process", "processes", "ray")
DEFAULT_POOL = "in-process"
MAXIMUM_WORKERS = 1024
# An OpenROAD curve of 64 bits takes minutes, an ABC one 0.1 s.
DEFAULT_TIMEOUT_S = 900.0
DEFAULT_MEMORY_MIB = 4096
_ATTEMPTS = 2
# Units that wait for each worker: enough that none is ever idle, little enough that nothing piles up.
QUEUED_PER_WORKER = 8
# Threads take units of 0.1 ms too.
_QUEUED_PER_THREAD = 256


@dataclass(frozen=True)
class WorkOutcome:
    """What became of one unit of work.

    :param curve: None for a failure
    :param failure: one line; None for a success
    :param lasting: whether trying again could not help: only then may the outcome be kept for other runs. Crashes,
        time-outs and too little memory do not last, nor do curves that lack a point because of them
    :param seconds: what it took, all attempts together
    :param attempts: 1, or 2 where the first one crashed
    """

    curve: AreaDelayCurve | None
    failure: str | None
    lasting: bool
    seconds: float
    attempts: int = 1


@runtime_checkable
class WorkerPool(Protocol):
    """Evaluates units of work side by side; each is tried twice before its failure is an outcome."""

    @property
    def workers(self) -> int:
        """How many units are evaluated at a time."""

    @property
    def capacity(self) -> int:
        """How many units may be waiting or under way before `submit` blocks."""

    def submit(self, unit: WorkUnit) -> Future[WorkOutcome]:
        """Begin a unit; blocks while the queue is full.

        The future's exception is an InputError where the evaluator cannot work at all.
        """

    def close(self) -> None:
        """End the workers and their tools; units not begun are cancelled."""


class Hand(Protocol):
    """What one worker works with; used by one thread."""

    def evaluate(self, unit: WorkUnit) -> AreaDelayCurve:
        """As `Evaluator.evaluate`."""

    def interrupt(self) -> None:
        """Asked by another thread: give up what is under way, if that can be done."""

    def close(self) -> None:
        """End what it keeps alive."""


class LocalPool:
    """Threads that have a hand each.

    :param make_hand: called in a worker's thread when it gets its first unit
    :param workers: number of threads
    :param queue_size: units that may wait, beyond those under way
    :raises InputError: numbers below 1
    """

    def __init__(self, make_hand: Callable[[], Hand], workers: int, queue_size: int) -> None:
        if not 1 <= workers <= MAXIMUM_WORKERS:
            raise InputError(f"the number of workers must be from 1 to {MAXIMUM_WORKERS}: {workers}")
        if queue_size < 1:
            raise InputError(f"the queue of a pool must have room for at least 1: {queue_size}")
        self.workers = workers
        self.crashes = 0
        """Attempts that ended in a crash, a time-out or too much memory."""
        self._make_hand = make_hand
        self._hands: list[Hand] = []
        self._closing = False
        self._own = threading.local()
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(workers + queue_size)
        self._capacity = workers + queue_size
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="prefixrl-evaluate")

    @property
    def capacity(self) -> int:
        """See `WorkerPool`."""
        return self._capacity

    def submit(self, unit: WorkUnit) -> Future[WorkOutcome]:
        """See `WorkerPool`."""
        self._room.acquire()
        try:
            future = self._threads.submit(self._work, unit)
        except BaseException:
            self._room.release()
            raise
        future.add_done_callback(lambda _: self._room.release())
        return future

    def _work(self, unit: WorkUnit) -> WorkOutcome:
        begin = time.monotonic()
        failure = ""
        for attempt in range(1, _ATTEMPTS + 1):
            if self._closing:
                raise CancelledError
            try:
                curve = self._hand().evaluate(unit)
                return WorkOutcome(curve, None, curve.lasting, time.monotonic() - begin, attempt)
            except EvaluationFailed as error:
                return WorkOutcome(None, error.reason, True, time.monotonic() - begin, attempt)
            except ToolError as error:
                failure = str(error).splitlines()[0]
                with self._lock:
                    self.crashes += 1
        return WorkOutcome(None, failure, False, time.monotonic() - begin, _ATTEMPTS)

    def _hand(self) -> Hand:
        """The hand of this thread."""
        if not hasattr(self._own, "hand"):
            hand = self._make_hand()
            with self._lock:
                self._hands.append(hand)
            self._own.hand = hand
        own: Hand = self._own.hand
        return own

    def close(self) -> None:
        """See `WorkerPool`."""
        self._closing = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            hands = list(self._hands)
        for hand in hands:
            hand.interrupt()
        self._threads.shutdown(wait=True)
        for hand in self._hands:
            hand.close()


class InProcessPool(LocalPool):
    """Evaluators in threads of this process.

    Time-out and memory cap hold for the tools that an evaluator starts. Python code that runs away cannot be ended in
    a thread; worker processes are there for that.

    :param factory: makes the evaluator of each further thread
    :param first: the evaluator of the first thread
    :param workers: number of threads
    :param timeout_s: seconds that one evaluation may take; None for no limit but those of the tools
    :param memory_mib: cap on each tool's memory; None for the tools' own
    :raises InputError: numbers out of range
    """

    def __init__(
        self,
        factory: EvaluatorFactory,
        first: Evaluator | None = None,
        workers: int = 1,
        timeout_s: float | None = None,
        memory_mib: int | None = None,
        queue_size: int | None = None,
    ) -> None:
        check_limits(timeout_s, memory_mib)
        unused = [] if first is None else [first]

        def make_hand() -> Hand:
            try:
                evaluator = unused.pop()
            except IndexError:
                evaluator = factory()
            return _EvaluatorHand(evaluator, timeout_s, memory_mib)

        super().__init__(make_hand, workers, _QUEUED_PER_THREAD * workers if queue_size is None else queue_size)
        self._unused = unused

    def close(self) -> None:
        """See `WorkerPool`."""
        super().close()
        while self._unused:
            self._unused.pop().close()


@dataclass(frozen=True)
class _EvaluatorHand:
    evaluator: Evaluator
    timeout_s: float | None
    memory_mib: int | None

    def evaluate(self, unit: WorkUnit) -> AreaDelayCurve:
        if self.timeout_s is None and self.memory_mib is None:
            return self.evaluator.evaluate(unit.circuit, unit.constraints)
        with tool_limits(self.timeout_s, self.memory_mib):
            return self.evaluator.evaluate(unit.circuit, unit.constraints)

    def interrupt(self) -> None:
        """A thread cannot be interrupted."""

    def close(self) -> None:
        self.evaluator.close()


class ProcessPool(LocalPool):
    """Worker processes with an evaluator each; one that dies, hangs or holds too much memory is replaced.

    The thread here only waits for its worker. Everything that a worker starts ends with it, and the workers end with
    this process, also when it is killed.

    :param spec: the evaluator of every worker
    :param workers: number of processes
    :param timeout_s: seconds of wall clock that one evaluation may take
    :param memory_mib: what one worker and its tools may hold together
    :param queue_size: units that may wait, beyond those under way
    :raises InputError: numbers out of range
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
        limits = timeout_s or DEFAULT_TIMEOUT_S, memory_mib or DEFAULT_MEMORY_MIB
        queued = QUEUED_PER_WORKER * workers if queue_size is None else queue_size
        super().__init__(lambda: WorkerProcess(spec, *limits), workers, queued)

    def pids(self) -> list[int]:
        """Process ids of the workers that live."""
        with self._lock:
            found = [hand.pid for hand in self._hands if isinstance(hand, WorkerProcess)]
        return [pid for pid in found if pid is not None]


def make_pool(
    name: str,
    factory: EvaluatorFactory,
    first: Evaluator | None = None,
    workers: int = 1,
    timeout_s: float | None = None,
    memory_mib: int | None = None,
) -> WorkerPool:
    """A pool by its name, one of `POOL_NAMES`.

    :param factory: for "processes" and "ray" an EvaluatorSpec, or what `EvaluatorSpec.of` takes for one
    :param first: an evaluator that is there already and becomes the pool's
    :raises InputError: unknown name, numbers out of range, a factory that cannot be told to another process
    :raises ToolMissing: as `require_pool`
    """
    if name == "in-process":
        return InProcessPool(factory, first, workers, timeout_s, memory_mib)
    if name == "processes":
        return ProcessPool(EvaluatorSpec.of(factory), workers, timeout_s, memory_mib)
    require_pool(name)
    from prefixrl.synthesis.ray_pool import RayPool

    return RayPool(EvaluatorSpec.of(factory), workers, timeout_s, memory_mib)


def require_pool(name: str) -> None:
    """Check that there is such a pool and that this machine has what it needs; starts nothing.

    :raises InputError: there is none of that name
    :raises ToolMissing: it needs a package that is not installed
    """
    if name not in POOL_NAMES:
        hint = near_miss(name, POOL_NAMES)
        raise InputError(f"the pool must be one of {', '.join(POOL_NAMES)}{hint}: {name!r}")
    if name == "ray" and find_spec("ray") is None:
        raise ToolMissing(f"this pool needs a package (pip install 'prefixrl[ray]'): {name!r}")


def check_limits(timeout_s: float | None, memory_mib: int | None) -> None:
    """Check what one evaluation may take.

    :raises InputError: numbers out of range
    """
    if timeout_s is not None and not 0 < timeout_s < float("inf"):
        raise InputError(f"the time-out of an evaluation must be a number of seconds above 0: {timeout_s!r}")
    if memory_mib is not None and memory_mib < 1:
        raise InputError(f"the memory of an evaluation must be at least 1 MiB: {memory_mib!r}")
