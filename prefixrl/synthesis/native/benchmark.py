"""What the `native` evaluator is worth: is it true, how fast is it, what memory does it take."""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from prefixrl.circuits import Circuit
from prefixrl.circuits.netlist import Gate, Netlist
from prefixrl.circuits.proof import ProofFailed, prove_netlist
from prefixrl.errors import InputError
from prefixrl.graphs.structures import classical_structures
from prefixrl.synthesis.constraints import Constraints, default_constraints
from prefixrl.synthesis.evaluator import Evaluator
from prefixrl.synthesis.native.evaluator import NativeEvaluator
from prefixrl.synthesis.native.library import NativeLibrary
from prefixrl.synthesis.native.timer import NativeTimer
from prefixrl.synthesis.pdk import Pdk, load_pdk
from prefixrl.synthesis.signoff import SignoffTimer
from prefixrl.synthesis.signoff_benchmark import (
    benchmark_circuits,
    liberty_areas,
    random_graph,
    spread_points,
    text_area,
)
from prefixrl.synthesis.yosys import YosysEvaluator

TRUTH_WIDTHS = (8, 12, 16, 24, 32, 48, 64, 96, 128)
SPEED_WIDTHS = (16, 32, 64, 128)

_BUFFERED_SHARE = 0.05
_RANDOM_GRAPHS = 4
_MEMORY_TIMEOUT_S = 600.0
# The high-water mark of this program alone: that of `getrusage` begins with the parent's.
_MEMORY_PROGRAM = """
import sys
from prefixrl.circuits import Circuit
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.native import NativeEvaluator
from prefixrl.synthesis.pdk import load_pdk
pdk = load_pdk(sys.argv[1])
NativeEvaluator(pdk).evaluate(Circuit("adder", structure("sklansky", int(sys.argv[2]))), default_constraints(pdk))
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")))
"""


class _Netlist(NamedTuple):
    """One netlist of the truth section."""

    title: str
    circuit: Circuit
    netlist: Netlist
    delay_ns: float
    area_um2: float


def bench_truth(
    netlists: int = 1000,
    pdk: Pdk | None = None,
    widths: Sequence[int] = TRUTH_WIDTHS,
    prove: bool = True,
    seed: int = 0,
) -> dict[str, Any]:
    """Delays against OpenSTA's, areas against the Liberty text, and proofs.

    Adders around classical structures and random graphs in turn. Of every curve a few points are taken, each once as it
    is and once with random members of the cells' families and random buffers, so that all sizes are in use, far from
    any optimum, too.

    :param netlists: how many
    :param pdk: what to synthesise to; the default PDK where None
    :param prove: whether every netlist is proven equivalent
    :param seed: of the random graphs, sizes and buffers
    :returns: `netlists`, `mean_error_percent` and `worst_error_percent` (absolute values), `within_0_1_percent`
        (share), `worst` (which netlist), `area_mismatches`, `proven` (None where nothing was to be), `cells_in_use`,
        `cells_of_these_functions`, `with_buffers`
    :raises InputError: no netlists asked for
    :raises ToolMissing: this machine has no OpenSTA, or no Yosys or ABC for the proofs
    """
    if netlists < 1:
        raise InputError(f"the benchmark needs at least one netlist: {netlists}")
    chosen = load_pdk() if pdk is None else pdk
    constraints, library, areas = default_constraints(chosen), chosen.library(), liberty_areas(chosen)
    native = NativeTimer(chosen)
    samples = _netlists(netlists, chosen, native, widths, constraints, np.random.default_rng(seed), seed)
    errors, mismatches, proven = [], 0, 0
    with SignoffTimer(chosen) as timer:
        for sample in samples:
            said = timer.time(sample.netlist, sample.circuit, constraints).delay_ns
            errors.append(100.0 * (sample.delay_ns / said - 1.0))
            mismatches += not math.isclose(
                text_area(sample.netlist, areas), sample.area_um2, rel_tol=0, abs_tol=1e-6 * len(sample.netlist.gates)
            )
            if prove:
                proven += _is_proven(sample, library, chosen)
        version = timer.version
    worst = int(np.argmax(np.abs(errors)))
    return {
        "pdk": chosen.name,
        "timer": version,
        "netlists": len(samples),
        "mean_error_percent": statistics.fmean(map(abs, errors)),
        "worst_error_percent": abs(errors[worst]),
        "within_0_1_percent": sum(abs(error) <= 0.1 for error in errors) / len(errors),
        "worst": {
            "graph": samples[worst].title,
            "width": samples[worst].circuit.width,
            "delay_ns": samples[worst].delay_ns,
        },
        "area_mismatches": mismatches,
        "proven": proven if prove else None,
        **_coverage([sample.netlist for sample in samples], native.library),
    }


