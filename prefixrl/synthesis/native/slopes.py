"""What the delay of a netlist depends on, compiled: the derivatives of a smooth worst arrival, by one backward pass.

The worst arrival over outputs and arcs is replaced by its smooth version (log of a sum of exponentials of a width
`softness` in ns), whose derivatives are shares: every node passes its share on to the arcs into it, the latest most.
They play the part of the multipliers of Lagrangian relaxation (Chen, Chu, Wong, TCAD 1999), kept consistent by
construction: what flows into a node is what flows out of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from prefixrl.compiling import inlined, kernel
from prefixrl.synthesis.native.library import MAXIMUM_OPERANDS
from prefixrl.synthesis.native.netlists import INPUTS, NODES, OUTPUTS
from prefixrl.synthesis.native.timing import bracket, columns, delay_at

MAXIMUM_ARCS = 256
"""Arcs of one cell at most; cells of the mapper have a few."""

FOREVER = 1e30


class Slopes(NamedTuple):
    """Derivatives of the smooth delay, and required times.

    :param flow: [C, 2] by a node's arrival: the share of the delay that passes through it; 1 in all at the outputs
    :param by_load: [C, 2] by the load of a node's driver, ns per fF
    :param by_slew: [C, 2] by a node's slew
    :param required: [C, 2] latest arrival with which the delay stays what it is, ns
    :param through: [C, O, 4] flow through a gate's operand, by 2 * edge at the operand + edge at the output
    :param needed: [C, O, 2] latest arrival at a gate's operand with which the delay stays what it is, ns
    :param memory: [C, O, 4] how late a gate's operand was, on average of the last passes, in units of the softness
    :param output_memory: [P, 2] the same of the output ports
    :param scratch: [MAXIMUM_ARCS, 8]
    """

    flow: np.ndarray
    by_load: np.ndarray
    by_slew: np.ndarray
    required: np.ndarray
    through: np.ndarray
    needed: np.ndarray
    memory: np.ndarray
    output_memory: np.ndarray
    scratch: np.ndarray


def empty_slopes(capacity: int, outputs: int) -> Slopes:
    """Room for `capacity` nodes and so many output ports."""
    flow, by_load, by_slew, required = (np.zeros((capacity, 2)) for _ in range(4))
    through, memory = (np.zeros((capacity, MAXIMUM_OPERANDS, 4)) for _ in range(2))
    needed, scratch = np.zeros((capacity, MAXIMUM_OPERANDS, 2)), np.zeros((MAXIMUM_ARCS, 8))
    return Slopes(flow, by_load, by_slew, required, through, needed, memory, np.zeros((outputs, 2)), scratch)


@inlined
def _share(lateness):
    """About exp(-lateness), as (1 - lateness / 16)^16, which is quicker and ends at 0."""
    base = 1.0 - lateness / 16.0
    if base <= 0.0:
        return 0.0
    base *= base
    base *= base
    base *= base
    return base * base


@inlined
def _begin(net, around, timing, slopes, delay, softness, keep):
    """Shares and required times of the outputs."""
    nodes = net.size[NODES]
    for node in range(nodes):
        for edge in range(2):
            slopes.flow[node, edge] = 0.0
            slopes.by_load[node, edge] = 0.0
            slopes.by_slew[node, edge] = 0.0
            slopes.required[node, edge] = FOREVER
    total = 0.0
    for place in range(net.size[OUTPUTS]):
        node = net.outputs[place]
        for edge in range(2):
            lateness = (delay - timing.arrival[node, edge] - around.margins[place]) / softness
            slopes.output_memory[place, edge] += keep * (lateness - slopes.output_memory[place, edge])
            total += _share(slopes.output_memory[place, edge])
    for place in range(net.size[OUTPUTS]):
        node = net.outputs[place]
        for edge in range(2):
            slopes.flow[node, edge] += _share(slopes.output_memory[place, edge]) / total
            slopes.required[node, edge] = min(slopes.required[node, edge], delay - around.margins[place])


@inlined
def _through_gate(tables, net, timing, slopes, node, softness, keep):
    """Pass a gate's shares on to its operands."""
    cell = net.cell[node]
    axis, slew_axis = tables.load_axis[cell], tables.slew_axis[cell]
    width = columns(tables, axis)
    column_0 = bracket(tables, axis, timing.load[node, 0])
    column_1 = bracket(tables, axis, timing.load[node, 1])
    for operand in range(tables.operands[cell]):
        for edges in range(4):
            slopes.through[node, operand, edges] = 0.0
        slopes.needed[node, operand, 0] = slopes.needed[node, operand, 1] = FOREVER
    begin, end = tables.arc_first[cell], tables.arc_first[cell + 1]
    total_0 = total_1 = 0.0
    slowest_0 = slowest_1 = -1.0
    arc_0 = arc_1 = -1
    scratch, c = slopes.scratch, tables.patches
    for arc in range(begin, end):
        edge_in, edge = tables.arcs[arc, 1], tables.arcs[arc, 2]
        operand = tables.arcs[arc, 0]
        source = net.fanin[node, operand]
        slew = timing.slew[source, edge_in]
        row = timing.row[source, edge_in] if slew_axis == 0 else bracket(tables, slew_axis, slew)
        load = timing.load[node, edge]
        p = tables.arcs[arc, 3] + row * width + (column_0 if edge == 0 else column_1)
        delay = delay_at(tables, p, slew, load)
        out = c[p, 4] + c[p, 5] * slew + load * (c[p, 6] + c[p, 7] * slew)
        lateness = (timing.arrival[node, edge] - timing.wire[node] - timing.arrival[source, edge_in] - delay) / softness
        edges = 2 * edge_in + edge
        slopes.memory[node, operand, edges] += keep * (lateness - slopes.memory[node, operand, edges])
        share = _share(slopes.memory[node, operand, edges])
        line = arc - begin
        scratch[line, 0] = share
        scratch[line, 1] = delay
        scratch[line, 2] = c[p, 2] + c[p, 3] * slew
        scratch[line, 3] = c[p, 1] + c[p, 3] * load
        scratch[line, 4] = c[p, 6] + c[p, 7] * slew
        scratch[line, 5] = c[p, 5] + c[p, 7] * load
        if edge == 0:
            total_0 += share
            if out > slowest_0:
                slowest_0, arc_0 = out, arc
        else:
            total_1 += share
            if out > slowest_1:
                slowest_1, arc_1 = out, arc
    for arc in range(begin, end):
        edge_in, edge = tables.arcs[arc, 1], tables.arcs[arc, 2]
        operand = tables.arcs[arc, 0]
        source = net.fanin[node, operand]
        line = arc - begin
        flow = slopes.flow[node, edge] * scratch[line, 0] / max(total_0 if edge == 0 else total_1, 1e-30)
        slopes.flow[source, edge_in] += flow
        slopes.through[node, operand, 2 * edge_in + edge] += flow
        slopes.by_load[node, edge] += flow * scratch[line, 2]
        slopes.by_slew[source, edge_in] += flow * scratch[line, 3]
        needed = slopes.required[node, edge] - timing.wire[node] - scratch[line, 1]
        slopes.needed[node, operand, edge_in] = min(slopes.needed[node, operand, edge_in], needed)
        slopes.required[source, edge_in] = min(slopes.required[source, edge_in], needed)
    for arc in (arc_0, arc_1):
        if arc >= 0:
            edge_in, edge = tables.arcs[arc, 1], tables.arcs[arc, 2]
            slopes.by_load[node, edge] += slopes.by_slew[node, edge] * scratch[arc - begin, 4]
            source = net.fanin[node, tables.arcs[arc, 0]]
            slopes.by_slew[source, edge_in] += slopes.by_slew[node, edge] * scratch[arc - begin, 5]


