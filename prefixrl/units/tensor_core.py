"""`tc_dot`: a dot product as tensor cores make it, with a final adder of a chosen width.

Products are exact, aligned to the largest exponent among those that are not zero, cut off toward zero, summed exactly
and rounded once: the semantics of `formats.truncated_dot`.
"""

from __future__ import annotations

from collections.abc import Sequence

from prefixrl.errors import InputError
from prefixrl.formats import FloatFormat, fraction_bits
from prefixrl.units.lanes import elements, specials_of
from prefixrl.units.multiply import Product, product_of
from prefixrl.units.parameters import Parameters
from prefixrl.units.prefix_words import add, less_than, negated_where
from prefixrl.units.prefixes import FINAL
from prefixrl.units.rounding import Exact, round_to
from prefixrl.units.shifting import shift_right
from prefixrl.units.trees import Columns
from prefixrl.units.words import UnitModule, Word


def build_tc_dot(module: UnitModule, parameters: Parameters) -> None:
    """Ports: a [block * bits of format], b [block * bits of b_format] -> result [bits of out_format]."""
    formats = (parameters.a, parameters.b)
    one, other = formats
    if not (isinstance(one, FloatFormat) and isinstance(other, FloatFormat)):
        raise InputError(f"tc_dot is for floating-point formats, got {one.name} and {other.name}")
    kept = fraction_bits(parameters.n, parameters.k)
    a, b = (elements(module, name, fmt, parameters.k) for name, fmt in zip("ab", formats, strict=True))
    products = [product_of(module, x, y, (one, other), "product") for x, y in zip(a, b, strict=True)]
    mantissa_bits = one.mantissa_bits + other.mantissa_bits
    exponents = [product.exponent & (~product.zero).repeated(product.exponent.width) for product in products]
    largest = module.named("largest_exponent", largest_of(module, exponents))
    columns = Columns(module, parameters.n)
    for product in products:
        columns.add_magnitude(_aligned(module, product, largest, mantissa_bits, kept), product.sign)
    total = columns.total(FINAL, "total")
    specials = specials_of(module, products)
    exact = Exact(
        sign=module.mux(specials.infinite, specials.sign, total[-1]),
        magnitude=module.named("magnitude", negated_where(module, "negate", total[:-1], total[-1])),
        unit=products[0].unit + mantissa_bits - kept,
        exponent=largest,
        least=products[0].least,
        largest=products[0].largest,
        nan=specials.nan,
        infinite=specials.infinite,
    )
    module.output("result", round_to(module, exact, parameters.target))


def largest_of(module: UnitModule, words: Sequence[Word]) -> Word:
    """The largest of some numbers without sign, by a tree of comparisons."""
    level = list(words)
    while len(level) > 1:
        pairs = [level[place : place + 2] for place in range(0, len(level), 2)]
        level = [_larger(module, *pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return level[0]


def _larger(module: UnitModule, one: Word, other: Word) -> Word:
    return module.mux(less_than(module, "max", one, other), other, one)


def _aligned(module: UnitModule, product: Product, largest: Word, mantissa_bits: int, kept: int) -> Word:
    """The magnitude with `kept` bits below the point of numbers in [1, 4), moved down to the largest exponent.

    A product of zero may have a larger exponent than the largest: its distance means nothing, nor does its shift.
    """
    distance = add(module, "exponent", largest, ~product.exponent, module.constant(1, 1))
    word = product.magnitude.raised(max(kept - mantissa_bits, 0))
    cut = max(mantissa_bits - kept, 0)
    needed = min(word.width.bit_length(), distance.width)
    shifted, _ = shift_right(module, word, distance[:needed])
    shifted = shifted[cut:]
    if needed < distance.width:
        shifted = shifted & (~distance[needed:].any()).repeated(shifted.width)
    return shifted
