"""From an exact magnitude to a code: normalised, rounded once, with overflow, infinities and NaN as `formats` has them.

The magnitude is an integer of m bits in units of 2^(exponent + unit), where `exponent` is a word (or nothing, for fixed
point). The leading one is looked for among the magnitude and one more bit, which stands at the place that the least
normal number has: so the search ends there, and subnormal results come out aligned without a shifter of their own.
Whatever is further below than the format can tell apart is gathered in a sticky bit. The code is rounded as one
integer, exponent and mantissa together, by one incrementer.

Rounding is to nearest even or toward zero. With `saturate`, overflow and infinity give the largest finite number, else
infinity, or NaN with the number's sign where the format has no infinity; rounding toward zero never overflows. A NaN is
the format's own with the sign clear; in a format without NaN it gives the largest number.
"""

from __future__ import annotations

from dataclasses import dataclass

from prefixrl.circuits.kinds import index_width
from prefixrl.errors import InputError
from prefixrl.formats import FloatFormat, Rounding
from prefixrl.units.prefix_words import add, add_constant, increment, leading_one
from prefixrl.units.shifting import extract
from prefixrl.units.words import UnitModule, Word

ROUNDINGS = (Rounding.NEAREST_EVEN, Rounding.TOWARD_ZERO)


@dataclass(frozen=True)
class Target:
    """What results become.

    :param fmt: their format
    :param rounding: nearest-even or toward-zero
    :param saturate: whether overflow and infinity give the largest finite number
    :raises InputError: a rounding that units do not have
    """

    fmt: FloatFormat
    rounding: Rounding = Rounding.NEAREST_EVEN
    saturate: bool = True

    def __post_init__(self) -> None:
        if self.rounding not in ROUNDINGS:
            raise InputError(f"units round {' or '.join(ROUNDINGS)}, got {self.rounding}")

    @property
    def infinity_code(self) -> int:
        """What infinity becomes, without the sign."""
        if self.saturate:
            return self.fmt.largest_code
        for code in (self.fmt.infinity_code, self.fmt.nan_code):
            if code is not None:
                return code
        return self.fmt.largest_code

    @property
    def overflow_code(self) -> int:
        """What a finite number that is too large becomes, without the sign."""
        return self.fmt.largest_code if self.rounding is Rounding.TOWARD_ZERO else self.infinity_code

    @property
    def nan_code(self) -> int:
        """What NaN becomes."""
        return self.fmt.largest_code if self.fmt.nan_code is None else self.fmt.nan_code


@dataclass(frozen=True)
class Exact:
    """A number before rounding.

    :param sign: 1 bit, of a zero too
    :param magnitude: integer, the sticky bit being its lowest where there is one
    :param unit: value = magnitude * 2^(exponent + unit)
    :param exponent: word without a sign; None for zero
    :param least: least value of the exponent that can occur
    :param largest: largest value of the exponent that can occur
    :param nan: 1 bit
    :param infinite: 1 bit; `nan` goes before it
    :param normal: whether the highest bit of the magnitude is set wherever the exponent is above its least value, as
        it is of an operand that was only taken apart
    """

    sign: Word
    magnitude: Word
    unit: int
    exponent: Word | None = None
    least: int = 0
    largest: int = 0
    nan: Word | None = None
    infinite: Word | None = None
    normal: bool = False


def round_to(module: UnitModule, number: Exact, target: Target) -> Word:
    """The code of a number."""
    fmt = target.fmt
    frame, request, point = _frame(module, number, fmt)
    index, _ = leading_one(module, "lzc", request)
    kept, sticky = extract(module, frame, index, fmt.precision + 1, point)
    hidden = module.named("hidden", kept[-1])
    guard, mantissa = kept[0], kept[1:-1]
    field, huge = _field(module, number, fmt, index, point, frame.width)
    masked = field & hidden.repeated(field.width)
    code = module.named("unrounded", module.cat(masked, mantissa))
    if target.rounding is Rounding.NEAREST_EVEN:
        up = module.named("round_up", guard & (sticky | mantissa[0]))
        rounded = module.named("rounded", increment(module, "round", code, up, carry_out=True))
    else:
        rounded = code.extended(code.width + 1)
    overflow = _overflows(module, rounded, fmt)
    if huge is not None:
        overflow = overflow | (huge & hidden)
    return _select(module, number, target, rounded[:-1], module.named("overflow", overflow))


