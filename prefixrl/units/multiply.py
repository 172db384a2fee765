"""`fp8_mul`: the product of two numbers of up to 8 bits, correctly rounded, and what other units need of a product."""

from __future__ import annotations

from dataclasses import dataclass

from prefixrl.formats import FloatFormat
from prefixrl.units.operands import Fields, largest_exponent_field, least_exponent_field, take_apart
from prefixrl.units.parameters import Parameters
from prefixrl.units.prefix_words import add
from prefixrl.units.prefixes import FINAL
from prefixrl.units.rounding import Exact, round_to
from prefixrl.units.trees import Columns, unsigned_product
from prefixrl.units.words import UnitModule, Word


@dataclass(frozen=True)
class Product:
    """An exact product.

    :param sign: 1 bit
    :param magnitude: value = magnitude * 2^(exponent + unit)
    :param exponent: sum of the operands' fields
    :param zero: 1 bit
    """

    sign: Word
    magnitude: Word
    exponent: Word
    unit: int
    least: int
    largest: int
    nan: Word
    infinite: Word
    zero: Word


def product_of(
    module: UnitModule, a: Fields, b: Fields, formats: tuple[FloatFormat, FloatFormat], role: str
) -> Product:
    """The exact product of two floating-point numbers; infinity times zero is NaN.

    :param role: of the adder that ends the product's compressor tree
    """
    assert a.exponent is not None
    assert b.exponent is not None
    width = max(a.exponent.width, b.exponent.width)
    exponent = add(module, "exponent", a.exponent.extended(width), b.exponent.extended(width), carry_out=True)
    columns = Columns(module, a.significand.width + b.significand.width)
    unsigned_product(module, a.significand, b.significand, columns)
    nan = a.nan | b.nan | (a.infinite & b.zero) | (b.infinite & a.zero)
    return Product(
        sign=a.sign ^ b.sign,
        magnitude=columns.total(role, "product"),
        exponent=exponent,
        unit=a.unit + b.unit,
        least=sum(least_exponent_field(fmt) for fmt in formats),
        largest=sum(largest_exponent_field(fmt) for fmt in formats),
        nan=nan,
        infinite=a.infinite | b.infinite,
        zero=a.zero | b.zero,
    )


def build_multiplier(module: UnitModule, parameters: Parameters) -> None:
    """Ports: a [bits of format], b [bits of b_format] -> result [bits of out_format].

    The result's sign is the XOR of the operands', zeros included; infinity times zero is NaN.
    """
    formats = (parameters.a, parameters.b)
    assert isinstance(formats[0], FloatFormat)
    assert isinstance(formats[1], FloatFormat)
    a = take_apart(module, module.input("a", formats[0].bits), formats[0], "a")
    b = take_apart(module, module.input("b", formats[1].bits), formats[1], "b")
    product = product_of(module, a, b, (formats[0], formats[1]), FINAL)
    exact = Exact(
        sign=module.named("sign", product.sign),
        magnitude=product.magnitude,
        unit=product.unit,
        exponent=module.named("exponent", product.exponent),
        least=product.least,
        largest=product.largest,
        nan=module.named("nan", product.nan),
        infinite=product.infinite,
    )
    module.output("result", round_to(module, exact, parameters.target))
