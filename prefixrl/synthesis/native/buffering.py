"""Fanout buffering, compiled: buffers are put where they are worth their area, and taken out where they are not.

What a change is worth is told by the slopes: the load that a driver is spared times what its load costs, against the
buffer's area and the delay of those that are moved behind it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from prefixrl.compiling import inlined, kernel
from prefixrl.synthesis.native.library import MAXIMUM_OPERANDS
from prefixrl.synthesis.native.netlists import INPUTS, NODES
from prefixrl.synthesis.native.timing import NEVER, bracket, columns, connect, delay_at

MAXIMUM_SINKS = 512
"""Nets of more sinks are buffered by their first ones only."""

# A change must be worth that much, um2: what is put in should not be taken out in the next pass.
_WORTH_UM2 = 0.05


class Sorting(NamedTuple):
    """Scratch for the sinks of one net.

    :param slack: [MAXIMUM_SINKS] ns
    :param place: [MAXIMUM_SINKS] index into `Net.sinks`
    """

    slack: np.ndarray
    place: np.ndarray


def empty_sorting() -> Sorting:
    """Room for one net."""
    return Sorting(np.zeros(MAXIMUM_SINKS), np.zeros(MAXIMUM_SINKS, dtype=np.int64))


@inlined
def sort_sinks(net, timing, slopes, node, sorting):
    """The sinks of a net with the most slack first; returns how many."""
    count = 0
    for place in range(net.sink_first[node], net.sink_first[node + 1]):
        if count == MAXIMUM_SINKS:
            break
        sink = net.sinks[place] // MAXIMUM_OPERANDS
        operand = net.sinks[place] - sink * MAXIMUM_OPERANDS
        slack = min(
            slopes.needed[sink, operand, 0] - timing.arrival[node, 0],
            slopes.needed[sink, operand, 1] - timing.arrival[node, 1],
        )
        spot = count
        while spot > 0 and sorting.slack[spot - 1] < slack:
            sorting.slack[spot], sorting.place[spot] = sorting.slack[spot - 1], sorting.place[spot - 1]
            spot -= 1
        sorting.slack[spot], sorting.place[spot] = slack, place
        count += 1
    return count


@inlined
def stage_delay(tables, timing, node, cell, edge_in, edge, load):
    """Worst delay of a cell's arcs at a net, for one pair of edges; `NEVER` where there are none."""
    axis, slew_axis = tables.load_axis[cell], tables.slew_axis[cell]
    slew = timing.slew[node, edge_in]
    patch = bracket(tables, slew_axis, slew) * columns(tables, axis) + bracket(tables, axis, load)
    delay = NEVER
    for arc in range(tables.arc_first[cell], tables.arc_first[cell + 1]):
        if tables.arcs[arc, 1] == edge_in and tables.arcs[arc, 2] == edge:
            delay = max(delay, delay_at(tables, tables.arcs[arc, 3] + patch, slew, load))
    return delay


@inlined
def new_gate(net):
    """A free node, -1 where there is no room."""
    for node in range(net.size[INPUTS], net.size[NODES]):
        if net.cell[node] < 0:
            return node
    node = net.size[NODES]
    if node == len(net.cell):
        return -1
    net.size[NODES] += 1
    return node


@inlined
def clear_gate(net, timing, slopes, node):
    """Forget what a node was."""
    for operand in range(MAXIMUM_OPERANDS):
        net.fanin[node, operand] = -1
        for edges in range(4):
            slopes.through[node, operand, edges] = 0.0
            slopes.memory[node, operand, edges] = 0.0
    net.cell[node] = -1
    for edge in range(2):
        timing.load[node, edge] = timing.arrival[node, edge] = timing.slew[node, edge] = 0.0


@inlined
def add_gate(net, timing, slopes, cell, beside):
    """A new gate that stands where another node does, its operands still open; -1 where there is no room."""
    gate = new_gate(net)
    if gate >= 0:
        clear_gate(net, timing, slopes, gate)
        net.cell[gate] = cell
        net.column[gate], net.row[gate] = net.column[beside], net.row[beside]
    return gate


@inlined
def move_sink(net, place, source):
    """Have a sink (an index into `Net.sinks`) read another node."""
    sink = net.sinks[place] // MAXIMUM_OPERANDS
    net.fanin[sink, net.sinks[place] - sink * MAXIMUM_OPERANDS] = source


@inlined
def readers(net, node):
    """Pins and ports that a net feeds, as `connect` found them."""
    return net.sink_first[node + 1] - net.sink_first[node] + net.ports[node]


