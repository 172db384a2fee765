"""From codes to values: exact tables of the small formats, and exact significands of all.

A finite value is `(-1)^negative * significand * 2^exponent` with a non-negative integer significand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from prefixrl.errors import InputError
from prefixrl.formats.descriptors import FloatFormat, Format, IntegerFormat, ScaleFormat, Specials, code_dtype
from prefixrl.formats.registry import format_named

_TABLE_BITS = 16  # formats up to this width are decoded by a table


@dataclass(frozen=True)
class Parts:
    """Numbers taken apart; all arrays have the same shape.

    :param negative: bool; the sign bit, also of zeros and NaNs
    :param significand: int64, at least 0; 0 where the number is not finite
    :param exponent: int64; the value is significand * 2^exponent
    :param infinite: bool
    :param nan: bool
    """

    negative: npt.NDArray[np.bool_]
    significand: npt.NDArray[np.int64]
    exponent: npt.NDArray[np.int64]
    infinite: npt.NDArray[np.bool_]
    nan: npt.NDArray[np.bool_]


def decode(codes: npt.ArrayLike, fmt: str | Format) -> npt.NDArray[np.float64]:
    """The values of codes, exact in float64, of the same shape. NaN codes give NaN, with the code's sign.

    :param codes: unsigned integers below 2^bits
    :param fmt: a format or its name
    :raises InputError: not integers, or one outside of the format
    """
    fmt = format_named(fmt)
    checked = check_codes(codes, fmt)
    if fmt.bits <= _TABLE_BITS:
        return decode_table(fmt)[checked]
    return _values(split(checked, fmt))


@cache
def decode_table(fmt: str | Format) -> npt.NDArray[np.float64]:
    """The values of all codes of a format of up to 16 bits, by code; read-only."""
    fmt = format_named(fmt)
    assert fmt.bits <= _TABLE_BITS
    table = _values(split(np.arange(1 << fmt.bits), fmt))
    table.setflags(write=False)
    return table


@cache
def integer_table(fmt: str | Format) -> npt.NDArray[np.int64]:
    """The values of all codes of a format of up to 8 bits in multiples of 2^`unit_exponent`; read-only.

    Codes that are no numbers give 0. E5M2 needs 33 bits, so products of two of it need more than int64 has. E8M0 has
    no such table.
    """
    fmt = format_named(fmt)
    assert fmt.bits <= 8
    assert not isinstance(fmt, ScaleFormat)
    parts = split(np.arange(1 << fmt.bits), fmt)
    magnitude = parts.significand << (parts.exponent - fmt.unit_exponent)
    table = np.where(parts.negative, -magnitude, magnitude)
    table.setflags(write=False)
    return table


def split(codes: npt.ArrayLike, fmt: str | Format) -> Parts:
    """Codes taken apart.

    The significand of a floating-point number has the hidden bit; its exponent is that of the last place, so that a
    subnormal number has the exponent of the least normal one.
    """
    fmt = format_named(fmt)
    code = check_codes(codes, fmt).astype(np.int64)
    nowhere = np.zeros(code.shape, dtype=bool)
    if isinstance(fmt, IntegerFormat):
        value = code - ((code > fmt.largest_code).astype(np.int64) << fmt.bits)
        return Parts(value < 0, np.abs(value), np.full(code.shape, fmt.unit_exponent), nowhere, nowhere)
    if isinstance(fmt, ScaleFormat):
        nan = code == fmt.nan_code
        return Parts(nowhere, np.where(nan, 0, 1), code - fmt.bias, nowhere, nan)
    return _split_float(code, fmt)


def _split_float(code: npt.NDArray[np.int64], fmt: FloatFormat) -> Parts:
    magnitude = code & (fmt.sign_mask - 1)
    field = magnitude >> fmt.mantissa_bits
    mantissa = magnitude & ((1 << fmt.mantissa_bits) - 1)
    significand = mantissa | ((field > 0).astype(np.int64) << fmt.mantissa_bits)
    exponent = np.maximum(field, 1) - fmt.bias - fmt.mantissa_bits
    special = magnitude > fmt.largest_code
    infinite = special & (mantissa == 0) & (fmt.specials is Specials.IEEE)
    return Parts(
        code >= fmt.sign_mask, np.where(special, 0, significand), exponent, infinite, special & np.logical_not(infinite)
    )


def _values(parts: Parts) -> npt.NDArray[np.float64]:
    magnitude = np.ldexp(parts.significand.astype(np.float64), parts.exponent.astype(np.int32))
    magnitude = np.where(parts.infinite, np.inf, np.where(parts.nan, np.nan, magnitude))
    return np.copysign(magnitude, np.where(parts.negative, -1.0, 1.0))


def check_codes(codes: npt.ArrayLike, fmt: Format) -> npt.NDArray[np.unsignedinteger]:
    """The codes as an array of the format's code type.

    :raises InputError: not integers, or one outside of the format
    """
    array = np.asarray(codes)
    if array.size == 0:
        return array.astype(code_dtype(fmt.bits))
    if array.dtype.kind not in "iu":
        raise InputError(f"codes are unsigned integers, got {array.dtype}")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= 1 << fmt.bits:
        raise InputError(f"codes of {fmt.name} have {fmt.bits} bits, got {low if low < 0 else high}")
    return array.astype(code_dtype(fmt.bits), copy=False)
