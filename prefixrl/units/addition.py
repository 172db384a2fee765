"""`fp8_add`: the sum of two numbers of up to 8 bits, correctly rounded.

Operands of so few exponents are made fixed-point: one adder as wide as the format's range, no swap, no sticky bits.
"""

from __future__ import annotations

from prefixrl.formats import FloatFormat
from prefixrl.units.operands import Fields, largest_exponent_field, least_exponent_field, take_apart
from prefixrl.units.parameters import Parameters
from prefixrl.units.prefix_words import add, add_constant, negated_where
from prefixrl.units.prefixes import FINAL
from prefixrl.units.rounding import Exact, round_to
from prefixrl.units.shifting import shift_left
from prefixrl.units.words import UnitModule, Word


def build_adder(module: UnitModule, parameters: Parameters) -> None:
    """Ports: a [bits of format], b [bits of b_format] -> result [bits of out_format].

    A sum of zero is positive unless both operands are negative zeros; infinity less infinity is NaN.
    """
    formats = (parameters.a, parameters.b)
    unit = min(fmt.unit_exponent for fmt in formats)
    operands, fixed = [], []
    for name, fmt in zip("ab", formats, strict=True):
        assert isinstance(fmt, FloatFormat)
        operands.append(take_apart(module, module.input(name, fmt.bits), fmt, name))
        fixed.append(fixed_point(module, operands[-1], fmt, unit))
    a, b = operands
    width = max(word.width for word in fixed)
    sign, magnitude = sum_of_magnitudes(module, (a.sign, b.sign), (fixed[0].extended(width), fixed[1].extended(width)))
    opposite = a.infinite & b.infinite & (a.sign ^ b.sign)
    infinite = a.infinite | b.infinite
    exact = Exact(
        sign=module.mux(infinite, module.mux(a.infinite, a.sign, b.sign), sign),
        magnitude=magnitude,
        unit=unit,
        nan=a.nan | b.nan | opposite,
        infinite=infinite,
    )
    module.output("result", round_to(module, exact, parameters.target))


def fixed_point(module: UnitModule, fields: Fields, fmt: FloatFormat, unit: int) -> Word:
    """The magnitude in multiples of 2^unit."""
    assert fields.exponent is not None
    least, largest = least_exponent_field(fmt), largest_exponent_field(fmt)
    width = fields.significand.width + largest - least
    amount = add_constant(module, "exponent", fields.exponent, -least, fields.exponent.width)
    shifted = shift_left(module, fields.significand, amount, width)
    return shifted.raised(fmt.unit_exponent - unit)


def sum_of_magnitudes(module: UnitModule, signs: tuple[Word, Word], magnitudes: tuple[Word, Word]) -> tuple[Word, Word]:
    """Sign and magnitude of the sum of two numbers with signs; a zero has a sign only where both have that one."""
    subtract = module.named("subtract", signs[0] ^ signs[1])
    other = magnitudes[1] ^ subtract.repeated(magnitudes[1].width)
    total = module.named("total", add(module, FINAL, magnitudes[0], other, subtract, carry_out=True))
    # A difference without a carry is negative, and of the lower bits alone.
    negative = module.named("negative", subtract & ~total[-1])
    lower = negated_where(module, "negate", total[:-1], negative)
    magnitude = module.cat(total[-1] & ~subtract, lower)
    return signs[0] & ~subtract | subtract & module.mux(negative, signs[1], signs[0] & magnitude.any()), magnitude
