"""The graphs of a batch as arrays, edited in place by the compiled kernels.

Letters: B environments, N bits, F = (N-1)(N-2)/2 free cells.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from prefixrl.envs.observations import PLANES
from prefixrl.graphs import PrefixGraph, Rule, action_count, kernels

DESCRIBE = np.array([-1])
"""The kernels' action that changes nothing and describes the graph."""


class GridBatch:
    """Grids and what is known of them, allocated once.

    :param width: N
    :param batch: B
    :param rule: how an edit treats nodes that legalisation added
    """

    grids: NDArray[np.uint8]
    """uint8 [B, N, N], 1 where a node is present."""
    observations: NDArray[np.float32]
    """float32 [B, 4, N, N]; copy before handing out."""
    masks: NDArray[np.bool_]
    """bool [B, 2F], the legal actions; copy before handing out."""
    features: NDArray[np.int64]
    """int64 [B, 3]: size, depth, largest fanout."""

    def __init__(self, width: int, batch: int, rule: Rule) -> None:
        self.width = width
        self.rule = rule
        self.grids = np.zeros((batch, width, width), dtype=np.uint8)
        self.observations = np.zeros((batch, len(PLANES), width, width), dtype=np.float32)
        self.masks = np.zeros((batch, action_count(width)), dtype=np.bool_)
        self.features = np.zeros((batch, 3), dtype=np.int64)

    def load(self, graphs: Mapping[int, PrefixGraph]) -> None:
        """Put graphs, given by the index of their environment, into the batch."""
        for index, graph in graphs.items():
            self.grids[index] = graph.grid
            row = slice(index, index + 1)
            self._run(row, DESCRIBE)

    def step(self, actions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Do one action on every graph; an illegal one changes nothing.

        :param actions: int64 [B] in [0, 2F)
        :return: bool [B], which actions were legal
        """
        legal = self.masks[np.arange(len(actions)), actions]
        self._run(slice(None), actions)
        return legal

    def graphs(self, indices: NDArray[np.int64]) -> list[PrefixGraph]:
        """Return the graphs of some environments."""
        # A cell may be added exactly where it is empty, so the first half of a mask is the packed form inverted.
        present = ~self.masks[indices, : self.masks.shape[1] // 2]
        packed = np.packbits(present, axis=1, bitorder="little")
        return [PrefixGraph.from_bytes(self.width, row.tobytes()) for row in packed]

    def _run(self, rows: slice, actions: NDArray[np.int64]) -> None:
        kernels.step_(
            self.grids[rows], actions, self.rule, self.observations[rows], self.masks[rows], self.features[rows]
        )
