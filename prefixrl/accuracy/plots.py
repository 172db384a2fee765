"""The picture of the width study: accuracy over the adder's bits, above area and delay of adders and whole units."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefixrl.accuracy.judging import LARGEST_LOSS
from prefixrl.accuracy.widths import AdderFigures, UnitFigures, WidthResult
from prefixrl.errors import InputError, ToolMissing
from prefixrl.files import atomic_write
from prefixrl.formats import Cut

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#c1121f", "#1d3557", "#2a9d8f", "#e08a1e", "#8a5cd1", "#7a6a58", "#4f8fd0", "#b56576")


def check_plot(path: Path) -> None:
    """Before the work is done: whether there will be a picture.

    :raises InputError: another suffix than those of PNG and SVG
    :raises ToolMissing: matplotlib is not installed
    """
    if path.suffix.lower() not in (".png", ".svg"):
        raise InputError(f"a plot must be a .png or .svg file: {path}")
    if importlib.util.find_spec("matplotlib") is None:
        raise ToolMissing("plots need matplotlib (pip install 'prefixrl[reports]'): matplotlib")


def plot_widths(
    path: Path,
    title: str,
    reference: float,
    results: Sequence[WidthResult],
    adders: Sequence[AdderFigures],
    units: Sequence[UnitFigures] = (),
) -> None:
    """Draw a study of one model.

    :param path: PNG or SVG, by its suffix
    :param title: the model
    :param reference: accuracy in FP32
    :param units: none of them leaves their panel out
    :raises InputError: another suffix
    :raises ToolMissing: matplotlib is not installed
    """
    check_plot(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 11.0 if units else 8.0), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(3 if units else 2, 1, sharex=True, height_ratios=(3, 2, 2) if units else (3, 2))
    _draw_accuracy(panels[0], title, reference, results)
    _draw_adders(panels[1], adders)
    if units:
        _draw_units(panels[2], units, list(dict.fromkeys(each.fmt for each in results)))
    panels[-1].set_xlabel("bits of the adder, for 32 products")
    for axes in panels:
        axes.grid(True, color="#e6e8eb", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines["top"].set_visible(False)
    stream = io.BytesIO()
    figure.savefig(stream, format=path.suffix[1:].lower())
    atomic_write(path, stream.getvalue())


def _draw_accuracy(axes: Axes, title: str, reference: float, results: Sequence[WidthResult]) -> None:
    names = list(dict.fromkeys(each.fmt for each in results))
    for order, name in enumerate(names):
        style: dict[str, Any] = {"color": _COLOURS[order % len(_COLOURS)], "marker": "o", "markersize": 3.5}
        for cut in Cut:
            points = [
                (each.width, 100 * each.verdict.accuracy)
                for each in results
                if each.fmt == name and each.cut is cut and each.width is not None
            ]
            if points:
                dashed = cut is Cut.FLOOR
                label = "_nolegend_" if dashed and len({each.cut for each in results}) > 1 else name
                axes.plot(*zip(*points, strict=True), linestyle="--" if dashed else "-", label=label, **style)
    axes.axhline(100 * reference, color="#888888", linewidth=1.0)
    axes.axhline(100 * reference * (1 - LARGEST_LOSS), color="#888888", linewidth=1.0, linestyle=":")
    axes.set_ylabel("right (%)")
    axes.set_title(title, fontsize=10)
    axes.legend(frameon=False, fontsize=9, loc="lower right", title="solid: cut toward zero; dashed: floor")
    axes.text(0.01, 0.98, "grey: FP32, and 1 % less", transform=axes.transAxes, va="top", fontsize=9, color="#666666")
    axes.spines["right"].set_visible(False)


def _draw_adders(axes: Axes, adders: Sequence[AdderFigures]) -> None:
    widths = [each.width for each in adders]
    area, delay = "#1d3557", "#c1121f"
    label = f"area at {adders[0].delay_ns:.3f} ns"
    axes.plot(widths, [each.area_um2 for each in adders], color=area, marker="s", markersize=3.5, label=label)
    axes.set_ylabel("adder: area (um²)", color=area)
    axes.set_ylim(bottom=0)
    other = axes.twinx()
    fastest = [each.fastest_ns for each in adders]
    other.plot(widths, fastest, color=delay, marker="^", markersize=3.5, label="least delay")
    other.set_ylabel("least delay (ns)", color=delay)
    other.set_ylim(bottom=0)
    other.spines["top"].set_visible(False)
    lines = [*axes.get_lines(), *other.get_lines()]
    axes.legend(lines, [str(line.get_label()) for line in lines], frameon=False, fontsize=9, loc="lower right")


def _draw_units(axes: Axes, units: Sequence[UnitFigures], order: Sequence[str]) -> None:
    """In the formats' colours above: area solid, least delay dotted."""
    other = axes.twinx()
    for fmt in dict.fromkeys(each.fmt for each in units):
        own = [each for each in units if each.fmt == fmt]
        widths = [each.width for each in own]
        colour = _COLOURS[order.index(fmt) % len(_COLOURS)]
        axes.plot(widths, [each.area_um2 for each in own], color=colour, marker="s", markersize=3.5, label=fmt)
        other.plot(widths, [each.fastest_ns for each in own], color=colour, marker="^", markersize=3.5, linestyle=":")
    axes.set_ylabel(f"whole unit: area (um²) at {units[0].delay_ns:.3f} ns")
    axes.set_ylim(bottom=0)
    other.set_ylabel("whole unit: least delay (ns)")
    other.set_ylim(bottom=0)
    other.spines["top"].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="lower right", title="solid: area; dotted: least delay")
