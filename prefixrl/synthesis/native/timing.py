"""Static timing, compiled: arrivals and slews of a netlist, as OpenSTA works them out.

Delays and output slews come from the library's tables, bilinear inside the patches and extrapolated from the outermost
ones beyond; every condition (`when`) of an arc counts; the slew of a net is the worst of all arcs into its driver, each
arc being entered with the worst slew of its own input net. Times in ns, capacitance in fF, kohm fF = 1e-3 ns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from prefixrl.compiling import inlined, kernel
from prefixrl.synthesis.native.library import MAXIMUM_OPERANDS
from prefixrl.synthesis.native.netlists import INPUTS, NODES, OUTPUTS

NEVER = -1e30


class Timing(NamedTuple):
    """What is known of every node.

    :param load: [C, 2] capacitance that a driver sees when its net rises and when it falls, fF
    :param arrival: [C, 2] ns
    :param slew: [C, 2] ns
    :param row: [C, 2] the interval of axis 0 that the slew lies in
    :param wire: [C] what the resistance of a net's wire adds to the delay, ns
    """

    load: np.ndarray
    arrival: np.ndarray
    slew: np.ndarray
    row: np.ndarray
    wire: np.ndarray


def empty_timing(capacity: int) -> Timing:
    """Room for the timing of `capacity` nodes."""
    load, arrival, slew = (np.zeros((capacity, 2)) for _ in range(3))
    return Timing(load, arrival, slew, np.zeros((capacity, 2), dtype=np.int32), np.zeros(capacity))


@inlined
def bracket(tables, axis, position):
    """The interval of an axis that a position lies in, the outermost ones going on for ever."""
    begin = tables.axis_first[axis]
    last = tables.axis_first[axis + 1] - 1
    low = begin
    for knot in range(begin + 1, last):
        low += position >= tables.knots[knot]
    return low - begin


@inlined
def columns(tables, axis):
    """Intervals of an axis."""
    return tables.axis_first[axis + 1] - tables.axis_first[axis] - 1


@inlined
def delay_at(tables, patch, slew, load):
    """The delay in a patch; a slow edge into a quick gate can make it negative."""
    c = tables.patches
    return c[patch, 0] + c[patch, 1] * slew + load * (c[patch, 2] + c[patch, 3] * slew)


@inlined
def slew_at(tables, patch, slew, load):
    """The output slew in a patch; never negative."""
    c = tables.patches
    return max(c[patch, 4] + c[patch, 5] * slew + load * (c[patch, 6] + c[patch, 7] * slew), 0.0)


@inlined
def _list_sinks(net):
    """Fill in `ports`, `sink_first` and `sinks`, and in `work[1]` how many of a gate's drivers are gates."""
    inputs, nodes = net.size[INPUTS], net.size[NODES]
    first, work = net.sink_first, net.work
    for node in range(nodes):
        net.ports[node] = first[node] = work[1, node] = 0
    first[nodes] = 0
    for place in range(net.size[OUTPUTS]):
        net.ports[net.outputs[place]] += 1
    for node in range(inputs, nodes):
        for operand in range(MAXIMUM_OPERANDS):
            if net.cell[node] >= 0 and net.fanin[node, operand] >= 0:
                first[net.fanin[node, operand] + 1] += 1
    for node in range(nodes):
        first[node + 1] += first[node]
        work[0, node] = first[node]
    for node in range(inputs, nodes):
        for operand in range(MAXIMUM_OPERANDS):
            source = net.fanin[node, operand]
            if net.cell[node] >= 0 and source >= 0:
                net.sinks[work[0, source]] = node * MAXIMUM_OPERANDS + operand
                work[0, source] += 1
                work[1, node] += source >= inputs


@kernel
def connect(net):
    """Fill in `ports`, `sinks` and `order` from `cell`, `fanin` and `outputs`; False where there is a loop."""
    _list_sinks(net)
    inputs, nodes = net.size[INPUTS], net.size[NODES]
    waiting = net.work[1]
    gates, done, found = 0, 0, 0
    for node in range(inputs, nodes):
        gates += net.cell[node] >= 0
        if net.cell[node] >= 0 and waiting[node] == 0:
            net.order[found] = node
            found += 1
    while done < found:
        node = net.order[done]
        done += 1
        for place in range(net.sink_first[node], net.sink_first[node + 1]):
            sink = net.sinks[place] // MAXIMUM_OPERANDS
            waiting[sink] -= 1
            if waiting[sink] == 0:
                net.order[found] = sink
                found += 1
    for place in range(found, nodes):
        net.order[place] = -1
    return found == gates


@inlined
def wire_length(net, node, wire):
    """Half the perimeter of the box around a net's driver and sinks, um."""
    left = right = net.column[node]
    low = high = net.row[node]
    for place in range(net.sink_first[node], net.sink_first[node + 1]):
        sink = net.sinks[place] // MAXIMUM_OPERANDS
        left, right = min(left, net.column[sink]), max(right, net.column[sink])
        low, high = min(low, net.row[sink]), max(high, net.row[sink])
    return (right - left) * wire[0] + (high - low) * wire[1]


