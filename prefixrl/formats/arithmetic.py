"""Exact models of arithmetic on codes: product, sum, fused multiply-add and dot product, each rounded once.

They are what hardware is checked against. Operands are codes, results are codes of `out`; special values follow IEEE
754 (infinity times zero and infinity minus infinity are NaN), then the rules of `encoding` for the result's format: an
infinite result saturates where overflow does. NaN results are the format's own NaN with the sign clear, but overflow
that becomes NaN keeps its sign; for a format that has no NaN they are an error. Stochastic rounding takes one random
integer for each result.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from prefixrl.errors import InputError
from prefixrl.formats.decoding import Parts, split
from prefixrl.formats.descriptors import Format, ScaleFormat
from prefixrl.formats.exact import Exact, exact_sum
from prefixrl.formats.registry import element_format, format_named
from prefixrl.formats.rounding import Booleans, RoundingMode, infinity_code, round_to_codes, with_sign

Codes = npt.ArrayLike
CodeArray = npt.NDArray[np.unsignedinteger]

_PARTS = ("negative", "significand", "exponent", "infinite", "nan")


@dataclass(frozen=True)
class Operand:
    """Numbers of one format.

    :param codes: their codes
    :param fmt: a format or its name
    """

    codes: Codes
    fmt: str | Format

    @property
    def parts(self) -> Parts:
        return split(self.codes, element_format(self.fmt))


def multiply(a: Operand, b: Operand, out: str | Format, mode: RoundingMode | None = None) -> CodeArray:
    """a * b; shapes broadcast."""
    return _finish(_product(a.parts, b.parts), out, mode)


def add(a: Operand, b: Operand, out: str | Format, mode: RoundingMode | None = None) -> CodeArray:
    """a + b; shapes broadcast. A sum of zero is positive unless both are negative zeros."""
    return _finish(_sum(_stacked(a.parts, b.parts)), out, mode)


def multiply_add(a: Operand, b: Operand, c: Operand, out: str | Format, mode: RoundingMode | None = None) -> CodeArray:
    """a * b + c, rounded once; shapes broadcast."""
    return _finish(_sum(_stacked(_product(a.parts, b.parts), c.parts)), out, mode)


def dot(
    a: Operand,
    b: Operand,
    out: str | Format,
    scales: tuple[Codes, Codes] | None = None,
    accumulator: Operand | None = None,
    mode: RoundingMode | None = None,
) -> CodeArray:
    """2^(scales) * sum of a * b over the last axis, plus the accumulator, rounded once: the MX specification's Dot.

    A sum of zero is positive zero.

    :param a: codes of shape [..., K]
    :param b: codes that broadcast with those of `a`
    :param out: format of the result
    :param scales: E8M0 codes of the blocks of `a` and of `b`, of shape [...]; a NaN scale gives NaN
    :param accumulator: numbers of shape [...]
    :param mode: rounding and saturation; nearest-even and saturating by default
    """
    terms = _product(a.parts, b.parts)
    if scales is not None:
        terms = _scaled(terms, *scales)
    if accumulator is not None:
        terms = _with_term(terms, accumulator.parts)
    return _finish(_positive_zero(_sum(terms)), out, mode)


def fraction_bits(width: int, terms: int) -> int:
    """Bits below the binary point of the largest product that an adder of `width` bits keeps of `terms` products.

    A product is below 4, and its sign and the growth of the sum take their bits: 21 bits keep 13 of 32 products.

    :raises InputError: fewer than none
    """
    bits = width - 3 - (terms - 1).bit_length()
    if bits < 0:
        raise InputError(f"an adder for {terms} products has at least {width - bits} bits, got {width}")
    return bits


class Cut(StrEnum):
    """What becomes of the bits below an aligned product's last place.

    `TOWARD_ZERO`: they are dropped from the magnitude, before a negative product is negated. `FLOOR`: from the two's
    complement, after that, which pulls every sum down by half a place per product in mean.
    """

    TOWARD_ZERO = "toward-zero"
    FLOOR = "floor"

    @classmethod
    def named(cls, name: str) -> Cut:
        """The cut of that name.

        :raises InputError: no such cut
        """
        try:
            return cls(name)
        except ValueError:
            raise InputError(f"a product is cut toward-zero or floor, got {name!r}") from None


def truncated_dot(
    a: Operand,
    b: Operand,
    out: str | Format,
    width: int,
    mode: RoundingMode | None = None,
    cut: str = Cut.TOWARD_ZERO,
) -> CodeArray:
    """Sum of a * b over the last axis as tensor cores make it, with an adder of `width` bits.

    Products are exact; they are aligned to the largest exponent among those that are not zero (the sum of the operands'
    exponents, not normalised; a subnormal operand has the least normal one's), cut off after `fraction_bits(width, K)`
    bits, added exactly and rounded once. A sum of zero is positive zero.

    :param a: codes of shape [..., K]
    :param b: codes that broadcast with those of `a`
    :param width: bits of the adder that holds the sum in two's complement
    :param cut: how products are cut off
    """
    product = _product(a.parts, b.parts)
    mantissa_bits = element_format(a.fmt).mantissa_bits + element_format(b.fmt).mantissa_bits
    kept = fraction_bits(width, product.significand.shape[-1])
    return _finish(_positive_zero(_sum(aligned_products(product, mantissa_bits, kept, Cut.named(cut)))), out, mode)


def aligned_products(product: Parts, mantissa_bits: int, kept_bits: int, cut: Cut) -> Parts:
    """Products cut off `kept_bits` below the largest exponent among those along the last axis.

    :param product: significands with `mantissa_bits` bits after the binary point of numbers in [1, 4) or subnormal
    """
    exponent = np.where(product.significand > 0, product.exponent, np.iinfo(np.int32).min)
    unit = exponent.max(axis=-1, keepdims=True) + mantissa_bits - kept_bits
    # Multiples of the unit are left where they were; a significand has less than 62 bits.
    places = np.clip(unit - product.exponent, 0, 62)
    kept = product.significand >> places
    if cut is Cut.FLOOR:
        kept += product.negative & (kept << places != product.significand)
    return Parts(product.negative, kept, product.exponent + places, product.infinite, product.nan)


def _product(a: Parts, b: Parts) -> Parts:
    zero_times_infinity = (a.infinite & _is_zero(b)) | (b.infinite & _is_zero(a))
    nan = a.nan | b.nan | zero_times_infinity
    negative, significand, exponent, infinite, nan = np.broadcast_arrays(
        a.negative ^ b.negative,
        a.significand * b.significand,
        a.exponent + b.exponent,
        (a.infinite | b.infinite) & np.logical_not(nan),
        nan,
    )
    return Parts(negative, significand, exponent, infinite, nan)


def _is_zero(parts: Parts) -> Booleans:
    return (parts.significand == 0) & np.logical_not(parts.infinite | parts.nan)


def _stacked(*terms: Parts) -> Parts:
    """Terms side by side in a new last axis."""
    shape = np.broadcast_shapes(*(each.negative.shape for each in terms))

    def side_by_side(name: str) -> npt.NDArray:
        return np.stack([np.broadcast_to(getattr(each, name), shape) for each in terms], axis=-1)

    return Parts(*(side_by_side(name) for name in _PARTS))


def _sum(terms: Parts) -> Parts:
    """Sums over the last axis."""
    plus = (terms.infinite & np.logical_not(terms.negative)).any(axis=-1)
    minus = (terms.infinite & terms.negative).any(axis=-1)
    nan = np.asarray(terms.nan.any(axis=-1) | (plus & minus))
    total = exact_sum(Exact(terms.negative, terms.significand, terms.exponent))
    infinite = (plus | minus) & np.logical_not(nan)
    return Parts(np.where(infinite, minus, total.negative), total.significand, total.exponent, infinite, nan)


def _scaled(terms: Parts, *scales: Codes) -> Parts:
    """Terms [..., K] times the scales [...]."""
    exponent, nan = terms.exponent, terms.nan
    for codes in scales:
        scale = split(codes, format_named("e8m0"))
        exponent, nan = exponent + scale.exponent[..., None], nan | scale.nan[..., None]
    infinite = terms.infinite & np.logical_not(nan)
    negative, significand, infinite, nan, exponent = np.broadcast_arrays(
        terms.negative, terms.significand, infinite, nan, exponent
    )
    return Parts(negative, significand, exponent, infinite, nan)


def _with_term(terms: Parts, further: Parts) -> Parts:
    """Terms [..., K] and one more [...], of shape [..., K + 1]."""
    shape = np.broadcast_shapes(terms.negative.shape[:-1], further.negative.shape)

    def joined(name: str) -> npt.NDArray:
        many = np.broadcast_to(getattr(terms, name), (*shape, terms.negative.shape[-1]))
        return np.concatenate([many, np.broadcast_to(getattr(further, name), shape)[..., None]], axis=-1)

    return Parts(*(joined(name) for name in _PARTS))


def _positive_zero(total: Parts) -> Parts:
    negative = total.negative & np.logical_not(_is_zero(total))
    return Parts(negative, total.significand, total.exponent, total.infinite, total.nan)


def _finish(result: Parts, out: str | Format, mode: RoundingMode | None) -> CodeArray:
    fmt, mode = format_named(out), mode or RoundingMode()
    if isinstance(fmt, ScaleFormat):
        raise InputError(f"{fmt.name} holds scales, not results, got {fmt.name}")
    codes = np.asarray(round_to_codes(result.negative, result.significand, result.exponent, fmt, mode))
    infinity = fmt.largest_code if mode.saturate else infinity_code(fmt)
    codes = np.where(result.infinite, with_sign(np.asarray(infinity), result.negative, fmt), codes)
    if result.nan.any():
        if fmt.nan_code is None:
            raise InputError(f"{fmt.name} has no NaN, got NaN")
        codes = np.where(result.nan, np.array(fmt.nan_code, dtype=codes.dtype), codes)
    return codes
