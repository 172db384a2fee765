"""An episode as a moving picture: an HTML page with a player, or a GIF."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from prefixrl.designs.page import filled_page
from prefixrl.errors import InputError, ToolMissing
from prefixrl.files import atomic_write
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.episodes import Edit
from prefixrl.graphs.svg import draw as draw_svg
from prefixrl.synthesis.curve import AreaDelayCurve

SUFFIXES = (".html", ".gif")
FRAME_MS = 450
LAST_FRAME_MS = 2500
MOST_FRAMES = 1000


def write_animation(
    path: str | Path,
    steps: Sequence[Edit],
    curves: Sequence[AreaDelayCurve | None] | None = None,
    title: str = "",
) -> None:
    """Write the episode.

    :param path: `.html` or `.gif`
    :param steps: as `prefixrl.graphs.episodes.episode` gives them
    :param curves: of every step's graph, whose ends the captions tell; None for captions without them
    :param title: over the whole
    :raises InputError: another suffix, more than `MOST_FRAMES` steps, or a place that cannot be written
    :raises ToolMissing: a GIF without matplotlib and Pillow
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"an animation must be a .html or .gif file: {path}")
    if not path.parent.is_dir():
        raise InputError(f"an animation must be in a directory that exists: {path}")
    if len(steps) > MOST_FRAMES:
        raise InputError(f"an animation has at most {MOST_FRAMES} steps: {len(steps)}")
    captions = [caption(number, steps, curves[number] if curves is not None else None) for number in range(len(steps))]
    content = _page(steps, captions, title) if path.suffix.lower() == ".html" else _gif(steps, captions)
    try:
        atomic_write(path, content)
    except OSError as error:
        raise InputError(f"an animation must be written to a writable place ({error.strerror}): {path}") from None


def caption(number: int, steps: Sequence[Edit], curve: AreaDelayCurve | None) -> str:
    """What a frame says of its step."""
    step = steps[number]
    done = "start" if step.node is None else f"{step.kind} {step.node[0]}:{step.node[1]}"
    text = f"step {number}: {done}"
    if curve is None:
        return text
    fast, small = curve.fastest, curve.smallest
    return (
        f"{text}; fastest {fast.delay_ns:.4f} ns at {fast.area_um2:.1f} um2, "
        f"smallest {small.area_um2:.1f} um2 at {small.delay_ns:.4f} ns"
    )


def _page(steps: Sequence[Edit], captions: Sequence[str], title: str) -> str:
    frames = [
        {"svg": draw_svg(step.graph), "caption": text, "node": "" if step.node is None else "{}:{}".format(*step.node)}
        for step, text in zip(steps, captions, strict=True)
    ]
    return filled_page("episode.html", title or "episode", {"frames": frames})


def _gif(steps: Sequence[Edit], captions: Sequence[str]) -> bytes:
    try:
        from PIL import Image

        from prefixrl.graphs.png import render
    except ImportError:
        raise ToolMissing(
            "a GIF needs matplotlib and Pillow: pip install 'prefixrl[reports]' (HTML does not)"
        ) from None
    room = _room([step.graph for step in steps])
    pictures = []
    for step, text in zip(steps, captions, strict=True):
        picture = Image.open(io.BytesIO(render(step.graph, text, room=room))).convert("RGB")
        pictures.append(picture.quantize(64))
    times = [FRAME_MS] * (len(pictures) - 1) + [LAST_FRAME_MS]
    stream = io.BytesIO()
    pictures[0].save(stream, format="GIF", save_all=True, append_images=pictures[1:], duration=times, loop=0)
    return stream.getvalue()


def _room(graphs: Sequence[PrefixGraph]) -> tuple[float, float]:
    """Width and height that all pictures fit in; captions ask for some width, too."""
    from prefixrl.graphs.layout import lay_out

    layouts = [lay_out(graph) for graph in graphs]
    return max(25.0, *(each.width for each in layouts)), max(each.height for each in layouts)
