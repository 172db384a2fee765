"""The picture of `prefixrl bench agents`: hypervolume against unique evaluations, a panel per width."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefixrl.designs.plots import SUFFIXES
from prefixrl.errors import InputError, ToolMissing
from prefixrl.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#c1121f", "#1d3557", "#2a9d8f", "#e08a1e", "#8a5cd1", "#4f8fd0", "#7a6a58", "#5c6670", "#d45087")


def check_plot(path: Path) -> None:
    """Refuse what `plot_contest` could not write, before the work is done.

    :raises InputError: another suffix, or no folder to write to
    :raises ToolMissing: matplotlib is not installed
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"a plot must be a .png or .svg file: {path}")
    if not path.resolve().parent.is_dir():
        raise InputError(f"a plot must be written into a folder that is there: {path}")
    if importlib.util.find_spec("matplotlib") is None:
        raise ToolMissing("plots need matplotlib (pip install 'prefixrl[reports]'): matplotlib")


def plot_contest(path: Path, figures: Mapping[str, Any]) -> None:
    """Draw what `bench_agents` found: the course of the largest budget as a line, every budget's interval as a bar.

    :param path: PNG or SVG, by its suffix
    :raises InputError: the file cannot be written
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = figures["rows"]
    widths = list(dict.fromkeys(row["width"] for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    figure = Figure(figsize=(0.8 + 5.2 * len(widths), 4.4), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, width in zip(figure.subplots(1, len(widths), squeeze=False)[0], widths, strict=True):
        for colour, method in zip(_cycle(len(methods)), methods, strict=True):
            _draw(axes, [row for row in rows if (row["width"], row["method"]) == (width, method)], method, colour)
        _label(axes, f"{width} bits, {len(figures['seeds'])} seeds")
    picture = io.BytesIO()
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "prefixrl"}
    with matplotlib.rc_context(settings):
        figure.savefig(picture, format=path.suffix.lower().lstrip("."))
    try:
        atomic_write(path, picture.getvalue())
    except OSError as error:
        raise InputError(f"a plot must be written to a writable place ({error.strerror}): {path}") from None


def _cycle(count: int) -> list[str]:
    return [COLOURS[place % len(COLOURS)] for place in range(count)]


def _draw(axes: Axes, rows: Sequence[Mapping[str, Any]], method: str, colour: str) -> None:
    course = next(row for row in rows if "curve" in row)
    axes.plot(course["marks"], course["curve"], color=colour, linewidth=1.6, label=method)
    counts = [row["evaluations"] for row in rows]
    means = [row["hypervolume"] for row in rows]
    below = [row["hypervolume"] - row["low"] for row in rows]
    above = [row["high"] - row["hypervolume"] for row in rows]
    style: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 4, "capsize": 3, "color": colour}
    axes.errorbar(counts, means, yerr=[below, above], **style)


def _label(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=11)
    axes.set_xlabel("unique evaluations")
    axes.set_ylabel("hypervolume (ns um²)")
    axes.grid(True, color="#e6e8eb", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(loc="lower right", fontsize=8, edgecolor="none")