def _frame(module: UnitModule, number: Exact, fmt: FloatFormat) -> tuple[Word, Word, int]:
    """The magnitude with room above it, where to look for the leading one, and the lowest place that it can have."""
    width = number.magnitude.width
    # The place of the least normal number is `place - exponent`; below the magnitude it does not matter, and above
    # `highest` nothing of the magnitude is left but the sticky bit.
    place = fmt.least_exponent - number.unit
    highest = width + fmt.precision
    top = min(place - number.least, highest)
    if top <= 0:
        return number.magnitude, number.magnitude, 0
    frame = number.magnitude.extended(max(width, top + 1))
    if number.exponent is None:
        return frame, frame | module.constant(1 << top, frame.width), 0
    marks = [_mark(module, number, place, mark, highest) for mark in range(top + 1)]
    marked = module.cat(*reversed(marks)).extended(frame.width)
    if number.normal and place - number.least >= width - 1:
        # Wherever the highest bit is not set, the least normal number stands there or above.
        request = module.cat(*reversed(marks[width:]), module.constant(1, 1))
        return frame, module.named("request", request), width - 1
    return frame, module.named("request", frame | marked), 0


def _mark(module: UnitModule, number: Exact, place: int, mark: int, highest: int) -> Word:
    """Whether the least normal number stands at a place, or at `highest` or above."""
    assert number.exponent is not None
    exponent = place - mark
    if mark == highest:
        bound = min(exponent, number.largest)
        return at_most(module, number.exponent, bound) if bound >= number.least else module.constant(0, 1)
    if mark > 0 and number.least <= exponent <= number.largest:
        return number.exponent.equals(exponent)
    return module.constant(0, 1)


def at_most(module: UnitModule, word: Word, bound: int) -> Word:
    """Whether a word is at most a constant, which takes a few gates."""
    if bound >= (1 << word.width) - 1:
        return module.constant(1, 1)
    # word < limit, from the highest bit down.
    limit = bound + 1
    below, equal = module.constant(0, 1), module.constant(1, 1)
    for bit in range(word.width - 1, -1, -1):
        if limit >> bit & 1:
            below = below | (equal & ~word[bit])
            equal = equal & word[bit]
        else:
            equal = equal & ~word[bit]
    return below


def _field(
    module: UnitModule, number: Exact, fmt: FloatFormat, index: Word, point: int, frame_width: int
) -> tuple[Word, Word | None]:
    """The exponent field of a normal number, and whether it is beyond the format (None where it never is)."""
    offset = number.unit + fmt.bias
    # Of the index, `point` is not in the word.
    largest = number.largest + offset + frame_width - 1
    width = max(fmt.exponent_bits, largest.bit_length(), index_width(frame_width))
    if number.exponent is None:
        total = add_constant(module, "exponent", index, offset + point, width)
    else:
        base = number.exponent[: min(width, number.exponent.width)]
        base = add_constant(module, "exponent", base, offset + point, width)
        total = add(module, "exponent", base, index.extended(width))
    total = module.named("field", total)
    high = total[fmt.exponent_bits :]
    possible = largest >= 1 << fmt.exponent_bits
    return total[: fmt.exponent_bits], high.any() if possible and high.width else None


def _overflows(module: UnitModule, rounded: Word, fmt: FloatFormat) -> Word:
    """Whether a rounded code (with a carry on top) is above the largest one."""
    top = 1 << (fmt.bits - 1)
    code, carry = rounded[:-1], rounded[-1]
    if fmt.largest_code == top - 1:
        return carry
    # All codes above the largest begin with as many ones as there are; what follows them is anything.
    free = (top - 1 - fmt.largest_code).bit_length() - 1
    assert top - 1 - fmt.largest_code == 1 << free, fmt.name
    return carry | code[free:].all()


def _select(module: UnitModule, number: Exact, target: Target, code: Word, overflow: Word) -> Word:
    width = code.width
    nothing = module.constant(0, 1)
    infinite = nothing if number.infinite is None else number.infinite
    nan = nothing if number.nan is None else number.nan
    code = module.mux(overflow, module.constant(target.overflow_code, width), code)
    code = module.mux(infinite, module.constant(target.infinity_code, width), code)
    return module.mux(nan, module.constant(target.nan_code, width + 1), module.cat(number.sign, code))
