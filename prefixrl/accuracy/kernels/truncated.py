"""Compiled matrix products as tensor cores make them; `formats.truncated_dot` is the model they are checked against.

Letters: B rows of inputs, K summed, N outputs, T products to a dot product. Numbers are floats, which hold all that
occurs exactly: a product of two 8-bit numbers, and sums of up to 24 bits in float32 or 53 in float64.
"""

from __future__ import annotations

import numpy as np

from prefixrl.compiling import kernel

# Exponents of powers in the table that the kernel is given: 2^(index - POWER_OFFSET). Products of zeros reach farthest.
POWER_OFFSET = 320
POWERS = np.ldexp(1.0, np.arange(2 * POWER_OFFSET) - POWER_OFFSET)
# The exponent of a zero operand: no sum with it is the largest.
NOWHERE = -120
# Outputs at a time: T rows of weights and exponents for them stay in the first-level cache while all inputs pass.
TILE = 128


@kernel
def truncated_products(
    inputs, input_exponents, weights, weight_exponents, terms, kept, floor, powers, largest, scales, sums, out
):
    """out [N / TILE, B, TILE] float32: dot products of T terms, cut off `kept` bits below the largest, added in FP32.

    :param inputs: values [B, K], float32 or float64
    :param input_exponents: [B, K] int32, of the leading place, `NOWHERE` for zeros
    :param weights: values [N / TILE, K, TILE], of the same type; the last tile is filled up with zeros
    :param weight_exponents: int32, of the same shape
    :param floor: whether products are cut downwards, else toward zero
    :param powers: `POWERS` in the same type
    :param largest: scratch [TILE] int32
    :param scales: scratch [TILE], of the same type
    :param sums: scratch [TILE], of the same type
    """
    for tile in range(weights.shape[0]):
        for start in range(0, inputs.shape[1], terms):
            stop = min(start + terms, inputs.shape[1])
            for row in range(inputs.shape[0]):
                largest[:] = 2 * NOWHERE
                sums[:] = 0
                for k in range(start, stop):
                    exponent = input_exponents[row, k]
                    for n in range(TILE):
                        largest[n] = max(largest[n], exponent + weight_exponents[tile, k, n])
                for n in range(TILE):
                    scales[n] = powers[kept - largest[n] + POWER_OFFSET]
                for k in range(start, stop):
                    value = inputs[row, k]
                    if floor:
                        for n in range(TILE):
                            sums[n] += np.floor(value * weights[tile, k, n] * scales[n])
                    else:
                        for n in range(TILE):
                            sums[n] += np.trunc(value * weights[tile, k, n] * scales[n])
                for n in range(TILE):
                    out[tile, row, n] += np.float32(sums[n] * powers[largest[n] - kept + POWER_OFFSET])
