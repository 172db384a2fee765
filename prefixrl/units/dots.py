"""`mx_dot`, `mx_dot_acc` and `int8_dot`: exact dot products of blocks, with one rounding at the end or none.

Products are aligned to the least exponent that there is, so nothing is ever cut off: the sum is an integer, as the MX
specification's Dot without any internal rounding. A sum of zero is positive zero.
"""

from __future__ import annotations

from dataclasses import replace

from prefixrl.errors import InputError
from prefixrl.formats import IntegerFormat
from prefixrl.formats.registry import E8M0
from prefixrl.units.aligning import Base, align, check_frame
from prefixrl.units.lanes import Specials, elements, fixed_point_terms, sum_width, with_addend
from prefixrl.units.operands import take_apart
from prefixrl.units.parameters import Parameters
from prefixrl.units.prefix_words import add, negated_where
from prefixrl.units.prefixes import FINAL
from prefixrl.units.rounding import Exact, round_to
from prefixrl.units.trees import Columns
from prefixrl.units.words import UnitModule, Word

# Both scales' codes are at most 254; 255 is NaN.
_LARGEST_SCALES = 2 * E8M0.largest_code


def build_mx_dot(module: UnitModule, parameters: Parameters) -> None:
    """Ports: a [block * bits of format], b [block * bits of b_format], a_scale [8], b_scale [8] -> result [out_format].

    2^(a_scale - 127) * 2^(b_scale - 127) * sum of a_i * b_i, rounded once; a scale of NaN gives NaN.
    """
    formats = (parameters.a, parameters.b)
    width = sum_width(*formats, parameters.k)
    columns = Columns(module, width)
    specials = _block_terms(module, parameters, columns)
    scales, scale_nan = _scale_sum(module)
    specials = replace(specials, nan=specials.nan | scale_nan)
    total = columns.total(FINAL, "total")
    magnitude = module.named("magnitude", negated_where(module, "negate", total[:-1], total[-1]))
    exact = Exact(
        sign=_sign(module, total[-1], specials),
        magnitude=magnitude,
        unit=_unit(parameters) - 2 * E8M0.bias,
        exponent=scales,
        largest=_LARGEST_SCALES,
        nan=specials.nan,
        infinite=specials.infinite,
    )
    module.output("result", round_to(module, exact, parameters.target))


def build_mx_dot_acc(module: UnitModule, parameters: Parameters) -> None:
    """Ports: as `mx_dot`, and c [bits of c_format] -> result [bits of c_format]: c + Dot(a, b), rounded once."""
    fmt = parameters.c
    if parameters.out != fmt:
        raise InputError(f"the result has the accumulator's format {fmt.name}, got {parameters.out.name}")
    width = sum_width(parameters.a, parameters.b, parameters.k)
    # First the accumulator: its place decides how wide the columns are.
    code = module.input("c", fmt.bits)
    c = take_apart(module, code, fmt, "c")
    scales, scale_nan = _scale_sum(module)
    base = Base(width - 1, scales, _unit(parameters) - 2 * E8M0.bias, 0, _LARGEST_SCALES)
    frame = align(module, base, c, fmt, parameters.out)
    columns = Columns(module, max(frame.addend.width, frame.low + width - 1) + 2)
    check_frame(columns.width)
    specials = _block_terms(module, parameters, columns, frame.low)
    columns.add_magnitude(frame.addend, c.sign)
    specials = with_addend(module, replace(specials, nan=specials.nan | scale_nan), c)
    total = columns.total(FINAL, "total")
    magnitude = module.named("magnitude", negated_where(module, "negate", total[:-1], total[-1]))
    exact = Exact(
        sign=_sign(module, total[-1], specials),
        magnitude=magnitude,
        unit=frame.unit,
        exponent=frame.exponent,
        least=frame.least,
        largest=frame.largest,
        nan=specials.nan,
        infinite=specials.infinite,
    )
    result = round_to(module, exact, parameters.target)
    if frame.lost is not None:
        # A dot product that is not zero leaves something from here on, an addend that lost places does not.
        alone = frame.lost & ~magnitude[frame.low - 1 :].any() & ~specials.nan & ~specials.infinite
        result = module.mux(module.named("addend_alone", alone), code, result)
    module.output("result", result)


def build_int8_dot(module: UnitModule, parameters: Parameters) -> None:
    """Ports: a [8 * block], b [8 * block] -> result [width], integers in two's complement.

    A width beyond that of the exact sum adds an accumulator: a port c [width], the sum taken modulo 2^width.
    """
    formats = (parameters.a, parameters.b)
    if not all(isinstance(fmt, IntegerFormat) for fmt in formats):
        raise InputError(f"int8_dot is for integers, got {parameters.a.name} and {parameters.b.name}")
    exact = sum_width(*formats, parameters.k)
    width = exact if parameters.width is None else parameters.width
    if width < exact:
        raise InputError(f"the sum of {parameters.k} products has {exact} bits, got a width of {width}")
    columns = Columns(module, width)
    a, b = (elements(module, name, fmt, parameters.k) for name, fmt in zip("ab", formats, strict=True))
    fixed_point_terms(module, a, b, formats, columns)
    if width > exact:
        columns.add_word(module.input("c", width))
    module.output("result", columns.total(FINAL, "total"))


def _unit(parameters: Parameters) -> int:
    return parameters.a.unit_exponent + parameters.b.unit_exponent


def _block_terms(module: UnitModule, parameters: Parameters, columns: Columns, low: int = 0) -> Specials:
    """The products of two blocks in columns."""
    formats = (parameters.a, parameters.b)
    a, b = (elements(module, name, fmt, parameters.k) for name, fmt in zip("ab", formats, strict=True))
    return fixed_point_terms(module, a, b, formats, columns, low)


def _scale_sum(module: UnitModule) -> tuple[Word, Word]:
    """The sum of both scales' codes, and whether one is NaN."""
    one, other = (module.input(f"{name}_scale", E8M0.bits) for name in "ab")
    total = module.named("scale", add(module, "scale", one, other, carry_out=True))
    return total, module.named("scale_nan", one.all() | other.all())


def _sign(module: UnitModule, sign: Word, specials: Specials) -> Word:
    return module.mux(specials.infinite, specials.sign, sign)
