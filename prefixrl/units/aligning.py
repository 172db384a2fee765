"""Aligning an addend of a wide range to a sum or product of another scale: one shifter, and a frame with bounds.

The base (a product, a dot product) stays where it is; the addend is shifted to the right from the top of a frame. Where
the result has the addend's format, the frame need not hold every distance:

- an addend so high that the base lies more than a quarter of its unit below stays on top, and the exponent follows it;
- of an addend so low that its last places lie below what can be told apart, these are gathered in a sticky bit. The
  base then decides the result alone, unless it is zero; then the result is the addend itself (`Alignment.lost`).

Otherwise the frame holds the whole range.
"""

from __future__ import annotations

from dataclasses import dataclass

from prefixrl.errors import InputError
from prefixrl.formats import FloatFormat
from prefixrl.graphs.prefix_graph import MAX_WIDTH
from prefixrl.units.operands import Fields, largest_exponent_field, least_exponent_field
from prefixrl.units.prefix_words import add
from prefixrl.units.shifting import shift_right
from prefixrl.units.words import UnitModule, Word

# Places between an addend that stays on top and the base: a guard bit and room for one place of cancellation.
_GAP = 2


@dataclass(frozen=True)
class Base:
    """What an addend is aligned to.

    :param width: bits of its magnitude
    :param exponent: its lowest bit is 2^(exponent + unit)
    """

    width: int
    exponent: Word
    unit: int
    least: int
    largest: int


@dataclass(frozen=True)
class Alignment:
    """A frame.

    :param addend: magnitude of the addend, the sticky bit its lowest where there is one
    :param low: place of the base's lowest bit
    :param exponent: the frame's lowest bit is 2^(exponent + unit)
    :param lost: whether some of the addend is in the sticky bit; None where that never happens
    """

    addend: Word
    low: int
    exponent: Word
    unit: int
    least: int
    largest: int
    lost: Word | None


def align(module: UnitModule, base: Base, addend: Fields, fmt: FloatFormat, out: FloatFormat) -> Alignment:
    """The addend in a frame around the base.

    :param fmt: the addend's format
    :param out: the result's format
    """
    assert addend.exponent is not None
    least_c, largest_c = least_exponent_field(fmt), largest_exponent_field(fmt)
    # Distances of the addend's lowest bit from the base's.
    nearest = least_c + addend.unit - base.largest - base.unit
    farthest = largest_c + addend.unit - base.least - base.unit
    bounded = fmt == out
    below = max(-nearest, 0)
    above = max(farthest, 0)
    sticky = bounded and below > fmt.precision + 1
    clamped = bounded and above > base.width + _GAP
    low = fmt.precision + 1 if sticky else below
    top = low + (base.width + _GAP if clamped else above)
    amount, too_high = _amount(module, base, addend, top - low, (top - low - farthest, top - low - nearest))
    check_frame(top + addend.significand.width)
    start = addend.significand.raised(top)
    frame, lost = _shifted(module, start, amount)
    unit = base.unit - low - int(sticky)
    exponent, largest = base.exponent, base.largest
    if clamped:
        offset = addend.unit - top - base.unit + low
        exponent, largest = _followed(module, base, addend, too_high, offset, largest_c)
    if sticky:
        frame = module.cat(frame, lost)
    return Alignment(
        module.named("aligned", frame),
        low + int(sticky),
        module.named("frame_exponent", exponent),
        unit,
        base.least,
        largest,
        module.named("addend_lost", lost) if sticky else None,
    )


def check_frame(width: int) -> None:
    """Check that there can be a prefix adder of that width.

    :raises InputError: there cannot
    """
    if width >= MAX_WIDTH:
        raise InputError(
            f"the exact sum must fit {MAX_WIDTH} bits (a result of the addend's format needs fewer), got {width}"
        )


def _amount(module: UnitModule, base: Base, addend: Fields, reach: int, bounds: tuple[int, int]) -> tuple[Word, Word]:
    """How far the addend goes to the right from the top, and whether it should go to the left.

    amount = reach - ((addend exponent + addend unit) - (base exponent + base unit)) = base - addend + constant.
    """
    assert addend.exponent is not None
    least, largest = bounds
    width = max(largest.bit_length(), (-least).bit_length()) + 1
    width = max(width, base.exponent.width + 1, addend.exponent.width + 1)
    constant = reach - addend.unit + base.unit
    # -x is ~x + 1: the 1 goes into the constant.
    total = add(module, "exponent", base.exponent.extended(width), ~addend.exponent.extended(width))
    total = add(module, "exponent", total, module.constant(constant + 1, width))
    total = module.named("distance", total)
    negative = total[-1] if least < 0 else module.constant(0, 1)
    return module.named("shift", total[:-1] & (~negative).repeated(width - 1)), negative


def _shifted(module: UnitModule, word: Word, amount: Word) -> tuple[Word, Word]:
    """Shift to the right; what is beyond the word's width shifts everything out."""
    needed = min(word.width.bit_length(), amount.width)
    shifted, lost = shift_right(module, word, amount[:needed])
    if amount.width == needed:
        return shifted, lost
    beyond = amount[needed:].any()
    return shifted & (~beyond).repeated(word.width), lost | (beyond & word.any())


def _followed(
    module: UnitModule, base: Base, addend: Fields, too_high: Word, offset: int, largest_c: int
) -> tuple[Word, int]:
    """The exponent of the frame, which is the addend's (plus an offset) where that stays on top."""
    assert addend.exponent is not None
    largest = max(base.largest, largest_c + offset)
    width = max(largest.bit_length(), base.exponent.width, addend.exponent.width)
    own = addend.exponent.extended(width)
    if offset:
        own = add(module, "exponent", own, module.constant(offset, width))
    return module.mux(too_high, own, base.exponent.extended(width)), largest
