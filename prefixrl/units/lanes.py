"""Lanes of dot products: the elements of two blocks, their products, and what is no number among them.

Element i of a block is bits [i * bits, (i + 1) * bits) of its port.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from prefixrl.formats import ElementFormat, FloatFormat, IntegerFormat
from prefixrl.units.multiply import Product, product_of
from prefixrl.units.operands import Fields, largest_exponent_field, least_exponent_field, take_apart
from prefixrl.units.prefix_words import add_constant, negated_where
from prefixrl.units.shifting import shift_left
from prefixrl.units.trees import Columns, signed_product, unsigned_product
from prefixrl.units.words import UnitModule, Word


@dataclass(frozen=True)
class Specials:
    """What a sum of terms is, where it is no number.

    :param nan: 1 bit
    :param infinite: 1 bit; means nothing where `nan` is set
    :param sign: 1 bit, of an infinity
    """

    nan: Word
    infinite: Word
    sign: Word


def elements(module: UnitModule, name: str, fmt: ElementFormat, count: int) -> list[Fields]:
    """An input port of `count` elements, taken apart."""
    port = module.input(name, fmt.bits * count)
    return [
        take_apart(module, port[lane * fmt.bits : (lane + 1) * fmt.bits], fmt, f"{name}{lane}") for lane in range(count)
    ]


def sum_width(a: ElementFormat, b: ElementFormat, count: int) -> int:
    """Bits of the exact sum of `count` products in two's complement: bitlen(k maxA maxB / (lsbA lsbB)) + 1."""
    return (count * _most(a) * _most(b)).bit_length() + 1


def _most(fmt: ElementFormat) -> int:
    """The largest magnitude of a code in multiples of the least; of an integer that of the code below the symmetric
    range, which is read too."""
    if isinstance(fmt, IntegerFormat):
        return fmt.largest_code + 1
    return int(fmt.largest / fmt.least_subnormal)


def fixed_point_terms(
    module: UnitModule,
    a: Sequence[Fields],
    b: Sequence[Fields],
    formats: tuple[ElementFormat, ElementFormat],
    columns: Columns,
    low: int = 0,
) -> Specials:
    """Put the exact products a_i * b_i into columns, in multiples of 2^(unit a + unit b), from column `low` on."""
    nothing = module.constant(0, 1)
    if all(isinstance(fmt, IntegerFormat) for fmt in formats):
        for x, y in zip(a, b, strict=True):
            signed_product(module, x.significand, y.significand, columns, low)
        return Specials(nothing, nothing, nothing)
    products = [_product(module, x, y, formats) for x, y in zip(a, b, strict=True)]
    for product in products:
        amount = add_constant(module, "exponent", product.exponent, -product.least, product.exponent.width)
        width = product.magnitude.width + product.largest - product.least
        columns.add_magnitude(shift_left(module, product.magnitude, amount, width), product.sign, low)
    return specials_of(module, products)


def _product(module: UnitModule, a: Fields, b: Fields, formats: tuple[ElementFormat, ElementFormat]) -> Product:
    """The product of floating-point numbers, or of one and an integer."""
    one, other = formats
    if isinstance(one, FloatFormat) and isinstance(other, FloatFormat):
        return product_of(module, a, b, (one, other), "product")
    if isinstance(one, IntegerFormat):
        return _product(module, b, a, (other, one))
    magnitude = negated_where(module, "negate", b.significand, b.sign)
    columns = Columns(module, a.significand.width + magnitude.width)
    unsigned_product(module, a.significand, magnitude, columns)
    assert a.exponent is not None
    return Product(
        sign=a.sign ^ b.sign,
        magnitude=columns.total("product", "product"),
        exponent=a.exponent,
        unit=a.unit + b.unit,
        least=least_exponent_field(one),
        largest=largest_exponent_field(one),
        nan=a.nan | (a.infinite & b.zero),
        infinite=a.infinite,
        zero=a.zero | b.zero,
    )


def specials_of(module: UnitModule, products: Sequence[Product]) -> Specials:
    """NaN where a product is one or infinities of both signs meet."""
    plus = module.any_of(product.infinite & ~product.sign for product in products)
    minus = module.any_of(product.infinite & product.sign for product in products)
    nan = module.any_of(product.nan for product in products) | (plus & minus)
    return Specials(module.named("any_nan", nan), module.named("any_infinite", plus | minus), minus)


def with_addend(module: UnitModule, specials: Specials, addend: Fields) -> Specials:
    """The same of a sum that has one more term."""
    conflict = specials.infinite & addend.infinite & (specials.sign ^ addend.sign)
    return replace(
        specials,
        nan=specials.nan | addend.nan | conflict,
        infinite=specials.infinite | addend.infinite,
        sign=module.mux(addend.infinite, addend.sign, specials.sign),
    )
