"""`mx_quant`: a block of FP32 or BF16 numbers becomes an MX block: one scale, narrow elements.

The scale follows from the largest magnitude M. It is monotonic in M, so every lane says what it asks for, its exponent
field and whether the scale rule goes one up, and the largest of these pairs decides.
"""

from __future__ import annotations

from prefixrl.errors import InputError
from prefixrl.formats import ElementFormat, FloatFormat, IntegerFormat, Rounding, ScaleRule
from prefixrl.units.operands import Fields, take_apart
from prefixrl.units.parameters import Parameters
from prefixrl.units.prefix_words import add, add_constant, increment
from prefixrl.units.rounding import Exact, Target, at_most, round_to
from prefixrl.units.shifting import shift_right
from prefixrl.units.tensor_core import largest_of
from prefixrl.units.words import UnitModule, Word

SOURCES = ("fp32", "bf16")
ELEMENT_BITS = 8


def build_quantiser(module: UnitModule, parameters: Parameters) -> None:
    """Ports: v [block * bits of format] -> scale [8], codes [block * bits of out_format].

    A block with a NaN or an infinity gets a scale of NaN and codes of zero; elements saturate.
    """
    fmt, element = parameters.a, parameters.element
    if not (isinstance(fmt, FloatFormat) and fmt.name in SOURCES):
        raise InputError(f"mx_quant takes {' or '.join(SOURCES)}, got {fmt.name}")
    if element.bits > ELEMENT_BITS:
        raise InputError(f"elements of an MX block have up to {ELEMENT_BITS} bits, got {element.name}")
    port = module.input("v", fmt.bits * parameters.k)
    codes = [port[lane * fmt.bits : (lane + 1) * fmt.bits] for lane in range(parameters.k)]
    lanes = [take_apart(module, code, fmt, f"v{lane}") for lane, code in enumerate(codes)]
    broken = module.named("broken", module.any_of(lane.nan | lane.infinite for lane in lanes))
    wishes = [_wish(module, code, fmt, element, parameters.scale_rule) for code in codes]
    scale = module.named("scale_code", _scale(module, largest_of(module, wishes), element))
    results = [_element(module, lane, fmt, scale, parameters) for lane in lanes]
    module.output("scale", scale | broken.repeated(scale.width))
    results = [result & (~broken).repeated(result.width) for result in results]
    module.output("codes", module.cat(*reversed(results)))


def _wish(module: UnitModule, code: Word, fmt: FloatFormat, element: ElementFormat, rule: ScaleRule) -> Word:
    """Exponent field and, below it, whether the rule goes up."""
    field = code[fmt.mantissa_bits : fmt.bits - 1]
    mantissa = code[: fmt.mantissa_bits]
    if element.largest_exponent == 0:
        # Subnormal numbers from half of the least normal one on have an exponent that counts; those below have none.
        half = mantissa[-1]
        moved = (mantissa & half.repeated(mantissa.width))[:-1].raised(1)
        mantissa = module.mux(field.any(), mantissa, moved)
    return module.cat(field, _goes_up(module, mantissa, fmt, element, rule))


def _goes_up(module: UnitModule, mantissa: Word, fmt: FloatFormat, element: ElementFormat, rule: ScaleRule) -> Word:
    if rule is ScaleRule.FLOOR:
        return module.constant(0, 1)
    if rule is ScaleRule.CEIL:
        return mantissa.any()
    if rule is ScaleRule.EVEN:
        return mantissa[fmt.mantissa_bits - element.mantissa_bits - 1 :].all()
    fraction = element.largest / 2**element.largest_exponent - 1
    bound = fraction * 2**fmt.mantissa_bits
    assert bound.denominator == 1
    return ~at_most(module, mantissa, int(bound))


def _scale(module: UnitModule, wish: Word, element: ElementFormat) -> Word:
    """field + up - emax, within the codes 0 to 254."""
    field = increment(module, "scale", wish[1:], wish[0])
    if element.largest_exponent == 0:
        # 255 would be NaN.
        return module.cat(field[1:], field[0] & ~field.all())
    total = add_constant(module, "scale", field, -element.largest_exponent, field.width + 1)
    return total[:-1] & (~total[-1]).repeated(field.width)


def _element(module: UnitModule, lane: Fields, fmt: FloatFormat, scale: Word, parameters: Parameters) -> Word:
    """The number over 2^scale, rounded."""
    assert lane.exponent is not None
    element = parameters.element
    if isinstance(element, IntegerFormat):
        return _integer_element(module, lane, fmt, scale, parameters)
    # field - scale + 255: never negative.
    exponent = add(module, "subtract", lane.exponent, ~scale, carry_out=True)
    exact = Exact(
        sign=lane.sign,
        magnitude=lane.significand,
        unit=-255 - fmt.mantissa_bits,
        exponent=exponent,
        least=2,
        largest=255 + element.largest_exponent,
    )
    return round_to(module, exact, Target(element, Rounding.named(parameters.rounding), True))


def _integer_element(module: UnitModule, lane: Fields, fmt: FloatFormat, scale: Word, parameters: Parameters) -> Word:
    """A two's complement integer in the symmetric range.

    The significand has its leading one at 1.0; no number is as large as 2 * 2^scale, so an element has one bit above
    the point and six below, and is moved down by scale - exponent + 1 from a place that no number reaches.
    """
    element = parameters.element
    assert lane.exponent is not None
    distance = add(module, "subtract", scale, ~lane.exponent, module.constant(1, 1), carry_out=True)
    # With the carry the difference is not negative; without it is -1: a subnormal number over the least scale.
    amount = increment(module, "exponent", distance[:-1], module.constant(1, 1))
    start = lane.significand.raised(1)
    needed = min(start.width.bit_length(), amount.width)
    shifted, lost = shift_right(module, start, amount[:needed])
    beyond = amount[needed:].any() if needed < amount.width else module.constant(0, 1)
    shifted, lost = shifted & (~beyond).repeated(shifted.width), lost | (beyond & lane.significand.any())
    low = fmt.mantissa_bits - (element.bits - 2)
    kept, rest = shifted[low:], shifted[:low]
    magnitude = kept[: element.bits]
    if parameters.rounding == Rounding.NEAREST_EVEN:
        up = rest[-1] & (rest[:-1].any() | lost | magnitude[0])
        magnitude = increment(module, "round", magnitude[: element.bits - 1], up, carry_out=True)
    most = module.constant(element.largest_code, element.bits)
    magnitude = module.mux(magnitude[-1], most, magnitude)
    sign = lane.sign & magnitude.any()
    return increment(module, "negate", magnitude ^ sign.repeated(magnitude.width), sign)
