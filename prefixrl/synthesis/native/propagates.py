"""Propagate as OR, compiled: where a bit's XOR-type propagate is late, its prefix nodes get an OR of their own.

A carry does not care which of the two it gets (where both operand bits are 1 the bit generates anyway), but the OR is
one gate from the inputs and the XOR is two. The sum keeps the XOR.
"""

from __future__ import annotations

from prefixrl.compiling import inlined, kernel
from prefixrl.synthesis.native.buffering import add_gate, move_sink, readers, stage_delay
from prefixrl.synthesis.native.library import MAXIMUM_OPERANDS

_WORTH_UM2 = 0.05


@inlined
def _gain(tables, net, timing, slopes, half, gate_cell, x, y, inverting, limit):
    """What it is worth in ns to move a propagate's prefix sinks to an OR, slopes taken for granted up to `limit` ns.

    Negative where it has no such sinks.
    """
    load_0 = load_1 = flow_0 = flow_1 = 0.0
    moved = 0
    for place in range(net.sink_first[half], net.sink_first[half + 1]):
        sink = net.sinks[place] // MAXIMUM_OPERANDS
        operand = net.sinks[place] - sink * MAXIMUM_OPERANDS
        if not _is_prefix(tables, net, sink):
            continue
        moved += 1
        load_0 += tables.pin_ff[net.cell[sink], operand, 0]
        load_1 += tables.pin_ff[net.cell[sink], operand, 1]
        flow_0 += slopes.through[sink, operand, 0] + slopes.through[sink, operand, 1]
        flow_1 += slopes.through[sink, operand, 2] + slopes.through[sink, operand, 3]
    if moved == 0:
        return -1.0
    gain = 0.0
    for edge in range(2):
        edge_in = 1 - edge if inverting else edge
        load = load_0 if edge == 0 else load_1
        arrival = 0.0
        for source in (x, y):
            delay = stage_delay(tables, timing, source, gate_cell, edge_in, edge, load)
            arrival = max(arrival, timing.arrival[source, edge_in] + delay)
        sooner = min(timing.arrival[half, edge] - arrival, limit)
        gain += (flow_0 if edge == 0 else flow_1) * sooner
    gain += slopes.by_load[half, 0] * load_0 + slopes.by_load[half, 1] * load_1
    for operand in range(2):
        source = x if operand == 0 else y
        for edge in range(2):
            gain -= slopes.by_load[source, edge] * tables.pin_ff[gate_cell, operand, edge]
    return gain


@inlined
def _is_prefix(tables, net, sink):
    """Whether a sink of a propagate computes carries: no XOR, and no inverter or buffer of one or of a port."""
    cell = net.cell[sink]
    if tables.parity[tables.family[cell]]:
        return False
    if tables.operands[cell] > 1:
        return True
    if net.ports[sink] > 0:
        return False
    for place in range(net.sink_first[sink], net.sink_first[sink + 1]):
        reader = net.cell[net.sinks[place] // MAXIMUM_OPERANDS]
        if tables.parity[tables.family[reader]] or tables.operands[reader] < 2:
            return False
    return True


@kernel
def split_propagates(tables, net, around, timing, slopes, halves, cells, price, limit):
    """Give propagates an OR where that is worth its area; `connect` has to follow. Returns how many.

    :param halves: int32 [H, 4] gate of the XOR-type propagate (-1 when it is done), its two operands, and whether the
        gate delivers it inverted
    :param cells: int32 [2] smallest OR2 and NOR2
    :param limit: ns, see `_gain`
    """
    added = 0
    for number in range(len(halves)):
        half = halves[number, 0]
        if half < 0 or slopes.flow[half, 0] + slopes.flow[half, 1] == 0.0:
            continue
        cell = cells[halves[number, 3]]
        x, y = halves[number, 1], halves[number, 2]
        gain = _gain(tables, net, timing, slopes, half, cell, x, y, halves[number, 3] == 1, limit)
        if max(readers(net, x), readers(net, y)) + 1 > around.figures[2]:
            continue
        if gain <= 0.0 or price * gain - tables.area[cell] < _WORTH_UM2:
            continue
        gate = add_gate(net, timing, slopes, cell, half)
        if gate < 0:
            break
        net.fanin[gate, 0], net.fanin[gate, 1] = x, y
        for place in range(net.sink_first[half], net.sink_first[half + 1]):
            if _is_prefix(tables, net, net.sinks[place] // MAXIMUM_OPERANDS):
                move_sink(net, place, gate)
        halves[number, 0] = -1
        added += 1
    return added
