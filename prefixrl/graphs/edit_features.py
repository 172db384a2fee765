"""What every legal edit of a graph would do, in numbers that cost microseconds: the input of a model of edits.

Each edited graph is made and timed under a simple model: a node takes one unit, and `LOAD` more for every child beyond
the first (an output drives its sum bit besides). From it come arrivals, slacks, and criticalities: the share of all
paths, weighted by exp(`SHARPNESS` * length), that run through a node. Sizing by a real library is not modelled;
a model that learns from real curves maps these numbers to area and delay.

Letters: B graphs, N width, A = 2F actions, G = `len(GRAPH_FEATURES)`, E = `len(EDIT_FEATURES)`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prefixrl.compiling import compiled
from prefixrl.graphs.kernels import Grids, close_grid, count_lower, rule_code, seed_grid

LOAD = 0.35
"""Delay of a further child, in units of an unloaded node; the order of what FO4-normalised libraries show."""
LIGHT_LOAD = 0.15
"""The same where buffers take most of the load."""
SHARPNESS = 2.0
LONGEST = 600.0
"""Largest exponent; graphs of so long paths are taken less sharply, so that no sum of exponentials overflows."""
FAR = 8.0
"""Slack at which a node is as good as without a path; also that of nodes that are not there."""

GRAPH_FEATURES = (
    "size",
    "arrival: latest output",
    "arrival: smooth maximum over all paths",
    "nodes of slack below 0.5",
    "nodes of slack below 1.5",
    "nodes of slack below 3",
    "sum of exp(-slack)",
    "sum of criticalities: mean length of critical paths",
    "sum of roots of criticalities: their breadth",
    "sum of squared fanouts beyond the first",
    "largest fanout",
    "outputs within 1 of the latest",
    "depth",
    "mean level of outputs",
    "latest output, light load",
    "mean arrival of outputs, light load",
)
EDIT_FEATURES = (
    "adds",
    "row / N",
    "column / N",
    "log2 of the span",
    "span / N",
    "node: slack",
    "node: arrival",
    "node: fanout",
    "node: log criticality",
    "log2 of the upper parent's span",
    "log2 of the lower parent's span",
    "upper parent: fanout before",
    "upper parent: slack before",
    "lower parent: fanout before",
    "lower parent: was there",
    "lower parent: slack before",
    "next of the row: slack before",
    "next of the row: fanout before",
    "next of the row: log2 of the columns between",
    "next of the row: is the output",
    "its lower parent before: slack",
    "its lower parent after: slack",
    "its lower parent before: further fanout",
    "its lower parent after: fanout",
)
_SIZE, _LATEST, _SMOOTH, _TIGHT, _NEAR, _LOOSE, _URGENCY, _LENGTH = range(8)
_BREADTH, _SQUARES, _WIDEST, _LATE_OUTPUTS, _DEPTH, _MEAN_LEVEL, _LIGHT_LATEST, _LIGHT_MEAN = range(8, 16)


class EditTable(NamedTuple):
    """The legal edits of B graphs.

    :param graphs: of the graphs themselves, float32 [B, G]
    :param rows: of graph b its first `counts[b]` rows, float32 [B, A, G + E]: what the edit adds to each feature of the
        graph, then the features of the edit; the rest is 0
    :param actions: the actions of these rows, int64 [B, A], rising
    :param counts: int64 [B]
    """

    graphs: NDArray[np.float32]
    rows: NDArray[np.float32]
    actions: NDArray[np.int64]
    counts: NDArray[np.int64]


class _Timing(NamedTuple):
    """One timed graph; all [N, N] and valid at its nodes.

    :param lower: how often a node is a lower parent
    :param fanout: number of children
    :param upper: column of the upper parent
    :param arrival: latest path from an input
    :param required: latest arrival that no output feels
    :param into: sum of exp(SHARPNESS * length) of the paths from inputs
    :param onward: the same of the paths to outputs, the node itself left out
    """

    lower: NDArray[np.int16]
    fanout: NDArray[np.int16]
    upper: NDArray[np.int16]
    arrival: NDArray[np.float64]
    required: NDArray[np.float64]
    into: NDArray[np.float64]
    onward: NDArray[np.float64]


def describe_edits(grids: Grids, masks: NDArray[np.bool_], rule: str) -> EditTable:
    """The features of graphs, and of all their legal edits.

    :param grids: uint8 [B, N, N], legal, N at least 3
    :param masks: legal actions, bool [B, A], as `kernels.masks` has them
    :param rule: "rederive" or "keep"
    :raises InputError: unknown rule
    """
    batch, actions = masks.shape
    graph_count, all_count = len(GRAPH_FEATURES), len(GRAPH_FEATURES) + len(EDIT_FEATURES)
    table = EditTable(
        np.zeros((batch, graph_count), np.float32),
        np.zeros((batch, actions, all_count), np.float32),
        np.zeros((batch, actions), np.int64),
        np.zeros(batch, np.int64),
    )
    _describe_batch(grids, masks, rule_code(rule), _timing(grids.shape[1]), _timing(grids.shape[1]), table)
    return table


def _timing(width: int) -> _Timing:
    lower, fanout, upper = np.zeros((3, width, width), np.int16)
    return _Timing(lower, fanout, upper, *np.zeros((4, width, width)))


@compiled
def _describe_batch(grids, masks, rule, old, new, table):
    width = grids.shape[1]
    edited = np.empty((width, width), np.uint8)
    before = np.zeros(table.graphs.shape[1])
    after = np.zeros(table.graphs.shape[1])
    for b in range(grids.shape[0]):
        _analyse(grids[b], old, before)
        table.graphs[b] = before
        paths = _total_paths(old)
        count = 0
        for action in range(masks.shape[1]):
            if not masks[b, action]:
                continue
            edited[:] = grids[b]
            seed_grid(edited, new.lower, action, rule)
            close_grid(edited, new.lower)
            _analyse(edited, new, after)
            row = table.rows[b, count]
            for feature in range(before.shape[0]):
                row[feature] = after[feature] - before[feature]
            _describe_edit(grids[b], action, old, new, paths, row[before.shape[0] :])
            table.actions[b, count] = action
            count += 1
        table.counts[b] = count


@compiled
def _analyse(grid, timing, features):
    """Time a legal grid and fill the features [G] of the graph."""
    _count_children(grid, timing, features)
    features[_DEPTH], features[_MEAN_LEVEL] = _arrivals(grid, timing, 0.0)
    features[_LIGHT_LATEST], features[_LIGHT_MEAN] = _arrivals(grid, timing, LIGHT_LOAD)
    features[_LATEST], _ = _arrivals(grid, timing, LOAD)
    sharpness = min(SHARPNESS, LONGEST / features[_LATEST])
    _paths_from_inputs(grid, timing, sharpness)
    features[_SMOOTH] = np.log(_total_paths(timing)) / sharpness
    _require(grid, timing, sharpness, features)


@compiled
def _count_children(grid, timing, features):
    width = grid.shape[0]
    count_lower(grid, timing.lower)
    timing.fanout[:] = timing.lower
    size = 0
    for m in range(width):
        k = m
        for c in range(m - 1, -1, -1):
            if grid[m, c]:
                timing.fanout[m, k] += 1
                timing.upper[m, c] = k
                size += 1
                k = c
    squares = 0
    widest = 0
    for m in range(width):
        for c in range(m + 1):
            if grid[m, c]:
                fanout = timing.fanout[m, c]
                further = max(fanout - 1, 0)
                squares += further * further
                widest = max(widest, fanout)
    features[_SIZE], features[_SQUARES], features[_WIDEST] = size, squares, widest


@compiled
def _delay(timing, m, c, load):
    """Delay of the node (m, c); an output has its sum bit to drive besides, an input counts half."""
    fanout = timing.fanout[m, c]
    if m == c:
        return 0.5 * load * max(fanout - 1, 0)
    return 1.0 + load * max(fanout - (c > 0), 0)


@compiled
def _arrivals(grid, timing, load):
    """Fill the arrivals; (latest, mean) of the outputs."""
    width = grid.shape[0]
    arrival = timing.arrival
    latest = 0.0
    total = 0.0
    for m in range(width):
        arrival[m, m] = _delay(timing, m, m, load)
        k = m
        for c in range(m - 1, -1, -1):
            if grid[m, c]:
                arrival[m, c] = max(arrival[m, k], arrival[k - 1, c]) + _delay(timing, m, c, load)
                k = c
        latest = max(latest, arrival[m, 0])
        total += arrival[m, 0]
    return latest, total / width


@compiled
def _paths_from_inputs(grid, timing, sharpness):
    into = timing.into
    for m in range(grid.shape[0]):
        into[m, m] = np.exp(sharpness * _delay(timing, m, m, LOAD))
        k = m
        for c in range(m - 1, -1, -1):
            if grid[m, c]:
                into[m, c] = (into[m, k] + into[k - 1, c]) * np.exp(sharpness * _delay(timing, m, c, LOAD))
                k = c


@compiled
def _total_paths(timing):
    total = 0.0
    for m in range(timing.into.shape[0]):
        total += timing.into[m, 0]
    return total


@compiled
def _require(grid, timing, sharpness, features):
    """Fill required times and onward paths, from the outputs back, and the features that count nodes by slack."""
    width = grid.shape[0]
    required, onward = timing.required, timing.onward
    latest, paths = features[_LATEST], _total_paths(timing)
    required[:] = np.inf
    onward[:] = 0.0
    for feature in (_TIGHT, _NEAR, _LOOSE, _URGENCY, _LENGTH, _BREADTH, _LATE_OUTPUTS):
        features[feature] = 0.0
    for m in range(width - 1, -1, -1):
        required[m, 0] = min(required[m, 0], latest)
        onward[m, 0] += 1.0
        features[_LATE_OUTPUTS] += timing.arrival[m, 0] > latest - 1.0
        c = 0
        while c < m:
            k = timing.upper[m, c]
            delay = _delay(timing, m, c, LOAD)
            through = onward[m, c] * np.exp(sharpness * delay)
            due = required[m, c] - delay
            required[m, k], required[k - 1, c] = min(required[m, k], due), min(required[k - 1, c], due)
            onward[m, k] += through
            onward[k - 1, c] += through
            slack = required[m, c] - timing.arrival[m, c]
            features[_TIGHT] += slack < 0.5
            features[_NEAR] += slack < 1.5
            features[_LOOSE] += slack < 3.0
            features[_URGENCY] += np.exp(-slack)
            criticality = timing.into[m, c] * onward[m, c] / paths
            features[_LENGTH] += criticality
            features[_BREADTH] += np.sqrt(criticality)
            c = k


@compiled
def _slack(timing, m, c):
    return min(timing.required[m, c] - timing.arrival[m, c], FAR)


@compiled
def _describe_edit(grid, action, old, new, paths, row):
    """Fill the features [E] of one edit of `grid`, timed before (`old`) and after (`new`)."""
    width = grid.shape[0]
    cells = (width - 1) * (width - 2) // 2
    cell = action % cells
    m = 2
    while cell >= m - 1:
        cell -= m - 1
        m += 1
    c = cell + 1
    adds = action < cells
    present = new if adds else old  # the graph in which the node is there
    k = present.upper[m, c]
    row[0], row[1], row[2] = adds, m / width, c / width
    row[3], row[4] = np.log2(m - c + 1.0), (m - c) / width
    row[5], row[6], row[7] = _slack(present, m, c), present.arrival[m, c], present.fanout[m, c]
    row[8] = np.log(present.into[m, c] * present.onward[m, c] / paths + 1e-4)
    row[9], row[10] = np.log2(m - k + 1.0), np.log2(k - c + 1.0)
    row[11], row[12] = old.fanout[m, k], _slack(old, m, k)
    row[15] = FAR
    if grid[k - 1, c]:
        row[13], row[14], row[15] = old.fanout[k - 1, c], 1.0, _slack(old, k - 1, c)
    below = c - 1
    while grid[m, below] == 0:
        below -= 1
    row[16], row[17] = _slack(old, m, below), old.fanout[m, below]
    row[18], row[19] = np.log2(c - below + 1.0), below == 0
    first, second = old.upper[m, below] - 1, new.upper[m, below] - 1
    row[20], row[21] = _slack(old, first, below), _slack(new, second, below)
    row[22], row[23] = old.fanout[first, below] - 1, new.fanout[second, below]
