"""Rounding of exact numbers to a format, by integer arithmetic alone.

An exact number is `(-1)^negative * significand * 2^exponent`, where a significand may have up to 62 bits; one that has
more is given with its lower bits gathered in the last one (`gathered`), which rounds as the whole number would.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from prefixrl.errors import InputError
from prefixrl.formats.descriptors import FloatFormat, Format, IntegerFormat, ScaleFormat, code_dtype
from prefixrl.hints import near_miss

SIGNIFICAND_BITS = 62
_LARGEST_SHIFT = 63
DEFAULT_RANDOM_WIDTH = 32

Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


class Rounding(StrEnum):
    """How a number between two of a format's is rounded.

    `NEAREST_EVEN`: to the nearer, a tie to the even significand (and, where significands have one bit, as in E8M0, to
    the larger number: IEEE 754-2019, 4.3.1). `TOWARD_ZERO`: to the smaller magnitude; never overflows. `STOCHASTIC`: to
    the larger magnitude with the probability of the part that is cut off.
    """

    NEAREST_EVEN = "nearest-even"
    TOWARD_ZERO = "toward-zero"
    STOCHASTIC = "stochastic"

    @classmethod
    def named(cls, name: str) -> Rounding:
        """The rounding of that name.

        :raises InputError: no such rounding
        """
        try:
            return cls(name)
        except ValueError:
            known = [each.value for each in cls]
            hint = near_miss(name, known) or f" (known: {', '.join(known)})"
            raise InputError(f"unknown rounding{hint}, got {name!r}") from None


@dataclass(frozen=True)
class RoundingMode:
    """Everything that a cast needs to know besides the number and the format.

    :param rounding: to which neighbour
    :param saturate: whether overflow and infinity give the largest finite number; else they give infinity, or NaN in a
        format without infinity. Formats that have neither always saturate.
    :param random: for stochastic rounding: a generator, or the random integers themselves, below 2^random_width, of the
        numbers' shape or of one that broadcasts to it
    :param random_width: how many random bits a rounding uses; the bias is below 2^-random_width of a unit
    """

    rounding: Rounding = Rounding.NEAREST_EVEN
    saturate: bool = True
    random: np.random.Generator | npt.ArrayLike | None = None
    random_width: int = DEFAULT_RANDOM_WIDTH

    def __post_init__(self) -> None:
        object.__setattr__(self, "rounding", Rounding.named(self.rounding))
        if not 1 <= self.random_width <= SIGNIFICAND_BITS:
            raise InputError(f"random_width is 1 to {SIGNIFICAND_BITS}, got {self.random_width}")
        if self.rounding is Rounding.STOCHASTIC and self.random is None:
            raise InputError("stochastic rounding needs a numpy Generator or random integers, got None")

    def random_integers(self, shape: tuple[int, ...]) -> Integers:
        """The random integers of numbers of that shape."""
        limit = 1 << self.random_width
        if isinstance(self.random, np.random.Generator):
            return self.random.integers(0, limit, size=shape, dtype=np.int64)
        given = np.asarray(self.random)
        if given.dtype.kind not in "iu" or (given.size and (given.min() < 0 or given.max() >= limit)):
            raise InputError(
                f"random integers are 0 to 2^{self.random_width} - 1, got {given.dtype} {given.ravel()[:4]}"
            )
        try:
            return np.broadcast_to(given.astype(np.int64), shape)
        except ValueError:
            raise InputError(f"random integers must fit numbers of shape {shape}, got {given.shape}") from None


def bit_length(values: Integers) -> Integers:
    """Bits of non-negative integers below 2^63; of 0 none."""
    high, low = values >> 32, values & 0xFFFFFFFF
    lengths = np.where(high > 0, np.frexp(high.astype(np.float64))[1] + 32, np.frexp(low.astype(np.float64))[1])
    return lengths.astype(np.int64)


def round_to_codes(
    negative: Booleans, significand: Integers, exponent: Integers, fmt: Format, mode: RoundingMode
) -> npt.NDArray[np.unsignedinteger]:
    """Exact finite numbers as codes; all arrays have the same shape.

    :param negative: sign; of a zero too where the format has a negative zero
    :param significand: 0 to 2^62 - 1
    :param exponent: any, within +-2^31
    """
    least = fmt.largest_exponent if isinstance(fmt, IntegerFormat) else fmt.unit_exponent + fmt.mantissa_bits
    top = np.where(significand > 0, exponent + bit_length(significand) - 1, least)
    scale = np.clip(top, least, fmt.largest_exponent)
    huge = top > fmt.largest_exponent
    kept = _rounded(np.where(huge, 0, significand), scale - fmt.mantissa_bits - exponent, mode)
    # A carry out of the mantissa goes into the exponent field by itself.
    code = kept + ((scale - least) << fmt.mantissa_bits)
    if isinstance(fmt, ScaleFormat):
        code = np.maximum(code - 1, 0)
    overflow = huge | (code > fmt.largest_code)
    code = np.where(overflow, _overflow_code(fmt, mode), code)
    return with_sign(code, negative & ((significand > 0) | (not isinstance(fmt, ScaleFormat))), fmt)


def _rounded(significand: Integers, shift: Integers, mode: RoundingMode) -> Integers:
    """significand / 2^shift as an integer."""
    left = significand << np.clip(-shift, 0, _LARGEST_SHIFT)
    excess = np.maximum(shift - _LARGEST_SHIFT, 0)
    significand = gathered(significand, np.minimum(excess, _LARGEST_SHIFT))
    shift = np.clip(shift, 0, _LARGEST_SHIFT)
    kept = significand >> shift
    rest = significand - (kept << shift)
    return np.where(shift == 0, left, kept + _goes_up(kept, rest, shift, mode))


def _goes_up(kept: Integers, rest: Integers, shift: Integers, mode: RoundingMode) -> Booleans:
    if mode.rounding is Rounding.TOWARD_ZERO:
        return np.zeros(kept.shape, dtype=bool)
    if mode.rounding is Rounding.NEAREST_EVEN:
        half = (np.int64(1) << shift) >> 1
        # 1 << 63 is negative in int64, and its half too.
        half = np.where(shift == _LARGEST_SHIFT, np.int64(1) << 62, half)
        return (shift > 0) & ((rest > half) | ((rest == half) & (kept & 1 == 1)))
    width = mode.random_width
    drawn = mode.random_integers(kept.shape)
    part = np.where(shift <= width, rest << np.clip(width - shift, 0, None), rest >> np.clip(shift - width, 0, None))
    return part + drawn >= np.int64(1) << width


def _overflow_code(fmt: Format, mode: RoundingMode) -> int:
    if mode.saturate or mode.rounding is Rounding.TOWARD_ZERO:
        return fmt.largest_code
    return infinity_code(fmt)


def infinity_code(fmt: Format) -> int:
    """What plus infinity becomes without saturation: infinity, else NaN, else the largest finite number."""
    for code in (fmt.infinity_code, fmt.nan_code):
        if code is not None:
            return code
    return fmt.largest_code


def with_sign(code: Integers, negative: Booleans, fmt: Format) -> npt.NDArray[np.unsignedinteger]:
    """Codes of magnitudes with signs; a negative number has no place in E8M0 and gives NaN."""
    if isinstance(fmt, FloatFormat):
        signed = code | np.where(negative, fmt.sign_mask, 0)
    elif isinstance(fmt, IntegerFormat):
        signed = np.where(negative, -code, code) & ((1 << fmt.bits) - 1)
    else:
        signed = np.where(negative, fmt.nan_code, code)
    return signed.astype(code_dtype(fmt.bits))


def gathered(significand: Integers, shift: Integers) -> Integers:
    """significand >> shift, with the last bit set where a set bit was shifted out (`shift` below 64)."""
    kept = significand >> shift
    return kept | ((kept << shift) != significand)


def gathered_integers(values: npt.NDArray[np.object_]) -> tuple[Booleans, Integers, Integers]:
    """Python integers of any size as sign, significand of up to 62 bits and exponent, ready to be rounded.

    Of a longer one the lower bits are gathered in the last bit kept, so nearest and toward-zero rounding to formats of
    up to 60 bits of precision are exact.
    """
    flat = [int(value) for value in values.ravel()]
    shifts = [max(abs(value).bit_length() - SIGNIFICAND_BITS, 0) for value in flat]
    kept = [abs(value) >> shift for value, shift in zip(flat, shifts, strict=True)]
    sticky = [(part << shift) != abs(value) for value, part, shift in zip(flat, kept, shifts, strict=True)]
    significand = np.array(kept, dtype=np.int64) | np.array(sticky, dtype=bool)
    negative = np.array([value < 0 for value in flat], dtype=bool)
    return (
        negative.reshape(values.shape),
        significand.reshape(values.shape),
        np.array(shifts, dtype=np.int64).reshape(values.shape),
    )
