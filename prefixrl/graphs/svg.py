"""The diagram as SVG: one self-contained document without scripts, fonts or links."""

from __future__ import annotations

from xml.sax.saxutils import escape

from prefixrl.graphs.layout import Layout, Wire, lay_out
from prefixrl.graphs.prefix_graph import PrefixGraph
from prefixrl.graphs.shading import PATH, Shading, colour_at

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


def draw(graph: PrefixGraph, title: str = "", shading: Shading | None = None) -> str:
    """The document's text.

    :param title: put above the figures of the graph
    :param shading: slack, shown by the cells' colours, and the critical path
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
        *(_path(layout, shading) if shading else []),
        *_wires(layout.wires, kept=False),
        *_wires(layout.wires, kept=True),
        *_junctions(layout),
        *_inputs(layout, shading),
        *_cells(layout, shading),
        *_labels(layout),
        *(_scale(layout, shading) if shading and shading.slack_ns else _legend(layout)),
        "</svg>",
    ]
    return "\n".join(body) + "\n"


def figures_line(graph: PrefixGraph) -> str:
    """The figures above a drawing."""
    return f"width {graph.width}, size {graph.size}, depth {graph.depth}, largest fanout {graph.max_fanout}"


def _number(length: float) -> str:
    return f"{length * PITCH:.1f}".removesuffix(".0")


def _wires(wires: list[Wire], kept: bool) -> list[str]:
    """All of one style in one path."""
    lines = "".join(
        "M" + " ".join(f"{_number(x)} {_number(y)}" for x, y in wire.points) for wire in wires if wire.kept == kept
    )
    colour, thickness = (KEPT, 1.0) if kept else (INK, 1.2)
    style = f'fill="none" stroke="{colour}" stroke-width="{thickness}" stroke-linejoin="round"'
    return [f'<path {style} d="{lines}"/>'] if lines else []


def _path(layout: Layout, shading: Shading) -> list[str]:
    """The critical path as a highlighter pen would mark it, from cell to cell."""
    places = {cell.node: cell.at for cell in layout.cells}
    places |= {(bit, bit): (x, layout.level_heights[0]) for bit, x in enumerate(layout.columns)}
    points = [places[node] for node in shading.path if node in places]
    if len(points) < 2:
        return []
    line = "M" + " ".join(f"{_number(x)} {_number(y)}" for x, y in points)
    style = f'fill="none" stroke="{PATH}" stroke-opacity="0.3" stroke-width="9" stroke-linejoin="round"'
    return [f'<path class="critical" {style} stroke-linecap="round" d="{line}"/>']


def _junctions(layout: Layout) -> list[str]:
    dots = [f'<circle cx="{_number(x)}" cy="{_number(y)}" r="2.4"/>' for x, y in layout.junctions]
    return [f'<g fill="{INK}">', *dots, "</g>"] if dots else []


def _inputs(layout: Layout, shading: Shading | None) -> list[str]:
    side = _number(2 * INPUT_HALF_SIDE)
    y = _number(layout.level_heights[0] - INPUT_HALF_SIDE)
    boxes = []
    for bit, x in enumerate(layout.columns):
        colour = shading.colour((bit, bit)) if shading else None
        fill = f' fill="{colour}"' if colour else ""
        boxes.append(f'<rect x="{_number(x - INPUT_HALF_SIDE)}" y="{y}" width="{side}" height="{side}"{fill}/>')
    return [f'<g fill="{PAPER}" stroke="{INK}" stroke-width="1.2">', *boxes, "</g>"]


def _cells(layout: Layout, shading: Shading | None) -> list[str]:
    """The cells; the span of each shows on hovering, and its slack where that is known."""
    lines = []
    for cell in layout.cells:
        x, y = cell.at
        span = f"{cell.node[0]}:{cell.node[1]}"
        colour = shading.colour(cell.node) if shading else None
        kind = "grey" if cell.grey else "black"
        fill = colour or (GREY if cell.grey else INK)
        thickness = "1.2" if not colour else "0.9" if cell.grey else "2.2"
        slack = f", slack {shading.slack_ns[cell.node]:.4f} ns" if shading and colour else ""
        shape = _circle(x, y, CELL_RADIUS, f'fill="{fill}" stroke-width="{thickness}"')
        lines.append(f'<g class="{kind}" data-node="{span}"><title>{span}{slack}</title>{shape}</g>')
    return [f'<g stroke="{INK}">', *lines, "</g>"]


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


def _scale(layout: Layout, shading: Shading) -> list[str]:
    """The colours of slack, in place of the legend of cells."""
    y, steps, pitch = layout.height - 0.75, 12, 0.3
    x = LEFT_EDGE + 2.7
    boxes = [
        f'<rect x="{_number(x + step * pitch)}" y="{_number(y)}" width="{_number(pitch)}" height="{_number(0.35)}" '
        f'fill="{colour_at(step / (steps - 1))}"/>'
        for step in range(steps)
    ]
    words = _label(LEFT_EDGE, y + 0.3, "slack 0 ns", "start")
    words += _label(x + steps * pitch + 0.3, y + 0.3, f"{shading.most_ns:.3f} ns", "start")
    return [f'<g fill="{INK}" font-size="11">{words}</g>', *boxes]


def _text(text: str) -> str:
    """Escaped, without the control characters that XML cannot hold."""
    return escape("".join(character for character in text if character.isprintable()))
