"""`fp_cvt`: a number of one floating-point format in another, rounded once."""

from __future__ import annotations

from prefixrl.errors import InputError
from prefixrl.formats import FloatFormat
from prefixrl.units.operands import largest_exponent_field, least_exponent_field, take_apart
from prefixrl.units.parameters import Parameters
from prefixrl.units.rounding import Exact, round_to
from prefixrl.units.words import UnitModule


def build_converter(module: UnitModule, parameters: Parameters) -> None:
    """Ports: a [bits of format] -> result [bits of out_format].

    The sign is kept, of zeros too; a NaN becomes the format's own with the sign clear, where the format has none the
    largest number.
    """
    fmt = parameters.a
    if not isinstance(fmt, FloatFormat):
        raise InputError(f"fp_cvt is for floating-point formats, got {fmt.name}")
    fields = take_apart(module, module.input("a", fmt.bits), fmt, "a")
    exact = Exact(
        sign=fields.sign,
        magnitude=fields.significand,
        unit=fields.unit,
        exponent=fields.exponent,
        least=least_exponent_field(fmt),
        largest=largest_exponent_field(fmt),
        nan=fields.nan,
        infinite=fields.infinite,
        normal=True,
    )
    module.output("result", round_to(module, exact, parameters.target))