@inlined
def load_net(tables, net, around, timing, node):
    """Work out the capacitance of a net, pins and wire, and the delay of the wire.

    A wire is as long as half the perimeter of the net's box; its resistance delays by the capacitance behind its
    middle (Elmore).
    """
    rise = fall = net.ports[node] * around.figures[0]
    for place in range(net.sink_first[node], net.sink_first[node + 1]):
        sink = net.sinks[place] // MAXIMUM_OPERANDS
        operand = net.sinks[place] - sink * MAXIMUM_OPERANDS
        cell = net.cell[sink]
        rise += tables.pin_ff[cell, operand, 0]
        fall += tables.pin_ff[cell, operand, 1]
    timing.wire[node] = 0.0
    if around.wire[2] > 0:
        length = wire_length(net, node, around.wire)
        wire = around.wire[2] * length
        timing.wire[node] = 1e-3 * around.wire[3] * length * (max(rise, fall) + 0.5 * wire)
        rise, fall = rise + wire, fall + wire
    timing.load[node, 0], timing.load[node, 1] = rise, fall


@inlined
def time_input(tables, around, timing, node):
    """Arrival and slew of an input: what the load adds to the driving cell's delay, from an edge without slew.

    Of several arcs to an edge the last one counts, as in OpenSTA (`GraphDelayCalc::findInputDriverDelay`).
    """
    driver = around.driver[0]
    axis = tables.load_axis[driver]
    start = bracket(tables, tables.slew_axis[driver], 0.0) * columns(tables, axis)
    idle = start + bracket(tables, axis, 0.0)
    for edge in range(2):
        load = timing.load[node, edge]
        loaded = start + bracket(tables, axis, load)
        added, slew = 0.0, 0.0
        for arc in range(tables.arc_first[driver], tables.arc_first[driver + 1]):
            if tables.arcs[arc, 2] == edge:
                first = tables.arcs[arc, 3]
                added = delay_at(tables, first + loaded, 0.0, load) - delay_at(tables, first + idle, 0.0, 0.0)
                slew = slew_at(tables, first + loaded, 0.0, load)
        timing.arrival[node, edge] = around.arrivals[node] + added + timing.wire[node]
        timing.slew[node, edge] = slew
        timing.row[node, edge] = bracket(tables, 0, slew)


@inlined
def time_gate(tables, net, timing, node):
    """Arrival and slew of a gate's output."""
    cell = net.cell[node]
    load_0, load_1 = timing.load[node, 0], timing.load[node, 1]
    axis = tables.load_axis[cell]
    width = columns(tables, axis)
    column_0, column_1 = bracket(tables, axis, load_0), bracket(tables, axis, load_1)
    slew_axis = tables.slew_axis[cell]
    arrival_0 = arrival_1 = NEVER
    slew_0 = slew_1 = 0.0
    for arc in range(tables.arc_first[cell], tables.arc_first[cell + 1]):
        edge_in, edge = tables.arcs[arc, 1], tables.arcs[arc, 2]
        source = net.fanin[node, tables.arcs[arc, 0]]
        slew_in = timing.slew[source, edge_in]
        row = timing.row[source, edge_in] if slew_axis == 0 else bracket(tables, slew_axis, slew_in)
        patch = tables.arcs[arc, 3] + row * width
        arrival = timing.arrival[source, edge_in]
        if edge == 0:
            patch += column_0
            arrival_0 = max(arrival_0, arrival + delay_at(tables, patch, slew_in, load_0))
            slew_0 = max(slew_0, slew_at(tables, patch, slew_in, load_0))
        else:
            patch += column_1
            arrival_1 = max(arrival_1, arrival + delay_at(tables, patch, slew_in, load_1))
            slew_1 = max(slew_1, slew_at(tables, patch, slew_in, load_1))
    timing.arrival[node, 0], timing.arrival[node, 1] = arrival_0 + timing.wire[node], arrival_1 + timing.wire[node]
    timing.slew[node, 0], timing.slew[node, 1] = slew_0, slew_1
    timing.row[node, 0], timing.row[node, 1] = bracket(tables, 0, slew_0), bracket(tables, 0, slew_1)


@inlined
def worst_delay(net, around, timing):
    """The delay under the constraints: over all output ports, the worst of arrival plus margin."""
    worst = 0.0
    for place in range(net.size[OUTPUTS]):
        node = net.outputs[place]
        worst = max(worst, max(timing.arrival[node, 0], timing.arrival[node, 1]) + around.margins[place])
    return worst


@kernel
def propagate(tables, net, around, timing):
    """Time the whole netlist, loads first; returns the delay in ns."""
    for node in range(net.size[NODES]):
        load_net(tables, net, around, timing, node)
    for node in range(net.size[INPUTS]):
        time_input(tables, around, timing, node)
    for place in range(net.size[NODES] - net.size[INPUTS]):
        if net.order[place] < 0:
            break
        time_gate(tables, net, timing, net.order[place])
    return worst_delay(net, around, timing)


@kernel
def total_area(tables, net):
    """Sum of the cells' areas, um2."""
    area = 0.0
    for node in range(net.size[INPUTS], net.size[NODES]):
        if net.cell[node] >= 0:
            area += tables.area[net.cell[node]]
    return area
