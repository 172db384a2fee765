"""The diagram as SVG: one self-contained document without scripts, fonts or links."""

from __future__ import annotations

from xml.sax.saxutils import escape

from prefixrl.graphs.layout import Layout, Wire, lay_out
from prefixrl.graphs.prefix_graph import PrefixGraph

PITCH = 26.0
"""Pixels between columns."""
INK = "#1b1f24"
GREY = "#b4bac1"
PAPER = "#ffffff"
FAINT = "#6b7280"
KEPT = "#8a5a00"
"""Colour of wires beside their column, so that they are not taken for the column."""
CELL_RADIUS = 0.2
INPUT_HALF_SIDE = 0.17
LEFT_EDGE = 0.4
"""Where title, figures and legend begin."""


def draw(graph: PrefixGraph, title: str = "") -> str:
    """The document's text.

    :param title: put above the figures of the graph
    """
    layout = lay_out(graph)
    figures = figures_line(graph)
    wide, high = layout.width * PITCH, layout.height * PITCH
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}" height="{high:.0f}" '
        f'viewBox="0 0 {wide:.0f} {high:.0f}" font-family="Helvetica, Arial, sans-serif">',
        f"<title>{_text(title or 'prefix graph')}: {figures}</title>",
        f'<rect width="100%" height="100%" fill="{PAPER}"/>',
        f'<g fill="{INK}" font-size="13">{_label(LEFT_EDGE, 0.6, title, "start")}',
        f"{_label(LEFT_EDGE, 1.15 if title else 0.7, figures, 'start')}</g>",
        *_wires(layout.wires, kept=False),
        *_wires(layout.wires, kept=True),
        *_junctions(layout),
        *_inputs(layout),
        *_cells(layout),
        *_labels(layout),
        *_legend(layout),
        "</svg>",
    ]
    return "\n".join(body) + "\n"


def figures_line(graph: PrefixGraph) -> str:
    """The figures above a drawing."""
    return f"width {graph.width}, size {graph.size}, depth {graph.depth}, largest fanout {graph.max_fanout}"


def _number(length: float) -> str:
    return f"{length * PITCH:.1f}".removesuffix(".0")


def _wires(wires: list[Wire], kept: bool) -> list[str]:
    paths = [
        "M" + " L".join(f"{_number(x)} {_number(y)}" for x, y in wire.points) for wire in wires if wire.kept == kept
    ]
    colour, thickness = (KEPT, 1.0) if kept else (INK, 1.2)
    style = f'fill="none" stroke="{colour}" stroke-width="{thickness}" stroke-linejoin="round"'
    return [f'<path {style} d="{path}"/>' for path in paths]


def _junctions(layout: Layout) -> list[str]:
    return [f'<circle cx="{_number(x)}" cy="{_number(y)}" r="2.4" fill="{INK}"/>' for x, y in layout.junctions]


def _inputs(layout: Layout) -> list[str]:
    side = _number(2 * INPUT_HALF_SIDE)
    y = _number(layout.level_heights[0] - INPUT_HALF_SIDE)
    return [
        f'<rect x="{_number(x - INPUT_HALF_SIDE)}" y="{y}" width="{side}" height="{side}" '
        f'fill="{PAPER}" stroke="{INK}" stroke-width="1.2"/>'
        for x in layout.columns
    ]


def _cells(layout: Layout) -> list[str]:
    """The cells; the span of each shows on hovering."""
    lines = []
    for cell in layout.cells:
        x, y = cell.at
        fill = GREY if cell.grey else INK
        shape = _circle(x, y, CELL_RADIUS, f'fill="{fill}" stroke="{INK}" stroke-width="1.2"')
        lines.append(f"<g><title>{cell.node[0]}:{cell.node[1]}</title>{shape}</g>")
    return lines


def _circle(x: float, y: float, radius: float, style: str) -> str:
    return f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius)}" {style}/>'


def _labels(layout: Layout) -> list[str]:
    """Bit numbers above and below, levels at the left."""
    top, bottom = layout.level_heights[0] - 0.32, layout.bottom + 0.42
    columns = [_label(x, y, str(column)) for y in (top, bottom) for column, x in enumerate(layout.columns)]
    x = layout.columns[-1] - 0.75
    levels = [_label(x, y + 0.14, str(level)) for level, y in enumerate(layout.level_heights) if level]
    return [
        f'<g fill="{INK}" font-size="10">{"".join(columns)}</g>',
        f'<g fill="{FAINT}" font-size="10">{"".join(levels)}</g>',
    ]


def _label(x: float, y: float, text: str, anchor: str = "middle") -> str:
    if not text:
        return ""
    return f'<text x="{_number(x)}" y="{_number(y)}" text-anchor="{anchor}">{_text(text)}</text>'


def _legend(layout: Layout) -> list[str]:
    y = layout.height - 0.45
    black = _circle(LEFT_EDGE + 0.2, y - 0.15, CELL_RADIUS, f'fill="{INK}"')
    grey = _circle(LEFT_EDGE + 5.2, y - 0.15, CELL_RADIUS, f'fill="{GREY}" stroke="{INK}" stroke-width="1.2"')
    words = _label(LEFT_EDGE + 0.6, y, "black cell (g, p)", "start")
    words += _label(LEFT_EDGE + 5.6, y, "grey cell (g)", "start")
    return [f'<g fill="{INK}" font-size="11">', black, grey, words, "</g>"]


def _text(text: str) -> str:
    """Escaped, without the control characters that XML cannot hold."""
    return escape("".join(character for character in text if character.isprintable()))
