"""The `native` evaluator: whole area-delay curves by compiled timing, buffering and sizing, in milliseconds."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from prefixrl.circuits import Circuit
from prefixrl.circuits.adder_network import adder_arrays
from prefixrl.circuits.generator import logic_network
from prefixrl.circuits.identifiers import check_identifier
from prefixrl.circuits.mapping import MAPPING_VERSION
from prefixrl.circuits.netlist import Netlist
from prefixrl.errors import EvaluationFailed, InputError
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint
from prefixrl.synthesis.native.library import NativeLibrary
from prefixrl.synthesis.native.library_file import native_library_of
from prefixrl.synthesis.native.netlists import Net, Surroundings, netlist_of
from prefixrl.synthesis.native.structure import Mapper
from prefixrl.synthesis.native.sweep import AREA, DELAY, VIOLATIONS, Plan, Special, room_for, sweep
from prefixrl.synthesis.native.timer import surroundings
from prefixrl.synthesis.native.timing import total_area
from prefixrl.synthesis.native.wires import DETOUR, WIRES, wire_rc, wires_of
from prefixrl.synthesis.pdk import Pdk

VERSIONS = {"fast": 2, "medium": 2, "full": 3}
"""By effort; one rises whenever the curve of any circuit could change; part of evaluation keys."""


class Walk(NamedTuple):
    """A sweep from one mapping.

    :param polarity: policy of the mapping, see `circuits.polarity`
    :param annealing: sweeps of the annealing of its polarities
    """

    polarity: str
    annealing: int
    plan: Plan


_FAST = (Walk("area", 0, Plan(14, 0.5, 20.0, 0.03, 0.35, 3)),)
# Between the two: four times the time of the fast walk; 3 % above the full one in mean instead of 5, and 2 % slower
# instead of 8 where it is fastest.
_MEDIUM = (Walk("area", 0, Plan(60, 0.2, 40.0, 0.03, 0.2, 4)), *_FAST)
_FULL = tuple(
    Walk(polarity, sweeps, Plan(steps, 0.05, 60.0, softness, keep, 5))
    for polarity, sweeps in (("area", 40), ("area", 0), ("speed", 40))
    for steps, softness, keep in ((400, 0.02, 0.1), (400, 0.03, 0.1), (400, 0.01, 0.15))
)
# Where delay hardly counts: netlists whose first carries are merged with their generates are smaller only there.
_MERGED = tuple(Walk("merged", sweeps, Plan(200, 0.05, 4.0, 0.02, 0.1, 5)) for sweeps in (40, 0))
# With the fast walk among its own the full effort is nowhere worse than the fast one.
EFFORTS: dict[str, tuple[Walk, ...]] = {"fast": _FAST, "medium": _MEDIUM, "full": (*_FULL, *_FAST, *_MERGED)}


class NativeEvaluator:
    """Area-delay curves by our own timing engine; needs no tool.

    :param pdk: what is synthesised to
    :param effort: "fast" (for the loop), "medium" (for long searches) or "full" (for reports)
    :param wires: "none" or "datapath", see `wires`
    :param wire_detour: of datapath wires; the default is the PDK's
    :raises InputError: unknown effort or wires, a detour that is none, a PDK whose wires are not known, or a library
        that cannot be mapped to or timed
    """

    name = "native"

    def __init__(self, pdk: Pdk, effort: str = "fast", wires: str = "none", wire_detour: float | None = None) -> None:
        if effort not in EFFORTS:
            raise InputError(f"the effort must be one of {', '.join(EFFORTS)}: {effort!r}")
        if wires not in WIRES:
            raise InputError(f"wires must be one of {', '.join(WIRES)}: {wires!r}")
        self.pdk = pdk
        if wire_detour is not None and (wires == "none" or not 0 < wire_detour < math.inf):
            raise InputError(f"a wire detour must be positive, and needs wires: {wire_detour}")
        self.wires = wires
        self.detour = wire_detour or pdk.wire_detour or DETOUR
        self._rc = wire_rc(pdk) if wires == "datapath" else None
        self.effort = effort
        cells = pdk.library()
        self.library = native_library_of(pdk)
        self._mapper = Mapper(cells, self.library)
        self._special = _special(self.library)
        self._around: tuple[tuple[object, ...], Surroundings] | None = None

    @property
    def version(self) -> str:
        """Own version, that of the mapping, effort, and what wires are reckoned with."""
        wires = "" if self.wires == "none" else f", {self.wires} wires, detour {self.detour:g}"
        return f"{VERSIONS[self.effort]}, mapping {MAPPING_VERSION}, {self.effort}{wires}"

    def evaluate(self, circuit: Circuit, constraints: Constraints) -> AreaDelayCurve:
        """The area-delay curve; every point of it is a netlist that `realize` makes.

        :raises EvaluationFailed: no netlist keeps the limits on load, fanout and transition
        """
        around = self._surroundings(circuit, constraints)
        points = []
        for number, walk in enumerate(EFFORTS[self.effort]):
            curve, _ = self._walk(circuit, walk, around, walk.plan.steps)
            points += [
                CurvePoint(
                    round(float(curve[step, DELAY]), 6),
                    round(float(curve[step, AREA]), 6),
                    f"{self.effort} {number} {step}",
                )
                for step in _best(curve)
            ]
        if not points:
            raise EvaluationFailed("no netlist keeps the limits on load, fanout and transition")
        return AreaDelayCurve(tuple(points))

    def realize(self, circuit: Circuit, constraints: Constraints, point: CurvePoint, module: str) -> Netlist:
        """The netlist behind a point, made again by its sweep.

        :raises EvaluationFailed: the recipe is none, or does not lead to the point's figures (another version made it)
        :raises InputError: the module's name is not an identifier
        """
        check_identifier(module)
        walk, step = _parse(point.recipe)
        around = self._surroundings(circuit, constraints)
        curve, net = self._walk(circuit, walk, around, step)
        found = (round(float(curve[step, DELAY]), 6), round(float(curve[step, AREA]), 6))
        if found != (point.delay_ns, point.area_um2):
            raise EvaluationFailed(
                f"the recipe {point.recipe!r} must give {point.delay_ns} ns, {point.area_um2} um2: "
                f"{found[0]} ns, {found[1]} um2"
            )
        return netlist_of(net, self.library, Netlist(module, circuit.inputs, circuit.outputs, ()))

    def walk(self, circuit: Circuit, walk: Walk, around: Surroundings) -> np.ndarray:
        """All steps of any walk, for benchmarks: float64 [steps + 1, 2], delays in ns and areas in um2."""
        return self._walk(circuit, walk, around, walk.plan.steps)[0][:, [DELAY, AREA]]

    def smallest(self, circuit: Circuit, walk: Walk) -> Net:
        """The netlist of smallest cells that a walk begins with."""
        return self._mapper.map(logic_network(circuit), walk.polarity, _room(circuit), walk.annealing, False)[0]

    def _walk(self, circuit: Circuit, walk: Walk, around: Surroundings, last: int) -> tuple[np.ndarray, Net]:
        net, halves = self._mapped(circuit, walk)
        if circuit.kind != "adder":
            halves = halves[:0]
        tables = self.library.tables
        if self._rc is not None:
            around = around._replace(wire=wires_of(net, total_area(tables, net), self._rc, self.detour))
        curve = np.zeros((walk.plan.steps + 1, 3))
        sweep(tables, net, around, room_for(net), halves, self._special, walk.plan, curve, last)
        return curve, net

    def _surroundings(self, circuit: Circuit, constraints: Constraints) -> Surroundings:
        """See `timer.surroundings`; those used last are kept, and nobody writes to them."""
        key = (circuit.kind, circuit.width, circuit.carry_in, circuit.carry_out, constraints)
        kept = self._around
        if kept is None or kept[0] != key:
            kept = self._around = (key, surroundings(self.library, self.pdk.name, circuit, constraints))
        return kept[1]

    def _mapped(self, circuit: Circuit, walk: Walk) -> tuple[Net, np.ndarray]:
        """See `Mapper.map`."""
        if circuit.kind == "adder" and self._rc is None:
            arrays = adder_arrays(circuit)
            nowhere = np.zeros(len(arrays.types))
            return self._mapper.map_arrays(arrays, nowhere, walk.polarity, _room(circuit), walk.annealing)
        network = logic_network(circuit)
        return self._mapper.map(network, walk.polarity, _room(circuit), walk.annealing, self._rc is not None)

    def close(self) -> None:
        """Nothing is kept alive."""


def _special(native: NativeLibrary) -> Special:
    ors = [native.families[native.roles[role]][0] if role in native.roles else -1 for role in ("OR2", "NOR2")]
    if "XOR2" not in native.roles or "XNOR2" not in native.roles:
        ors = [-1, -1]  # sums made of other gates cannot be told from carries
    return Special(native.roles.get("BUF", -1), np.array(ors, dtype=np.int32))


def _room(circuit: Circuit) -> int:
    return 3 * circuit.graph.size + 4 * circuit.width


def _best(curve: np.ndarray) -> list[int]:
    """The steps that keep all limits and that no other one equals or betters."""
    steps = np.flatnonzero(curve[:, VIOLATIONS] == 0)
    steps = steps[np.lexsort((steps, curve[steps, AREA], curve[steps, DELAY]))]
    least = np.minimum.accumulate(curve[steps, AREA])
    fresh = np.ones(len(steps), dtype=bool)
    fresh[1:] = curve[steps[1:], AREA] < least[:-1]
    return [int(step) for step in steps[fresh]]


def _parse(recipe: str) -> tuple[Walk, int]:
    effort, *numbers = recipe.split(" ")
    try:
        walk, step = EFFORTS[effort][int(numbers[0])], int(numbers[1])
    except (KeyError, ValueError, IndexError):
        walk, step = None, -1
    if walk is None or len(numbers) != 2 or not 0 <= step <= walk.plan.steps:
        raise EvaluationFailed(f"a recipe must be an effort, a walk and a step: {recipe!r}")
    return walk, step
