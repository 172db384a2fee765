"""Sizing methods against each other on the same smallest netlists: why the engine walks as it does.

`greedy` is sensitivity-based sizing (Fishburn and Dunlop's TILOS, ICCAD 1985): from the smallest netlist on, the gate
that gains most delay per area takes its next larger cell. `relaxation` is this engine's walk (Lagrangian relaxation
with discrete sizes) where it may do nothing but size gates; `walk` is the same walk with pins, propagates and buffers.
All are timed by the same exact timer.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prefixrl.circuits import Circuit
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.native.evaluator import NativeEvaluator, Walk
from prefixrl.synthesis.native.library import NativeLibrary
from prefixrl.synthesis.native.netlists import INPUTS, NODES, Net, Surroundings
from prefixrl.synthesis.native.sweep import Plan
from prefixrl.synthesis.native.timer import surroundings
from prefixrl.synthesis.native.timing import connect, empty_timing, propagate, total_area
from prefixrl.synthesis.pdk import Pdk, load_pdk

STRUCTURES = ("sklansky", "kogge-stone", "brent-kung")
WIDTHS = (16, 32)
METHODS = ("relaxation", "greedy", "walk")
_STEPS = 400
_WALK = Walk("area", 0, Plan(_STEPS, 0.05, 60.0, 0.02, 0.1, 5))
# Structure would be changed after the last step.
_SIZING = _WALK._replace(plan=_WALK.plan._replace(period=4 * _STEPS))
_DELAYS = 40

Curve = NDArray[np.float64]
"""[P, 2]: delays in ns and areas in um2."""


def bench_methods(widths: Sequence[int] = WIDTHS, pdk: Pdk | None = None) -> dict[str, Any]:
    """What each method needs at equal delay, against `relaxation`.

    :return: for each method the mean over all adders of `excess_percent` (area over that of `relaxation`, mean over the
        faster half of the delays that both reach), of `fastest_percent` (the same of the least delay), and of
        `seconds`; under `rows` these for every adder
    """
    pdk = pdk or load_pdk()
    _rows(pdk, STRUCTURES[0], 4)  # compiles
    rows = [row for width in widths for name in STRUCTURES for row in _rows(pdk, name, width)]
    figures: dict[str, Any] = {}
    for method in METHODS:
        own = [row for row in rows if row["method"] == method]
        keys = ("excess_percent", "fastest_percent", "seconds")
        figures[method] = {key: statistics.fmean(row[key] for row in own) for key in keys}
    return {**figures, "rows": rows}


def _rows(pdk: Pdk, name: str, width: int) -> list[dict[str, Any]]:
    circuit = Circuit("adder", structure(name, width))
    evaluator = NativeEvaluator(pdk)
    around = surroundings(evaluator.library, pdk.name, circuit, default_constraints(pdk))
    curves, seconds = {}, {}
    for method in METHODS:
        began = time.process_time()
        if method == "greedy":
            net = evaluator.smallest(circuit, _WALK)
            curves[method] = greedy(evaluator.library, net, around)
        else:
            curves[method] = evaluator.walk(circuit, _WALK if method == "walk" else _SIZING, around)
        seconds[method] = time.process_time() - began
    base = curves["relaxation"]
    return [
        {
            "structure": name,
            "width": width,
            "method": method,
            "excess_percent": excess_percent(curves[method], base),
            "fastest_percent": 100.0 * (curves[method][:, 0].min() / base[:, 0].min() - 1.0),
            "seconds": seconds[method],
        }
        for method in METHODS
    ]


def greedy(library: NativeLibrary, net: Net, around: Surroundings) -> Curve:
    """The netlists of sensitivity-based sizing, from the smallest until no larger cell gains anything.

    :param net: smallest netlist; sized in place
    """
    tables, timing = library.tables, empty_timing(len(net.cell))
    connect(net)
    delay, area = propagate(tables, net, around, timing), total_area(tables, net)
    curve = [(delay, area)]
    while True:
        best, most = -1, 0.0
        for node in range(int(net.size[INPUTS]), int(net.size[NODES])):
            larger = _next_larger(library, int(net.cell[node]))
            if larger < 0:
                continue
            cell, net.cell[node] = net.cell[node], larger
            gained = delay - propagate(tables, net, around, timing)
            net.cell[node] = cell
            cost = tables.area[larger] - tables.area[cell]
            if gained > most * cost:
                best, most = node, gained / cost
        if best < 0:
            return np.array(curve)
        net.cell[best] = _next_larger(library, int(net.cell[best]))
        delay, area = propagate(tables, net, around, timing), total_area(tables, net)
        curve.append((delay, area))


def _next_larger(library: NativeLibrary, cell: int) -> int:
    """The next cell of the family that is larger; -1 for none."""
    tables = library.tables
    family = int(tables.family[cell])
    for place in range(int(tables.rank[cell]) + 1, int(tables.family_first[family + 1])):
        other = int(tables.members[place])
        if tables.area[other] > tables.area[cell]:
            return other
    return -1


def excess_percent(curve: Curve, base: Curve) -> float:
    """Area of a curve over that of another at equal delay, mean over the faster half of the delays that both reach."""
    fastest = max(curve[:, 0].min(), base[:, 0].min())
    slowest = base[base[:, 1].argmin(), 0]
    delays = np.linspace(fastest, (fastest + slowest) / 2, _DELAYS)
    own, other = (np.array([each[each[:, 0] <= delay, 1].min() for delay in delays]) for each in (curve, base))
    return float(100.0 * (own / other - 1.0).mean())
