"""An evaluator on a Ray cluster: the actor, and the end that asks it.

    ActorHand -- JSON text --> WorkerActor (any machine): WorkerProcess --> evaluator, tools

An actor does nothing but hold a worker process of its own, so that time-out, memory cap and the end of everything that
a tool started are those of `ProcessPool`, on the machine where they happen.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from prefixrl.errors import InputError, PrefixrlError, ToolError
from prefixrl.synthesis.ray_cluster import await_answer
from prefixrl.synthesis.remote import START_TIMEOUT_S, WorkerProcess, check_answer, error_text
from prefixrl.synthesis.work import EvaluatorSpec, WorkUnit, pack_units
from prefixrl.tools.tree import temporary_folder

# Beyond the time-out: what the actor itself needs to end a worker, and the way there and back.
_GRACE_S = 5.0
_CLOSE_S = 5.0
_HUNG_CLOSE_S = 2.0
# An actor that answered so lately is taken to be alive.
_FRESH_S = 1.0


class NeverBegun(ToolError):
    """An actor died before units of work came to it: it did not die of them."""


class UnfitNode(PrefixrlError):
    """A node cannot do the work, whatever the unit.

    :param node: its id
    """

    def __init__(self, message: str, node: str) -> None:
        super().__init__(message)
        self.node = node


@dataclass(frozen=True)
class ActorResources:
    """What one actor takes of the cluster's declared resources.

    :param num_cpus: processors
    :param custom: such as licences of a tool
    """

    num_cpus: float = 0.0
    custom: Mapping[str, float] = field(default_factory=dict)

    def options(self, without: Sequence[str] = ()) -> dict[str, Any]:
        """For `actor.options`: spread over the nodes, kept off some.

        :param without: ids of nodes
        """
        found: dict[str, Any] = {"num_cpus": self.num_cpus, "max_restarts": 0, "scheduling_strategy": "SPREAD"}
        # Else the head keeps a record of every call for its dashboard: 3.6 kB each, until there are 100,000.
        found["enable_task_events"] = False
        if self.custom:
            found["resources"] = dict(self.custom)
        if without:
            found["label_selector"] = {"ray.io/node-id": f"!in({','.join(without)})"}
        return found


def versions() -> dict[str, str]:
    """Of what all nodes must have in common beside Ray, which checks itself."""
    try:
        own = version("prefixrl")
    except PackageNotFoundError:
        own = "not installed"
    return {"prefixrl": own, "python": platform.python_version()}


def whereabouts() -> dict[str, Any]:
    """Where an actor is, and what it has there."""
    import ray

    node = ray.get_runtime_context().get_node_id()
    return {"pid": os.getpid(), "node": node, "address": ray.util.get_node_ip_address(), "versions": versions()}


def check_versions(place: Mapping[str, Any]) -> None:
    """Check an actor's versions against ours.

    :param place: `whereabouts` of the actor
    :raises UnfitNode: they differ
    """
    for package, own in versions().items():
        if (other := place["versions"].get(package)) != own:
            text = f"node {place['address']} must have {package} {own}, as this process (install it there): {other!r}"
            raise UnfitNode(text, place["node"])


class WorkerActor:
    """The actor: takes and gives JSON texts, raises nothing.

    :param specification: of the evaluator, as `EvaluatorSpec.to_json` gives it
    """

    def __init__(self, specification: str, timeout_s: float, memory_mib: int) -> None:
        self._specification = specification
        self._limits = timeout_s, memory_mib
        self._worker: WorkerProcess | None = None
        self._turn = threading.Lock()

    def whereabouts(self) -> dict[str, Any]:
        """See `whereabouts` of this module."""
        return whereabouts()

    def make_ready(self) -> str:
        """Have a living worker process: `{"pid": of this actor}`, or an error."""
        try:
            self._made().make_ready()
        except Exception as error:
            return _error_of(error)
        return json.dumps({"pid": os.getpid()})

    def acknowledge(self) -> None:
        """Say that the actor lives."""

    def evaluate_many(self, batch: str, count: int) -> list[str]:
        """For each unit of a batch what `remote.curve_of` reads, unread; batches that come together wait in turn.

        :param batch: as `work.pack_units` makes it
        :param count: units in it
        """
        try:
            with self._turn:
                return self._made().evaluate_many(batch, count)
        except Exception as error:
            return [_error_of(error)] * count

    def interrupt(self) -> None:
        """Give up what is under way; comes while `evaluate_many` runs in other threads."""
        if self._worker is not None:
            self._worker.interrupt()

    def close(self) -> None:
        """End the worker process and all that it started, and remove the folder of this process.

        Ray ends an actor together with its children, among them the watchdog that would do that.
        """
        if self._worker is not None:
            self._worker.close()
            shutil.rmtree(temporary_folder(), ignore_errors=True)

    def _made(self) -> WorkerProcess:
        if self._worker is None:
            spec = EvaluatorSpec.from_json(json.loads(self._specification))
            self._worker = WorkerProcess(spec, *self._limits)
        return self._worker


def _error_of(error: Exception) -> str:
    """The answer that tells of an error."""
    if not isinstance(error, PrefixrlError):
        return error_text("crash", f"{type(error).__name__}: {error}")
    return error_text("input" if isinstance(error, InputError) else "crash", str(error))


@dataclass(frozen=True)
class Trip:
    """Units that an actor was sent.

    :param answers: reference of the answers
    :param arrival: reference of what the actor says at once; None where it has other units to evaluate first
    :param count: units
    """

    answers: Any
    arrival: Any
    count: int

    @property
    def arrived(self) -> bool:
        """Whether the actor is known to have lived when the units came."""
        import ray

        if self.arrival is None:
            return True
        try:
            ray.get(self.arrival, timeout=0)
        except ray.exceptions.RayError:  # among them that there is no answer yet
            return False
        return True


class ActorHand:
    """The asking end of an actor, which is started anew when it dies. Used by one thread, but for `interrupt`.

    :param specification: of the evaluator, as JSON text
    :param resources: what the actor takes
    """

    def __init__(
        self, specification: str, timeout_s: float, memory_mib: int, resources: ActorResources | None = None
    ) -> None:
        self._arguments = specification, timeout_s, memory_mib
        self._timeout_s = timeout_s
        self._resources = resources or ActorResources()
        self._actor: Any = None
        self._place: dict[str, Any] = {}
        self._ended = False
        self._answered_at = 0.0

    @property
    def pid(self) -> int | None:
        """Process id of the actor on its machine, while it is known to live."""
        return self._place.get("pid")

    @property
    def node(self) -> str | None:
        """Id of the node that the actor is on, while it is known to live."""
        return self._place.get("node")

    def make_ready(self, without: Sequence[str] = ()) -> None:
        """Have a living actor with a living worker, however long the cluster takes to have room for it.

        :param without: ids of nodes that it must not be on
        :raises UnfitNode: the node that it came to be on does not have what the work needs
        :raises ToolError: it died, or nobody wants it any more
        """
        if self._actor is not None and time.monotonic() - self._answered_at < _FRESH_S:
            return
        if self._actor is None:
            self._start(without)
        try:
            check_answer(json.loads(self._ask("make_ready", None)))
        except InputError as error:
            node, address = self._place["node"], self._place["address"]
            self._end_actor(_CLOSE_S)
            raise UnfitNode(f"node {address} cannot evaluate, it goes without: {error}", node) from error

    def _start(self, without: Sequence[str]) -> None:
        import ray

        # Three threads: one works, one has the next units at hand, one can interrupt them.
        options = {"max_concurrency": 3, **self._resources.options(without)}
        self._actor = ray.remote(WorkerActor).options(**options).remote(*self._arguments)
        self._place = self._ask("whereabouts", None)
        try:
            check_versions(self._place)
        except UnfitNode:
            self._drop()
            raise

    def send(self, units: Sequence[WorkUnit], idle: bool) -> Trip:
        """Send units to the actor, to be evaluated after those that it has.

        :param idle: whether it has none
        :raises ToolError: nobody wants it any more
        """
        if self._ended or self._actor is None:
            raise ToolError("the pool of workers was closed")
        arrival = self._actor.acknowledge.remote() if idle else None
        return Trip(self._actor.evaluate_many.remote(pack_units(units), len(units)), arrival, len(units))

    def receive(self, trip: Trip) -> list[str]:
        """The answers to the units of a trip, which is the oldest of those under way; `remote.curve_of` reads them.

        :raises NeverBegun: the actor died before the units came to it
        :raises ToolError: it died or hung
        """
        try:
            # The actor keeps the time-out; this is for one that hangs itself. It may have to start its worker anew.
            limit_s = START_TIMEOUT_S + trip.count * (self._timeout_s + _GRACE_S)
            answers: list[str] = self._await(trip.answers, limit_s)
        except ToolError as error:
            if trip.arrived:
                raise
            raise NeverBegun(str(error)) from error
        return answers

    def _ask(self, method: str, limit_s: float | None) -> Any:
        return self._await(getattr(self._actor, method).remote(), limit_s)

    def _await(self, reference: Any, limit_s: float | None) -> Any:
        import ray

        try:
            answer = await_answer(reference, self._given_up, limit_s)
        except ray.exceptions.RayError as error:
            self._drop()
            raise ToolError(f"the actor failed: {type(error).__name__}") from error
        except ToolError:
            # Killed at once, an actor leaves the end of its tools to chance; no answer came, so it gets little time.
            self._end_actor(_HUNG_CLOSE_S)
            raise
        self._answered_at = time.monotonic()
        return answer

    def _given_up(self) -> str | None:
        return "the pool of workers was closed" if self._ended else None

    def interrupt(self) -> None:
        """Asked by another thread: start no actor again, and have the present one give up."""
        self._ended = True
        if (actor := self._actor) is not None:
            actor.interrupt.remote()

    def close(self) -> None:
        """End the actor, its worker and all that this one started."""
        self._end_actor(_CLOSE_S)

    def _end_actor(self, limit_s: float) -> None:
        import ray

        if self._actor is not None and self._place:
            with contextlib.suppress(ray.exceptions.RayError):  # what is dead has left nothing
                ray.get(self._actor.close.remote(), timeout=limit_s)
        self._drop()

    def _drop(self) -> None:
        import ray

        actor, self._actor, self._place = self._actor, None, {}
        if actor is not None:
            with contextlib.suppress(ray.exceptions.RayError):
                ray.kill(actor)
