"""Many circuits at once: cache first, each key evaluated once, by a pool of workers."""

from __future__ import annotations

import queue
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from prefixrl.circuits import Circuit
from prefixrl.errors import InputError
from prefixrl.synthesis.cache import CachedResult, EvaluationCache
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import AreaDelayCurve
from prefixrl.synthesis.evaluator import evaluation_key
from prefixrl.synthesis.pool import MAXIMUM_WORKERS, WorkerPool, WorkOutcome, make_pool
from prefixrl.synthesis.work import EvaluatorFactory, WorkUnit

# About 2 kB each with six points; what is forgotten is in the cache on disk.
REMEMBERED_EVALUATIONS = 20_000


@dataclass(frozen=True)
class Evaluation:
    """The outcome of evaluating one circuit: a curve, or the reason why there is none.

    :param circuit: what was evaluated
    :param key: see `evaluator.evaluation_key`
    :param curve: None for a failure
    :param failure: one line; None for a success
    :param seconds: what the evaluation took, when it was made
    :param cached: whether it came out of a cache
    """

    circuit: Circuit
    key: str
    curve: AreaDelayCurve | None
    failure: str | None
    seconds: float
    cached: bool


class _InFlight:
    """A key that is being evaluated, and how many callers wait for it."""

    def __init__(self) -> None:
        self.future: Future[Evaluation] = Future()
        self.work: Future[WorkOutcome] | None = None
        self.waiting = 0


