"""Operands taken apart in hardware: sign, significand, exponent, and what is no number."""

from __future__ import annotations

from dataclasses import dataclass

from prefixrl.formats import ElementFormat, FloatFormat, IntegerFormat, Specials
from prefixrl.units.words import UnitModule, Word


@dataclass(frozen=True)
class Fields:
    """A number as words.

    :param sign: 1 bit
    :param significand: magnitude with the hidden bit; of what is not finite, anything
    :param exponent: field of the exponent, 1 for subnormal numbers; None where the format has one exponent only
    :param unit: the value is significand * 2^(exponent + unit)
    :param nan: 1 bit, zero for certain where there is no NaN
    :param infinite: 1 bit, zero for certain where there is no infinity
    :param zero: 1 bit
    :param normal: 1 bit, the hidden one
    """

    sign: Word
    significand: Word
    exponent: Word | None
    unit: int
    nan: Word
    infinite: Word
    zero: Word
    normal: Word


def take_apart(module: UnitModule, code: Word, fmt: ElementFormat, name: str) -> Fields:
    """The fields of a code.

    :param code: as wide as the format
    :param name: what the signals are called after
    """
    if isinstance(fmt, IntegerFormat):
        return _integer(module, code, fmt)
    mantissa = code[: fmt.mantissa_bits]
    field = code[fmt.mantissa_bits : fmt.bits - 1]
    normal = module.named(f"{name}_normal", field.any())
    special, infinite = _specials(module, field, mantissa, fmt)
    # The lowest bit of the field is set for subnormal numbers too.
    low = field[0] | ~normal
    exponent = low if field.width == 1 else module.cat(field[1:], low)
    return Fields(
        sign=code[-1],
        significand=module.cat(normal, mantissa),
        exponent=exponent,
        unit=-fmt.bias - fmt.mantissa_bits,
        nan=module.named(f"{name}_nan", special & ~infinite) if special.constant is None else special,
        infinite=module.named(f"{name}_infinite", infinite) if infinite.constant is None else infinite,
        zero=~code[: fmt.bits - 1].any(),
        normal=normal,
    )


def _specials(module: UnitModule, field: Word, mantissa: Word, fmt: FloatFormat) -> tuple[Word, Word]:
    """Whether a number is none, and whether it is infinite."""
    nothing = module.constant(0, 1)
    if fmt.specials is Specials.NONE:
        return nothing, nothing
    if fmt.specials is Specials.NAN_ONLY:
        return field.all() & mantissa.all(), nothing
    top = field.all()
    return top, top & ~mantissa.any()


def _integer(module: UnitModule, code: Word, fmt: IntegerFormat) -> Fields:
    """A two's complement integer as it is; `significand` is the code, sign included."""
    nothing = module.constant(0, 1)
    return Fields(code[-1], code, None, fmt.unit_exponent, nothing, nothing, ~code.any(), module.constant(1, 1))


def least_exponent_field(fmt: ElementFormat) -> int:
    """The least value of `Fields.exponent`."""
    return 0 if isinstance(fmt, IntegerFormat) else 1


def largest_exponent_field(fmt: ElementFormat) -> int:
    """The largest value of `Fields.exponent` of a finite number."""
    return 0 if isinstance(fmt, IntegerFormat) else fmt.largest_code >> fmt.mantissa_bits
