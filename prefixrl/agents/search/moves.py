"""Neighbours of graphs: one random legal edit.

Letters: B graphs, N width, F = (N-1)(N-2)/2 free cells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prefixrl.agents.exploration import random_edits
from prefixrl.graphs import PrefixGraph, kernels


def neighbours(graphs: Sequence[PrefixGraph], rule: str, generator: np.random.Generator) -> list[PrefixGraph]:
    """Each graph after one random legal edit: adding and deleting equally likely, then every cell.

    A graph of two inputs, which has no edit, stays as it is.

    :param rule: "rederive", "keep", or "both": one of the two, drawn for all graphs together
    """
    if not graphs or graphs[0].width < 3:
        return list(graphs)
    if rule == "both":
        rule = ("rederive", "keep")[int(generator.integers(2))]
    grids = np.stack([graph.grid for graph in graphs])
    kernels.edit_(grids, random_edits(kernels.masks(grids), generator), rule)
    return [PrefixGraph.from_legal_grid(grid) for grid in grids]
