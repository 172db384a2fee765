"""What a unit's netlist costs at each delay: the native engine sizes and buffers the whole of it, adder and rest alike.

Every point is a real netlist, timed with the library's tables. From the timing of a point follows the critical path and
the part of it that lies in the adder.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prefixrl.circuits.netlist import Netlist
from prefixrl.designs.front import nondominated
from prefixrl.synthesis.constraints import Constraints, default_constraints
from prefixrl.synthesis.native.library_file import native_library_of
from prefixrl.synthesis.native.netlists import INPUTS, NODES, Net, net_of, netlist_of
from prefixrl.synthesis.native.sweep import AREA, DELAY, VIOLATIONS, Plan, Special, room_for, sweep
from prefixrl.synthesis.native.timer import NativeTimer, surroundings
from prefixrl.synthesis.native.timing import Timing
from prefixrl.synthesis.pdk import Pdk
from prefixrl.units.cells import UnitNetlist

# As the fast walk of the native evaluator, in smaller steps: units are measured once, not in a loop.
PLAN = Plan(48, 0.1, 40.0, 0.03, 0.25, 4)
_ROOM = 2.0
_SPARE_GATES = 256


@dataclass(frozen=True)
class Share:
    """A critical path.

    :param delay_ns: all of it
    :param adder_ns: how long it is in the final adder
    """

    delay_ns: float
    adder_ns: float

    @property
    def fraction(self) -> float:
        """The adder's part."""
        return self.adder_ns / self.delay_ns if self.delay_ns else 0.0


class Measured:
    """A unit's area-delay curve under one plan of sizing.

    :param unit: its netlist
    :param label: what the variant is called
    """

    def __init__(self, unit: UnitNetlist, pdk: Pdk, label: str, plan: Plan = PLAN) -> None:
        self.label = label
        self.unit = unit
        self.pdk = pdk
        self.constraints: Constraints = default_constraints(pdk)
        self._plan = plan
        self._native = native_library_of(pdk)
        curve, _ = self._walk(plan.steps)
        steps = np.flatnonzero(curve[:, VIOLATIONS] == 0)
        steps = steps if len(steps) else np.arange(len(curve))
        order = steps[nondominated(curve[steps, DELAY], curve[steps, AREA])]
        self.points = [(float(curve[step, DELAY]), float(curve[step, AREA]), int(step)) for step in order]

    def _walk(self, last: int) -> tuple[np.ndarray, Net]:
        netlist = self.unit.netlist
        net = net_of(netlist, self._native, int(_ROOM * len(netlist.gates)) + _SPARE_GATES)
        around = surroundings(self._native, self.pdk.name, netlist, self.constraints)
        curve = np.zeros((self._plan.steps + 1, 3))
        halves = np.zeros((0, 4), dtype=np.int32)
        special = Special(self._native.roles.get("BUF", -1), np.array([-1, -1], dtype=np.int32))
        sweep(self._native.tables, net, around, room_for(net), halves, special, self._plan, curve, last)
        return curve, net

    @property
    def fastest_ns(self) -> float:
        """The least delay."""
        return self.points[0][0]

    def at(self, delay_ns: float) -> tuple[float, float, int] | None:
        """The smallest point that is fast enough: delay, area, step."""
        fitting = [point for point in self.points if point[0] <= delay_ns + 1e-9]
        return min(fitting, key=lambda point: (point[1], point[0])) if fitting else None

    def netlist(self, step: int) -> Netlist:
        """The netlist of a point."""
        _, net = self._walk(step)
        return netlist_of(net, self._native, self.unit.netlist)

    def share(self, step: int) -> Share:
        """The critical path of a point, and the adder's part of it."""
        _, net = self._walk(step)
        around = surroundings(self._native, self.pdk.name, self.unit.netlist, self.constraints)
        delay, timing = NativeTimer(self.pdk).time_arrays(net, around)
        inputs, gates = int(net.size[INPUTS]), len(self.unit.netlist.gates)
        first = inputs + gates - self.unit.adder_gates
        return _share(net, timing, delay, first, inputs + gates)

    def adder_times(self, step: int, nets: list[str]) -> list[float]:
        """When nets arrive in a point's netlist, ns; a net that has been buffered counts where it begins."""
        _, net = self._walk(step)
        around = surroundings(self._native, self.pdk.name, self.unit.netlist, self.constraints)
        _, timing = NativeTimer(self.pdk).time_arrays(net, around)
        number = {name: node for node, name in enumerate(self.unit.netlist.input_nets)}
        inputs = int(net.size[INPUTS])
        number |= {gate.output: inputs + place for place, gate in enumerate(self.unit.netlist.gates)}
        return [float(timing.arrival[number[name]].max()) if name in number else 0.0 for name in nets]


def _share(net: Net, timing: Timing, delay_ns: float, first: int, last: int) -> Share:
    """Walk back from the latest output by the operands that arrive last; buffers belong to their drivers."""
    arrivals = timing.arrival.max(axis=1)
    node = int(net.outputs[np.argmax(arrivals[net.outputs])])
    adder_ns = 0.0
    while node >= net.size[INPUTS]:
        source = _latest(net, arrivals, node)
        if first <= _origin(net, node, last) < last:
            adder_ns += float(arrivals[node] - arrivals[source])
        node = source
    return Share(delay_ns, adder_ns)


def _latest(net: Net, arrivals: np.ndarray, node: int) -> int:
    operands = [int(each) for each in net.fanin[node] if each >= 0]
    return max(operands, key=lambda each: arrivals[each])


def _origin(net: Net, node: int, last: int) -> int:
    """The gate that a buffer added later repeats; other gates are themselves."""
    while node >= last:
        node = int(net.fanin[node, 0])
    assert node < net.size[NODES]
    return node
