"""Prefix circuits on words: sums, increments, comparisons and leading ones, whose structures the unit's plan chooses.

A prefix graph has at least two bits; circuits of one bit are a few gates.
"""

from __future__ import annotations

from prefixrl.units.words import UnitModule, Word


def add(module: UnitModule, role: str, a: Word, b: Word, carry: Word | None = None, *, carry_out: bool = False) -> Word:
    """a + b, plus the bit `carry`: as wide as the operands, or one bit wider with `carry_out`."""
    if a.width == 1:
        zero = module.constant(0, 1)
        low, high = module.full_adder(a, b, zero if carry is None else carry)
        return module.cat(high, low) if carry_out else low
    inputs = {"a": a, "b": b} | ({} if carry is None else {"cin": carry})
    found = module.prefix(role, "adder", inputs, carry_out=carry_out)
    return module.cat(found["cout"], found["sum"]) if carry_out else found["sum"]


def increment(module: UnitModule, role: str, a: Word, carry: Word, *, carry_out: bool = False) -> Word:
    """a plus the bit `carry`: as wide as `a`, or one bit wider with `carry_out`."""
    if a.width == 1:
        low, high = module.half_adder(a, carry)
        return module.cat(high, low) if carry_out else low
    found = module.prefix(role, "incrementer", {"a": a, "cin": carry}, carry_out=carry_out)
    return module.cat(found["cout"], found["sum"]) if carry_out else found["sum"]


def leading_one(module: UnitModule, role: str, request: Word) -> tuple[Word, Word]:
    """The index of the highest set bit (0 where there is none), and whether there is one."""
    if request.width == 1:
        return module.constant(0, 1), request
    found = module.prefix(role, "priority_encoder", {"request": request})
    return found["index"], found["valid"]


def less_than(module: UnitModule, role: str, a: Word, b: Word) -> Word:
    """Whether a < b, both without sign."""
    if a.width == 1:
        return ~a & b
    return module.prefix(role, "comparator", {"a": a, "b": b})["lt"]


def add_constant(module: UnitModule, role: str, a: Word, value: int, width: int) -> Word:
    """a + value modulo 2^width; without an adder where the constant is zero.

    :param a: at most `width` bits
    """
    value &= (1 << width) - 1
    wide = a.extended(width)
    return wide if value == 0 else add(module, role, wide, module.constant(value, width))


def negated_where(module: UnitModule, role: str, a: Word, negative: Word) -> Word:
    """-a where the bit is set (two's complement), else a."""
    return increment(module, role, a ^ negative.repeated(a.width), negative)