def scrambled(netlist: Netlist, library: NativeLibrary, generator: np.random.Generator) -> Netlist:
    """The netlist with random members of its cells' families, and random buffers before some pins."""
    buffers = library.families[library.roles["BUF"]] if "BUF" in library.roles else ()
    gates: list[Gate] = []
    for gate in netlist.gates:
        pins = []
        for pin, net in gate.inputs:
            if buffers and generator.random() < _BUFFERED_SHARE:
                chosen = int(generator.choice(buffers))
                cell, (operand,) = library.cells[chosen], library.orders[chosen]
                buffered = f"buffered_{len(gates)}"
                gates.append(Gate(cell.name, ((operand, net),), cell.output, buffered))
                net = buffered
            pins.append((pin, net))
        gates.append(_exchanged(gate._replace(inputs=tuple(pins)), library, generator))
    return Netlist(netlist.module, netlist.inputs, netlist.outputs, tuple(gates))


def _exchanged(gate: Gate, library: NativeLibrary, generator: np.random.Generator) -> Gate:
    """The gate as a random member of its cell's family."""
    old = library.number[gate.cell]
    new = int(generator.choice(library.families[library.tables.family[old]]))
    nets = dict(gate.inputs)
    by_pin = {pin: nets[before] for pin, before in zip(library.orders[new], library.orders[old], strict=True)}
    cell = library.cells[new]
    return Gate(cell.name, tuple((pin, by_pin[pin]) for pin in cell.inputs), cell.output, gate.output)


def _netlists(
    wanted: int,
    pdk: Pdk,
    native: NativeTimer,
    widths: Sequence[int],
    constraints: Constraints,
    generator: np.random.Generator,
    seed: int,
) -> list[_Netlist]:
    evaluator, library = NativeEvaluator(pdk), pdk.library()
    found: list[_Netlist] = []
    for title, circuit in benchmark_circuits("adder", widths, seed):
        for point in spread_points(evaluator.evaluate(circuit, constraints)):
            netlist = evaluator.realize(circuit, constraints, point, circuit.default_module)
            found.append(_Netlist(title, circuit, netlist, point.delay_ns, point.area_um2))
            other = scrambled(netlist, native.library, generator)
            delay_ns = native.time(other, circuit, constraints)
            found.append(_Netlist(f"{title}, scrambled", circuit, other, delay_ns, other.area_um2(library)))
        if len(found) >= wanted:
            return found[:wanted]
    raise AssertionError("circuits never end")


def _is_proven(sample: _Netlist, library: Any, pdk: Pdk) -> bool:
    try:
        prove_netlist(sample.netlist, sample.circuit, library, pdk.liberty)
    except ProofFailed:
        return False
    return True


def _coverage(netlists: Sequence[Netlist], library: NativeLibrary) -> dict[str, int]:
    """How many cells are in use, and how many there are that could stand in their places."""
    used = {library.number[gate.cell] for netlist in netlists for gate in netlist.gates}
    families = {int(library.tables.family[cell]) for cell in used}
    buffers = set(library.families[library.roles["BUF"]]) if "BUF" in library.roles else set()
    return {
        "cells_in_use": len(used),
        "cells_of_these_functions": sum(len(library.families[family]) for family in families),
        "with_buffers": sum(any(library.number[gate.cell] in buffers for gate in each.gates) for each in netlists),
    }


