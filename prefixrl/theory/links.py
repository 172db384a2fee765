"""A prefix graph as linked lists that single nodes are put into and taken out of in constant time, compiled.

For a node (m, c): `up[m, c]` is the column of its upper parent, `down[m, c]` the next lower column of the row that has
a node, `uses[m, c]` how often it is a lower parent; `up` is -1 where there is no node, and m at the input (m, m).
Every change is logged, so that it can be undone.

Letters: N width, m row, c column, L capacity of the log.
"""

from __future__ import annotations

import numpy as np

from prefixrl.compiling import compiled

ADDED, REMOVED = 1, 0


@compiled
def link_all(grid, up, down, uses):
    """Fill the lists [N, N] of a legal grid uint8 [N, N]."""
    up[:] = -1
    down[:] = 0
    uses[:] = 0
    for m in range(grid.shape[0]):
        up[m, m] = m
        k = m
        for c in range(m - 1, -1, -1):
            if grid[m, c]:
                up[m, c] = k
                down[m, k] = c
                uses[k - 1, c] += 1
                k = c


@compiled
def _link(m, c, up, down, uses):
    k = c + 1
    while up[m, k] < 0:
        k += 1
    below = down[m, k]
    up[m, c], down[m, c], down[m, k], up[m, below] = k, below, c, c
    uses[k - 1, below] -= 1
    uses[c - 1, below] += 1
    uses[k - 1, c] += 1


@compiled
def _unlink(m, c, up, down, uses):
    k, below = up[m, c], down[m, c]
    down[m, k], up[m, below], up[m, c] = below, k, -1
    uses[c - 1, below] -= 1
    uses[k - 1, c] -= 1
    uses[k - 1, below] += 1


@compiled
def add(m, c, up, down, uses, log, count):
    """Add a node and the lower parents that it and the node below it lack (rule "keep").

    :param log: int16 [L, 3], rows (m, c, added); `count` of them are used
    :returns: the new count
    """
    waiting = np.empty((2 * up.shape[0], 2), np.int64)
    waiting[0, 0], waiting[0, 1] = m, c
    length = 1
    while length:
        length -= 1
        m, c = waiting[length, 0], waiting[length, 1]
        if up[m, c] >= 0:
            continue
        _link(m, c, up, down, uses)
        log[count, 0], log[count, 1], log[count, 2] = m, c, ADDED
        count += 1
        below, k = down[m, c], up[m, c]
        if up[c - 1, below] < 0:
            waiting[length, 0], waiting[length, 1] = c - 1, below
            length += 1
        if up[k - 1, c] < 0:
            waiting[length, 0], waiting[length, 1] = k - 1, c
            length += 1
    return count


@compiled
def remove(m, c, up, down, uses, log, count):
    """Take out a node that is nobody's lower parent, and add the lower parent that the node below it then lacks."""
    k, below = up[m, c], down[m, c]
    _unlink(m, c, up, down, uses)
    log[count, 0], log[count, 1], log[count, 2] = m, c, REMOVED
    count += 1
    if up[k - 1, below] < 0:
        count = add(k - 1, below, up, down, uses, log, count)
    return count


@compiled
def undo(up, down, uses, log, count):
    """Take back all changes of the log."""
    for i in range(count - 1, -1, -1):
        if log[i, 2] == ADDED:
            _unlink(log[i, 0], log[i, 1], up, down, uses)
        else:
            _link(log[i, 0], log[i, 1], up, down, uses)


@compiled
def update_levels(first, up, down, levels):
    """Recompute the levels [N, N] of the nodes in rows from `first` on, from those of the rows below."""
    for m in range(max(first, 1), up.shape[0]):
        k, level = m, 0
        while k:
            c = down[m, k]
            level = max(level, levels[k - 1, c]) + 1
            levels[m, c] = level
            k = c
