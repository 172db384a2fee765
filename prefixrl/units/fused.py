"""`fp8_fma`: a * b + c, rounded once, with an addend of 8 bits or wider."""

from __future__ import annotations

from prefixrl.formats import FloatFormat
from prefixrl.units.addition import sum_of_magnitudes
from prefixrl.units.aligning import Base, align
from prefixrl.units.multiply import product_of
from prefixrl.units.operands import take_apart
from prefixrl.units.parameters import Parameters
from prefixrl.units.rounding import Exact, round_to
from prefixrl.units.words import UnitModule


def build_fma(module: UnitModule, parameters: Parameters) -> None:
    """Ports: a [bits of format], b [bits of b_format], c [bits of c_format] -> result [bits of out_format].

    Signs of zero are those of IEEE 754; infinity times zero, and infinity less infinity, are NaN.
    """
    formats, fmt = (parameters.a, parameters.b), parameters.c
    assert isinstance(formats[0], FloatFormat)
    assert isinstance(formats[1], FloatFormat)
    a, b = (
        take_apart(module, module.input(name, each.bits), each, name) for name, each in zip("ab", formats, strict=True)
    )
    code = module.input("c", fmt.bits)
    c = take_apart(module, code, fmt, "c")
    product = product_of(module, a, b, (formats[0], formats[1]), "product")
    base = Base(product.magnitude.width, product.exponent, product.unit, product.least, product.largest)
    frame = align(module, base, c, fmt, parameters.out)
    width = max(frame.addend.width, frame.low + product.magnitude.width)
    sign, magnitude = sum_of_magnitudes(
        module,
        (product.sign, c.sign),
        (product.magnitude.raised(frame.low).extended(width), frame.addend.extended(width)),
    )
    infinite = product.infinite | c.infinite
    nan = product.nan | c.nan | (product.infinite & c.infinite & (product.sign ^ c.sign))
    exact = Exact(
        sign=module.mux(infinite, module.mux(c.infinite, c.sign, product.sign), sign),
        magnitude=magnitude,
        unit=frame.unit,
        exponent=frame.exponent,
        least=frame.least,
        largest=frame.largest,
        nan=nan,
        infinite=infinite,
    )
    result = round_to(module, exact, parameters.target)
    if frame.lost is not None:
        result = module.mux(module.named("addend_alone", frame.lost & product.zero & ~nan & ~infinite), code, result)
    module.output("result", result)
