"""How long wires are in a datapath layout: the detour of `wires`, fitted to what placement adds to delays.

The smallest netlists of classical structures are placed without any repair; what that adds to their delays is compared
with what the wire model adds, and the detour is the one with the least root mean square of the difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prefixrl.circuits import Circuit
from prefixrl.circuits.mapping import map_structure
from prefixrl.errors import InputError
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.native.evaluator import NativeEvaluator
from prefixrl.synthesis.native.quality_benchmark import WITHOUT_WIRES, read_reference
from prefixrl.synthesis.native.timer import NativeTimer
from prefixrl.synthesis.openroad import OpenroadEvaluator
from prefixrl.synthesis.openroad.targets import RELAXED_PS
from prefixrl.synthesis.pdk import Pdk

STRUCTURES = ("sklansky", "kogge-stone", "brent-kung")
WIDTHS = (16, 32)
PLACED = ("placed",)
_LEAST, _MOST = 0.05, 20.0

Problem = tuple[str, int]


def added_by_openroad(pdk: Pdk, widths: Iterable[int] = WIDTHS, pin_order: str = "datapath") -> dict[Problem, float]:
    """What an unrepaired placement adds to the delays (ns) of netlists, by structure and width.

    :raises ToolMissing: OpenROAD was not found
    :raises EvaluationFailed: a placement failed
    """
    openroad = OpenroadEvaluator(pdk, clocks_ns=[RELAXED_PS * 1e-3], least_runs=1, pin_order=pin_order)
    constraints, timer, library = default_constraints(pdk), NativeTimer(pdk), pdk.library()
    added = {}
    for width in widths:
        for name in STRUCTURES:
            circuit = Circuit("adder", structure(name, width))
            bare_ns = timer.time(map_structure(circuit, library, polarity="area"), circuit, constraints)
            added[name, width] = openroad.evaluate(circuit, constraints).points[-1].delay_ns - bare_ns
    return added


def added_in_table(path: Path, widths: Sequence[int] = WIDTHS) -> dict[Problem, float]:
    """The same from a table of OpenROAD's results (`quality_benchmark.COLUMNS`): the slowest netlists are unrepaired.

    :raises InputError: no such table, or no netlist both placed and without wires
    """
    placed, bare = _slowest_ns(path, PLACED), _slowest_ns(path, WITHOUT_WIRES)
    added = {problem: placed[problem] - bare[problem] for problem in placed.keys() & bare.keys()}
    chosen = {problem: added[problem] for problem in sorted(added, key=lambda each: each[::-1]) if problem[1] in widths}
    if not chosen:
        raise InputError(f"a reference must have placed netlists of {' or '.join(map(str, widths))} bits: {path.name}")
    return chosen


def _slowest_ns(path: Path, wires: Sequence[str]) -> dict[Problem, float]:
    return {(each.name, each.width): each.points[-1][0] for each in read_reference(path, wires)}


def calibrate(pdk: Pdk, added: Mapping[Problem, float]) -> dict[str, Any]:
    """Fit the detour.

    :param added: what placement adds to delays (ns), by structure and width, under default constraints
    :return: `detour` and its `rms_ps`, the same of the detour `in_use`, and a row for each netlist: what placement adds
        and what the model adds with the fitted detour, in ps
    :raises InputError: a PDK whose wires are not known
    """
    from scipy.optimize import minimize_scalar

    in_use = NativeEvaluator(pdk, wires="datapath").detour
    bare = {problem: _smallest_ns(pdk, problem) for problem in added}

    def modelled(detour: float) -> dict[Problem, float]:
        options = {"wires": "datapath", "wire_detour": detour}
        return {problem: _smallest_ns(pdk, problem, **options) - bare[problem] for problem in added}

    def rms_ps(detour: float) -> float:
        model = modelled(detour)
        return 1e3 * math.sqrt(sum((model[each] - added[each]) ** 2 for each in added) / len(added))

    fitted = minimize_scalar(rms_ps, bounds=(_LEAST, _MOST), method="bounded", options={"xatol": 0.01})
    detour = round(float(fitted.x), 2)
    model = modelled(detour)
    return {
        "pdk": pdk.name,
        "detour": detour,
        "rms_ps": rms_ps(detour),
        "in_use": {"detour": in_use, "rms_ps": rms_ps(in_use)},
        "rows": [
            {"structure": name, "width": width, "placement_ps": 1e3 * delay_ns, "model_ps": 1e3 * model[name, width]}
            for (name, width), delay_ns in added.items()
        ],
    }


def _smallest_ns(pdk: Pdk, problem: Problem, **wires: Any) -> float:
    """Delay of the smallest netlist."""
    name, width = problem
    evaluator = NativeEvaluator(pdk, "fast", **wires)
    return evaluator.evaluate(Circuit("adder", structure(name, width)), default_constraints(pdk)).points[-1].delay_ns
