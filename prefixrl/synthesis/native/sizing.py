"""Gate sizing, compiled: every gate takes the member of its family that serves area + price * delay best."""

from __future__ import annotations

import numpy as np

from prefixrl.compiling import inlined, kernel
from prefixrl.synthesis.native.netlists import INPUTS, NODES
from prefixrl.synthesis.native.slopes import idle
from prefixrl.synthesis.native.timing import bracket, columns, delay_at, slew_at

# What breaking a limit costs, in um2 per fF of load and per ns of slew.
_OVERLOAD_UM2_PER_FF = 10.0
_OVERSLEW_UM2_PER_NS = 1e3
# A larger cell does not spare more than this share of a gate's delay.
_REACH = 0.5


@inlined
def cell_delays(tables, net, around, timing, slopes, node, cell):
    """What depends on which cell a gate is: its own delays and its drivers', by their flow, ns; cost of broken limits,
    um2."""
    axis, slew_axis = tables.load_axis[cell], tables.slew_axis[cell]
    width = columns(tables, axis)
    load_0, load_1 = timing.load[node, 0], timing.load[node, 1]
    column_0, column_1 = bracket(tables, axis, load_0), bracket(tables, axis, load_1)
    delays = 0.0
    slew_0 = slew_1 = 0.0
    worst, last = 0.0, -1
    for arc in range(tables.arc_first[cell], tables.arc_first[cell + 1]):
        operand, edge_in, edge = tables.arcs[arc, 0], tables.arcs[arc, 1], tables.arcs[arc, 2]
        source = net.fanin[node, operand]
        slew = timing.slew[source, edge_in]
        row = timing.row[source, edge_in] if slew_axis == 0 else bracket(tables, slew_axis, slew)
        p = tables.arcs[arc, 3] + row * width
        flow = slopes.through[node, operand, 2 * edge_in + edge]
        if edge == 0:
            p += column_0
            load = load_0
            slew_0 = max(slew_0, slew_at(tables, p, slew, load))
        else:
            p += column_1
            load = load_1
            slew_1 = max(slew_1, slew_at(tables, p, slew, load))
        delay = delay_at(tables, p, slew, load)
        # Arcs of one operand and the same edges, under several conditions, share one flow: that of the worst.
        key = operand * 4 + 2 * edge_in + edge
        if key != last:
            last, worst = key, delay
            delays += flow * delay
        elif delay > worst:
            delays += flow * (delay - worst)
            worst = delay
    delays += slopes.by_slew[node, 0] * slew_0 + slopes.by_slew[node, 1] * slew_1
    drivers = 0.0
    for operand in range(tables.operands[cell]):
        source = net.fanin[node, operand]
        drivers += slopes.by_load[source, 0] * tables.pin_ff[cell, operand, 0]
        drivers += slopes.by_load[source, 1] * tables.pin_ff[cell, operand, 1]
    over = max(0.0, max(load_0, load_1) - tables.maximum_ff[cell])
    broken = _OVERLOAD_UM2_PER_FF * over
    if around.figures[1] < np.inf:
        broken += _OVERSLEW_UM2_PER_NS * max(0.0, max(slew_0, slew_1) - around.figures[1])
    return delays, drivers, broken


@inlined
def cell_cost(tables, net, around, timing, slopes, node, cell, price):
    """Area and priced delay, as far as they depend on which cell a gate is; um2."""
    own, drivers, broken = cell_delays(tables, net, around, timing, slopes, node, cell)
    return tables.area[cell] + price * (own + drivers) + broken


@inlined
def set_cell(tables, net, timing, node, cell):
    """Make a gate another member of its family; the loads of its drivers follow."""
    old = net.cell[node]
    for operand in range(tables.operands[cell]):
        source = net.fanin[node, operand]
        for edge in range(2):
            timing.load[source, edge] += tables.pin_ff[cell, operand, edge] - tables.pin_ff[old, operand, edge]
    net.cell[node] = cell


@inlined
def _within_limits(tables, net, around, timing, node):
    """Whether a gate's load and slew are what they may be."""
    load = max(timing.load[node, 0], timing.load[node, 1])
    return (
        load <= tables.maximum_ff[net.cell[node]]
        and max(timing.slew[node, 0], timing.slew[node, 1]) <= around.figures[1]
    )


@kernel
def resize(tables, net, around, timing, slopes, price, negligible):
    """Give every gate the best of its own cell and the next larger and smaller ones, sinks first.

    :param negligible: gates that the delay depends on no more than that are left alone where they are smallest
    :returns: how many changed
    """
    changed = 0
    last = net.size[NODES] - net.size[INPUTS]
    for step in range(last):
        node = net.order[last - 1 - step]
        if node < 0:
            continue
        cell = net.cell[node]
        family = tables.family[cell]
        rank = tables.rank[cell]
        first = tables.family_first[family]
        if rank == first and idle(slopes, node, negligible) and _within_limits(tables, net, around, timing, node):
            continue
        own, drivers, broken = cell_delays(tables, net, around, timing, slopes, node, cell)
        best, least = cell, tables.area[cell] + price * (own + drivers) + broken
        for place in range(max(first, rank - 1), min(tables.family_first[family + 1], rank + 2)):
            other = tables.members[place]
            hopeless = tables.area[other] - tables.area[cell] > _REACH * price * own + broken
            if other != cell and not hopeless:
                cost = cell_cost(tables, net, around, timing, slopes, node, other, price)
                if cost < least:
                    best, least = other, cost
        if best != cell:
            set_cell(tables, net, timing, node, best)
            changed += 1
    return changed
