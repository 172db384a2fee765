"""One sweep, compiled: a netlist is made faster and faster while the price of delay rises; every step is a point.

A step looks where delay comes from (`slopes`) and then changes the netlist: most steps size, some move pins, split
propagates and add buffers, some take buffers out. Since all figures are those of the real netlist after each step, the
whole way from the smallest to the fastest netlist is a curve, and the best of all steps are kept.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from prefixrl.compiling import inlined, kernel
from prefixrl.synthesis.native.buffering import (
    Sorting,
    empty_sorting,
    insert_buffers,
    limit_fanout,
    readers,
    remove_buffers,
)
from prefixrl.synthesis.native.netlists import INPUTS, NODES, Net
from prefixrl.synthesis.native.propagates import split_propagates
from prefixrl.synthesis.native.sizing import resize
from prefixrl.synthesis.native.slopes import Slopes, differentiate, empty_slopes
from prefixrl.synthesis.native.swapping import swap_pins
from prefixrl.synthesis.native.timing import Timing, connect, empty_timing, propagate, total_area

DELAY, AREA, VIOLATIONS = 0, 1, 2
# Propagates are not expected to gain more than this share of the delay at once.
_SPLIT_REACH = 0.01
# Below that share of the delay times its price (um2 per ns), a gate is not worth looking at.
_NEGLIGIBLE_UM2_PER_NS = 2.0
# Limits are kept to within this.
_TOLERANCE = 1e-9


class Plan(NamedTuple):
    """How a sweep goes.

    :param steps: number of steps
    :param low: price of delay at the first step, in units of area over delay of the unsized netlist
    :param high: the same at the last step; between them prices grow geometrically
    :param softness: width of the smooth maximum as a share of the delay
    :param keep: weight of a step's lateness in the running average of all steps
    :param period: structure is changed once in so many steps, and buffers are taken out once
    """

    steps: int
    low: float
    high: float
    softness: float
    keep: float
    period: int


class Special(NamedTuple):
    """Cells that are asked for by what they do; -1 where the library has none.

    :param buffers: family of the buffers
    :param ors: int32 [2] smallest OR2 and NOR2
    """

    buffers: int
    ors: np.ndarray


class Room(NamedTuple):
    """What a sweep works in."""

    timing: Timing
    slopes: Slopes
    sorting: Sorting


def room_for(net: Net) -> Room:
    """Room for the sweep of one netlist."""
    capacity = len(net.cell)
    return Room(empty_timing(capacity), empty_slopes(capacity, len(net.outputs)), empty_sorting())


@inlined
def violations(tables, net, around, timing):
    """Nets that break a limit: of the load of their driver, on readers, on slew."""
    broken = 0
    for node in range(net.size[NODES]):
        if node >= net.size[INPUTS]:
            cell = net.cell[node]
            if cell < 0:
                continue
            load = max(timing.load[node, 0], timing.load[node, 1])
            broken += load > tables.maximum_ff[cell] * (1.0 + _TOLERANCE)
        slew = max(timing.slew[node, 0], timing.slew[node, 1])
        broken += slew > around.figures[1] + _TOLERANCE or readers(net, node) > around.figures[2]
    return broken


@inlined
def _restructure(tables, net, around, room, halves, special, price, delay):
    """Pins, propagates, buffers."""
    timing, slopes = room.timing, room.slopes
    swap_pins(tables, net, around, timing, slopes, price)
    connect(net)
    if special.ors[0] >= 0 and special.ors[1] >= 0:
        split_propagates(tables, net, around, timing, slopes, halves, special.ors, price, _SPLIT_REACH * delay)
        connect(net)
    if special.buffers >= 0:
        insert_buffers(tables, net, around, timing, slopes, special.buffers, price, room.sorting)
        connect(net)


@kernel
def sweep(tables, net, around, room, halves, special, plan, curve, last):
    """Walk from the smallest netlist to the fastest.

    :param net: the netlist of smallest cells; what it is after step `last` in the end
    :param halves: see `structure.Mapper.map`; used up
    :param curve: float64 [steps + 1, 3] filled in with delay (ns), area (um2), number of broken limits; line 0 is the
        netlist as it comes
    :param last: the step to stop after
    """
    timing, slopes = room.timing, room.slopes
    connect(net)
    if special.buffers >= 0 and around.figures[2] < np.inf:
        limit_fanout(tables, net, around, timing, slopes, special.buffers)
    delay = propagate(tables, net, around, timing)
    curve[0, DELAY], curve[0, AREA] = delay, total_area(tables, net)
    curve[0, VIOLATIONS] = violations(tables, net, around, timing)
    price = plan.low * curve[0, AREA] / delay
    growth = (plan.high / plan.low) ** (1.0 / max(1, plan.steps - 1))
    for step in range(min(plan.steps, last)):
        turn = step % plan.period
        restructuring = turn == plan.period - 1
        removing = turn == plan.period // 2 and special.buffers >= 0
        keep = plan.keep if step > 0 else 1.0
        negligible = -1.0 if restructuring else _NEGLIGIBLE_UM2_PER_NS / price
        differentiate(tables, net, around, timing, slopes, delay, plan.softness * delay, keep, negligible)
        if restructuring:
            _restructure(tables, net, around, room, halves, special, price, delay)
        elif removing and remove_buffers(tables, net, around, timing, slopes, special.buffers, price) > 0:
            connect(net)
        else:
            resize(tables, net, around, timing, slopes, price, negligible)
        delay = propagate(tables, net, around, timing)
        curve[step + 1, DELAY], curve[step + 1, AREA] = delay, total_area(tables, net)
        curve[step + 1, VIOLATIONS] = violations(tables, net, around, timing)
        price *= growth
