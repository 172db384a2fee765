"""What the choice of cells is worth: policies of the mapper against each other and against ABC, which chooses freely.

ABC sees nothing but the logic of the mapper's netlist and may cover it anew with any cell that the engine can time (up
to four operands: AOI22, AOI211, multiplexers, NANDs of four), in several ways, of which the smallest counts. All the
netlists are then walked by the same engine, so that areas at equal delay differ by the mapping alone.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prefixrl.circuits import Circuit
from prefixrl.circuits.mapping import map_structure
from prefixrl.circuits.netlist import Netlist
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.native.evaluator import NativeEvaluator, Walk
from prefixrl.synthesis.native.library import MAXIMUM_OPERANDS
from prefixrl.synthesis.native.netlists import Surroundings, net_of
from prefixrl.synthesis.native.plain_walk import walk_plainly
from prefixrl.synthesis.native.sweep import AREA, DELAY, Plan
from prefixrl.synthesis.native.timer import surroundings
from prefixrl.synthesis.pdk import Pdk, load_pdk
from prefixrl.synthesis.signoff_benchmark import random_graph
from prefixrl.synthesis.sizer import AbcSizer

WIDTHS = (16, 32)
STRUCTURES = ("sklansky", "kogge-stone", "brent-kung", "ripple-carry")
RANDOM_GRAPHS = 2
"""For every width."""

FREE = {
    "amap": "strash; amap -F 50 -A 50",
    "dch, amap": "strash; dch; amap -F 50 -A 50",
    "dch, map": "strash; dch; map -a",
    "dc2, dch, nf": "strash; dc2; dch; &get -n; &nf -a 10 -R 100 -F 20; &put",
}
"""ABC's commands that cover a netlist anew for little area."""

_PLAN = Plan(400, 0.05, 60.0, 0.02, 0.1, 5)
_DELAYS = 40

Curve = NDArray[np.float64]
"""[P, 2]: delays in ns and areas in um2."""


def bench_mapping(
    groups: Mapping[str, Mapping[str, PrefixGraph]],
    pdk: Pdk | None = None,
) -> dict[str, Any]:
    """Areas of the mappings "merged" and "free" against "area", in percent, negative where they are smaller.

    :param groups: graphs by title, in groups
    :returns: for every group, for "merged" and "free" the means of `smallest_percent` (of the unsized netlists), and of
        `fast_percent` and `slow_percent` (at equal delay, over the faster and the slower half of the delays that both
        reach, their steps being ratios); under `rows` these for every graph, with ABC's best way and its cells
    :raises ToolMissing: this machine has no ABC
    """
    chosen = _narrow(load_pdk() if pdk is None else pdk)
    evaluator, sizer = NativeEvaluator(chosen), AbcSizer(chosen, chosen.library())
    figures: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    try:
        for group, graphs in groups.items():
            own = [_row(title, Circuit("adder", graph), evaluator, sizer) for title, graph in graphs.items()]
            figures[group] = {mapping: _means([row[mapping] for row in own]) for mapping in ("merged", "free")}
            rows += own
    finally:
        sizer.close()
    return {**figures, "rows": rows}


def common_graphs(
    widths: Sequence[int] = WIDTHS, random_graphs: int = RANDOM_GRAPHS, seed: int = 0
) -> dict[str, dict[str, PrefixGraph]]:
    """Classical structures, and so many random graphs of every width: groups for `bench_mapping`."""
    generator = np.random.default_rng(seed)
    return {
        "classical": {f"{name} {width}": structure(name, width) for width in widths for name in STRUCTURES},
        "random": {
            f"random {width} {number}": random_graph(width, generator)
            for width in widths
            for number in range(random_graphs)
        },
    }


def _means(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {key: statistics.fmean(each[key] for each in figures) for key in figures[0]}


def _narrow(pdk: Pdk) -> Pdk:
    """A PDK without the cells of more operands than the engine has room for."""
    wide = tuple(cell.name for cell in pdk.library() if len(cell.inputs) > MAXIMUM_OPERANDS)
    return replace(pdk, dont_use=(*pdk.dont_use, *wide))


def _row(title: str, circuit: Circuit, evaluator: NativeEvaluator, sizer: AbcSizer) -> dict[str, Any]:
    library = evaluator.pdk.library()
    around = surroundings(evaluator.library, evaluator.pdk.name, circuit, default_constraints(evaluator.pdk))
    plain, merged = (evaluator.walk(circuit, Walk(each, 40, _PLAN), around) for each in ("area", "merged"))
    way, free = _freely(map_structure(circuit, library), evaluator, sizer)
    return {
        "graph": title,
        "area_um2": float(plain[0, 1]),
        "merged": _against(merged, plain),
        "free": _against(_walked(free, evaluator, around), plain),
        "way": way,
        "cells": free.cell_counts(),
    }


def _walked(netlist: Netlist, evaluator: NativeEvaluator, around: Surroundings) -> Curve:
    """The walk from any netlist, with pins and buffers moved."""
    net = net_of(netlist, evaluator.library, len(netlist.gates))
    curve = walk_plainly(evaluator.library, net, around, _PLAN, _PLAN.steps)
    return curve[:, [DELAY, AREA]]


def _freely(netlist: Netlist, evaluator: NativeEvaluator, sizer: AbcSizer) -> tuple[str, Netlist]:
    """The smallest netlist that ABC makes of another's logic, and by which way."""
    sizer.load(netlist, default_constraints(evaluator.pdk))
    found = []
    for way, commands in FREE.items():
        sizer.restart()
        figures = sizer.run(f"{commands}; topo")
        found.append((figures.area_um2, way, sizer.netlist()))
    _, way, smallest = min(found, key=lambda each: each[:2])
    return way, smallest


def _against(curve: Curve, base: Curve) -> dict[str, float]:
    """Areas of a curve over those of another, in percent."""
    fastest = max(curve[:, 0].min(), base[:, 0].min())
    slowest = max(each[each[:, 1].argmin(), 0] for each in (curve, base))
    delays = np.geomspace(fastest, slowest, _DELAYS)
    own, other = (np.array([each[each[:, 0] <= delay, 1].min() for delay in delays]) for each in (curve, base))
    excess = 100.0 * (own / other - 1.0)
    return {
        "smallest_percent": float(100.0 * (curve[0, 1] / base[0, 1] - 1.0)),
        "fast_percent": float(excess[: _DELAYS // 2].mean()),
        "slow_percent": float(excess[_DELAYS // 2 :].mean()),
    }
