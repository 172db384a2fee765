"""The `native` evaluator's netlists against those of OpenROAD's `repair_timing` and of ABC, all re-timed by OpenSTA."""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from prefixrl.circuits import Circuit
from prefixrl.errors import InputError
from prefixrl.graphs.structures import structure, structure_names
from prefixrl.synthesis.constraints import Constraints, default_constraints
from prefixrl.synthesis.evaluator import Evaluator
from prefixrl.synthesis.native.evaluator import NativeEvaluator
from prefixrl.synthesis.pdk import Pdk, load_pdk
from prefixrl.synthesis.signoff import SignoffTimer
from prefixrl.synthesis.signoff_benchmark import random_graph
from prefixrl.synthesis.yosys import YosysEvaluator

RANDOM_WIDTHS = (8, 16, 24, 32, 48, 64)
DELAYS_PER_GRAPH = 8
"""Delays at which curves of random graphs are compared, over their fast half."""

COLUMNS = ("structure", "width", "wires", "area_um2", "delay_ns", "exit")
WITHOUT_WIRES = ("zero", "none")
# ABC's delays are within 2 % of OpenSTA's.
_REPORTED_REACH = 0.03
# The reference's delays have four decimals.
_ROUNDING_NS = 5.1e-5
_SAME = 1e-9


class Reference(NamedTuple):
    """OpenROAD's netlists of one structure.

    :param points: delay in ns, area in um2
    """

    name: str
    width: int
    points: tuple[tuple[float, float], ...]


def read_reference(path: Path, wires: Sequence[str] = WITHOUT_WIRES) -> tuple[Reference, ...]:
    """The netlists of a table with the columns `COLUMNS`.

    :param wires: what that column may say

    :raises InputError: the file cannot be read, lacks a column, or has figures that are none
    """
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    try:
        with path.open(newline="") as stream:
            rows = csv.DictReader(stream)
            missing = next((name for name in COLUMNS if name not in (rows.fieldnames or ())), None)
            if missing is not None:
                raise InputError(f"a reference must have the column {missing}: {path.name}")
            for row in rows:
                if row["wires"] in wires and row["exit"] == "0" and row["delay_ns"]:
                    name, width = _structure_name(row["structure"], int(row["width"])), int(row["width"])
                    found.setdefault((name, width), []).append((float(row["delay_ns"]), float(row["area_um2"])))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"a reference must be a readable table ({error}): {str(path)!r}") from error
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(f"a reference must hold numbers ({error}): {path.name}") from error
    if not found:
        raise InputError(f"a reference must have netlists whose wires are {' or '.join(wires)}: {path.name}")
    return tuple(Reference(name, width, tuple(sorted(set(points)))) for (name, width), points in found.items())


def _structure_name(text: str, width: int) -> str:
    """Our name of a structure that may be written without hyphens."""
    plain = {name.replace("-", ""): name for name in structure_names(width)}
    return plain.get(text.replace("-", ""), text)


class Retimed:
    """A circuit's curve by one evaluator with OpenSTA's delays, asked for where they are needed."""

    def __init__(self, evaluator: Evaluator, circuit: Circuit, constraints: Constraints, timer: SignoffTimer) -> None:
        self._evaluator, self._circuit, self._constraints, self._timer = evaluator, circuit, constraints, timer
        self.points = evaluator.evaluate(circuit, constraints).points
        self._delays: dict[int, float] = {}

    def delay_ns(self, number: int) -> float:
        """OpenSTA's word on point `number`."""
        if number not in self._delays:
            module = self._circuit.default_module
            netlist = self._evaluator.realize(self._circuit, self._constraints, self.points[number], module)
            self._delays[number] = self._timer.time(netlist, self._circuit, self._constraints).delay_ns
        return self._delays[number]

    @property
    def fastest_ns(self) -> float:
        """The least delay."""
        first = self.points[0].delay_ns
        near = [n for n, point in enumerate(self.points) if point.delay_ns <= first * (1 + 2 * _REPORTED_REACH)]
        return min(self.delay_ns(number) for number in near)

    @property
    def smallest_ns(self) -> float:
        """The delay of the smallest netlist."""
        return self.delay_ns(len(self.points) - 1)

    def area_at(self, delay_ns: float) -> float:
        """Area (um2) of the smallest netlist that is no slower; infinite where there is none."""
        for number in range(len(self.points) - 1, -1, -1):
            point = self.points[number]
            if point.delay_ns <= delay_ns * (1 + _REPORTED_REACH) and self.delay_ns(number) <= delay_ns + _ROUNDING_NS:
                return point.area_um2
        return math.inf


