"""Pin swapping, compiled: of operands that a gate does not tell apart the late one takes the quick pin."""

from __future__ import annotations

from prefixrl.compiling import inlined, kernel
from prefixrl.synthesis.native.netlists import INPUTS, NODES
from prefixrl.synthesis.native.sizing import cell_cost
from prefixrl.synthesis.native.slopes import idle


@inlined
def _exchange(tables, net, timing, slopes, node, first, second):
    """Exchange two operands of a gate, with everything that is known of them; sinks are left as they are."""
    cell = net.cell[node]
    one, other = net.fanin[node, first], net.fanin[node, second]
    net.fanin[node, first], net.fanin[node, second] = other, one
    for edges in range(4):
        held = slopes.through[node, first, edges]
        slopes.through[node, first, edges] = slopes.through[node, second, edges]
        slopes.through[node, second, edges] = held
        held = slopes.memory[node, first, edges]
        slopes.memory[node, first, edges] = slopes.memory[node, second, edges]
        slopes.memory[node, second, edges] = held
    for edge in range(2):
        difference = tables.pin_ff[cell, second, edge] - tables.pin_ff[cell, first, edge]
        timing.load[one, edge] += difference
        timing.load[other, edge] -= difference


@kernel
def swap_pins(tables, net, around, timing, slopes, price):
    """Exchange operands wherever that is better; `connect` has to follow. Returns how many."""
    swapped = 0
    for node in range(net.size[INPUTS], net.size[NODES]):
        cell = net.cell[node]
        if cell < 0 or idle(slopes, node, 0.0):
            continue
        family = tables.family[cell]
        for pair in range(tables.twin_first[family], tables.twin_first[family + 1]):
            first, second = tables.twins[pair, 0], tables.twins[pair, 1]
            before = cell_cost(tables, net, around, timing, slopes, node, cell, price)
            _exchange(tables, net, timing, slopes, node, first, second)
            if cell_cost(tables, net, around, timing, slopes, node, cell, price) < before - 1e-9:
                swapped += 1
            else:
                _exchange(tables, net, timing, slopes, node, first, second)
    return swapped
