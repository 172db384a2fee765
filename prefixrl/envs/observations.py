"""Observation and action spaces of the environments.

Letters: N bits, F = (N-1)(N-2)/2 free cells of the grid. An observation is float32 [4, N, N] in [0, 1], row = msb,
column = lsb. The planes are the paper's (arXiv 2205.07000, section IV).
"""

from __future__ import annotations

import numpy as np
from gymnasium import spaces

from prefixrl.errors import InputError
from prefixrl.graphs import MAX_WIDTH, action_count

PLANES = ("nodelist", "minlist", "level", "fanout")
"""What the planes hold: node present; node deletable; its level and its fanout, each divided by N - 1."""

MIN_WIDTH = 3
"""Least width of an environment: a graph of two bits has no free cell, so nothing to decide."""


def check_width(width: int) -> int:
    """Return `width` as a plain int.

    :raises InputError: not an integer from 3 to 256
    """
    whole = isinstance(width, int | np.integer) and not isinstance(width, bool)
    if not whole or not MIN_WIDTH <= width <= MAX_WIDTH:
        raise InputError(
            f"the width of an environment must be an integer from {MIN_WIDTH} to {MAX_WIDTH}, got {width!r}"
        )
    return int(width)


def observation_space(width: int) -> spaces.Box[np.float32]:
    """Return the space of one observation: float32 [4, N, N] in [0, 1]."""
    return spaces.Box(0.0, 1.0, (len(PLANES), width, width), np.float32)


def action_space(width: int) -> spaces.Discrete:
    """Return the space of one action: 2F numbers, the first F add a cell, the others delete it."""
    return spaces.Discrete(action_count(width))


def reward_space() -> spaces.Box[np.float32]:
    """Return the space of a vector reward as MO-Gymnasium declares it: float32 [2], area then delay improvement."""
    return spaces.Box(-np.inf, np.inf, (2,), np.float32)
