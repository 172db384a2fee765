"""The `native` evaluator's word against OpenSTA's, its speed against ABC's, its netlists against other sizers'."""

from __future__ import annotations

import csv
import math
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from prefixrl.circuits import Circuit
from prefixrl.circuits.netlist import Netlist
from prefixrl.circuits.proof import prove_netlist
from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import classical_structures, structure
from prefixrl.synthesis.constraints import Constraints, default_constraints
from prefixrl.synthesis.curve import AreaDelayCurve
from prefixrl.synthesis.evaluator import Evaluator
from prefixrl.synthesis.native.evaluator import NativeEvaluator
from prefixrl.synthesis.pdk import Pdk, load_pdk
from prefixrl.synthesis.signoff import SignoffTimer
from prefixrl.synthesis.yosys import YosysEvaluator

SECTIONS = ("truth", "speed", "quality", "memory")
WIDTHS = (8, 16, 24, 32, 48, 64, 96, 128)
_STRUCTURES = {"sklansky": "sklansky", "koggestone": "kogge-stone", "brentkung": "brent-kung"}
_PROBE = (
    "import resource; from prefixrl.circuits import Circuit; from prefixrl.graphs.structures import structure;"
    "from prefixrl.synthesis.constraints import default_constraints; from prefixrl.synthesis.pdk import load_pdk;"
    "from prefixrl.synthesis.native import NativeEvaluator; p = load_pdk();"
    "NativeEvaluator(p).evaluate(Circuit('adder', structure('sklansky', 32)), default_constraints(p));"
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
)