@inlined
def _at_input(tables, around, timing, slopes, node):
    """By how much an input's load delays it."""
    driver = around.driver[0]
    axis = tables.load_axis[driver]
    row = bracket(tables, tables.slew_axis[driver], 0.0) * columns(tables, axis)
    for arc in range(tables.arc_first[driver], tables.arc_first[driver + 1]):
        edge = tables.arcs[arc, 2]
        p = tables.arcs[arc, 3] + row + bracket(tables, axis, timing.load[node, edge])
        slope = slopes.flow[node, edge] * tables.patches[p, 2] + slopes.by_slew[node, edge] * tables.patches[p, 6]
        slopes.by_load[node, edge] = max(slopes.by_load[node, edge], slope)


@inlined
def idle(slopes, node, least):
    """Whether the delay depends on a node's arrival and slew by no more than `least`."""
    return (
        slopes.flow[node, 0] + slopes.flow[node, 1] <= least
        and abs(slopes.by_slew[node, 0]) + abs(slopes.by_slew[node, 1]) <= least
    )


@kernel
def differentiate(tables, net, around, timing, slopes, delay, softness, keep, negligible):
    """Fill in the slopes of a netlist that has been timed.

    :param delay: what `propagate` gave, ns
    :param softness: ns
    :param keep: weight of this pass's lateness against that of the passes before, 1 for it alone
    :param negligible: gates that the delay depends on no more than that are passed over, without required times;
        -1 for none of them
    """
    _begin(net, around, timing, slopes, delay, softness, keep)
    last = net.size[NODES] - net.size[INPUTS]
    for step in range(last):
        node = net.order[last - 1 - step]
        if node < 0:
            continue
        if not idle(slopes, node, negligible):
            _through_gate(tables, net, timing, slopes, node, softness, keep)
        else:
            for operand in range(tables.operands[net.cell[node]]):
                for edges in range(4):
                    slopes.through[node, operand, edges] = 0.0
    for node in range(net.size[INPUTS]):
        _at_input(tables, around, timing, slopes, node)
