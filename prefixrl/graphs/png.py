"""The diagram as PNG, painted by matplotlib, which is imported here and nowhere else in this package."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from prefixrl.errors import ToolMissing
from prefixrl.files import atomic_write
from prefixrl.graphs.layout import Layout, lay_out
from prefixrl.graphs.prefix_graph import PrefixGraph
from prefixrl.graphs.shading import PATH, Shading, colour_at
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


def draw(graph: PrefixGraph, path: Path, title: str = "", shading: Shading | None = None) -> None:
    """Write the picture.

    :param title: put above the figures of the graph
    :param shading: slack, shown by the cells' colours, and the critical path
    :raises ToolMissing: matplotlib is not installed
    """
    atomic_write(path, render(graph, title, shading))


def render(
    graph: PrefixGraph, title: str = "", shading: Shading | None = None, room: tuple[float, float] = (0.0, 0.0)
) -> bytes:
    """The picture's bytes.

    :param room: least width and height in column pitches, for pictures of one size
    :raises ToolMissing: matplotlib is not installed
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ToolMissing("a PNG needs matplotlib: pip install 'prefixrl[reports]' (SVG needs nothing)") from None
    layout = lay_out(graph)
    wide, high = max(layout.width, room[0]), max(layout.height, room[1])
    inches = (wide * INCHES_PER_PITCH, high * INCHES_PER_PITCH)
    dots = min(DOTS_PER_INCH, MOST_DOTS / max(inches))
    figure = Figure(figsize=inches, dpi=dots, facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, wide)
    axes.set_ylim(high, 0)
    if shading:
        _paint_path(axes, layout, shading)
    _paint_wires(axes, layout)
    _paint_cells(axes, layout, shading)
    _paint_words(axes, graph, layout, title)
    if shading and shading.slack_ns:
        _paint_scale(axes, layout, shading)
    else:
        _paint_legend(axes, layout)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dots)
    return stream.getvalue()


def _paint_path(axes: Any, layout: Layout, shading: Shading) -> None:
    places = {cell.node: cell.at for cell in layout.cells}
    places |= {(bit, bit): (x, layout.level_heights[0]) for bit, x in enumerate(layout.columns)}
    points = [places[node] for node in shading.path if node in places]
    if len(points) > 1:
        columns = list(zip(*points, strict=True))
        axes.plot(*columns, color=PATH, alpha=0.3, linewidth=7, solid_capstyle="round", zorder=0.5)


def _paint_wires(axes: Any, layout: Layout) -> None:
    from matplotlib.collections import LineCollection

    for kept, colour, thickness in ((False, INK, 0.9), (True, KEPT, 0.75)):
        wires = [wire.points for wire in layout.wires if wire.kept == kept]
        axes.add_collection(LineCollection(wires, colors=colour, linewidths=thickness, zorder=1))


def _paint_cells(axes: Any, layout: Layout, shading: Shading | None) -> None:
    from matplotlib.patches import Circle, Rectangle

    for at in layout.junctions:
        axes.add_patch(Circle(at, 0.09, color=INK, linewidth=0, zorder=2))
    for bit, x in enumerate(layout.columns):
        colour = (shading.colour((bit, bit)) if shading else None) or PAPER
        corner = (x - INPUT_HALF_SIDE, layout.level_heights[0] - INPUT_HALF_SIDE)
        side = 2 * INPUT_HALF_SIDE
        axes.add_patch(Rectangle(corner, side, side, facecolor=colour, edgecolor=INK, linewidth=0.9, zorder=3))
    for cell in layout.cells:
        slack = shading.colour(cell.node) if shading else None
        fill = slack or (GREY if cell.grey else INK)
        thickness = 1.7 if slack and not cell.grey else 0.9
        axes.add_patch(Circle(cell.at, CELL_RADIUS, facecolor=fill, edgecolor=INK, linewidth=thickness, zorder=4))


def _write(axes: Any, x: float, y: float, text: str, size: float, where: str = "center", colour: str = INK) -> None:
    axes.text(x, y, text, fontsize=size, ha=where, va="baseline", color=colour, parse_math=False)


def _paint_words(axes: Any, graph: PrefixGraph, layout: Layout, title: str) -> None:
    _write(axes, LEFT_EDGE, 0.6, title, 9, "left")
    _write(axes, LEFT_EDGE, 1.15 if title else 0.7, figures_line(graph), 9, "left")
    for column, x in enumerate(layout.columns):
        _write(axes, x, layout.level_heights[0] - 0.32, str(column), 7)
        _write(axes, x, layout.bottom + 0.42, str(column), 7)
    for level, y in enumerate(layout.level_heights[1:], start=1):
        _write(axes, layout.columns[-1] - 0.75, y + 0.12, str(level), 7, colour=FAINT)


def _paint_legend(axes: Any, layout: Layout) -> None:
    from matplotlib.patches import Circle

    y = layout.height - 0.45
    for x, fill, words in ((0.2, INK, "black cell (g, p)"), (5.2, GREY, "grey cell (g)")):
        at = (LEFT_EDGE + x, y - 0.15)
        axes.add_patch(Circle(at, CELL_RADIUS, facecolor=fill, edgecolor=INK, linewidth=0.9, zorder=4))
        _write(axes, LEFT_EDGE + x + 0.4, y, words, 8, "left")


def _paint_scale(axes: Any, layout: Layout, shading: Shading) -> None:
    from matplotlib.patches import Rectangle

    y, steps, pitch = layout.height - 0.75, 12, 0.3
    x = LEFT_EDGE + 2.7
    for step in range(steps):
        box = Rectangle((x + step * pitch, y), pitch, 0.35, facecolor=colour_at(step / (steps - 1)), linewidth=0)
        axes.add_patch(box)
    _write(axes, LEFT_EDGE, y + 0.3, "slack 0 ns", 8, "left")
    _write(axes, x + steps * pitch + 0.3, y + 0.3, f"{shading.most_ns:.3f} ns", 8, "left")
