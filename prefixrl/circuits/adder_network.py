"""The adder's logic network straight as arrays, compiled: node for node `generator.logic_network(...).arrays()`.

Searches map every graph once, and building the network in Python takes a tenth of a whole fast curve.
"""

from __future__ import annotations

import numpy as np

from prefixrl.circuits.kinds import Circuit
from prefixrl.circuits.logic import AND, AO, HALF, INPUT, NO_OPERAND, XOR, NetworkArrays
from prefixrl.compiling import compiled, inlined


def adder_arrays(circuit: Circuit) -> NetworkArrays:
    """The logic network of an adder; its nodes' names are not worked out."""
    assert circuit.kind == "adder", circuit.kind
    return NetworkArrays(*_adder(circuit.graph.grid, circuit.carry_in, circuit.carry_out))


@inlined
def _append(types, operands, count, node_type, x, y, z):
    """Add a node; returns its literal."""
    types[count[0]] = node_type
    operands[count[0], 0], operands[count[0], 1], operands[count[0], 2] = x, y, z
    count[0] += 1
    return 2 * count[0] - 2


@inlined
def _bits(types, operands, count, width, carry_in, carry_out, halves, generates, propagates):
    """Half-sums, and the generates and propagates of single bits, NO_OPERAND for none."""
    for bit in range(width):
        a, b = 2 * bit, 2 * (width + bit)
        if bit == width - 1 and not carry_out:
            halves[bit] = _append(types, operands, count, XOR, a, b, NO_OPERAND)
            generates[bit, bit] = halves[bit]
            continue
        generates[bit, bit] = _append(types, operands, count, AND, a, b, NO_OPERAND)
        halves[bit] = _append(types, operands, count, HALF, a, b, generates[bit, bit])
        propagates[bit, bit] = halves[bit]
    if carry_in:
        generates[0, 0] = _append(types, operands, count, AO, generates[0, 0], halves[0], 4 * width)
        propagates[0, 0] = NO_OPERAND


@inlined
def _spans(types, operands, count, grid, rows, generates, propagates):
    """The nodes of the graph up to a row, parents first."""
    for msb in range(rows):
        upper = msb
        for lsb in range(msb - 1, -1, -1):
            if grid[msb, lsb] == 0:
                continue
            g, p = generates[msb, upper], propagates[msb, upper]
            lower_g, lower_p = generates[upper - 1, lsb], propagates[upper - 1, lsb]
            generates[msb, lsb] = _append(types, operands, count, AO, g, p, lower_g)
            if lsb > 0 and lower_p != NO_OPERAND:
                propagates[msb, lsb] = _append(types, operands, count, AND, p, lower_p, NO_OPERAND)
            upper = lsb


@inlined
def _prune(types, operands, count, outputs, moved):
    """Take out the nodes that no output depends on, inputs excepted; the number that is left.

    :param moved: [V] scratch, all NO_OPERAND
    """
    for place in range(len(outputs)):
        moved[outputs[place] >> 1] = 0
    for node in range(count - 1, -1, -1):
        for place in range(3):
            if moved[node] == 0 and operands[node, place] >= 0:
                moved[operands[node, place] >> 1] = 0
    kept = 0
    for node in range(count):
        if moved[node] != 0 and types[node] != INPUT:
            continue
        moved[node] = 2 * kept
        types[kept] = types[node]
        for place in range(3):
            literal = operands[node, place]
            operands[kept, place] = literal if literal < 0 else moved[literal >> 1] | (literal & 1)
        kept += 1
    for place in range(len(outputs)):
        outputs[place] = moved[outputs[place] >> 1] | (outputs[place] & 1)
    return kept


@compiled
def _adder(grid, carry_in, carry_out):
    width = len(grid)
    room = 5 * width + 2 + 2 * np.count_nonzero(grid)
    types = np.zeros(room, dtype=np.int32)
    operands = np.full((room, 3), NO_OPERAND, dtype=np.int32)
    generates = np.full((width, width), NO_OPERAND, dtype=np.int32)
    propagates = np.full((width, width), NO_OPERAND, dtype=np.int32)
    halves = np.zeros(width, dtype=np.int32)
    count = np.array([2 * width + carry_in])
    types[: count[0]] = INPUT
    _bits(types, operands, count, width, carry_in, carry_out, halves, generates, propagates)
    _spans(types, operands, count, grid, width if carry_out else width - 1, generates, propagates)
    outputs = np.zeros(width + carry_out, dtype=np.int32)
    for bit in range(width):
        carry = generates[bit - 1, 0] if bit > 0 else (4 * width if carry_in else NO_OPERAND)
        if carry == NO_OPERAND:
            outputs[bit] = halves[bit]
        else:
            outputs[bit] = _append(types, operands, count, XOR, halves[bit], carry, NO_OPERAND)
    if carry_out:
        outputs[width] = generates[width - 1, 0]
    kept = _prune(types, operands, count[0], outputs, np.full(count[0], NO_OPERAND, dtype=np.int32))
    return types[:kept].copy(), operands[:kept].copy(), outputs
