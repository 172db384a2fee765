"""The diagram as PNG, painted by matplotlib, which is imported here and nowhere else in this package."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from prefixrl.errors import ToolMissing
from prefixrl.files import atomic_write
from prefixrl.graphs.layout import Layout, lay_out
from prefixrl.graphs.prefix_graph import PrefixGraph
from prefixrl.graphs.svg import (
    CELL_RADIUS,
    FAINT,
    GREY,
    INK,
    INPUT_HALF_SIDE,
    KEPT,
    LEFT_EDGE,
    PAPER,
    figures_line,
)

INCHES_PER_PITCH = 0.27
DOTS_PER_INCH = 150
MOST_DOTS = 12000
"""Longest side of the picture; larger diagrams are drawn with fewer dots per inch."""


def draw(graph: PrefixGraph, path: Path, title: str = "") -> None:
    """Write the picture.

    :param title: put above the figures of the graph
    :raises ToolMissing: matplotlib is not installed
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ToolMissing("a PNG needs matplotlib: pip install 'prefixrl[reports]' (SVG needs nothing)") from None
    layout = lay_out(graph)
    inches = (layout.width * INCHES_PER_PITCH, layout.height * INCHES_PER_PITCH)
    dots = min(DOTS_PER_INCH, MOST_DOTS / max(inches))
    figure = Figure(figsize=inches, dpi=dots, facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, layout.width)
    axes.set_ylim(layout.height, 0)
    _paint_wires(axes, layout)
    _paint_cells(axes, layout)
    _paint_words(axes, graph, layout, title)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dots)
    atomic_write(path, stream.getvalue())


def _paint_wires(axes: Any, layout: Layout) -> None:
    from matplotlib.collections import LineCollection

    for kept, colour, thickness in ((False, INK, 0.9), (True, KEPT, 0.75)):
        wires = [wire.points for wire in layout.wires if wire.kept == kept]
        axes.add_collection(LineCollection(wires, colors=colour, linewidths=thickness, zorder=1))


def _paint_cells(axes: Any, layout: Layout) -> None:
    from matplotlib.patches import Circle, Rectangle

    for at in layout.junctions:
        axes.add_patch(Circle(at, 0.09, color=INK, linewidth=0, zorder=2))
    for x in layout.columns:
        corner = (x - INPUT_HALF_SIDE, layout.level_heights[0] - INPUT_HALF_SIDE)
        side = 2 * INPUT_HALF_SIDE
        axes.add_patch(Rectangle(corner, side, side, facecolor=PAPER, edgecolor=INK, linewidth=0.9, zorder=3))
    for cell in layout.cells:
        fill = GREY if cell.grey else INK
        axes.add_patch(Circle(cell.at, CELL_RADIUS, facecolor=fill, edgecolor=INK, linewidth=0.9, zorder=4))


def _paint_words(axes: Any, graph: PrefixGraph, layout: Layout, title: str) -> None:
    from matplotlib.patches import Circle

    def write(x: float, y: float, text: str, size: float, where: str = "center", colour: str = INK) -> None:
        axes.text(x, y, text, fontsize=size, ha=where, va="baseline", color=colour, parse_math=False)

    write(LEFT_EDGE, 0.6, title, 9, "left")
    write(LEFT_EDGE, 1.15 if title else 0.7, figures_line(graph), 9, "left")
    for column, x in enumerate(layout.columns):
        write(x, layout.level_heights[0] - 0.32, str(column), 7)
        write(x, layout.bottom + 0.42, str(column), 7)
    for level, y in enumerate(layout.level_heights[1:], start=1):
        write(layout.columns[-1] - 0.75, y + 0.12, str(level), 7, colour=FAINT)
    y = layout.height - 0.45
    for x, fill, words in ((0.2, INK, "black cell (g, p)"), (5.2, GREY, "grey cell (g)")):
        at = (LEFT_EDGE + x, y - 0.15)
        axes.add_patch(Circle(at, CELL_RADIUS, facecolor=fill, edgecolor=INK, linewidth=0.9, zorder=4))
        write(LEFT_EDGE + x + 0.4, y, words, 8, "left")