def bench_speed(
    widths: Sequence[int] = SPEED_WIDTHS, rounds: int = 3, pdk: Pdk | None = None, seed: int = 0
) -> dict[str, Any]:
    """Whole curves of the fast efforts: native against the kept-alive ABC of `yosys`, taking turns on the same graphs.

    :param widths: bits of the adders: classical structures and some random graphs
    :param rounds: how often each graph is evaluated natively; ABC evaluates it once
    :param pdk: what to synthesise to; the default PDK where None
    :param seed: of the random graphs
    :returns: per width `native_curves_per_s`, `yosys_curves_per_s`, `ratio`, `native_points`, `yosys_points` (means per
        curve), `gates`; and `growth_with_width`, `growth_with_gates`: exponents of the native seconds per curve
    :raises ToolMissing: this machine has no Yosys or ABC
    """
    chosen = load_pdk() if pdk is None else pdk
    constraints, generator = default_constraints(chosen), np.random.default_rng(seed)
    native, yosys = NativeEvaluator(chosen), YosysEvaluator(chosen)
    results: dict[str, Any] = {}
    try:
        for width in widths:
            graphs = [*classical_structures(width).values()]
            graphs += [random_graph(width, generator) for _ in range(_RANDOM_GRAPHS)]
            circuits = [Circuit("adder", graph) for graph in graphs]
            results[str(width)] = _speed(circuits, constraints, native, yosys, rounds)
    finally:
        yosys.close()
    growth = {}
    if len(results) > 1:
        seconds = [1.0 / result["native_curves_per_s"] for result in results.values()]
        gates = [result["gates"] for result in results.values()]
        growth = {"growth_with_width": _exponent(widths, seconds), "growth_with_gates": _exponent(gates, seconds)}
    return {"pdk": chosen.name, "native": native.version, "yosys": yosys.version, "widths": results, **growth}


def _speed(
    circuits: Sequence[Circuit], constraints: Constraints, native: Evaluator, yosys: Evaluator, rounds: int
) -> dict[str, float]:
    gates = []
    for circuit in circuits[:1]:  # compiles, starts ABC
        native.evaluate(circuit, constraints)
        yosys.evaluate(circuit, constraints)
    native_s = yosys_s = 0.0
    points = {"native": 0, "yosys": 0}
    for circuit in circuits:
        begin = time.perf_counter()
        for _ in range(rounds):
            curve = native.evaluate(circuit, constraints)
        middle = time.perf_counter()
        other = yosys.evaluate(circuit, constraints)
        native_s += (middle - begin) / rounds
        yosys_s += time.perf_counter() - middle
        points["native"] += len(curve.points)
        points["yosys"] += len(other.points)
        gates.append(len(native.realize(circuit, constraints, curve.smallest, circuit.default_module).gates))
    count = len(circuits)
    return {
        "curves": count,
        "native_curves_per_s": count / native_s,
        "yosys_curves_per_s": count / yosys_s,
        "ratio": yosys_s / native_s,
        "native_points": points["native"] / count,
        "yosys_points": points["yosys"] / count,
        "gates": statistics.fmean(gates),
    }


def _exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """The slope of the straight line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def bench_memory(pdk: str = "nangate45", width: int = 64) -> dict[str, Any]:
    """Peak memory of a fresh process that loads the evaluator and makes one curve; its machine code is compiled before.

    :param pdk: what `load_pdk` takes
    :param width: bits of the adder
    :returns: `peak_mib`
    :raises InputError: the system does not tell processes their peak
    """
    from prefixrl.tools.process import run_tool

    argv = [sys.executable, "-c", _MEMORY_PROGRAM, pdk, str(width)]
    if not sys.platform.startswith("linux"):
        raise InputError(f"peak memory must be told by /proc, which Linux has: {sys.platform!r}")
    for _ in range(2):  # the first one may have to compile
        output = run_tool(argv, timeout_s=_MEMORY_TIMEOUT_S).stdout
    return {"pdk": pdk, "width": width, "peak_mib": int(output.split()[-1]) / 1024}
