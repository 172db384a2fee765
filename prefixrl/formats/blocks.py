"""MX blocks: elements of a narrow format that share a power of two as their scale (OCP MX specification 1.0).

Along one axis every `block_size` elements (32 in the specification) form a block, from index 0 on; where the axis does
not end with a whole block, the last one is shorter, as if zeros followed. A block's scale is 2^s with s from the
largest magnitude M in it (`ScaleRule`), kept within -127 to 127; elements are rounded from the exact V / 2^s and
saturate.

Choices where the specification leaves one: a block of zeros alone has the scale 2^-127 (what the rule for FP32's
exponent field 0 gives); a NaN or an infinity makes the block's scale NaN and with it the whole block, its element codes
are 0 (so torchao; others saturate infinities).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from prefixrl.errors import InputError
from prefixrl.formats.decoding import decode
from prefixrl.formats.descriptors import ElementFormat
from prefixrl.formats.encoding import as_float64, encode_scaled, power_of_two, round_floats
from prefixrl.formats.registry import E8M0, element_format
from prefixrl.formats.rounding import Rounding, RoundingMode
from prefixrl.hints import near_miss

BLOCK_SIZE = 32  # specification 1.0, section 5.2


class ScaleRule(StrEnum):
    """The exponent s of a block's scale, from its largest magnitude M; emax is floor(log2) of the format's largest.

    `FLOOR`: floor(log2 M) - emax, the specification's (section 6.3); clamps a block's largest elements. `CEIL`:
    ceil(log2 M) - emax. `RCEIL`: ceil(log2(M / largest)), the least that clamps nothing; exact here, where others
    multiply by a rounded 1 / largest in FP32 first. `EVEN`: as `FLOOR` of M rounded to the element's mantissa.
    """

    FLOOR = "floor"
    CEIL = "ceil"
    RCEIL = "rceil"
    EVEN = "even"

    @classmethod
    def named(cls, name: str) -> ScaleRule:
        """The rule of that name.

        :raises InputError: no such rule
        """
        try:
            return cls(name.lower())
        except ValueError:
            known = [each.value for each in cls]
            hint = near_miss(name, known) or f" (known: {', '.join(known)})"
            raise InputError(f"unknown scale rule{hint}, got {name!r}") from None

    def goes_up(self, fraction: Any, fmt: ElementFormat) -> Any:
        """Whether s is one more than `FLOOR`'s.

        :param fraction: M / 2^floor(log2 M), an array or a tensor
        """
        if self is ScaleRule.CEIL:
            return fraction > 1
        if self is ScaleRule.RCEIL:
            return fraction > float(fmt.largest / 2**fmt.largest_exponent)
        # Nothing reaches 2; what rounds to it does so from half a unit below.
        return fraction >= (2 - 2.0 ** -(fmt.mantissa_bits + 1) if self is ScaleRule.EVEN else 2)


@dataclass(frozen=True)
class Blocks:
    """An array in MX blocks.

    :param codes: element codes, in the shape of the array
    :param scales: E8M0 codes, in that shape with ceil(n / block_size) for the n of the axis
    :param fmt: the elements' format
    :param axis: along which the blocks lie, 0 to ndim - 1
    :param block_size: elements of a whole block
    """

    codes: npt.NDArray[np.unsignedinteger]
    scales: npt.NDArray[np.unsignedinteger]
    fmt: ElementFormat
    axis: int
    block_size: int

    def dequantise(self) -> npt.NDArray[np.float64]:
        """The numbers, exact in float64 (not always in float32: 448 * 2^127)."""
        each = np.repeat(self.scales, self.block_size, axis=self.axis)
        each = each[(*(slice(None),) * self.axis, slice(self.codes.shape[self.axis]))]
        return decode(self.codes, self.fmt) * decode(each, E8M0)


def scale_exponents(largest: npt.NDArray[np.float64], fmt: ElementFormat, rule: ScaleRule) -> npt.NDArray[np.int64]:
    """The exponents of the scales of blocks with these largest magnitudes (finite, at least 0)."""
    half, exponent = np.frexp(largest)
    exponent = exponent.astype(np.int64) - 1 - fmt.largest_exponent + rule.goes_up(2 * half, fmt)
    return np.where(largest > 0, np.clip(exponent, -E8M0.bias, E8M0.largest_exponent), -E8M0.bias)


def quantise_blocks(
    values: npt.ArrayLike,
    fmt: str | ElementFormat,
    axis: int = -1,
    rule: str = ScaleRule.FLOOR,
    block_size: int = BLOCK_SIZE,
    mode: RoundingMode | None = None,
) -> Blocks:
    """Numbers as MX blocks along an axis.

    :param values: floating-point numbers or integers below 2^53, at least one-dimensional
    :param fmt: the elements' format or its name
    :param axis: along which the blocks lie
    :param rule: how a block's scale follows from its largest magnitude
    :param block_size: elements of a block, at least 1
    :param mode: rounding of the elements, nearest-even by default; they saturate always. Random integers have the
        shape of `values`.
    :raises InputError: not numbers, no such axis, format or rule
    """
    fmt, rule, array, axis = _checked(values, fmt, axis, rule, block_size)
    mode = mode or RoundingMode()
    blocks = _in_blocks(array, axis, block_size)
    largest = np.abs(blocks).max(axis=-1, initial=0)
    usable = np.isfinite(largest)
    exponents = scale_exponents(np.where(usable, largest, 0), fmt, rule)
    elements = np.where(usable[..., None], blocks, 0)
    codes = encode_scaled(elements, -exponents[..., None], fmt, _element_mode(mode, array.shape, axis, block_size))
    scales = np.where(usable, exponents + E8M0.bias, E8M0.nan_code).astype(np.uint8)
    flat = codes.reshape(*codes.shape[:-2], -1)[..., : array.shape[axis]]
    return Blocks(np.moveaxis(flat, -1, axis), np.moveaxis(scales, -1, axis), fmt, axis, block_size)


def round_to_blocks(
    values: npt.ArrayLike,
    fmt: str | ElementFormat,
    axis: int = -1,
    rule: str = ScaleRule.FLOOR,
    block_size: int = BLOCK_SIZE,
) -> npt.NDArray[np.float64]:
    """What `dequantise` gives of `quantise_blocks`, rounded to nearest-even, several times as fast.

    Arguments and errors as there.
    """
    fmt, rule, array, axis = _checked(values, fmt, axis, rule, block_size)
    blocks = _in_blocks(array, axis, block_size)
    largest = np.abs(blocks).max(axis=-1, initial=0, keepdims=True)
    usable = np.isfinite(largest)
    exponents = scale_exponents(np.where(usable, largest, 0), fmt, rule)
    elements = np.where(usable, blocks, 0) * power_of_two(-exponents)
    rounded = np.where(usable, round_floats(elements, fmt, RoundingMode()) * power_of_two(exponents), np.nan)
    return np.moveaxis(rounded.reshape(*blocks.shape[:-2], -1)[..., : array.shape[axis]], -1, axis)


def _checked(
    values: npt.ArrayLike, fmt: str | ElementFormat, axis: int, rule: str, block_size: int
) -> tuple[ElementFormat, ScaleRule, npt.NDArray[np.float64], int]:
    array = _as_numbers(values)
    if not -array.ndim <= axis < array.ndim:
        raise InputError(f"blocks lie along an axis of the array's {array.ndim}, got {axis}")
    if block_size < 1:
        raise InputError(f"a block has at least 1 element, got {block_size}")
    return element_format(fmt), ScaleRule.named(rule), array, axis % array.ndim


def _as_numbers(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    array = np.asarray(values)
    if array.dtype.kind in "iu":
        if array.size and max(-int(array.min()), int(array.max())) > 1 << 53:
            raise InputError("integers in blocks are at most 2^53")
        return array.astype(np.float64)
    return as_float64(array)


def _in_blocks(array: npt.NDArray, axis: int, block_size: int) -> npt.NDArray:
    """[..., n, ...] as [..., blocks, block_size], the last block filled up with zeros."""
    last = np.moveaxis(array, axis, -1)
    missing = -last.shape[-1] % block_size
    padded = np.pad(last, [(0, 0)] * (last.ndim - 1) + [(0, missing)])
    return padded.reshape(*last.shape[:-1], padded.shape[-1] // block_size, block_size)


def _element_mode(mode: RoundingMode, shape: tuple[int, ...], axis: int, block_size: int) -> RoundingMode:
    random = mode.random
    if mode.rounding is Rounding.STOCHASTIC and not isinstance(random, np.random.Generator):
        random = _in_blocks(mode.random_integers(shape), axis, block_size)
    return RoundingMode(mode.rounding, True, random, mode.random_width)
