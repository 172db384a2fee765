"""`prefixrl show`: draw a graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prefixrl.cli.common import named_graph, print_json
from prefixrl.cli.options import JsonOption, LegalizeOption, WidthOption

EXAMPLE = "Example: prefixrl show sklansky --width 16; prefixrl show brent-kung -n 32 --svg brent-kung.svg"


def show(
    graph: Annotated[str, typer.Argument(help="A structure's name (with --width), a graph file or published:NAME.")],
    width: WidthOption = None,
    svg: Annotated[Path | None, typer.Option("--svg", help="Write the drawing as SVG.")] = None,
    png: Annotated[Path | None, typer.Option("--png", help="Write the drawing as PNG.")] = None,
    dot: Annotated[Path | None, typer.Option("--dot", help="Write the graph in Graphviz's language.")] = None,
    write: Annotated[Path | None, typer.Option("--write", help="Write the graph as a graph file (JSON).")] = None,
    legalize: LegalizeOption = False,
    json: JsonOption = False,
) -> None:
    """Draw a prefix graph as text, SVG or PNG, with its size, depth and fanout."""
    from prefixrl.files import atomic_write
    from prefixrl.graphs import draw_dot, draw_png, draw_svg, draw_text, graph_document, graph_to_json

    drawn = named_graph(graph, width, legalize)
    if svg:
        atomic_write(svg, draw_svg(drawn))
    if png:
        draw_png(drawn, png)
    if dot:
        atomic_write(dot, draw_dot(drawn))
    if write:
        atomic_write(write, graph_to_json(drawn))
    if json:
        figures = {"size": drawn.size, "depth": drawn.depth, "max_fanout": drawn.max_fanout}
        print_json({"width": drawn.width, **figures, "key": drawn.key, "graph": graph_document(drawn)})
    elif not (svg or png or dot):
        typer.echo(draw_text(drawn))
    for path in (svg, png, dot, write):
        if path and not json:
            typer.echo(f"wrote {path}")
