"""Pictures of the state for `render()`: the grid, painted straight into an array."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.drawing import draw_text

Colour = tuple[int, int, int]

BACKGROUND: Colour = (255, 255, 255)
FREE: Colour = (236, 238, 241)
INPUT: Colour = (158, 164, 172)
OUTPUT: Colour = (38, 70, 110)
DELETABLE: Colour = (222, 122, 34)
IMPLIED: Colour = (70, 138, 190)

MIN_PICTURE = 256
"""Least height and width of a picture in pixels, so that small graphs can be seen."""
MIN_CELL = 4


def render_graph(graph: PrefixGraph, mode: str) -> str | NDArray[np.uint8]:
    """Return a graph as text ("ansi") or as a picture uint8 [S, S, 3] ("rgb_array")."""
    return draw_text(graph) if mode == "ansi" else paint_grid(graph)


def paint_grid(graph: PrefixGraph) -> NDArray[np.uint8]:
    """Paint the grid of a graph: row = msb with 0 on top, column = lsb with 0 on the left.

    Grey: inputs. Dark blue: outputs. Orange: nodes that may be deleted. Blue: nodes that others need. Pale: free cells.

    :return: uint8 [S, S, 3], S = N * cell + 1 with one pixel of line between cells
    """
    width = graph.width
    cell = max(MIN_CELL, -(-MIN_PICTURE // width))
    colours = np.full((width, width, 3), BACKGROUND, dtype=np.uint8)
    triangle = np.tril(np.ones((width, width), dtype=bool))
    present = graph.grid.astype(bool)
    colours[triangle] = FREE
    colours[present] = IMPLIED
    colours[graph.minlist.astype(bool)] = DELETABLE
    colours[1:, 0] = OUTPUT
    colours[np.arange(width), np.arange(width)] = INPUT
    picture = np.repeat(np.repeat(colours, cell, axis=0), cell, axis=1)
    picture[::cell] = BACKGROUND
    picture[:, ::cell] = BACKGROUND
    return np.pad(picture, ((0, 1), (0, 1), (0, 0)), constant_values=255)
