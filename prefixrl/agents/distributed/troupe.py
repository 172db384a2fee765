"""The environment actors as the driver sees them: a seat for each, which keeps it alive and answers it.

    seat: orders or curves --> actor --> graphs (evaluated by the service) or a step (into the bounded queue)

A seat waits for nobody but its own actor. What it brings waits in one bounded queue; when that is full, seats wait, and
with them their actors.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any

from prefixrl.agents.distributed.actor import EnvironmentActor
from prefixrl.agents.distributed.messages import Answers, Broken, Orders, Policy, Step, Wanted
from prefixrl.agents.rollout import RolloutState
from prefixrl.agents.session import JobSession
from prefixrl.circuits import Circuit
from prefixrl.errors import InputError, PrefixrlError, ToolError
from prefixrl.graphs import PrefixGraph
from prefixrl.synthesis.ray_actor import ActorResources, UnfitNode, check_versions
from prefixrl.synthesis.ray_cluster import await_answer, living_nodes
from prefixrl.synthesis.service import Evaluation

Arrival = Step | Sequence[Evaluation] | BaseException
"""What seats bring: a step, evaluations that the front has not seen, or an error that ends the job."""

# A step without its evaluations takes milliseconds; an actor that is silent for so long hangs.
_SILENCE_S = 120.0
_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 10.0
_POLL_S = 0.25
# Deaths of one actor in a row, without a step between, of which a person is told.
_TOLD_AFTER = 5
# Times in a row that an actor says by itself that it cannot go on.
_BROKEN_AT_MOST = 3
_LEAVE_S = 2.0


class Troupe:
    """All actors of a job. A context manager; actors are started at once and play from the first `publish` on.

    :param session: the job; its service evaluates
    :param states: where the actors' environments stand, None for each that begins anew
    """

    def __init__(self, session: JobSession, states: Sequence[RolloutState | None]) -> None:
        ray = session.config.ray
        self.session = session
        self.arrivals: queue.Queue[Arrival] = queue.Queue(ray.queue)
        self.orders: Orders | None = None
        self.deaths: Counter[str] = Counter()
        """Actors that were replaced, by the reason."""
        self.unfit: dict[str, str] = {}
        self.stopping = threading.Event()
        self._ordered = threading.Event()
        self._job = session.config.model_dump_json()
        self._resources = ActorResources(ray.actor_cpus)
        self._seats = [_Seat(self, place, state) for place, state in enumerate(states)]

    def __enter__(self) -> Troupe:
        for seat in self._seats:
            seat.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def playing(self) -> int:
        """Actors that are known to live."""
        return sum(seat.pid is not None for seat in self._seats)

    def pids(self) -> list[int]:
        """Process ids, on their machines, of the actors that are known to live."""
        return [seat.pid for seat in self._seats if seat.pid is not None]

    def states(self) -> list[RolloutState]:
        """Where the actors' environments stood after the last step that arrived; none while one has not begun."""
        states = [seat.state for seat in self._seats]
        return [state for state in states if state is not None] if None not in states else []

    def publish(self, policy: Policy, epsilon: float) -> None:
        """Have actors play by a new version from their next step on; it goes into the object store once."""
        import ray

        version = 0 if self.orders is None else self.orders.version + 1
        try:
            reference = ray.put(policy)
        except ray.exceptions.RayError as error:
            if self.orders is None:
                raise
            self.deaths["no room"] += 1
            if self.deaths["no room"] == 1:
                self.session.view.message(
                    "the driver's node has no room for new weights, actors play by old ones; "
                    f"free its disk or give ray start a larger --object-store-memory: {type(error).__name__}"
                )
            return
        self.orders = Orders(version, [reference], epsilon)
        self._ordered.set()

    def explore(self, epsilon: float) -> None:
        """Change the share of random actions."""
        assert self.orders is not None
        self.orders = Orders(self.orders.version, self.orders.policy, epsilon)

    def arrived(self, limit_s: float) -> Iterator[Arrival]:
        """What has arrived, oldest first; where nothing has, waits for something.

        :param limit_s: seconds to wait
        """
        with contextlib.suppress(queue.Empty):
            yield self.arrivals.get(timeout=limit_s) if limit_s > 0 else self.arrivals.get_nowait()
            # No more than there was: seats that are quick must not keep the learner from learning.
            for _ in range(self.arrivals.qsize()):
                yield self.arrivals.get_nowait()

    def next_orders(self) -> Orders:
        """The newest orders, once there are some.

        :raises ToolError: the troupe ends
        """
        while not self._ordered.wait(_POLL_S):
            self.check_going()
        self.check_going()
        assert self.orders is not None
        return self.orders

    def check_going(self) -> None:
        """Check that the troupe does not end.

        :raises ToolError: it does
        """
        if (reason := self.given_up()) is not None:
            raise ToolError(reason)

    def given_up(self) -> str | None:
        """Why nobody wants an answer any more; None while somebody does."""
        return "the job ends" if self.stopping.is_set() else None

    def bring(self, arrival: Arrival) -> None:
        """Put something into the queue, when there is room.

        :raises ToolError: the troupe ends
        """
        while True:
            with contextlib.suppress(queue.Full):
                self.arrivals.put(arrival, timeout=_POLL_S)
                return
            self.check_going()

    def start_actor(self, place: int, state: RolloutState | None) -> Any:
        """A new actor, wherever the cluster has room."""
        import ray

        options = self._resources.options(sorted(self.unfit))
        return ray.remote(EnvironmentActor).options(**options).remote(self._job, place, state, self.session.steps)

    def set_aside(self, error: UnfitNode) -> None:
        """Use a node no more for actors.

        :raises InputError: there is no other
        """
        known = error.node in self.unfit
        self.unfit[error.node] = str(error)
        if set(living_nodes()) <= self.unfit.keys():
            raise InputError(str(error))
        if not known:
            self.session.view.message(str(error))

    def stop(self) -> None:
        """Have the actors make no further step; what is being evaluated may still arrive for a moment."""
        self.stopping.set()
        deadline = time.monotonic() + _LEAVE_S
        for seat in self._seats:
            seat.join(max(deadline - time.monotonic(), 0.0))

    def close(self) -> None:
        """End all actors; who waits for evaluations is left behind when the service ends."""
        self.stop()
        for seat in self._seats:
            seat.end_actor()


