"""What a number format is: its fields, and the values that follow from them, exactly.

A code is the bit pattern of one number, as an unsigned integer. Every finite value of a format is an integer multiple
of 2^`unit_exponent`, so that sums and products can be had in plain integers.

Sources: OFP8 (OCP 8-bit Floating Point Specification 1.0; Micikevicius et al., arXiv 2209.05433), MX (OCP Microscaling
Formats Specification 1.0, section 5.3 for the elements and 5.4.1 for E8M0), E3M4 (Shen et al., arXiv 2309.14592).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np
import numpy.typing as npt


class Specials(StrEnum):
    """Which codes of a floating-point format are no numbers.

    `IEEE`: the highest exponent field means infinity (mantissa 0) or NaN. `NAN_ONLY`: all ones below the sign means
    NaN and there is no infinity ("FN" in the names of others). `NONE`: every code is a finite number.
    """

    IEEE = "ieee"
    NAN_ONLY = "nan-only"
    NONE = "none"


def code_dtype(bits: int) -> npt.DTypeLike:
    """The smallest unsigned NumPy type that holds codes of that many bits (1 to 32)."""
    return np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32


@dataclass(frozen=True)
class FloatFormat:
    """A binary floating-point format: sign, exponent and mantissa, from the highest bit down, with subnormals.

    :param name: canonical name
    :param exponent_bits: width of the exponent field
    :param mantissa_bits: width of the mantissa field, the hidden bit not counted
    :param bias: an exponent field e > 0 means 2^(e - bias)
    :param specials: which codes are infinities and NaNs
    :param title: one line about where it comes from
    """

    name: str
    exponent_bits: int
    mantissa_bits: int
    bias: int
    specials: Specials
    title: str = ""

    @property
    def bits(self) -> int:
        """Width of a code."""
        return 1 + self.exponent_bits + self.mantissa_bits

    @property
    def precision(self) -> int:
        """Bits of a normal significand, with the hidden one."""
        return self.mantissa_bits + 1

    @property
    def sign_mask(self) -> int:
        return 1 << (self.bits - 1)

    @property
    def least_exponent(self) -> int:
        """Exponent of the least normal number."""
        return 1 - self.bias

    @property
    def unit_exponent(self) -> int:
        """All finite values are multiples of 2^this; that multiple is the least subnormal number."""
        return self.least_exponent - self.mantissa_bits

    @property
    def largest_code(self) -> int:
        """The code of the largest finite number."""
        top = self.sign_mask - 1
        if self.specials is Specials.IEEE:
            return top - (1 << self.mantissa_bits)
        return top - 1 if self.specials is Specials.NAN_ONLY else top

    @property
    def infinity_code(self) -> int | None:
        """The code of plus infinity, where there is one."""
        return self.largest_code + 1 if self.specials is Specials.IEEE else None

    @property
    def nan_code(self) -> int | None:
        """The NaN that is made here (quiet, sign clear), where there is one; other NaN codes are read as NaN too."""
        if self.specials is Specials.NONE:
            return None
        if self.specials is Specials.NAN_ONLY:
            return self.largest_code + 1
        return self.largest_code + 1 + (1 << (self.mantissa_bits - 1))

    @property
    def largest_exponent(self) -> int:
        """floor(log2) of the largest finite number: what the MX specification calls emax."""
        return (self.largest_code >> self.mantissa_bits) - self.bias

    @property
    def largest(self) -> Fraction:
        """The largest finite number."""
        significand = (1 << self.mantissa_bits) | (self.largest_code & ((1 << self.mantissa_bits) - 1))
        return Fraction(2) ** (self.largest_exponent - self.mantissa_bits) * significand

    @property
    def least_normal(self) -> Fraction:
        """The least positive normal number."""
        return Fraction(2) ** self.least_exponent

    @property
    def least_subnormal(self) -> Fraction:
        """The least positive number."""
        return Fraction(2) ** self.unit_exponent


@dataclass(frozen=True)
class IntegerFormat:
    """A two's complement integer with a fixed power-of-two scale.

    Results are kept in the symmetric range -`largest` to `largest`, as the MX specification recommends; the code of the
    one value below it is read, never made.

    :param name: canonical name
    :param bits: width of a code
    :param unit_exponent: a code of value i means i * 2^unit_exponent
    :param title: one line about where it comes from
    """

    name: str
    bits: int
    unit_exponent: int
    title: str = ""

    @property
    def precision(self) -> int:
        """Bits of the largest magnitude."""
        return self.bits - 1

    @property
    def mantissa_bits(self) -> int:
        """Bits after the leading one of the largest magnitude."""
        return self.bits - 2

    @property
    def largest_code(self) -> int:
        return (1 << (self.bits - 1)) - 1

    @property
    def infinity_code(self) -> None:
        return None

    @property
    def nan_code(self) -> None:
        return None

    @property
    def largest_exponent(self) -> int:
        """floor(log2) of the largest number (the MX specification's emax: 0 for INT8)."""
        return self.unit_exponent + self.bits - 2

    @property
    def largest(self) -> Fraction:
        """The largest number that is made."""
        return Fraction(2) ** self.unit_exponent * self.largest_code

    @property
    def least_normal(self) -> Fraction:
        """The least positive number: there are no subnormals."""
        return Fraction(2) ** self.unit_exponent

    @property
    def least_subnormal(self) -> Fraction:
        """The least positive number, as `least_normal`."""
        return self.least_normal


@dataclass(frozen=True)
class ScaleFormat:
    """Powers of two without sign and zero: exponent field e means 2^(e - bias), all ones means NaN.

    :param name: canonical name
    :param bits: width of a code
    :param bias: subtracted from the field
    :param title: one line about where it comes from
    """

    name: str
    bits: int
    bias: int
    title: str = ""

    @property
    def precision(self) -> int:
        """Bits of a significand: the hidden one."""
        return 1

    @property
    def mantissa_bits(self) -> int:
        return 0

    @property
    def unit_exponent(self) -> int:
        return -self.bias

    @property
    def largest_code(self) -> int:
        return (1 << self.bits) - 2

    @property
    def infinity_code(self) -> None:
        return None

    @property
    def nan_code(self) -> int:
        return (1 << self.bits) - 1

    @property
    def largest_exponent(self) -> int:
        return self.largest_code - self.bias

    @property
    def largest(self) -> Fraction:
        return Fraction(2) ** self.largest_exponent

    @property
    def least_normal(self) -> Fraction:
        """The least number."""
        return Fraction(2) ** -self.bias

    @property
    def least_subnormal(self) -> Fraction:
        """The least positive number, as `least_normal`."""
        return self.least_normal


Format = FloatFormat | IntegerFormat | ScaleFormat
ElementFormat = FloatFormat | IntegerFormat
