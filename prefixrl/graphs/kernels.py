"""Compiled operations on batches of graphs, for environments and searches that step many graphs at once.

A batch is a C-contiguous uint8 array of grids: row = msb, column = lsb, 1 where a node is present, inputs and outputs
included, zero above the diagonal. A name that ends in an underscore changes its arguments in place. Nothing runs in
parallel inside: a step takes microseconds, less than waking a thread; the kernels release the GIL, so a caller with
large batches may hand slices of them to threads of its own.

Importing this module imports numba. The machine code is cached on disk beside the source, or in the user's cache.

Letters: B batch, N width, F = (N-1)(N-2)/2 free cells, m row (msb), c column (lsb), k column of the upper parent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prefixrl.compiling import compiled
from prefixrl.errors import InputError
from prefixrl.graphs.prefix_graph import RULES

Grids = NDArray[np.uint8]

_RULE_CODES = {rule: code for code, rule in enumerate(RULES)}
_REDERIVE = _RULE_CODES["rederive"]


@compiled
def close_grid(grid, lower):
    """Add missing lower parents to `grid` and count in `lower` [N, N] how often each node is a lower parent."""
    width = grid.shape[0]
    lower[:] = 0
    for m in range(width - 1, 0, -1):
        k = m
        for c in range(m - 1, -1, -1):
            if grid[m, c]:
                grid[k - 1, c] = 1
                lower[k - 1, c] += 1
                k = c


@compiled
def count_lower(grid, lower):
    """Count in `lower` [N, N] how often each cell of a legal grid is a lower parent."""
    width = grid.shape[0]
    lower[:] = 0
    for m in range(width - 1, 0, -1):
        k = m
        for c in range(m - 1, -1, -1):
            if grid[m, c]:
                lower[k - 1, c] += 1
                k = c


@compiled
def seed_grid(grid, lower, action, rule):
    """Put one action into `grid` without closing it; False when the action is none (-1) or redundant.

    Under "rederive" only rows below the edited one are taken back to their minimal list: what the edited row and those
    above it hold is needed by higher rows or is in the minimal list, and neither changes.
    """
    width = grid.shape[0]
    cells = (width - 1) * (width - 2) // 2
    if action < 0 or action >= 2 * cells:
        return False
    cell = action % cells
    row = 2
    while cell >= row - 1:
        cell -= row - 1
        row += 1
    column = cell + 1
    adding = action < cells
    if adding and grid[row, column] != 0:
        return False
    if not adding and grid[row, column] == 0:
        return False
    if not adding or rule == _REDERIVE:
        count_lower(grid, lower)
        if not adding and lower[row, column] != 0:
            return False
    if rule == _REDERIVE:
        for m in range(2, row):
            for c in range(1, m):
                grid[m, c] &= np.uint8(lower[m, c] == 0)
    grid[row, column] = 1 if adding else 0
    return True


@compiled
def _level_grid(grid, level):
    """Fill `level` [N, N] at the nodes of a legal grid (other cells are left alone); return (size, depth)."""
    width = grid.shape[0]
    size = 0
    depth = 0
    level[0, 0] = 0
    for m in range(1, width):
        level[m, m] = 0
        k = m
        highest = 0
        for c in range(m - 1, -1, -1):
            if grid[m, c]:
                highest = max(highest, level[k - 1, c]) + 1
                level[m, c] = highest
                size += 1
                k = c
        depth = max(depth, highest)
    return size, depth


@compiled
def _describe(grid, lower, level, observation, mask, feature):
    """Fill the planes [4, N, N], the mask [2F] and the features [3] of one legal grid from its `lower` counts.

    `lower` becomes the fanouts. The loops over whole planes are kept apart and without branches, so that the compiler
    turns them into vector instructions: writing the planes is most of the work of a step.
    """
    width = grid.shape[0]
    level[:] = 0
    feature[0], feature[1] = _level_grid(grid, level)
    planes = observation.reshape((4, width * width))
    present, children, levels = grid.reshape(-1), lower.reshape(-1), level.reshape(-1)
    scale = np.float32(width - 1)
    for i in range(width * width):
        planes[0, i] = np.float32(present[i])
    for i in range(width * width):
        planes[1, i] = np.float32(np.int32(present[i] != 0) & np.int32(children[i] == 0))
    for i in range(width * width):
        planes[2, i] = np.float32(levels[i]) / scale
    for i in range(width * width):
        children[i] += present[i]  # every node but the output is the upper parent of the next one of its row
    for m in range(width):
        observation[1, m, 0] = 0
        observation[1, m, m] = 0
        lower[m, 0] -= 1
    widest = np.int16(0)
    for i in range(width * width):
        widest = max(widest, children[i])
        planes[3, i] = np.float32(children[i]) / scale
    feature[2] = widest
    _fill_mask(grid, observation[1], mask)


@compiled
def _fill_mask(grid, deletable, mask):
    """Fill the mask [2F]: free cells without node, then nodes of the plane `deletable` [N, N]."""
    width = grid.shape[0]
    cells = mask.shape[0] // 2
    start = 0
    for m in range(2, width):
        end = start + m - 1
        row, deletable_row = grid[m], deletable[m]
        additions, deletions = mask[start:end], mask[cells + start : cells + end]
        for i in range(m - 1):
            additions[i] = row[i + 1] == 0
        for i in range(m - 1):
            deletions[i] = deletable_row[i + 1] != 0
        start = end


@compiled
def _step_batch(grids, actions, rule, observations, masks, features):
    lower = np.empty(grids.shape[1:], np.int16)
    level = np.empty(grids.shape[1:], np.int16)
    for b in range(grids.shape[0]):
        seed_grid(grids[b], lower, actions[b], rule)
        close_grid(grids[b], lower)
        _describe(grids[b], lower, level, observations[b], masks[b], features[b])


@compiled
def _edit_batch(grids, actions, rule, changed):
    lower = np.empty(grids.shape[1:], np.int16)
    for b in range(grids.shape[0]):
        changed[b] = seed_grid(grids[b], lower, actions[b], rule)
        if changed[b]:
            close_grid(grids[b], lower)


@compiled
def _legalize_batch(grids):
    lower = np.empty(grids.shape[1:], np.int16)
    for b in range(grids.shape[0]):
        for m in range(grids.shape[1]):
            grids[b, m, m] = 1
            grids[b, m, 0] = 1
        close_grid(grids[b], lower)


@compiled
def _levels_batch(grids, level):
    for b in range(grids.shape[0]):
        _level_grid(grids[b], level[b])


@compiled
def _lower_batch(grids, lower):
    for b in range(grids.shape[0]):
        count_lower(grids[b], lower[b])


def legalize_(grids: Grids) -> None:
    """Put in inputs, outputs and all missing lower parents.

    :param grids: uint8 [B, N, N]
    """
    _check_grids(grids)
    _legalize_batch(grids)


def levels(grids: Grids) -> NDArray[np.int16]:
    """int16 [B, N, N]: level of every node, inputs at 0, -1 where there is no node.

    :param grids: uint8 [B, N, N], legal
    """
    _check_grids(grids)
    level = np.full(grids.shape, -1, np.int16)
    _levels_batch(grids, level)
    return level


def fanouts(grids: Grids) -> NDArray[np.int16]:
    """int16 [B, N, N]: number of children of every node.

    :param grids: uint8 [B, N, N], legal
    """
    _check_grids(grids)
    counts = np.empty(grids.shape, np.int16)
    _lower_batch(grids, counts)
    counts[:, :, 1:] += grids[:, :, 1:]  # every node but the output is the upper parent of the next one of its row
    return counts


def minlists(grids: Grids) -> Grids:
    """uint8 [B, N, N]: the free nodes that are nobody's lower parent.

    :param grids: uint8 [B, N, N], legal
    """
    _check_grids(grids)
    lower = np.empty(grids.shape, np.int16)
    _lower_batch(grids, lower)
    found = (grids != 0) & (lower == 0)
    found[:, :, 0] = False
    diagonal = np.arange(grids.shape[1])
    found[:, diagonal, diagonal] = False
    return found.astype(np.uint8)


def masks(grids: Grids) -> NDArray[np.bool_]:
    """bool [B, 2F]: the actions that are not redundant.

    :param grids: uint8 [B, N, N], legal
    """
    _check_grids(grids)
    rows, columns = np.tril_indices(grids.shape[1], -1)
    free = columns > 0
    rows, columns = rows[free], columns[free]
    return np.concatenate([grids[:, rows, columns] == 0, minlists(grids)[:, rows, columns] != 0], axis=1)


def edit_(grids: Grids, actions: ArrayLike, rule: str = "rederive") -> NDArray[np.bool_]:
    """Do one action on every graph and make it legal; a redundant action, or -1, leaves its graph as it is.

    :param grids: uint8 [B, N, N], legal
    :param actions: integers [B], numbered as in `actions`
    :param rule: "rederive" or "keep", as in `PrefixGraph.add`
    :returns: bool [B], whether the graph was edited
    :raises InputError: unknown rule
    """
    _check_grids(grids)
    changed = np.empty(len(grids), np.bool_)
    _edit_batch(grids, _as_actions(actions, grids), rule_code(rule), changed)
    return changed


def step_(
    grids: Grids,
    actions: ArrayLike,
    rule: str,
    observations: NDArray[np.float32],
    masks: NDArray[np.bool_],
    features: NDArray[np.int64],
) -> None:
    """`edit_`, and all that an environment tells about the new graphs, in one pass and without allocation.

    A redundant action, or -1, leaves its graph as it is (look at the masks before the step to know) and fills the
    rest all the same, so that -1 describes a starting state.

    :param grids: uint8 [B, N, N], legal; edited in place
    :param actions: integers [B], numbered as in `actions`
    :param rule: "rederive" or "keep"
    :param observations: float32 [B, 4, N, N], filled with nodelist, minlist, level / (N-1), fanout / (N-1)
    :param masks: bool [B, 2F], filled with the actions that are not redundant
    :param features: int64 [B, 3], filled with size, depth, largest fanout
    :raises InputError: unknown rule
    """
    _check_grids(grids)
    batch, width = grids.shape[:2]
    _check_buffer("observations", observations, (batch, 4, width, width), np.float32)
    _check_buffer("masks", masks, (batch, (width - 1) * (width - 2)), np.bool_)
    _check_buffer("features", features, (batch, 3), np.int64)
    _step_batch(grids, _as_actions(actions, grids), rule_code(rule), observations, masks, features)


def rule_code(rule: str) -> int:
    """The kernels' number for a rule.

    :raises InputError: unknown rule
    """
    if rule not in _RULE_CODES:
        raise InputError(f"rule must be one of {', '.join(_RULE_CODES)}, got {rule!r}")
    return _RULE_CODES[rule]


def _check_grids(grids: Grids) -> None:
    assert isinstance(grids, np.ndarray), type(grids)
    assert grids.dtype == np.uint8, grids.dtype
    assert grids.flags.c_contiguous, grids.strides
    assert grids.ndim == 3, grids.shape
    assert grids.shape[1] == grids.shape[2] >= 2, grids.shape


def _check_buffer(name: str, buffer: NDArray[Any], shape: tuple[int, ...], dtype: type) -> None:
    assert buffer.shape == shape, (name, buffer.shape, shape)
    assert buffer.dtype == dtype, (name, buffer.dtype)
    assert buffer.flags.c_contiguous, (name, buffer.strides)


def _as_actions(actions: ArrayLike, grids: Grids) -> NDArray[np.int64]:
    numbers = np.ascontiguousarray(actions, np.int64)
    assert numbers.shape == grids.shape[:1], (numbers.shape, grids.shape)
    return numbers