@inlined
def _best_buffer(tables, net, around, timing, slopes, node, buffers, price, sorting, count):
    """The buffer and the number of sinks behind it that lower area + price * delay most; cell -1 where none does."""
    best, best_cell, best_sinks = -_WORTH_UM2, -1, 0
    moved_0 = moved_1 = flow_0 = flow_1 = 0.0
    for moved in range(1, count + 1):
        place = sorting.place[moved - 1]
        sink = net.sinks[place] // MAXIMUM_OPERANDS
        operand = net.sinks[place] - sink * MAXIMUM_OPERANDS
        moved_0 += tables.pin_ff[net.cell[sink], operand, 0]
        moved_1 += tables.pin_ff[net.cell[sink], operand, 1]
        flow_0 += slopes.through[sink, operand, 0] + slopes.through[sink, operand, 1]
        flow_1 += slopes.through[sink, operand, 2] + slopes.through[sink, operand, 3]
        least_slack = sorting.slack[moved - 1]
        if (moved == count and net.ports[node] == 0) or moved > around.figures[2]:
            break  # a buffer for all is a stronger driver, which sizing sees to
        for rank in range(tables.family_first[buffers], tables.family_first[buffers + 1]):
            cell = tables.members[rank]
            spared = slopes.by_load[node, 0] * (tables.pin_ff[cell, 0, 0] - moved_0)
            spared += slopes.by_load[node, 1] * (tables.pin_ff[cell, 0, 1] - moved_1)
            if tables.area[cell] + price * spared >= best:
                continue
            if max(moved_0, moved_1) > tables.maximum_ff[cell]:
                continue
            delay_0 = stage_delay(tables, timing, node, cell, 0, 0, moved_0)
            delay_1 = stage_delay(tables, timing, node, cell, 1, 1, moved_1)
            late = max(flow_0 * delay_0 + flow_1 * delay_1, max(delay_0, delay_1) - least_slack)
            change = tables.area[cell] + price * (spared + late)
            if change < best:
                best, best_cell, best_sinks = change, cell, moved
    return best_cell, best_sinks


@kernel
def insert_buffers(tables, net, around, timing, slopes, buffers, price, sorting):
    """Put a buffer into every net that is better for it; `connect` has to follow. Returns how many.

    :param buffers: the family of buffers
    """
    added = 0
    nodes = net.size[NODES]
    for node in range(nodes):
        sinks = net.sink_first[node + 1] - net.sink_first[node]
        if sinks < 2 - (net.ports[node] > 0):
            continue
        relief = slopes.by_load[node, 0] * timing.load[node, 0] + slopes.by_load[node, 1] * timing.load[node, 1]
        if price * relief < tables.area[tables.members[tables.family_first[buffers]]]:
            continue
        count = sort_sinks(net, timing, slopes, node, sorting)
        cell, moved = _best_buffer(tables, net, around, timing, slopes, node, buffers, price, sorting, count)
        if cell < 0:
            continue
        gate = add_gate(net, timing, slopes, cell, node)
        if gate < 0:
            break
        net.fanin[gate, 0] = node
        for spot in range(moved):
            move_sink(net, sorting.place[spot], gate)
        added += 1
    return added


@kernel
def limit_fanout(tables, net, around, timing, slopes, buffers):
    """Put buffers before the sinks of nets that have more than they may; leaves the netlist connected."""
    limit = int(around.figures[2])
    cell = tables.members[tables.family_first[buffers]]
    changed = True
    while changed:
        changed = False
        for node in range(net.size[NODES]):
            excess = readers(net, node) - limit
            first, last = net.sink_first[node], net.sink_first[node + 1]
            while excess > 0 and last - first > 0:
                gate = add_gate(net, timing, slopes, cell, node)
                if gate < 0:
                    return
                net.fanin[gate, 0] = node
                moved = min(min(limit, excess + 1), last - first)
                for place in range(first, first + moved):
                    move_sink(net, place, gate)
                first += moved
                excess -= moved - 1
                changed = True
        connect(net)


@kernel
def remove_buffers(tables, net, around, timing, slopes, buffers, price):
    """Take out the buffers that are worth less than they cost; `connect` has to follow. Returns how many."""
    removed = 0
    inputs = net.size[INPUTS]
    grown = net.work[0]  # whose sinks are no longer those that `connect` found
    for node in range(net.size[NODES]):
        grown[node] = 0
    for node in range(inputs, net.size[NODES]):
        cell = net.cell[node]
        if cell < 0 or tables.family[cell] != buffers:
            continue
        source = net.fanin[node, 0]
        if net.ports[node] > 0 or grown[node] or (source >= inputs and net.cell[source] < 0):
            continue
        limited = around.figures[2] < np.inf
        if limited and (grown[source] or readers(net, source) - 1 + readers(net, node) > around.figures[2]):
            continue
        added_0 = timing.load[node, 0] - tables.pin_ff[cell, 0, 0]
        added_1 = timing.load[node, 1] - tables.pin_ff[cell, 0, 1]
        cost = slopes.by_load[source, 0] * added_0 + slopes.by_load[source, 1] * added_1
        spared = slopes.flow[node, 0] * (timing.arrival[node, 0] - timing.arrival[source, 0])
        spared += slopes.flow[node, 1] * (timing.arrival[node, 1] - timing.arrival[source, 1])
        if price * (cost - spared) - tables.area[cell] < -_WORTH_UM2:
            for place in range(net.sink_first[node], net.sink_first[node + 1]):
                move_sink(net, place, source)
            # What was the buffer's is the source's now; `propagate` works the loads out anew.
            timing.load[source, 0] += added_0
            timing.load[source, 1] += added_1
            clear_gate(net, timing, slopes, node)
            grown[source] = 1
            removed += 1
    return removed
