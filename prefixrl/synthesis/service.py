"""Many circuits at once: cache first, each key evaluated once, in threads that have an evaluator of their own each."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace

from prefixrl.circuits import Circuit
from prefixrl.errors import EvaluationFailed, InputError, ToolError
from prefixrl.synthesis.cache import CachedResult, EvaluationCache
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import AreaDelayCurve
from prefixrl.synthesis.evaluator import Evaluator, evaluation_key

# About 2 kB each with six points.
REMEMBERED_EVALUATIONS = 100_000
MAXIMUM_WORKERS = 1024


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


class EvaluationService:
    """Evaluates circuits under one set of constraints.

    :param evaluator_factory: makes an evaluator; called once here and once for every further worker thread
    :param constraints: the constraints of every evaluation
    :param cache: looked into first; None for none
    :param workers: threads, each with its own evaluator (and so its own tool processes)

    `listeners` are called with every `Evaluation` when its key is first met, new or cached, in the thread that asked
    for it.
    """

    def __init__(
        self,
        evaluator_factory: Callable[[], Evaluator],
        constraints: Constraints,
        cache: EvaluationCache | None = None,
        workers: int = 1,
    ) -> None:
        if not 1 <= workers <= MAXIMUM_WORKERS:
            raise InputError(f"the number of workers must be from 1 to {MAXIMUM_WORKERS}: {workers}")
        self.constraints = constraints
        self.cache = cache
        self.listeners: list[Callable[[Evaluation], None]] = []
        self.evaluations = 0
        self.cache_hits = 0
        self.failures = 0
        self._factory = evaluator_factory
        self._first = evaluator_factory()
        self._evaluators: list[Evaluator] = [self._first]
        self._unused = [self._first]
        self._own = threading.local()
        self._lock = threading.RLock()
        self._in_flight: dict[str, Future[Evaluation]] = {}
        self._remembered: OrderedDict[str, Evaluation] = OrderedDict()
        self._announced: set[str] = set()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="prefixrl-evaluate")

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
        futures = {self._submit(key, circuit): key for key, circuit in wanted.items() if key not in outcomes}
        try:
            for future in as_completed(futures):
                evaluation = future.result()
                self._announce(evaluation)
                outcomes[evaluation.key] = evaluation
        except BaseException:
            for future in futures:
                future.cancel()
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

    def _submit(self, key: str, circuit: Circuit) -> Future[Evaluation]:
        """Begin an evaluation, or join the one of the same key that is under way or has just ended."""
        with self._lock:
            future = self._in_flight.get(key)
            if future is not None and not future.cancelled():
                return future
            if key in self._remembered:
                future = Future()
                future.set_result(replace(self._remembered[key], cached=True))
                return future
            future = self._pool.submit(self._work, key, circuit)
            self._in_flight[key] = future
        future.add_done_callback(lambda _: self._landed(key))
        return future

    def _landed(self, key: str) -> None:
        with self._lock:
            self._in_flight.pop(key, None)

    def _work(self, key: str, circuit: Circuit) -> Evaluation:
        begin = time.monotonic()
        curve, failure, lasting = self._attempt(circuit)
        evaluation = Evaluation(circuit, key, curve, failure, time.monotonic() - begin, False)
        if self.cache is not None and lasting:
            self.cache.put(key, CachedResult(curve, failure, evaluation.seconds))
        with self._lock:
            self.evaluations += 1
            self.failures += failure is not None
            self._remember(evaluation)
        return evaluation

    def _attempt(self, circuit: Circuit) -> tuple[AreaDelayCurve | None, str | None, bool]:
        """Curve, failure, and whether the outcome may be cached: a crash or time-out may not happen again."""
        failure = ""
        for _ in range(2):
            try:
                return self._evaluator().evaluate(circuit, self.constraints), None, True
            except EvaluationFailed as error:
                return None, error.reason, True
            except ToolError as error:
                failure = str(error).splitlines()[0]
        return None, failure, False

    def _evaluator(self) -> Evaluator:
        """The evaluator of this thread."""
        if not hasattr(self._own, "evaluator"):
            with self._lock:
                taken = self._unused.pop() if self._unused else None
            if taken is None:
                taken = self._factory()
                with self._lock:
                    self._evaluators.append(taken)
            self._own.evaluator = taken
        evaluator: Evaluator = self._own.evaluator
        return evaluator

    def _remember(self, evaluation: Evaluation) -> None:
        with self._lock:
            self._remembered[evaluation.key] = evaluation
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
        """End the threads and everything that the evaluators keep alive; evaluations not begun are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for evaluator in self._evaluators:
            evaluator.close()

    def __enter__(self) -> EvaluationService:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
