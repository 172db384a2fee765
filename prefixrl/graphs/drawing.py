"""Drawings of a prefix graph: text for a terminal, SVG, PNG, and Graphviz's DOT.

The first three are the field's dot-and-line diagram: one column per bit with the most significant at the left, inputs
on top, one row per level; a black cell makes generate and propagate, a grey cell (an output) makes generate alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefixrl.graphs.prefix_graph import PrefixGraph
    from prefixrl.graphs.shading import Shading


def draw_text(graph: PrefixGraph, ascii_only: bool = False) -> str:
    """The diagram as lines of text, at most 80 columns wide for regular structures up to 32 bits.

    :param ascii_only: use no characters beyond ASCII
    """
    from prefixrl.graphs.text_drawing import draw

    return draw(graph, ascii_only)


def draw_svg(graph: PrefixGraph, title: str = "", shading: Shading | None = None) -> str:
    """The diagram as a self-contained SVG document.

    :param title: put above the figures of the graph
    :param shading: slack, shown by the cells' colours, and the critical path
    """
    from prefixrl.graphs.svg import draw

    return draw(graph, title, shading)


def draw_png(graph: PrefixGraph, path: str | Path, title: str = "", shading: Shading | None = None) -> None:
    """Write the diagram as a PNG file.

    :param path: the file; its folder must exist
    :param title: put above the figures of the graph
    :param shading: slack, shown by the cells' colours, and the critical path
    :raises ToolMissing: matplotlib is not installed
    """
    from prefixrl.graphs.png import draw

    draw(graph, Path(path), title, shading)


def draw_dot(graph: PrefixGraph, name: str = "prefix_graph") -> str:
    """The graph in Graphviz's language, nodes at their bit and level.

    :param name: of the graph, an identifier
    """
    from prefixrl.graphs.dot import draw

    return draw(graph, name)