def bench_native(
    sections: Sequence[str] = SECTIONS,
    netlists: int = 1000,
    random_graphs: int = 200,
    reference: Path | None = None,
    pdk: Pdk | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """The figures of some sections, by section.

    :param sections: of `SECTIONS`
    :param netlists: how many are timed and proven for `truth`
    :param random_graphs: 32-bit graphs for `quality`
    :param reference: CSV with the columns structure, width, wires, clock_ns, area_um2, delay_ns: what another sizer
        makes of Sklansky, Kogge-Stone and Brent-Kung; rows whose `wires` is "zero" count
    :raises InputError: an unknown section, or a file that is no such table
    """
    unknown = next((section for section in sections if section not in SECTIONS), None)
    if unknown is not None:
        raise InputError(f"a section must be one of {', '.join(SECTIONS)}: {unknown!r}")
    chosen = load_pdk() if pdk is None else pdk
    figures: dict[str, Any] = {}
    for section in sections:
        if section == "truth":
            figures[section] = _truth(chosen, netlists, seed)
        elif section == "speed":
            figures[section] = {f"{width} bits": _speed(chosen, width) for width in (16, 32, 64, 128)}
        elif section == "quality":
            figures[section] = _quality(chosen, reference, random_graphs, seed)
        else:
            figures[section] = {"peak_mib": _memory_mib()}
    return figures


def random_graph(width: int, draw: random.Random) -> PrefixGraph:
    """A classical structure after `width` random edits."""
    graph = draw.choice(list(classical_structures(width).values()))
    for _ in range(width):
        msb = draw.randrange(2, width)
        lsb = draw.randrange(1, msb)
        if graph.can_add(msb, lsb):
            graph = graph.add(msb, lsb, "keep")
        elif graph.can_delete(msb, lsb):
            graph = graph.delete(msb, lsb, "keep")
    return graph


def _circuits(seed: int) -> Iterator[Circuit]:
    """Adders of all widths, classical and random in turn, without end."""
    draw = random.Random(seed)
    for width in cycle(WIDTHS):
        classical = list(classical_structures(width).values())
        yield Circuit("adder", draw.choice(classical))
        yield Circuit("adder", random_graph(width, draw))


def _truth(pdk: Pdk, netlists: int, seed: int) -> dict[str, Any]:
    """Delay against OpenSTA, area against the sum of the cells, function against a + b: netlist by netlist."""
    constraints, library = default_constraints(pdk), pdk.library()
    evaluator = NativeEvaluator(pdk)
    errors, exact, proven = [], 0, 0
    with SignoffTimer(pdk) as timer:
        for circuit in _circuits(seed):
            points = evaluator.evaluate(circuit, constraints).points
            for point in {points[0], points[len(points) // 3], points[2 * len(points) // 3], points[-1]}:
                netlist = evaluator.realize(circuit, constraints, point, "adder")
                errors.append(100 * abs(point.delay_ns / timer.time(netlist, circuit, constraints).delay_ns - 1))
                exact += math.isclose(netlist.area_um2(library), point.area_um2, abs_tol=1e-6)
                proven += _is_proven(netlist, circuit, pdk)
                if len(errors) == netlists:
                    worst = {"mean_error_percent": statistics.fmean(errors), "worst_error_percent": max(errors)}
                    return {"netlists": netlists, **worst, "areas_exact": exact, "proven_equivalent": proven}
    raise AssertionError("circuits do not end")


def _is_proven(netlist: Netlist, circuit: Circuit, pdk: Pdk) -> bool:
    return bool(prove_netlist(netlist, circuit, pdk.library(), pdk.plain_liberty()).method)


def _speed(pdk: Pdk, width: int) -> dict[str, Any]:
    """Curves of the classical structures by both evaluators in turn, fast effort."""
    constraints = default_constraints(pdk)
    native, abc = NativeEvaluator(pdk), YosysEvaluator(pdk)
    seconds: dict[str, list[float]] = {"native": [], "abc": []}
    points: list[int] = []
    try:
        circuits = [Circuit("adder", graph) for graph in classical_structures(width).values()]
        for circuit in (circuits[0], *circuits):
            points.append(len(_timed(native, circuit, constraints, seconds["native"]).points))
            _timed(abc, circuit, constraints, seconds["abc"])
    finally:
        abc.close()
    # The first one starts ABC and compiles what is compiled at first use.
    own, other = sum(seconds["native"][1:]), sum(seconds["abc"][1:])
    return {
        "native_ms": 1000 * own / len(circuits),
        "abc_ms": 1000 * other / len(circuits),
        "ratio": other / own,
        "least_points": min(points),
        "mean_points": statistics.fmean(points),
    }


def _timed(evaluator: Evaluator, circuit: Circuit, constraints: Constraints, seconds: list[float]) -> AreaDelayCurve:
    begin = time.perf_counter()
    curve = evaluator.evaluate(circuit, constraints)
    seconds.append(time.perf_counter() - begin)
    return curve


def _quality(pdk: Pdk, reference: Path | None, random_graphs: int, seed: int) -> dict[str, Any]:
    """Area saved at equal delay by full effort against ABC's full effort, and against a table of another sizer."""
    figures: dict[str, Any] = {}
    native, abc = NativeEvaluator(pdk, "full"), YosysEvaluator(pdk, "full", check_rtl=False)
    try:
        if reference is not None:
            for (name, width), rows in _read_reference(reference).items():
                circuit = Circuit("adder", structure(_STRUCTURES[name], width))
                figures[f"{name} {width}"] = _against(native, abc, circuit, default_constraints(pdk), rows)
        draw = random.Random(seed)
        savings = []
        for _ in range(random_graphs):
            circuit = Circuit("adder", random_graph(32, draw))
            constraints = default_constraints(pdk)
            ours, theirs = (each.evaluate(circuit, constraints) for each in (native, abc))
            savings += [_saved(ours, point.delay_ns, point.area_um2) for point in _fast_half(theirs)]
        if savings:
            figures["random graphs"] = {
                "graphs": random_graphs,
                "mean_saved_percent": statistics.fmean(savings),
                "least_saved_percent": min(savings),
            }
    finally:
        abc.close()
    return figures


def _against(
    native: Evaluator, abc: Evaluator, circuit: Circuit, constraints: Constraints, rows: list[tuple[float, float]]
) -> dict[str, Any]:
    ours, theirs = (each.evaluate(circuit, constraints) for each in (native, abc))
    rivals = [*rows, *((point.delay_ns, point.area_um2) for point in theirs.points)]
    best = [(d, a) for d, a in rivals if not any(d2 <= d and a2 <= a and (d2, a2) != (d, a) for d2, a2 in rivals)]
    fastest, slowest = min(d for d, _ in best), max(d for d, _ in best)
    fast = [_saved(ours, d, a) for d, a in best if d <= (fastest + slowest) / 2]
    return {
        "fastest_ns": ours.fastest.delay_ns,
        "fastest_of_others_ns": fastest,
        "mean_saved_percent_fast_half": statistics.fmean(fast),
        "least_saved_percent": min(_saved(ours, d, a) for d, a in best),
    }


def _saved(curve: AreaDelayCurve, delay_ns: float, area_um2: float) -> float:
    """Percent of an area that the smallest netlist that is as fast saves; -100 where there is none as fast."""
    areas = [point.area_um2 for point in curve.points if point.delay_ns <= delay_ns]
    return 100 * (1 - min(areas) / area_um2) if areas else -100.0


def _fast_half(curve: AreaDelayCurve) -> list[Any]:
    middle = (curve.fastest.delay_ns + curve.smallest.delay_ns) / 2
    return [point for point in curve.points if point.delay_ns <= middle]


def _read_reference(path: Path) -> dict[tuple[str, int], list[tuple[float, float]]]:
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    try:
        with path.open(newline="") as stream:
            for row in csv.DictReader(stream):
                if row["wires"] == "zero" and row["delay_ns"] and row["structure"] in _STRUCTURES:
                    figures = (float(row["delay_ns"]), float(row["area_um2"]))
                    found.setdefault((row["structure"], int(row["width"])), []).append(figures)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"a reference must be a table of structure, width, wires, area_um2 and delay_ns: {str(path)!r}"
        ) from error
    if not found:
        raise InputError(f"a reference must have rows without wires: {str(path)!r}")
    return found


def _memory_mib() -> float:
    """Peak of a fresh process that makes one 32-bit curve."""
    output = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, check=True, timeout=600)
    return float(np.round(float(output.stdout), 1))