class EvaluationService:
    """Evaluates circuits under one set of constraints.

    :param evaluator_factory: makes an evaluator; called once here and by the pool for every further worker. Worker
        processes need an `EvaluatorSpec` (or `functools.partial(make_evaluator, name, pdk, **options)`)
    :param constraints: the constraints of every evaluation
    :param cache: looked into first; None for none
    :param workers: threads or processes, each with its own evaluator (and so its own tool processes)
    :param pool: a name out of `pool.POOL_NAMES`, or a pool, which is closed with the service and goes by its own
        number of workers and limits
    :param timeout_s: seconds that one evaluation may take; None for the pool's default
    :param memory_mib: memory that one evaluation may take; None for the pool's default
    :raises InputError: an unknown pool, or numbers out of range

    `listeners` are called with every `Evaluation` when its key is first met, new or cached, in the thread that asked
    for it.
    """

    def __init__(
        self,
        evaluator_factory: EvaluatorFactory,
        constraints: Constraints,
        cache: EvaluationCache | None = None,
        workers: int = 1,
        *,
        pool: str | WorkerPool = "in-process",
        timeout_s: float | None = None,
        memory_mib: int | None = None,
    ) -> None:
        if not 1 <= workers <= MAXIMUM_WORKERS:
            raise InputError(f"the number of workers must be from 1 to {MAXIMUM_WORKERS}: {workers}")
        self.constraints = constraints
        self.cache = cache
        self.listeners: list[Callable[[Evaluation], None]] = []
        self.evaluations = 0
        self.cache_hits = 0
        self.shared = 0
        """Times that somebody asked for what was under way for somebody else."""
        self.failures = 0
        self._first = evaluator_factory()
        self._first_is_pooled = pool == "in-process"
        self._lock = threading.RLock()
        self._in_flight: dict[str, _InFlight] = {}
        self._remembered: OrderedDict[str, Evaluation] = OrderedDict()
        self._announced: set[str] = set()
        try:
            self.pool = (
                make_pool(pool, evaluator_factory, self._first, workers, timeout_s, memory_mib)
                if isinstance(pool, str)
                else pool
            )
        except BaseException:
            self._first.close()
            raise

    def key(self, circuit: Circuit) -> str:
        """The evaluation key of a circuit here."""
        return evaluation_key(circuit, self.constraints, self._first)

    def evaluate(self, circuit: Circuit) -> Evaluation:
        """One circuit; see `evaluate_many`."""
        return self.evaluate_many([circuit])[0]

    def evaluate_many(self, circuits: Sequence[Circuit]) -> list[Evaluation]:
        """Evaluate circuits; an evaluation that fails is a result with a reason, not an exception.

        :returns: one evaluation per circuit, in their order; equal circuits share one
        :raises InputError: the evaluator cannot work at all (a library without a NAND, a missing tool)
        """
        keys = [self.key(circuit) for circuit in circuits]
        wanted = dict(zip(keys, circuits, strict=True))
        outcomes = self._known(wanted)
        waiting = deque((key, circuit) for key, circuit in wanted.items() if key not in outcomes)
        joined: dict[str, _InFlight] = {}
        landed: queue.SimpleQueue[Future[Evaluation]] = queue.SimpleQueue()
        try:
            while waiting or joined:
                # No more than the pool takes without blocking: what has landed is announced meanwhile.
                while waiting and len(joined) < self.pool.capacity:
                    key, circuit = waiting.popleft()
                    joined[key] = self._join(key, circuit)
                    joined[key].future.add_done_callback(landed.put)
                evaluation = landed.get().result()
                del joined[evaluation.key]
                self._announce(evaluation)
                outcomes[evaluation.key] = evaluation
        except BaseException:
            for key, entry in joined.items():
                self._leave(key, entry)
            raise
        return [outcomes[key] for key in keys]

    def _known(self, wanted: dict[str, Circuit]) -> dict[str, Evaluation]:
        """What memory and the cache already have."""
        with self._lock:
            outcomes = {key: replace(self._remembered[key], cached=True) for key in wanted if key in self._remembered}
        if self.cache is not None:
            missing = [key for key in wanted if key not in outcomes]
            for key, result in self.cache.get_many(missing).items():
                outcomes[key] = Evaluation(wanted[key], key, result.curve, result.failure, result.seconds, True)
                self._remember(outcomes[key])
        for evaluation in outcomes.values():
            self._announce(evaluation)
        with self._lock:
            self.cache_hits += len(outcomes)
        return outcomes

    def _join(self, key: str, circuit: Circuit) -> _InFlight:
        """Begin an evaluation, or join the one of the same key that is under way or has just ended."""
        with self._lock:
            entry = self._in_flight.get(key)
            if entry is not None:
                entry.waiting += 1
                self.shared += 1
                return entry
            entry = _InFlight()
            entry.waiting = 1
            if key in self._remembered:
                entry.future.set_result(replace(self._remembered[key], cached=True))
                return entry
            self._in_flight[key] = entry
        try:
            # Not under the lock: this blocks where other callers have filled the queue.
            entry.work = self.pool.submit(WorkUnit(key, circuit, self.constraints))
        except BaseException as error:
            self._land(key, entry, error)
            raise
        entry.work.add_done_callback(lambda work: self._finish(key, circuit, entry, work))
        return entry

    def _leave(self, key: str, entry: _InFlight) -> None:
        """Give up waiting; what nobody waits for and has not begun is dropped."""
        with self._lock:
            entry.waiting -= 1
            work = entry.work if entry.waiting == 0 else None
            if work is None:
                return
            if work.cancel():
                self._in_flight.pop(key, None)

    def _finish(self, key: str, circuit: Circuit, entry: _InFlight, work: Future[WorkOutcome]) -> None:
        """Keep an outcome and tell those who wait; runs in a thread of the pool, where nobody would see an error."""
        try:
            outcome = work.result()
            evaluation = Evaluation(circuit, key, outcome.curve, outcome.failure, outcome.seconds, False)
            if self.cache is not None and outcome.lasting:
                self.cache.put(key, CachedResult(outcome.curve, outcome.failure, outcome.seconds))
            with self._lock:
                self.evaluations += 1
                self.failures += outcome.failure is not None
                self._remember(evaluation)
        except BaseException as error:
            self._land(key, entry, error)
        else:
            self._land(key, entry, evaluation)

    def _land(self, key: str, entry: _InFlight, outcome: Evaluation | BaseException) -> None:
        with self._lock:
            if self._in_flight.get(key) is entry:
                del self._in_flight[key]
        if isinstance(outcome, Evaluation):
            entry.future.set_result(outcome)
        else:
            entry.future.set_exception(outcome)

    def _remember(self, evaluation: Evaluation) -> None:
        circuit = replace(evaluation.circuit, graph=evaluation.circuit.graph.bare())
        with self._lock:
            self._remembered[evaluation.key] = replace(evaluation, circuit=circuit)
            if len(self._remembered) > REMEMBERED_EVALUATIONS:
                forgotten, _ = self._remembered.popitem(last=False)
                self._announced.discard(forgotten)

    def _announce(self, evaluation: Evaluation) -> None:
        """Tell the listeners of a key that they have not heard of."""
        with self._lock:
            if evaluation.key not in self._announced:
                for listener in self.listeners:
                    listener(evaluation)
                self._announced.add(evaluation.key)

    def close(self) -> None:
        """End the workers and everything that the evaluators keep alive; evaluations not begun are dropped."""
        self.pool.close()
        if not self._first_is_pooled:
            self._first.close()

    def __enter__(self) -> EvaluationService:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
