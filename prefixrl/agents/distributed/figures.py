"""What a person is told of the roles of a distributed job, in the live view and in TensorBoard alike."""

from __future__ import annotations

import time
from collections import Counter, deque

from prefixrl.agents.distributed.messages import Step
from prefixrl.agents.distributed.troupe import Troupe
from prefixrl.synthesis.ray_pool import RayPool

WINDOW_S = 20.0
"""Seconds over which rates are taken."""

_ACTORS = {"ActorDiedError": "actor", "the actor failed": "hung", "an actor broke": "broken"}
_EVALUATORS = {"the actor failed": "eval", "the worker failed": "worker"}

SHOWN_S = 0.25

RECENT = 200
"""Steps over which staleness is taken."""


class RoleFigures:
    """Counts what the roles do.

    :param troupe: the actors
    """

    def __init__(self, troupe: Troupe) -> None:
        self._troupe = troupe
        self._staleness: deque[int] = deque(maxlen=RECENT)
        self._marks: deque[tuple[float, int, int]] = deque()
        self._shown: dict[str, float] = {}
        self._shown_at = 0.0
        self.reward = 0.0
        """Of the newest step, mean over its environments."""
        self.edits = self.updates = 0
        self.too_old = self.let_off = 0
        self.asked = self.near = 0

    def take(self, step: Step, staleness: int) -> None:
        """Count a step.

        :param staleness: versions that its weights were behind when it arrived
        """
        self.edits += 0 if step.rows is None else len(step.rows["actions"])
        self.asked += step.asked
        self.near += step.near
        if step.rows is not None:
            self._staleness.append(staleness)
            self.reward = step.reward

    def figures(self, pool: RayPool) -> dict[str, float]:
        """By name, in the order in which they are shown; up to a quarter of a second old."""
        if time.monotonic() - self._shown_at >= SHOWN_S:
            self._shown, self._shown_at = self._figures(pool), time.monotonic()
        return self._shown

    def _figures(self, pool: RayPool) -> dict[str, float]:
        edits_per_s, updates_per_s = self._rates()
        service = self._troupe.session.service
        asked = max(self.asked, 1)
        lost = Counter({_ACTORS.get(kind, kind): count for kind, count in self._troupe.deaths.items()})
        lost += Counter({_EVALUATORS.get(kind, kind): count for kind, count in pool.failures.items()})
        return {
            "actors": float(self._troupe.playing),
            "edits/s": edits_per_s,
            "steps wait": float(self._troupe.arrivals.qsize()),
            "evaluators": float(len(pool.pids())),
            "graphs wait": float(pool.queued),
            "under way": float(pool.under_way),
            "shared": float(service.shared),
            "near %": 100.0 * self.near / asked,
            "updates/s": updates_per_s,
            "stale mean": sum(self._staleness) / max(len(self._staleness), 1),
            "stale max": float(max(self._staleness, default=0)),
            "too old": float(self.too_old),
            "let off": float(self.let_off),
            **{f"lost: {kind}": float(count) for kind, count in sorted(lost.items())},
        }

    def _rates(self) -> tuple[float, float]:
        """Edits and updates per second, lately."""
        now = time.monotonic()
        self._marks.append((now, self.edits, self.updates))
        while now - self._marks[0][0] > WINDOW_S:
            self._marks.popleft()
        then, edits, updates = self._marks[0]
        seconds = max(now - then, 1e-3)
        return (self.edits - edits) / seconds, (self.updates - updates) / seconds
