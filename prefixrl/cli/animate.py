"""`prefixrl animate`: the episode that turns one graph into another, as a page or a GIF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefixrl.cli.common import evaluate_circuits, graph_label, named_graph
from prefixrl.cli.options import WidthOption
from prefixrl.errors import InputError

if TYPE_CHECKING:
    from prefixrl.graphs.episodes import Edit
    from prefixrl.synthesis.curve import AreaDelayCurve

EXAMPLE = (
    "Example: prefixrl animate sklansky brent-kung -n 16 --out episode.html; "
    "prefixrl animate ripple-carry published:demo-adder16 -n 16 --out episode.gif"
)


def animate(
    graphs: Annotated[
        list[str], typer.Argument(help="Structures' names (with --width), graph files or published:NAME: two or more.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The file to write: .html (with a player) or .gif.")],
    width: WidthOption = None,
    figures: Annotated[
        bool, typer.Option("--figures/--no-figures", help="Evaluate every step for its captions (16-bit: 2 ms each).")
    ] = True,
) -> None:
    """Show the legal edits, one at a time, that turn the first graph into the next: an episode of the environment."""
    from prefixrl.designs.animation import SUFFIXES, write_animation
    from prefixrl.graphs.episodes import episode

    if out.suffix.lower() not in SUFFIXES:
        raise InputError(f"an animation must be a .html or .gif file: {out}")
    if len(graphs) < 2:
        raise InputError(f"an episode needs a graph to begin with and one to end in: {graphs[0]}")
    steps = episode([named_graph(spec, width) for spec in graphs])
    title = " to ".join(graph_label(spec) for spec in graphs)
    write_animation(out, steps, _curves(steps) if figures else None, f"{steps[0].graph.width} bits: {title}")
    typer.echo(f"wrote {out}: {len(steps) - 1} edits")


def _curves(steps: list[Edit]) -> list[AreaDelayCurve | None]:
    from prefixrl.circuits import Circuit
    from prefixrl.cli.options import PoolOptions
    from prefixrl.synthesis.constraints import default_constraints
    from prefixrl.synthesis.pdk import load_pdk
    from prefixrl.synthesis.work import EvaluatorSpec

    pdk = load_pdk()
    circuits = [Circuit("adder", step.graph) for step in steps]
    spec = EvaluatorSpec("native", pdk, {"effort": "fast"})
    evaluations = evaluate_circuits(circuits, spec, default_constraints(pdk), PoolOptions())
    return [each.curve for each in evaluations]
