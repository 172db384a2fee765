"""Further input planes that say what a delay depends on.

Letters: B batch, N width. Row = msb, column = lsb, as everywhere.

The paper's planes give each node's level, that is how late it is ready, but not whether anything waits for it. A small
network would have to carry the longest path across the whole grid to find out; it is computed here instead, under the
same fanout-weighted delay as the paper's analytic model (a node takes 1 + 0.5 per child).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prefixrl.compiling import compiled

TIMING_PLANES = 2
"""Arrival time and slack."""

NODE_DELAY = 1.0
DELAY_PER_CHILD = 0.5


def timing_planes(observations: NDArray[np.float32]) -> NDArray[np.float32]:
    """Arrival and criticality of every node, both in [0, 1]: float32 [B, 2, N, N].

    Arrival is divided by the graph's longest path; criticality is the longest path through the node divided by the
    longest of all, so it is 1 exactly on the critical paths. Both are 0 where there is no node.

    :param observations: float32 [B, 4, N, N]
    """
    planes = np.zeros((len(observations), TIMING_PLANES, *observations.shape[2:]), np.float32)
    _timing(observations[:, 0] > 0.5, planes)
    return planes


@compiled
def _timing(grids, planes):
    width = grids.shape[1]
    delays = np.empty((width, width), np.float64)
    arrival = np.empty((width, width), np.float64)
    onward = np.empty((width, width), np.float64)
    for b in range(grids.shape[0]):
        grid = grids[b]
        _fill_delays(grid, delays)
        _fill_arrival(grid, delays, arrival)
        _fill_onward(grid, delays, onward)
        longest = arrival.max()
        for m in range(width):
            for c in range(m + 1):
                if grid[m, c]:
                    planes[b, 0, m, c] = arrival[m, c] / longest
                    planes[b, 1, m, c] = (arrival[m, c] + onward[m, c]) / longest


@compiled
def _fill_delays(grid, delays):
    """Delay of every node by its number of children; an input has none."""
    width = grid.shape[0]
    delays[:] = NODE_DELAY
    for m in range(1, width):
        k = m
        for c in range(m - 1, -1, -1):
            if grid[m, c]:
                delays[m, k] += DELAY_PER_CHILD
                delays[k - 1, c] += DELAY_PER_CHILD
                k = c
    for m in range(width):
        delays[m, m] = 0.0


@compiled
def _fill_arrival(grid, delays, arrival):
    """When every node is ready; rows need only rows below them."""
    arrival[:] = 0.0
    for m in range(1, grid.shape[0]):
        k = m
        for c in range(m - 1, -1, -1):
            if grid[m, c]:
                arrival[m, c] = max(arrival[m, k], arrival[k - 1, c]) + delays[m, c]
                k = c


@compiled
def _fill_onward(grid, delays, onward):
    """Longest path from every node's being ready to an output; rows hand it down, each from its output inwards."""
    onward[:] = 0.0
    for m in range(grid.shape[0] - 1, 0, -1):
        for c in range(m):
            if grid[m, c]:
                k = c + 1
                while not grid[m, k]:
                    k += 1
                through = onward[m, c] + delays[m, c]
                onward[m, k] = max(onward[m, k], through)
                onward[k - 1, c] = max(onward[k - 1, c], through)