def bench_reference(reference: Path, pdk: Pdk | None = None, widths: Sequence[int] = ()) -> dict[str, Any]:
    """Native full against the better of OpenROAD and ABC full, at every delay of OpenROAD's netlists.

    A saving is a share of the other area, negative where native is larger. The fast half are the delays below the
    middle between the fastest and the slowest of the reference.

    :param reference: see `read_reference`
    :param pdk: what the reference was synthesised to; the default PDK where None
    :param widths: those to compare; all where empty
    :returns: per structure and width the mean and the worst saving, over the fast half and over all, the fastest
        delays, and each of the rows; and `mean_saving_fast_half`, `worst_saving`, `all_as_fast`
    :raises InputError: as `read_reference`
    :raises ToolMissing: this machine has no OpenSTA, Yosys or ABC
    """
    chosen = load_pdk() if pdk is None else pdk
    constraints = default_constraints(chosen)
    native, yosys = NativeEvaluator(chosen, "full"), YosysEvaluator(chosen, "full", check_rtl=False)
    graphs: dict[str, Any] = {}
    try:
        with SignoffTimer(chosen) as timer:
            for each in read_reference(reference):
                if not widths or each.width in widths:
                    circuit = Circuit("adder", structure(each.name, each.width))
                    ours, abc = (Retimed(evaluator, circuit, constraints, timer) for evaluator in (native, yosys))
                    graphs[f"{each.name} {each.width}"] = _against_reference(each, ours, abc)
    finally:
        yosys.close()
    halves = [graph["mean_saving_fast_half"] for graph in graphs.values()]
    return {
        "pdk": chosen.name,
        "native": native.version,
        "yosys": yosys.version,
        "mean_saving_fast_half": _mean(halves),
        "worst_saving": min((graph["worst_saving"] for graph in graphs.values()), default=None),
        "all_as_fast": all(graph["as_fast"] for graph in graphs.values()),
        "graphs": graphs,
    }


def _against_reference(reference: Reference, ours: Retimed, abc: Retimed) -> dict[str, Any]:
    delays = sorted({delay for delay, _ in reference.points})
    rows = []
    for delay in delays:
        openroad = min(area for other, area in reference.points if other <= delay)
        rows.append(_row(delay, ours.area_at(delay), {"openroad_um2": openroad, "abc_um2": abc.area_at(delay)}))
    middle = (delays[0] + delays[-1]) / 2
    fast = [row for row, delay in zip(rows, delays, strict=True) if delay <= middle]
    return {
        "mean_saving_fast_half": _mean(_savings(fast)),
        "worst_saving_fast_half": min(_savings(fast), default=None),
        "mean_saving": _mean(_savings(rows)),
        "worst_saving": min(_savings(rows), default=None),
        "unreached": sum(row["native_um2"] is None for row in rows),
        "fastest_ns": ours.fastest_ns,
        "openroad_fastest_ns": delays[0],
        "abc_fastest_ns": abc.fastest_ns,
        "as_fast": ours.fastest_ns <= min(delays[0] + _ROUNDING_NS, abc.fastest_ns),
        "rows": rows,
    }


