"""What a unit's netlist costs at each delay: the native engine sizes and buffers the whole of it, adder and rest alike.

Every point is a real netlist, timed with the library's tables. From the timing of a point follows the critical path and
the part of it that lies in the final adder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from prefixrl.circuits.netlist import Netlist
from prefixrl.designs.front import nondominated
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.native.library_file import native_library_of
from prefixrl.synthesis.native.netlists import INPUTS, NODES, Net, net_of, netlist_of
from prefixrl.synthesis.native.plain_walk import walk_plainly
from prefixrl.synthesis.native.sweep import AREA, DELAY, VIOLATIONS, Plan
from prefixrl.synthesis.native.timer import NativeTimer, surroundings
from prefixrl.synthesis.native.timing import Timing
from prefixrl.synthesis.pdk import Pdk
from prefixrl.units.cells import UnitNetlist

# As the walks of the native evaluator; a sweep takes about 2 us a gate and step.
_SMALL = tuple(Plan(200, 0.05, 60.0, softness, keep, 5) for softness, keep in ((0.02, 0.1), (0.03, 0.25), (0.01, 0.15)))
_LARGE = (Plan(60, 0.1, 40.0, 0.03, 0.25, 4),)
SMALL_GATES = 2000
"""Up to here a unit is small: it is swept long and, in a report, mapped together with many adders."""
_ROOM = 2.0
_SPARE_GATES = 256


class Point(NamedTuple):
    """A netlist that can be had.

    :param plan: number of the sweep
    :param step: of it
    """

    delay_ns: float
    area_um2: float
    plan: int
    step: int


@dataclass(frozen=True)
class Share:
    """A critical path, and what the final adder has of it and of the area.

    :param delay_ns: all of it
    :param adder_ns: how long it is in the final adder
    :param adder_um2: area of the final adder's gates, and of buffers in it
    """

    delay_ns: float
    adder_ns: float
    adder_um2: float


class Measured:
    """A unit's area-delay curve.

    :param unit: its netlist
    :param label: what the variant is called
    :param plans: sweeps; None for three long ones where the unit is small, else a short one
    """

    def __init__(self, unit: UnitNetlist, pdk: Pdk, label: str, plans: Sequence[Plan] | None = None) -> None:
        self.label = label
        self.unit = unit
        self.pdk = pdk
        self.constraints = default_constraints(pdk)
        small = len(unit.netlist.gates) <= SMALL_GATES
        self._plans = tuple(plans) if plans is not None else _SMALL if small else _LARGE
        self._native = native_library_of(pdk)
        self._around = surroundings(self._native, pdk.name, unit.netlist, self.constraints)
        self.points = self._front()

    def _front(self) -> list[Point]:
        found = []
        for number, plan in enumerate(self._plans):
            curve, _ = self._walk(plan, plan.steps)
            kept = np.flatnonzero(curve[:, VIOLATIONS] == 0)
            # A net that no cell of the library can drive is the unit's own, in every variant.
            for step in kept if len(kept) else range(len(curve)):
                found.append(Point(float(curve[step, DELAY]), float(curve[step, AREA]), number, int(step)))
        delays, areas = (np.array([point[column] for point in found]) for column in (0, 1))
        return [found[place] for place in nondominated(delays, areas)]

    def _walk(self, plan: Plan, last: int) -> tuple[np.ndarray, Net]:
        netlist = self.unit.netlist
        net = net_of(netlist, self._native, int(_ROOM * len(netlist.gates)) + _SPARE_GATES)
        return walk_plainly(self._native, net, self._around, plan, last), net

    @property
    def fastest_ns(self) -> float:
        """The least delay."""
        return self.points[0].delay_ns

    @property
    def smallest_um2(self) -> float:
        """The least area."""
        return self.points[-1].area_um2

    def at(self, delay_ns: float) -> Point | None:
        """The smallest point that is fast enough."""
        fitting = [point for point in self.points if point.delay_ns <= delay_ns * (1 + 1e-9)]
        return min(fitting, key=lambda point: (point.area_um2, point.delay_ns)) if fitting else None

    def netlist(self, point: Point) -> Netlist:
        """The netlist of a point."""
        _, net = self._walk(self._plans[point.plan], point.step)
        return netlist_of(net, self._native, self.unit.netlist)

    def share(self, point: Point) -> Share:
        """The adder's part of a point's critical path and area."""
        net, timing, delay_ns = self._timed(point)
        inputs, gates = int(net.size[INPUTS]), len(self.unit.netlist.gates)
        first, last = inputs + gates - self.unit.adder_gates, inputs + gates
        arrivals = timing.arrival.max(axis=1)
        node = int(net.outputs[np.argmax(arrivals[net.outputs])])
        adder_ns = 0.0
        while node >= inputs:
            # Back by the operand that arrives last.
            source = max((int(each) for each in net.fanin[node] if each >= 0), key=lambda each: float(arrivals[each]))
            adder_ns += float(arrivals[node] - arrivals[source]) if first <= _origin(net, node, last) < last else 0.0
            node = source
        cells = [int(net.cell[node]) for node in range(first, int(net.size[NODES])) if _belongs(net, node, first, last)]
        return Share(delay_ns, adder_ns, float(self._native.tables.area[cells].sum()))

    def arrivals(self, point: Point, nets: Sequence[str]) -> list[float]:
        """When nets of the unsized netlist arrive in a point's, ns; 0 for what is no net of it."""
        _, timing, _ = self._timed(point)
        return [0.0 if node is None else float(timing.arrival[node].max()) for node in self._nodes(nets)]

    def loads_ff(self, point: Point, nets: Sequence[str]) -> list[float]:
        """What nets of the unsized netlist have to drive in a point's, fF; 0 for what is no net of it."""
        _, timing, _ = self._timed(point)
        return [0.0 if node is None else float(timing.load[node].max()) for node in self._nodes(nets)]

    def _nodes(self, nets: Sequence[str]) -> list[int | None]:
        netlist = self.unit.netlist
        number = {name: node for node, name in enumerate(netlist.input_nets)}
        number |= {gate.output: len(number) + place for place, gate in enumerate(netlist.gates)}
        return [number.get(name) for name in nets]

    def _timed(self, point: Point) -> tuple[Net, Timing, float]:
        _, net = self._walk(self._plans[point.plan], point.step)
        delay_ns, timing = NativeTimer(self.pdk).time_arrays(net, self._around)
        return net, timing, delay_ns


def _origin(net: Net, node: int, last: int) -> int:
    """The gate that a buffer added later repeats; other gates are themselves."""
    while node >= last:
        node = int(net.fanin[node, 0])
    return node


def _belongs(net: Net, node: int, first: int, last: int) -> bool:
    return net.cell[node] >= 0 and first <= _origin(net, node, last) < last
