"""How far the delays that the `yosys` evaluator reports are from OpenSTA's, netlist by netlist."""

from __future__ import annotations

import math
import re
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from prefixrl.circuits import KINDS, Circuit
from prefixrl.circuits.netlist import Netlist
from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import classical_structures
from prefixrl.synthesis.constraints import Constraints, default_constraints
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint
from prefixrl.synthesis.liberty import read_liberty_text
from prefixrl.synthesis.pdk import Pdk, load_pdk
from prefixrl.synthesis.signoff import SignedPoint, SignoffTimer
from prefixrl.synthesis.yosys import YosysEvaluator

WIDTHS = (8, 12, 16, 24, 32, 48, 64)
POINTS_PER_CURVE = 4

_CELL_AREA = re.compile(
    r"^\s*cell\s*\(\s*\"?([\w.$]+)\"?\s*\)\s*\{.*?^\s*area\s*:\s*([\d.eE+-]+)", re.MULTILINE | re.DOTALL
)
_INSTANCE = re.compile(r"^\s*([\w.$]+) u\d+ \(", re.MULTILINE)


class _Sample(NamedTuple):
    """One netlist of the benchmark."""

    title: str
    width: int
    signed: SignedPoint
    area_exact: bool
    seconds: float


def bench_signoff(
    netlists: int = 200,
    netlists_per_other_kind: int = 60,
    pdk: Pdk | None = None,
    widths: Sequence[int] = WIDTHS,
    effort: str = "fast",
    seed: int = 0,
) -> dict[str, Any]:
    """Reported delay and area against OpenSTA's delay and the areas in the Liberty text, under the same constraints.

    Half of the circuits are classical structures, half random legal graphs; of every curve the fastest, the smallest
    and points between are taken.

    :param netlists: how many adders
    :param netlists_per_other_kind: how many of every other kind of circuit; 0 for adders only
    :param pdk: what to synthesise to; the default PDK where None
    :param effort: of the `yosys` evaluator
    :param seed: of the random graphs
    :returns: `adder` and one entry for every other kind, each with `netlists`, `mean_error_percent` and
        `worst_error_percent` (absolute values), `bias_percent` (mean with its sign; positive: reported too slow),
        `within_2_percent` (share), `worst` (which netlist), `area_mismatches`, `timing_ms` (median); and the settings
    :raises InputError: no netlists asked for
    :raises ToolMissing: this machine has no OpenSTA, Yosys or ABC
    """
    if netlists < 1:
        raise InputError(f"the benchmark needs at least one netlist: {netlists}")
    chosen = load_pdk() if pdk is None else pdk
    numbers = {kind: netlists if kind == "adder" else netlists_per_other_kind for kind in KINDS}
    evaluator = YosysEvaluator(chosen, effort)
    try:
        with SignoffTimer(chosen) as timer:
            kinds = {
                kind: _summary(_samples(kind, number, widths, seed, evaluator, timer))
                for kind, number in numbers.items()
                if number > 0
            }
            settings = {
                "pdk": chosen.name,
                "evaluator": f"{evaluator.name} {evaluator.version}",
                "timer": timer.version,
                "widths": list(widths),
                "seed": seed,
            }
    finally:
        evaluator.close()
    return {**settings, **kinds}


def random_graph(width: int, generator: np.random.Generator) -> PrefixGraph:
    """A legal graph around a random number of random free nodes."""
    free = [(msb, lsb) for msb in range(width) for lsb in range(1, msb)]
    chosen = generator.integers(0, len(free), generator.integers(0, 2 * width)) if free else ()
    nodes = [free[index] for index in chosen]
    return PrefixGraph(width, nodes, legalize=True)


def benchmark_circuits(kind: str, widths: Sequence[int], seed: int) -> Iterator[tuple[str, Circuit]]:
    """Endless: width by width, a classical structure and a random graph in turn."""
    generator = np.random.default_rng(seed)
    for number in count():
        width = widths[number % len(widths)]
        structures = list(classical_structures(width).items())
        # Another structure at every width, so that also a short list has many.
        name, graph = structures[(number + number // len(widths)) % len(structures)]
        yield name, Circuit(kind, graph)
        yield "random", Circuit(kind, random_graph(width, generator))


def _samples(
    kind: str, wanted: int, widths: Sequence[int], seed: int, evaluator: YosysEvaluator, timer: SignoffTimer
) -> list[_Sample]:
    constraints = default_constraints(evaluator.pdk)
    areas = liberty_areas(evaluator.pdk)
    samples: list[_Sample] = []
    for title, circuit in benchmark_circuits(kind, widths, seed):
        for point in spread_points(evaluator.evaluate(circuit, constraints)):
            samples.append(_sample(title, circuit, constraints, point, evaluator, timer, areas))
            if len(samples) == wanted:
                return samples
    raise AssertionError("circuits never end")


def spread_points(curve: AreaDelayCurve) -> list[CurvePoint]:
    """The fastest and the smallest point and some between, evenly by number."""
    positions = np.linspace(0, len(curve.points) - 1, POINTS_PER_CURVE).round().astype(int)
    return [curve.points[position] for position in sorted(set(positions.tolist()))]


def _sample(
    title: str,
    circuit: Circuit,
    constraints: Constraints,
    point: CurvePoint,
    evaluator: YosysEvaluator,
    timer: SignoffTimer,
    areas: dict[str, float],
) -> _Sample:
    netlist = evaluator.realize(circuit, constraints, point, circuit.default_module)
    begin = time.perf_counter()
    timing = timer.time(netlist, circuit, constraints)
    seconds = time.perf_counter() - begin
    exact = math.isclose(text_area(netlist, areas), point.area_um2, rel_tol=0, abs_tol=1e-6)
    return _Sample(title, circuit.width, SignedPoint(point, timing), exact, seconds)


def liberty_areas(pdk: Pdk) -> dict[str, float]:
    """Cell areas straight from the Liberty text, by another way than the evaluators'."""
    texts = [read_liberty_text(path) for path in pdk.liberty]
    return {name: float(area) for text in texts for name, area in _CELL_AREA.findall(text)}


def text_area(netlist: Netlist, areas: dict[str, float]) -> float:
    """Area of the instances in the Verilog text."""
    return sum(areas[cell] * count for cell, count in Counter(_INSTANCE.findall(netlist.to_verilog())).items())


def _summary(samples: list[_Sample]) -> dict[str, Any]:
    errors = [sample.signed.error_percent for sample in samples]
    worst = max(samples, key=lambda sample: abs(sample.signed.error_percent))
    return {
        "netlists": len(samples),
        "mean_error_percent": statistics.fmean(map(abs, errors)),
        "worst_error_percent": abs(worst.signed.error_percent),
        "bias_percent": statistics.fmean(errors),
        "within_2_percent": sum(abs(error) <= 2 for error in errors) / len(errors),
        "worst": {
            "graph": worst.title,
            "width": worst.width,
            "reported_ns": worst.signed.point.delay_ns,
            "signoff_ns": worst.signed.timing.delay_ns,
            "recipe": worst.signed.point.recipe,
        },
        "area_mismatches": sum(not sample.area_exact for sample in samples),
        "timing_ms": 1000 * statistics.median(sample.seconds for sample in samples),
    }
