"""Limits of a whole evaluation, which every tool that it uses has to keep: a deadline and a memory cap.

An evaluator runs many commands with a time-out of its own each; here is the time that they have together. The limits
belong to a thread (a context), so that evaluations side by side do not disturb each other.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Number = TypeVar("Number", int, float)

_deadline: ContextVar[float | None] = ContextVar("prefixrl_deadline", default=None)
_memory_mib: ContextVar[int | None] = ContextVar("prefixrl_memory_mib", default=None)


@contextmanager
def tool_limits(timeout_s: float | None = None, memory_mib: int | None = None) -> Iterator[None]:
    """Within this, no tool answers later than `timeout_s` from now; limits within limits only tighten.

    :param timeout_s: seconds of wall clock for everything; None for no limit
    :param memory_mib: cap on the memory of every tool started meanwhile; None for no limit
    """
    wanted = None if timeout_s is None else time.monotonic() + timeout_s
    deadline = _deadline.set(_tighter(_deadline.get(), wanted))
    memory = _memory_mib.set(_tighter(_memory_mib.get(), memory_mib))
    try:
        yield
    finally:
        _deadline.reset(deadline)
        _memory_mib.reset(memory)


def limited_s(timeout_s: float) -> float:
    """A tool's own time-out, or what is left of the evaluation's when that is less; 0 when nothing is left."""
    deadline = _deadline.get()
    return timeout_s if deadline is None else max(0.0, min(timeout_s, deadline - time.monotonic()))


def limited_memory_mib(memory_mib: int) -> int:
    """A tool's own memory cap (0 for none), or the evaluation's when that is less."""
    cap = _memory_mib.get()
    if cap is None:
        return memory_mib
    return cap if memory_mib == 0 else min(memory_mib, cap)


def _tighter(present: Number | None, wanted: Number | None) -> Number | None:
    limits = [limit for limit in (present, wanted) if limit is not None]
    return min(limits) if limits else None
