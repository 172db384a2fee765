"""Compiled simulation of and-inverter graphs, and the packing of integers into bit slices.

Letters: A AND gates, W words of 64 patterns, P patterns (64 W). A literal is 2 * node + 1 where complemented, node 0
being constant zero.
"""

from __future__ import annotations

import numpy as np

from prefixrl.compiling import compiled

# Words that are worked on at once: the values of a few thousand nodes then stay in a core's cache.
CHUNK = 32


@compiled
def simulate(first, second, inputs, outputs, slices, results):
    """Evaluate a graph on 64 W patterns.

    :param first: int64 [A] first operand of every gate, a literal; gate i is node 1 + inputs + i
    :param second: int64 [A]
    :param inputs: number of inputs; their nodes are 1 to `inputs`
    :param outputs: int64 [O] literals
    :param slices: uint64 [inputs, W]
    :param results: uint64 [O, W], filled in
    """
    gates = len(first)
    words = slices.shape[1]
    values = np.zeros((1 + inputs + gates, CHUNK), dtype=np.uint64)
    ones = ~np.uint64(0)
    for start in range(0, words, CHUNK):
        count = min(CHUNK, words - start)
        for node in range(inputs):
            for word in range(count):
                values[1 + node, word] = slices[node, start + word]
        for gate in range(gates):
            x, y = first[gate], second[gate]
            flip_x = ones if x & 1 else np.uint64(0)
            flip_y = ones if y & 1 else np.uint64(0)
            one, other, here = values[x >> 1], values[y >> 1], values[1 + inputs + gate]
            for word in range(CHUNK):
                here[word] = (one[word] ^ flip_x) & (other[word] ^ flip_y)
        for place in range(len(outputs)):
            literal = outputs[place]
            flip = ones if literal & 1 else np.uint64(0)
            for word in range(count):
                results[place, start + word] = values[literal >> 1, word] ^ flip


@compiled
def pack(values, width, slices):
    """Integers as bit slices.

    :param values: uint64 [P]
    :param slices: uint64 [width, W], filled in
    """
    for word in range(len(values) // 64):
        for bit in range(width):
            gathered = np.uint64(0)
            for place in range(64):
                gathered |= ((values[64 * word + place] >> np.uint64(bit)) & np.uint64(1)) << np.uint64(place)
            slices[bit, word] = gathered


@compiled
def unpack(slices, values):
    """Bit slices as integers.

    :param slices: uint64 [width, W], width at most 64
    :param values: uint64 [P], filled in
    """
    for word in range(slices.shape[1]):
        for place in range(64):
            gathered = np.uint64(0)
            for bit in range(slices.shape[0]):
                gathered |= ((slices[bit, word] >> np.uint64(place)) & np.uint64(1)) << np.uint64(bit)
            values[64 * word + place] = gathered