class _Seat(threading.Thread):
    """Keeps one actor alive and answers it."""

    def __init__(self, troupe: Troupe, place: int, state: RolloutState | None) -> None:
        super().__init__(name=f"prefixrl-seat-{place}", daemon=True)
        self.troupe, self.place, self.state = troupe, place, state
        self.pid: int | None = None
        self._actor: Any = None
        self._since_step: Counter[str] = Counter()

    def run(self) -> None:
        """Until the troupe ends."""
        import ray

        pause_s = _PAUSE_S
        while not self.troupe.stopping.is_set():
            try:
                self._serve()
            except CancelledError:
                break
            except (ray.exceptions.RayError, ToolError) as error:
                if self.troupe.stopping.is_set():
                    break
                self._lost(error)
                pause_s = _PAUSE_S if not self._since_step["died"] else min(2 * pause_s, _LONGEST_PAUSE_S)
            except UnfitNode as error:
                self._guarded(lambda error=error: self.troupe.set_aside(error))  # type: ignore[misc]
            except BaseException as error:
                # A full disk, a damaged store, an evaluator that cannot work at all: the job ends with it.
                self._fail(error)
                break
            self.end_actor()
            self.troupe.stopping.wait(pause_s)

    def _serve(self) -> None:
        """Have an actor, and answer it as long as it lives."""
        if self._actor is None:
            self._actor = self.troupe.start_actor(self.place, self.state)
            place = self._answer(self._actor.whereabouts.remote(), None)
            self.pid = place["pid"]
            check_versions(place)
        said: Orders | Answers = self.troupe.next_orders()
        while True:
            message = self._answer(self._actor.exchange.remote(said), _SILENCE_S)
            if isinstance(message, Wanted):
                said = self._evaluated(message)
            elif isinstance(message, Step):
                self.troupe.bring(message)
                self.state = message.state
                self._since_step.clear()
                said = self.troupe.next_orders()
            else:
                self._broken(message)

    def _evaluated(self, wanted: Wanted) -> Answers:
        session = self.troupe.session
        width = session.config.circuit.width
        circuits: list[Circuit] = [
            session.circuit_of(PrefixGraph.from_bytes(width, packed)) for packed in wanted.graphs
        ]
        evaluations = session.service.evaluate_many(circuits)
        self.troupe.bring(evaluations)
        return Answers([(each.key, each.curve, each.failure) for each in evaluations])

    def _answer(self, reference: Any, limit_s: float | None) -> Any:
        return await_answer(reference, self.troupe.given_up, limit_s)

    def _broken(self, message: Broken) -> None:
        self._since_step["broken"] += 1
        if self._since_step["broken"] >= _BROKEN_AT_MOST:
            raise PrefixrlError(f"environment actor {self.place} cannot go on: {message.reason}")
        raise ToolError(f"an actor broke: {message.reason}")

    def _lost(self, error: Exception) -> None:
        reason = type(error).__name__ if not isinstance(error, ToolError) else str(error).partition(":")[0]
        self.troupe.deaths[reason] += 1
        self._since_step["died"] += 1
        if self._since_step["died"] == _TOLD_AFTER:
            told = " ".join(str(error).split())[:160]
            self.troupe.session.view.message(
                f"environment actor {self.place} died {_TOLD_AFTER} times in a row: {told}"
            )

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        with contextlib.suppress(ToolError):
            self.troupe.bring(error)

    def end_actor(self) -> None:
        """Kill the actor; it has no children and keeps nothing."""
        import ray

        actor, self._actor, self.pid = self._actor, None, None
        if actor is not None:
            with contextlib.suppress(ray.exceptions.RayError):
                ray.kill(actor)