def bench_random(
    graphs: int = 200, pdk: Pdk | None = None, widths: Sequence[int] = RANDOM_WIDTHS, seed: int = 0
) -> dict[str, Any]:
    """Native full against ABC, fast and full, on random graphs, at delays over the fast half of ABC full's curve.

    The fast half goes from ABC full's fastest delay to the middle between that and the delay of its smallest netlist.

    :param graphs: how many, width by width in turn
    :param pdk: what to synthesise to; the default PDK where None
    :param seed: of the graphs
    :returns: `against_fast` and `against_full`, each with `mean_saving`, `worst_graph_saving` (the least mean of a
        graph), `worst_saving`, `unreached` (delays that ABC reaches and we do not), `never_larger` and `as_fast`
        (shares of the graphs); delays that ABC does not reach do not count
    :raises InputError: no graphs asked for
    :raises ToolMissing: this machine has no OpenSTA, Yosys or ABC
    """
    if graphs < 1:
        raise InputError(f"the benchmark needs at least one graph: {graphs}")
    chosen = load_pdk() if pdk is None else pdk
    generator = np.random.default_rng(seed)
    native = NativeEvaluator(chosen, "full")
    others = {effort: YosysEvaluator(chosen, effort, check_rtl=False) for effort in ("fast", "full")}
    compared: dict[str, list[_Compared]] = {effort: [] for effort in others}
    try:
        with SignoffTimer(chosen) as timer:
            for number in range(graphs):
                circuit = Circuit("adder", random_graph(widths[number % len(widths)], generator))
                for effort, figures in _against_abc(circuit, native, others, timer).items():
                    compared[effort].append(figures)
    finally:
        for evaluator in others.values():
            evaluator.close()
    found = {f"against_{effort}": _random_summary(figures) for effort, figures in compared.items()}
    return {"pdk": chosen.name, "graphs": graphs, "widths": list(widths), "seed": seed, **found}


def _against_abc(
    circuit: Circuit, native: Evaluator, others: dict[str, YosysEvaluator], timer: SignoffTimer
) -> dict[str, _Compared]:
    constraints = default_constraints(native.pdk)
    ours = Retimed(native, circuit, constraints, timer)
    curves = {effort: Retimed(evaluator, circuit, constraints, timer) for effort, evaluator in others.items()}
    full = curves["full"]
    delays = np.linspace(full.fastest_ns, (full.fastest_ns + full.smallest_ns) / 2, DELAYS_PER_GRAPH).tolist()
    found = {}
    for effort, curve in curves.items():
        rows = [_row(delay, ours.area_at(delay), {"abc_um2": curve.area_at(delay)}) for delay in delays]
        unreached = sum(row["native_um2"] is None and row["abc_um2"] is not None for row in rows)
        found[effort] = _Compared(_savings(rows), unreached, ours.fastest_ns <= curve.fastest_ns)
    return found


class _Compared(NamedTuple):
    """One graph: savings where both have a netlist, and how many delays only the other one reaches."""

    savings: list[float]
    unreached: int
    as_fast: bool

    @property
    def never_larger(self) -> bool:
        return self.unreached == 0 and min(self.savings, default=0.0) >= -_SAME


def _random_summary(graphs: Sequence[_Compared]) -> dict[str, Any]:
    means = [statistics.fmean(graph.savings) for graph in graphs if graph.savings]
    return {
        "mean_saving": _mean(means),
        "worst_graph_saving": min(means, default=None),
        "worst_saving": min((saving for graph in graphs for saving in graph.savings), default=None),
        "unreached": sum(graph.unreached for graph in graphs),
        "never_larger": sum(graph.never_larger for graph in graphs) / len(graphs),
        "as_fast": sum(graph.as_fast for graph in graphs) / len(graphs),
    }


def _row(delay_ns: float, native_um2: float, others: dict[str, float]) -> dict[str, float | None]:
    """One comparison; None where there is no netlist, or nothing to compare."""
    best = min(others.values())
    saving = 1.0 - native_um2 / best if math.isfinite(native_um2) and math.isfinite(best) else None
    areas = {"native_um2": native_um2, **others}
    known = {name: area if math.isfinite(area) else None for name, area in areas.items()}
    return {"delay_ns": delay_ns, **known, "saving": saving}


def _savings(rows: Iterable[dict[str, float | None]]) -> list[float]:
    return [saving for row in rows if (saving := row["saving"]) is not None]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None
