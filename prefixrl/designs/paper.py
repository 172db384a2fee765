"""The published fronts of PrefixRL (DAC 2021, arXiv 2205.07000, figure 4), and how others compare with them.

`prefixrl_2021.csv` holds the points of the figure's vector graphics. Areas there are a tenth of those plotted: all of
these lie on multiples of 2.66 where Nangate45's site has 0.266 um2.
"""

from __future__ import annotations

import csv
import importlib.resources
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from prefixrl.circuits import Circuit
from prefixrl.designs.front import FrontPoint, best_at, nondominated
from prefixrl.errors import InputError
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import AreaDelayCurve
from prefixrl.synthesis.evaluator import Evaluator

WIDTHS = (32, 64)
CLASSICAL = ("sklansky", "kogge-stone", "brent-kung")
OURS = "prefixrl"
_FAR = 9.0


class PaperPoint(NamedTuple):
    """A published netlist."""

    delay_ns: float
    area_um2: float


@lru_cache(maxsize=1)
def paper_points() -> Mapping[tuple[int, str], tuple[PaperPoint, ...]]:
    """Points by rising delay of every width and series ("prefixrl" or a classical structure's name)."""
    text = (importlib.resources.files("prefixrl.designs") / "prefixrl_2021.csv").read_text()
    found: dict[tuple[int, str], list[PaperPoint]] = {}
    for row in csv.DictReader(text.splitlines()):
        point = PaperPoint(float(row["delay_ns"]), float(row["area_um2"]))
        found.setdefault((int(row["width"]), row["series"]), []).append(point)
    return {key: tuple(sorted(points)) for key, points in found.items()}


def paper_front(width: int) -> tuple[PaperPoint, ...]:
    """The points of PrefixRL's own series that no other of them equals or betters.

    :raises InputError: the paper has no front of this width
    """
    if width not in WIDTHS:
        raise InputError(f"the paper's fronts have {' or '.join(map(str, WIDTHS))} bits: {width}")
    points = paper_points()[width, OURS]
    delays, areas = np.array(points).T
    return tuple(points[index] for index in nondominated(delays, areas))


def fit_residual(evaluator: Evaluator, constraints: Constraints) -> dict[str, Any]:
    """How near classical structures under constraints come to their published points.

    Distances are those of (ln delay, ln area) from our curve, so about relative; positive where our curve is behind.

    :return: root mean square and mean in percent, over all points and by structure and width
    """
    by_series: dict[str, float] = {}
    every: list[np.ndarray] = []
    for width in WIDTHS:
        for name in CLASSICAL:
            curve = evaluator.evaluate(Circuit("adder", structure(name, width)), constraints)
            distances = curve_distances(curve, paper_points()[width, name])
            by_series[f"{name} {width}"] = _rms_percent(distances)
            every.append(distances)
    joined = np.concatenate(every)
    return {
        "points": len(joined),
        "rms_percent": _rms_percent(joined),
        "mean_percent": 100.0 * float(joined.mean()),
        "rms_percent_of": by_series,
    }


def curve_distances(curve: AreaDelayCurve, points: Sequence[PaperPoint]) -> np.ndarray:
    """Signed distance of each point from a curve in (ln delay, ln area), float64 [P]; positive below the curve.

    The curve is the polyline through its points, upright at its fast end and level at its slow one.
    """
    knots = np.log(np.array([(point.delay_ns, point.area_um2) for point in curve.points]))
    line = np.vstack([knots[0] + np.array([0.0, _FAR]), knots, knots[-1] + np.array([_FAR, 0.0])])
    begin, along = line[:-1], np.diff(line, axis=0)
    found = np.empty(len(points))
    for place, point in enumerate(np.log(np.array(points))):
        share = np.clip(((point - begin) * along).sum(1) / (along**2).sum(1), 0.0, 1.0)
        apart = point - (begin + share[:, None] * along)
        nearest = int((apart**2).sum(1).argmin())
        found[place] = np.sqrt((apart[nearest] ** 2).sum()) * -np.sign(apart[nearest].sum())
    return found


def compare_with_paper(front: Sequence[FrontPoint], width: int) -> dict[str, Any]:
    """A front of adders against the paper's.

    :return: rows with the saving at each of the paper's points (None where the front is not as fast), how many of them
        are dominated, and the mean and least saving in percent
    """
    rows = []
    for point in paper_front(width):
        best = best_at(front, point.delay_ns)
        own = None if best is None else best.area_um2
        saved = None if own is None else 100.0 * (1.0 - own / point.area_um2)
        rows.append({"delay_ns": point.delay_ns, "paper_um2": point.area_um2, "own_um2": own, "saved_percent": saved})
    savings = [float(row["saved_percent"]) for row in rows if row["saved_percent"] is not None]
    return {
        "points": len(rows),
        "dominated": sum(saved >= 0.0 for saved in savings),
        "mean_saved_percent": float(np.mean(savings)) if savings else None,
        "least_saved_percent": min(savings, default=None),
        "rows": rows,
    }


def _rms_percent(distances: np.ndarray) -> float:
    return 100.0 * float(np.sqrt((distances**2).mean()))
