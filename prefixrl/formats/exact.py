"""Exact sums of floating-point numbers of any spread, vectorised, in integers.

A number is `(-1)^negative * significand * 2^exponent`. Sums whose terms span less than 62 bits are made in int64. The
terms of others are laid out in limbs of 31 bits over the whole range of exponents that occurs, the limbs are summed and
the carries resolved; of the sum the leading 32 to 62 bits are kept, the rest being gathered in the last one, so that it
rounds to any format of up to 30 bits of precision as the exact sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prefixrl.formats.rounding import SIGNIFICAND_BITS, Booleans, Integers, bit_length

LIMB_BITS = 31
_LIMB_MASK = (1 << LIMB_BITS) - 1
_LARGEST_SHIFT = 63
# Above every exponent.
_FAR = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Exact:
    """Finite numbers, exact or with their lower bits gathered; all arrays have the same shape.

    :param negative: bool, also of zeros
    :param significand: int64, 0 to 2^62 - 1
    :param exponent: int64
    """

    negative: Booleans
    significand: Integers
    exponent: Integers

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """As float64, rounded where a significand has more than 53 bits."""
        magnitude = np.ldexp(self.significand.astype(np.float64), self.exponent.astype(np.int32))
        return np.where(self.negative, -magnitude, magnitude)


def exact_sum(terms: Exact) -> Exact:
    """The sums over the last axis. A sum of zero is negative where all terms are (negative zeros), as in IEEE 754."""
    shape, count = terms.negative.shape[:-1], terms.negative.shape[-1]
    negative = terms.negative.reshape(-1, count)
    significand = np.broadcast_to(terms.significand, terms.negative.shape).reshape(-1, count)
    exponent = np.broadcast_to(terms.exponent, terms.negative.shape).reshape(-1, count)
    present = significand > 0
    base = np.where(present, exponent, _FAR).min(axis=-1, initial=_FAR)
    base = np.where(base == _FAR, 0, base)
    offset = np.where(present, exponent - base[:, None], 0)
    tops = (offset + bit_length(significand)).max(axis=-1, initial=0) + count.bit_length()
    minus, found, place = _narrow_sums(negative, significand, np.minimum(offset, SIGNIFICAND_BITS))
    wide = np.flatnonzero(tops > SIGNIFICAND_BITS)
    if len(wide):
        limbs = _limb_sums(negative[wide], significand[wide], offset[wide], -(-(int(tops.max()) + 1) // LIMB_BITS))
        minus[wide] = _make_magnitudes(limbs)
        found[wide], place[wide] = _leading(limbs)
    minus = np.where(found > 0, minus, negative.all(axis=-1))
    return Exact(minus.reshape(shape), found.reshape(shape), (place + base).reshape(shape))


def _narrow_sums(negative: Booleans, significand: Integers, offset: Integers) -> tuple[Booleans, Integers, Integers]:
    """Signs, magnitudes and exponents of sums that fit 62 bits; of others anything."""
    placed = significand << offset
    total = np.where(negative, -placed, placed).sum(axis=-1)
    return total < 0, np.abs(total), np.zeros_like(total)


def _limb_sums(negative: Booleans, significand: Integers, offset: Integers, count: int) -> list[Integers]:
    """The limbs of the sums, lowest first, carries resolved; the last one has the sign."""
    limbs, carry = [], np.zeros(negative.shape[:-1], dtype=np.int64)
    for index in range(count):
        shift = LIMB_BITS * index - offset
        # What a left shift pushes out of int64 belongs to higher limbs; a shift of 31 or more leaves this one empty.
        down = significand >> np.clip(shift, 0, _LARGEST_SHIFT)
        digits = np.where(shift >= 0, down, significand << np.clip(-shift, 0, _LARGEST_SHIFT)) & _LIMB_MASK
        total = np.where(negative, -digits, digits).sum(axis=-1) + carry
        carry = total >> LIMB_BITS
        limbs.append(total & _LIMB_MASK)
    limbs[-1] += carry << LIMB_BITS
    return limbs


def _make_magnitudes(limbs: list[Integers]) -> Booleans:
    """Negate, in place, the numbers that are negative; says which were."""
    negative = limbs[-1] < 0
    carry = negative.astype(np.int64)
    for index, limb in enumerate(limbs):
        last = index == len(limbs) - 1
        flipped = np.where(negative, ~limb if last else limb ^ _LIMB_MASK, limb) + carry
        carry = np.zeros_like(carry) if last else flipped >> LIMB_BITS
        limbs[index] = flipped if last else flipped & _LIMB_MASK
    return negative


def _leading(limbs: list[Integers]) -> tuple[Integers, Integers]:
    """The leading 32 to 62 bits (or all, if fewer), the rest gathered in the last, and the exponent of that."""
    significand = np.zeros_like(limbs[0])
    exponent = np.zeros_like(limbs[0])
    for index in range(len(limbs) - 1, -1, -1):
        room = significand <= _LIMB_MASK
        significand = np.where(
            room, significand << LIMB_BITS | limbs[index], significand | (limbs[index] != 0).astype(np.int64)
        )
        exponent = np.where(room, LIMB_BITS * index, exponent)
    return significand, exponent
