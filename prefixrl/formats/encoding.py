"""From values to codes, and values rounded to a format.

Choices where the specifications leave one, or where other packages differ from one another:

- Saturation is the default: overflow and infinity give the largest finite number with their sign, NaN stays NaN (OFP8
  section 5.2.1's saturating conversion). `ml_dtypes` never saturates FP8 and always saturates FP6 and FP4, `gfloat`
  does as it is told.
- Without saturation, overflow and infinity give infinity, in a format without infinity NaN (E4M3 above 464, the study's
  E3M4 above 30.5); E3M2, E2M3, E2M1 and INT8 have neither and saturate all the same, where `gfloat` raises an error.
- Rounding toward zero never overflows: a finite number beyond the largest gives the largest (IEEE 754; so `gfloat`).
- NaN keeps its sign and nothing else; in a format without NaN it is an error (`gfloat` too), where `ml_dtypes` gives a
  zero with the opposite sign.
- E8M0: a tie goes to the larger number (so `ml_dtypes`; `gfloat` takes the even code), zero and what is below 2^-127
  give 2^-127 (`ml_dtypes` makes zero NaN, and takes all between 2^-127 and 2^-126 for the latter), negative numbers
  give NaN. Infinity saturates to 2^127 where `ml_dtypes` gives NaN.
- float64 is rounded once; `ml_dtypes` goes through float32.
- INT8 stays in -127 to 127 (so microxcaling; `gfloat` may give -128).
- Negative zero stays one where the format has one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from prefixrl.errors import InputError
from prefixrl.formats.decoding import decode
from prefixrl.formats.descriptors import ElementFormat, Format, IntegerFormat, ScaleFormat
from prefixrl.formats.registry import format_named
from prefixrl.formats.rounding import (
    DEFAULT_RANDOM_WIDTH,
    Integers,
    Rounding,
    RoundingMode,
    gathered_integers,
    infinity_code,
    round_to_codes,
    with_sign,
)

_MANTISSA = (1 << 52) - 1
_HIDDEN = 1 << 52


def encode(
    values: npt.ArrayLike,
    fmt: str | Format,
    rounding: str = Rounding.NEAREST_EVEN,
    saturate: bool = True,
    random: np.random.Generator | npt.ArrayLike | None = None,
    random_width: int = DEFAULT_RANDOM_WIDTH,
) -> npt.NDArray[np.unsignedinteger]:
    """Numbers as codes of a format, each rounded once, of the same shape.

    :param values: float16, float32, float64 or integers, or what NumPy makes one of them from
    :param fmt: a format or its name
    :param rounding: `nearest-even`, `toward-zero`, `stochastic`
    :param saturate: whether overflow and infinity give the largest finite number (see the module)
    :param random: for stochastic rounding: a generator, or integers below 2^random_width that fit the shape
    :param random_width: random bits per number, 1 to 62
    :raises InputError: not numbers, a NaN for a format that has none, or bad options
    """
    return encode_scaled(values, 0, fmt, RoundingMode(Rounding.named(rounding), saturate, random, random_width))


def encode_scaled(
    values: npt.ArrayLike, scale: int | npt.ArrayLike, fmt: str | Format, mode: RoundingMode | None = None
) -> npt.NDArray[np.unsignedinteger]:
    """values * 2^scale as codes, rounded once: integers of any size (Python's, in an object array) are exact too.

    :param values: floating-point numbers or integers
    :param scale: integers that broadcast with `values`
    :param fmt: a format or its name
    :param mode: rounding and saturation; nearest-even and saturating by default
    :raises InputError: not numbers, or a NaN for a format that has none
    """
    fmt, mode = format_named(fmt), mode or RoundingMode()
    array, scales = np.broadcast_arrays(np.asarray(values), np.asarray(scale, dtype=np.int64))
    shape = array.shape
    array, scales = np.atleast_1d(array), np.atleast_1d(scales)
    if array.size and array.dtype.kind in "iuO":
        negative, significand, exponent = _split_integers(array)
        return round_to_codes(negative, significand, exponent + scales, fmt, mode).reshape(shape)
    numbers = as_float64(array)
    negative, significand, exponent = _split_floats(numbers)
    codes = round_to_codes(negative, significand, exponent + scales, fmt, mode)
    _place_specials(codes, numbers, fmt, mode)
    return codes.reshape(shape)


def _place_specials(
    codes: npt.NDArray[np.unsignedinteger], numbers: npt.NDArray[np.float64], fmt: Format, mode: RoundingMode
) -> None:
    infinite, nan = np.isinf(numbers), np.isnan(numbers)
    if infinite.any():
        code = fmt.largest_code if mode.saturate else infinity_code(fmt)
        codes[infinite] = _signed_codes(code, numbers[infinite], fmt)
    if nan.any():
        if fmt.nan_code is None:
            raise InputError(f"{fmt.name} has no NaN, got NaN")
        codes[nan] = _signed_codes(fmt.nan_code, numbers[nan], fmt)


def _signed_codes(code: int, numbers: npt.NDArray[np.float64], fmt: Format) -> npt.NDArray[np.unsignedinteger]:
    return with_sign(np.full(numbers.shape, code, dtype=np.int64), np.signbit(numbers), fmt)


def quantise(
    values: npt.ArrayLike,
    fmt: str | Format,
    rounding: str = Rounding.NEAREST_EVEN,
    saturate: bool = True,
    random: np.random.Generator | npt.ArrayLike | None = None,
    random_width: int = DEFAULT_RANDOM_WIDTH,
) -> npt.NDArray[np.floating]:
    """Numbers rounded to the nearest of a format's, as numbers: float32 of float32, else float64, which are exact.

    Arguments and errors as of `encode`.
    """
    fmt, array = format_named(fmt), np.asarray(values)
    mode = RoundingMode(Rounding.named(rounding), saturate, random, random_width)
    if array.dtype.kind == "f" and not isinstance(fmt, ScaleFormat) and mode.rounding is not Rounding.STOCHASTIC:
        rounded = round_floats(as_float64(array), fmt, mode)
    else:
        rounded = decode(encode_scaled(array, 0, fmt, mode), fmt)
    return rounded.astype(np.float32) if array.dtype == np.float32 else rounded


def round_floats(numbers: npt.NDArray[np.float64], fmt: ElementFormat, mode: RoundingMode) -> npt.NDArray[np.float64]:
    """What `decode` gives of `encode_scaled`, ten times as fast: nearest-even or toward zero, in exact float64 steps.

    :raises InputError: a NaN for a format that has none
    """
    magnitude = np.abs(numbers)
    if fmt.nan_code is None and np.isnan(magnitude).any():
        raise InputError(f"{fmt.name} has no NaN, got NaN")
    least = fmt.largest_exponent if isinstance(fmt, IntegerFormat) else fmt.least_exponent
    top = (magnitude.view(np.int64) >> 52) - 1023
    unit = np.clip(top, least, fmt.largest_exponent) - fmt.mantissa_bits
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers far beyond the largest, and of signalling NaNs
        units = magnitude * power_of_two(-unit)
        units = np.rint(units) if mode.rounding is Rounding.NEAREST_EVEN else np.floor(units)
        rounded = units * power_of_two(unit)
    largest = float(fmt.largest)
    beyond = rounded > largest
    if beyond.any():
        infinity = largest if mode.saturate else float(decode(infinity_code(fmt), fmt))
        finite = largest if mode.rounding is Rounding.TOWARD_ZERO else infinity
        rounded = np.where(beyond, np.where(np.isinf(magnitude), infinity, finite), rounded)
    if isinstance(fmt, IntegerFormat):  # no negative zero
        return np.where(numbers < 0, 0 - rounded, rounded)
    return np.copysign(rounded, numbers)


def power_of_two(exponent: Integers) -> npt.NDArray[np.float64]:
    """2^exponent, exactly; exponents -1022 to 1023."""
    return ((exponent + 1023) << 52).view(np.float64)


def as_float64(array: npt.NDArray) -> npt.NDArray[np.float64]:
    """Floating-point numbers as float64, exactly.

    :raises InputError: not numbers, or longer ones
    """
    # bfloat16 and the like of ml_dtypes have kind V, longdouble would be rounded here, and then once more.
    if array.dtype.kind not in "fV" or array.dtype.itemsize > 8 or array.dtype.names is not None:
        raise InputError(f"numbers are float16, float32, float64 or integers, got {array.dtype}")
    try:
        with np.errstate(invalid="ignore"):
            return array.astype(np.float64, order="C")
    except (TypeError, ValueError):
        raise InputError(f"numbers are float16, float32, float64 or integers, got {array.dtype}") from None


def _split_floats(numbers: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.bool_], Integers, Integers]:
    """Sign, significand and exponent; of what is not finite, zeros."""
    bits = numbers.view(np.int64)
    field = (bits >> 52) & 0x7FF
    significand = (bits & _MANTISSA) | np.where(field > 0, _HIDDEN, 0)
    return np.signbit(numbers), np.where(field == 0x7FF, 0, significand), np.maximum(field, 1) - 1075


def _split_integers(array: npt.NDArray) -> tuple[npt.NDArray[np.bool_], Integers, Integers]:
    if array.dtype.kind == "O" and not all(isinstance(value, int | np.integer) for value in array.ravel()):
        raise InputError("an object array must hold integers alone")
    # Small types need no Python integers; 2^62 and beyond does.
    if array.dtype.kind in "iu" and array.dtype.itemsize < 8:
        wide = array.astype(np.int64)
        return wide < 0, np.abs(wide), np.zeros(array.shape, dtype=np.int64)
    if array.dtype.kind == "i" and max(-int(array.min()), int(array.max())) < 1 << 62:
        return array < 0, np.abs(array), np.zeros(array.shape, dtype=np.int64)
    return gathered_integers(array.astype(object))
