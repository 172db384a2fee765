"""Workers on a Ray cluster, behind the interface of the other pools.

    RayPool: bounded queue -- a few units --> thread, hand -- Ray --> actor, worker process, tools

A thread takes units only while its actor lives, so actors may come and go with their nodes: one that finds no room
waits for a node. What was with one that died goes back to the front of the queue, to whichever actor is next: a unit
that was evaluated alone has used up an attempt, several go on one by one, and for what had not been begun it counts
nothing. A unit that two actors died of is a failure.

Quick units travel together, as many as take about as long as the way there and back costs little of, and the next ones
set out before these are back, so that no worker waits.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from prefixrl.errors import EvaluationFailed, InputError, PrefixrlError, ToolError
from prefixrl.synthesis.curve import AreaDelayCurve
from prefixrl.synthesis.pool import (
    DEFAULT_MEMORY_MIB,
    DEFAULT_TIMEOUT_S,
    MAXIMUM_WORKERS,
    WorkOutcome,
    check_limits,
)
from prefixrl.synthesis.ray_actor import ActorHand, ActorResources, NeverBegun, Trip, UnfitNode
from prefixrl.synthesis.ray_cluster import cluster, living_nodes
from prefixrl.synthesis.remote import curve_of
from prefixrl.synthesis.work import EvaluatorSpec, WorkUnit

ATTEMPTS = 2
QUEUED_PER_ACTOR = 128
"""Units that wait for each actor or are under way: four full trips of quick ones."""
# One way through Ray takes about 1 ms, and several times that on a machine that is busy: as many units go together as
# take about so long.
_TRIP_S = 0.1
_UNITS_PER_TRIP = 32
# Trips of one actor under way.
_TRIPS = 2
# Pauses after a start that failed, from the first to the longest.
_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 10.0
# Seconds after which an actor that has nothing to do is asked whether it lives.
_IDLE_S = 3.0
_CLOSERS = 32


@dataclass
class _Task:
    """A unit on its way."""

    unit: WorkUnit
    future: Future[WorkOutcome] = field(default_factory=Future)
    attempts: int = 0
    seconds: float = 0.0
    begun: bool = False
    alone: bool = False
    """It was with others when their actor died; it goes without company until it is known whose fault that was."""

    def begin(self) -> bool:
        """Whether it is still wanted; from then on it cannot be cancelled."""
        self.begun = self.begun or self.future.set_running_or_notify_cancel()
        return self.begun


@dataclass
class _Load:
    """Units that an actor has.

    :param since_s: when it could begin with them, as far as is known (monotonic)
    """

    tasks: list[_Task]
    trip: Trip
    since_s: float


class RayPool:
    """Actors of a Ray cluster with a worker process each. The threads here only wait for them.

    :param spec: the evaluator of every worker
    :param workers: number of actors; `grow` makes them more
    :param timeout_s: seconds of wall clock that one evaluation may take
    :param memory_mib: what one worker and its tools may hold together
    :param queue_size: units that may wait here, beyond those under way
    :param resources: what each actor takes of the cluster
    :param report: told one line for every node that cannot do the work, once
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
        *,
        resources: ActorResources | None = None,
        report: Callable[[str], None] | None = None,
    ) -> None:
        _check_workers(workers)
        check_limits(timeout_s, memory_mib)
        queued = QUEUED_PER_ACTOR * workers if queue_size is None else queue_size
        if queued < 1:
            raise InputError(f"the queue of a pool must have room for at least 1: {queue_size}")
        self.failures: Counter[str] = Counter()
        """Attempts that ended in a crash, a time-out or too much memory, by what the error begins with."""
        limits = timeout_s or DEFAULT_TIMEOUT_S, memory_mib or DEFAULT_MEMORY_MIB
        self._hand_arguments = json.dumps(spec.to_json()), *limits, resources
        self._report = report
        self._changed = threading.Condition()
        self._waiting: deque[_Task] = deque()
        self._under_way = 0
        self._unfit: dict[str, str] = {}
        self._hopeless: UnfitNode | None = None
        self._closing = False
        self._hands: list[ActorHand] = []
        self._threads: list[threading.Thread] = []
        self._capacity = queued
        self._room = threading.Semaphore(queued)
        self._mean_s = _TRIP_S
        cluster.join()
        self._joined = True
        self.grow(workers)

    def grow(self, workers: int) -> None:
        """Have at least so many actors, as the cluster has room for them."""
        _check_workers(workers)
        while len(self._threads) < workers and not self._closing:
            hand = ActorHand(*self._hand_arguments)
            thread = threading.Thread(target=self._serve, args=(hand,), name="prefixrl-evaluate", daemon=True)
            with self._changed:
                self._hands.append(hand)
                self._threads.append(thread)
                self._capacity += 1
            self._room.release()
            thread.start()

    @property
    def workers(self) -> int:
        """Actors that live or wait for a node."""
        return len(self._threads)

    @property
    def crashes(self) -> int:
        """Attempts that ended in a crash, a time-out or too much memory."""
        return self.failures.total()

    @property
    def capacity(self) -> int:
        """See `WorkerPool`."""
        return self._capacity

    @property
    def queued(self) -> int:
        """Units that wait for an actor."""
        return len(self._waiting)

    @property
    def under_way(self) -> int:
        """Units that actors have."""
        return self._under_way

    def pids(self) -> list[int]:
        """Process ids, on their machines, of the actors that are known to live."""
        return [pid for hand in list(self._hands) if (pid := hand.pid) is not None]

    def nodes(self) -> set[str]:
        """Ids of the nodes that actors are known to live on."""
        return {node for hand in list(self._hands) if (node := hand.node) is not None}

    def submit(self, unit: WorkUnit) -> Future[WorkOutcome]:
        """See `WorkerPool`."""
        self._room.acquire()
        task = _Task(unit)
        task.future.add_done_callback(lambda _: self._room.release())
        with self._changed:
            if self._closing:
                task.future.cancel()
                raise CancelledError("the pool of workers was closed")
            self._waiting.append(task)
            self._changed.notify()
        if self._hopeless is not None:
            self._set_aside(self._hopeless)
        return task.future

    def _serve(self, hand: ActorHand) -> None:
        """What one thread does: have an actor, have it evaluate."""
        pause_s = _PAUSE_S
        while not self._closing:
            try:
                hand.make_ready(sorted(self._unfit))
                pause_s = _PAUSE_S
            except UnfitNode as error:
                self._set_aside(error)
                self._pause(pause_s)
                continue
            except ToolError:
                self._pause(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                continue
            with contextlib.suppress(ToolError):  # it is counted, and the actor started anew
                self._work(hand)

    def _work(self, hand: ActorHand) -> None:
        """Have an actor evaluate until there is nothing to do.

        :raises ToolError: it died or hung; its units have gone back
        """
        loads: deque[_Load] = deque()
        try:
            while True:
                while len(loads) < _TRIPS and (tasks := self._take(idle=not loads)):
                    loads.append(self._send(hand, tasks, idle=not loads))
                if not loads:
                    return
                self._receive(hand, loads)
        finally:
            for load in reversed(loads):
                self._give_back(load.tasks)

    def _take(self, idle: bool) -> list[_Task]:
        """Units to evaluate, taken off the queue.

        :param idle: whether the actor has none; then it waits for some, but not for long, so that an actor that died
            meanwhile is replaced. Else it gets more only of quick ones, and only its fair share
        """
        with self._changed:
            if idle and not self._waiting and not self._closing:
                self._changed.wait(_IDLE_S)
            fair = len(self._waiting) // max(len(self._threads), 1)
            count = min(_UNITS_PER_TRIP, int(_TRIP_S / self._mean_s), fair)
            tasks: list[_Task] = []
            while self._waiting and len(tasks) < (max(1, count) if idle else count) and not self._closing:
                if self._waiting[0].alone and (tasks or not idle):
                    break
                task = self._waiting.popleft()
                if task.begin():
                    tasks.append(task)
                if task.alone:
                    break
            self._under_way += len(tasks)
            return tasks

    def _send(self, hand: ActorHand, tasks: list[_Task], idle: bool) -> _Load:
        try:
            return _Load(tasks, hand.send([task.unit for task in tasks], idle), time.monotonic())
        except BaseException:
            self._give_back(tasks)
            raise

    def _receive(self, hand: ActorHand, loads: deque[_Load]) -> None:
        """Wait for the oldest of the units that an actor has, and let them land."""
        load = loads[0]
        try:
            outcomes = [_outcome(text) for text in hand.receive(load.trip)]
        except NeverBegun:
            raise
        except ToolError as error:
            loads.popleft()
            self._lost(load, error)
            raise
        loads.popleft()
        now = time.monotonic()
        seconds = (now - load.since_s) / len(load.tasks)
        if loads:
            loads[0].since_s = now
        with self._changed:
            self._under_way -= len(load.tasks)
            self._mean_s = max(0.9 * self._mean_s + 0.1 * seconds, 1e-4)
        for task, outcome in reversed(list(zip(load.tasks, outcomes, strict=True))):
            task.seconds += seconds
            self._land(task, outcome)
        unfit = next((outcome for outcome in outcomes if isinstance(outcome, InputError)), None)
        if unfit is not None and (node := hand.node) is not None:
            # Another library or other tools there: the units are fine.
            hand.close()
            self._set_aside(UnfitNode(f"a node cannot evaluate, it goes without: {unfit}", node))
            raise ToolError("the node cannot evaluate")

    def _lost(self, load: _Load, error: ToolError) -> None:
        """An actor died while it had these units."""
        with self._changed:
            self._under_way -= len(load.tasks)
        if len(load.tasks) == 1:
            load.tasks[0].seconds += time.monotonic() - load.since_s
            self._land(load.tasks[0], error)
            return
        with self._changed:
            self.failures[_kind(error)] += not self._closing
        for task in reversed(load.tasks):
            task.alone = True
            self._return(task)

    def _give_back(self, tasks: Sequence[_Task]) -> None:
        """Units that were not begun."""
        with self._changed:
            self._under_way -= len(tasks)
        for task in reversed(tasks):
            self._return(task)

    def _return(self, task: _Task) -> None:
        """Put a unit in front of the queue again."""
        with self._changed:
            if not self._closing:
                self._waiting.appendleft(task)
                self._changed.notify()
                return
        task.future.set_exception(CancelledError())

    def _land(self, task: _Task, outcome: AreaDelayCurve | PrefixrlError) -> None:
        """Give an outcome to who waits for it, or the unit another try."""
        if isinstance(outcome, InputError):
            self._return(task)
            return
        task.attempts += 1
        if isinstance(outcome, AreaDelayCurve):
            result = WorkOutcome(outcome, None, outcome.lasting, task.seconds, task.attempts)
        elif isinstance(outcome, EvaluationFailed):
            result = WorkOutcome(None, outcome.reason, True, task.seconds, task.attempts)
        else:
            with self._changed:
                self.failures[_kind(outcome)] += not self._closing
            if task.attempts < ATTEMPTS or self._closing:
                self._return(task)
                return
            result = WorkOutcome(None, str(outcome).splitlines()[0], False, task.seconds, task.attempts)
        task.future.set_result(result)

    def _set_aside(self, error: UnfitNode) -> None:
        """Use a node no more; where none is left, nothing can be evaluated at all."""
        with self._changed:
            known = error.node in self._unfit
            self._unfit[error.node] = str(error)
            none_left = set(living_nodes()) <= self._unfit.keys()
            self._hopeless = error if none_left else None
            hopeless = list(self._waiting) if none_left else []
            if none_left:
                self._waiting.clear()
        if not known and self._report is not None and not none_left:
            self._report(str(error))
        for task in hopeless:
            if task.begin():
                task.future.set_exception(InputError(str(error)))

    def _pause(self, seconds: float) -> None:
        with self._changed:
            if not self._closing:
                self._changed.wait_for(lambda: self._closing, seconds)

    def close(self) -> None:
        """See `WorkerPool`."""
        with self._changed:
            self._closing = True
            dropped = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for task in dropped:
            if not task.future.cancel():
                task.future.set_exception(CancelledError())
        for hand in self._hands:
            hand.interrupt()
        for thread in self._threads:
            thread.join()
        if self._hands:
            with ThreadPoolExecutor(min(_CLOSERS, len(self._hands))) as closers:
                list(closers.map(ActorHand.close, self._hands))
        if self._joined:
            self._joined = False
            cluster.leave()


def _check_workers(workers: int) -> None:
    if not 1 <= workers <= MAXIMUM_WORKERS:
        raise InputError(f"the number of workers must be from 1 to {MAXIMUM_WORKERS}: {workers}")


def _kind(error: PrefixrlError) -> str:
    """What an error begins with."""
    return str(error).splitlines()[0].partition(":")[0]


def _outcome(answer: str) -> AreaDelayCurve | PrefixrlError:
    try:
        return curve_of(answer)
    except PrefixrlError as error:
        return error
