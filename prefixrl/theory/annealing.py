"""Annealing for few nodes under a depth, compiled: two million edits a second at 64 inputs.

It knows nothing of constructions and so is the independent check of `construction`: from any start it should not get
below the tables, and where it does they have a gap. Edits follow the rule "keep": nodes that legalisation added stay
until they are deleted, which reaches smaller graphs than the paper's rule.

The cost of a graph is its size plus `PENALTY` for every level by which an output is too late.
"""

from __future__ import annotations

import numpy as np

from prefixrl.compiling import compiled
from prefixrl.graphs import PrefixGraph
from prefixrl.theory.links import ADDED, add, link_all, remove, undo, update_levels

PENALTY = 6.0
"""With less, chains end in graphs that are too deep: measured at (32, 5) and (48, 6) from 0.5 to 6."""

LOG = 16384
DELETE, ADD, NEAR, ACROSS = 0.35, 0.6, 0.85, 0.95
"""Bounds of a uniform draw that choose the edit: delete a node, add one, or move one: along its row (half of the time
to anywhere), to a neighbouring row, beyond the last bound to anywhere."""


def anneal(
    start: PrefixGraph, depth: int, steps: int, seed: int = 0, hot: float = 0.5, cold: float = 0.15
) -> PrefixGraph:
    """The smallest graph of at most `depth` that a chain of edits passes; the start where it passes none.

    :param start: where the chain begins, itself at most `depth` deep or not
    :param steps: edits tried
    :param hot: first temperature, in nodes; 0.5 stays near a good start, 1.0 forgets it
    :param cold: last temperature; geometric cooling
    """
    grid = np.array(start.grid)
    best, found = _chain(grid, depth, steps, seed, hot, cold)
    return PrefixGraph.from_grid(found) if best else start


@compiled
def _lateness(levels, depth):
    late = 0
    for m in range(levels.shape[0]):
        late += max(levels[m, 0] - depth, 0)
    return late


@compiled
def _edit(free, count, up, down, uses, log):
    """One random edit into the log; returns the log's length, 0 for none."""
    n = up.shape[0]
    kind = np.random.random()
    if kind >= DELETE and kind < ADD:
        m = np.random.randint(2, n)
        c = np.random.randint(1, m)
        return add(m, c, up, down, uses, log, 0) if up[m, c] < 0 else 0
    if count == 0:
        return 0
    chosen = np.random.randint(count)
    m, c = np.int64(free[chosen, 0]), np.int64(free[chosen, 1])
    if uses[m, c]:
        return 0
    length = remove(m, c, up, down, uses, log, 0)
    if kind < DELETE:
        return length
    if kind < NEAR:
        c = np.random.randint(1, m) if kind < (ADD + NEAR) / 2 else c + np.random.randint(-3, 4)
    elif kind < ACROSS:
        m += np.random.randint(-3, 4)
    else:
        m = np.random.randint(2, n)
        c = np.random.randint(1, m)
    if m < 2 or m >= n or c < 1 or c >= m or up[m, c] >= 0:
        undo(up, down, uses, log, length)
        return 0
    return add(m, c, up, down, uses, log, length)


@compiled
def _track(free, place, count, up, log, length):
    """Keep the list of free nodes up to date with the log; returns its length."""
    for i in range(length):
        m, c = log[i, 0], log[i, 1]
        if up[m, c] >= 0 and place[m, c] < 0:
            free[count, 0], free[count, 1], place[m, c] = m, c, count
            count += 1
        elif up[m, c] < 0 and place[m, c] >= 0:
            count -= 1
            hole = place[m, c]
            free[hole, 0], free[hole, 1] = free[count, 0], free[count, 1]
            place[free[hole, 0], free[hole, 1]] = hole
            place[m, c] = -1
    return count


@compiled
def _list_free(grid, free, place):
    """List the free nodes of a grid and the place of each in the list; returns their number."""
    count = 0
    for m in range(2, grid.shape[0]):
        for c in range(1, m):
            if grid[m, c]:
                free[count, 0], free[count, 1], place[m, c] = m, c, count
                count += 1
    return count


@compiled
def _sum_up(log, length, n):
    """(nodes added less nodes removed, the lowest row changed)."""
    grown, first = 0, n
    for i in range(length):
        grown += 1 if log[i, 2] == ADDED else -1
        first = min(first, log[i, 0])
    return grown, first


@compiled
def _chain(grid, depth, steps, seed, hot, cold):
    """(whether a graph of at most `depth` was passed, the smallest one's grid uint8 [N, N])."""
    np.random.seed(seed)
    n = grid.shape[0]
    up, down, uses = np.empty((n, n), np.int16), np.empty((n, n), np.int16), np.empty((n, n), np.int16)
    levels = np.zeros((n, n), np.int16)
    log = np.empty((LOG, 3), np.int16)
    free, place = np.empty((n * n, 2), np.int16), np.full((n, n), -1, np.int32)
    link_all(grid, up, down, uses)
    update_levels(1, up, down, levels)
    count = _list_free(grid, free, place)
    size, late = count + n - 1, _lateness(levels, depth)
    best = size if late == 0 else n * n
    found = grid.copy()
    temperature, cooling = hot, (cold / hot) ** (1.0 / steps)
    for _ in range(steps):
        temperature *= cooling
        length = _edit(free, count, up, down, uses, log)
        if length == 0:
            continue
        grown, first = _sum_up(log, length, n)
        allowed = size + PENALTY * late - temperature * np.log(np.random.random())
        if size + grown > allowed:  # too large, however fast it may be: no need to look
            undo(up, down, uses, log, length)
            continue
        update_levels(first, up, down, levels)
        new_late = _lateness(levels, depth)
        if size + grown + PENALTY * new_late > allowed:
            undo(up, down, uses, log, length)
            update_levels(first, up, down, levels)
            continue
        size, late = size + grown, new_late
        count = _track(free, place, count, up, log, length)
        if late == 0 and size < best:
            best = size
            found[:] = up >= 0
    return best < n * n, found
