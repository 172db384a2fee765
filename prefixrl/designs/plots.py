"""Pictures of fronts as PNG or SVG. Matplotlib is loaded when one is drawn, and no display or global state is used."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefixrl.designs.front import FrontPoint, front_of, hypervolume, merged_classical_front, reference_point
from prefixrl.designs.records import DesignContext
from prefixrl.errors import InputError, ToolMissing
from prefixrl.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES = (".png", ".svg")

_OURS = "#c1121f"
_CLASSICAL_FRONT = "#1d3557"
_OTHERS = "#b8bec6"
_NAMED = {
    "sklansky": ("#2a9d8f", "s"),
    "kogge-stone": ("#8a5cd1", "^"),
    "brent-kung": ("#e08a1e", "D"),
    "han-carlson": ("#4f8fd0", "v"),
    "ripple-carry": ("#7a6a58", "P"),
}
"""Colour and marker of the structures that every reader knows; the others share one grey."""


def plot_front(
    path: str | Path,
    context: DesignContext,
    fronts: Mapping[str, Sequence[FrontPoint]],
    classical: Mapping[str, Sequence[FrontPoint]],
    *,
    reference: tuple[float, float] | None = None,
    title: str | None = None,
) -> None:
    """Draw fronts over the area-delay curves of the classical structures.

    The picture shows what lies within the reference point; a structure that is slower or larger altogether is named
    below the title instead.

    :param path: PNG or SVG, by its suffix
    :param fronts: by label; the first is the one that is compared, drawn strongest
    :param classical: curves by structure
    :param reference: reference point (delay_ns, area_um2) of the hypervolumes in the legend; the default is the rule's
    :raises InputError: another suffix, nothing to draw, or a place that cannot be written
    :raises ToolMissing: matplotlib is not installed
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"a plot must be a .png or .svg file: {path}")
    if importlib.util.find_spec("matplotlib") is None:
        raise ToolMissing("plots need matplotlib (pip install 'prefixrl[reports]'): matplotlib")
    if not any(fronts.values()):
        raise InputError(f"a plot needs at least one successful design, there is none: {path}")
    reference = reference or reference_point(classical)
    everything = [point for curve in (*fronts.values(), *classical.values()) for point in curve]
    if not any(_inside(point, reference) for point in everything):
        raise InputError(f"a reference point must be slower and larger than some design: {reference}")
    figure, axes = _figure()
    _draw_fronts(axes, fronts, reference)
    _draw_classical(axes, classical, reference)
    _label(axes, context, title, reference, fronts, classical)
    _save(figure, path)


def _figure() -> tuple[Any, Axes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 5.0), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _draw_classical(axes: Axes, classical: Mapping[str, Sequence[FrontPoint]], reference: tuple[float, float]) -> None:
    best = [point for point in merged_classical_front(classical) if _inside(point, reference)]
    if not best:
        return
    label = f"classical front, hypervolume {hypervolume(best, reference):.4g}"
    style: dict[str, Any] = {"color": _CLASSICAL_FRONT, "linewidth": 1.6, "linestyle": "--"}
    axes.step(*_stairs(best, reference), where="post", label=label, zorder=4, **style)
    grey_label = "other classical structures"
    for name in sorted(classical, key=lambda name: (name not in _NAMED, name)):
        points = [point for point in front_of(classical[name]) if _inside(point, reference)]
        if not points:
            continue
        colour, marker = _NAMED.get(name, (_OTHERS, "o"))
        label = name if name in _NAMED else grey_label
        grey_label = grey_label if name in _NAMED else "_nolegend_"  # one entry for all of them
        style = {"color": colour, "marker": marker, "linewidth": 0.9, "markersize": 3.5}
        axes.plot(*_columns(points), label=label, zorder=2 + (name in _NAMED), **style)


def _draw_fronts(axes: Axes, fronts: Mapping[str, Sequence[FrontPoint]], reference: tuple[float, float]) -> None:
    colours = (_OURS, "#0b6e4f", "#6a040f", "#3a0ca3")
    for order, (label, front) in enumerate(fronts.items()):
        points = [point for point in front if _inside(point, reference)]
        colour = colours[order % len(colours)]
        text = f"{label}, hypervolume {hypervolume(front, reference):.4g}"
        axes.step(*_stairs(points, reference), where="post", color=colour, linewidth=2.0, label=text, zorder=6)
        axes.plot(*_columns(points), color=colour, linestyle="none", marker="o", markersize=5, zorder=7)


def _stairs(front: Sequence[FrontPoint], reference: tuple[float, float]) -> tuple[list[float], list[float]]:
    """The step function of a front, drawn on to the reference delay: what is small stays small when time is relaxed."""
    delays, areas = _columns(front)
    return (delays, areas) if not front else ([*delays, reference[0]], [*areas, areas[-1]])


def _label(
    axes: Axes,
    context: DesignContext,
    title: str | None,
    reference: tuple[float, float],
    fronts: Mapping[str, Sequence[FrontPoint]],
    classical: Mapping[str, Sequence[FrontPoint]],
) -> None:
    model = " (model units)" if context.evaluator == "analytic" else ""
    axes.set_xlabel(f"delay (ns){model}")
    axes.set_ylabel(f"area (um²){model}")
    kind = context.circuit.replace("_", " ")
    axes.set_title(title or f"{context.width}-bit {kind}, {context.pdk}, {context.evaluator} evaluator", fontsize=11)
    axes.grid(True, color="#e6e8eb", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    shown = [point for curve in (*fronts.values(), *classical.values()) for point in curve if _inside(point, reference)]
    fastest = min(point.delay_ns for point in shown)
    smallest = min(point.area_um2 for point in shown)
    axes.set_xlim(fastest - 0.04 * (reference[0] - fastest), reference[0])
    axes.set_ylim(smallest - 0.06 * (reference[1] - smallest), reference[1])
    outside = sorted(
        name for name, curve in classical.items() if curve and not any(_inside(p, reference) for p in curve)
    )
    note = f"reference point {reference[0]:.4g} ns, {reference[1]:.4g} um²"
    note += f"; beyond it: {', '.join(outside)}" if outside else ""
    axes.text(0.995, 0.012, note, transform=axes.transAxes, ha="right", va="bottom", fontsize=7, color="#5c6670")
    axes.legend(loc="upper right", fontsize=8, frameon=True, framealpha=0.92, edgecolor="none")


def _inside(point: FrontPoint, reference: tuple[float, float]) -> bool:
    return point.delay_ns <= reference[0] and point.area_um2 <= reference[1]


def _columns(points: Sequence[FrontPoint]) -> tuple[list[float], list[float]]:
    return [point.delay_ns for point in points], [point.area_um2 for point in points]


def _save(figure: Any, path: Path) -> None:
    import matplotlib

    # Text stays text and IDs do not depend on the run, so that equal fronts give equal SVG files.
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "prefixrl"}
    metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
    picture = io.BytesIO()
    with matplotlib.rc_context(settings):
        figure.savefig(picture, format=path.suffix.lower().lstrip("."), metadata=metadata)
    try:
        atomic_write(path, picture.getvalue())
    except OSError as error:
        raise InputError(f"a plot must be written to a writable place ({error.strerror}): {path}") from None
