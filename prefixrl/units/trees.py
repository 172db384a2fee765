"""Compressor trees: many bits by column become two rows, by full adders that always take the bits that come first.

The three-greedy method (Oklobdzija, Villeger, Liu 1996; how good its choices are: Stelling and others 1998): in
every column, from the lowest, the three earliest bits go into a full adder until two are left; the sum stays in the
column, the carry goes to the next one. Of a full adder's operands the latest is wired to the input whose path is
shortest. A column of an odd number of bits first has its two earliest in a half adder: a full adder at the end instead
would leave one bit, but wait for the carry of the column below, and all columns for each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from prefixrl.units.prefix_words import add
from prefixrl.units.words import Times, UnitModule, Word


@dataclass
class Columns:
    """Bits to be summed, by weight, and a constant.

    :param width: the sum is kept modulo 2^width
    """

    module: UnitModule
    width: int
    columns: list[list[Word]] = field(default_factory=list)
    constant: int = 0

    def __post_init__(self) -> None:
        self.columns = [[] for _ in range(self.width)]

    def add_bit(self, bit: Word, weight: int) -> None:
        """Add a bit times 2^weight."""
        if weight >= self.width or bit.constant == 0:
            return
        if bit.constant == 1:
            self.constant += 1 << weight
        else:
            self.columns[weight].append(bit)

    def add_word(self, word: Word, weight: int = 0) -> None:
        """Add a number without a sign, times 2^weight."""
        for place, bit in enumerate(word.bits()):
            self.add_bit(bit, weight + place)

    def add_signed(self, word: Word, weight: int = 0) -> None:
        """Add a two's complement number times 2^weight: its top bit b counts -b = (1 - b) - 1."""
        self.add_word(word[:-1], weight)
        self.subtract_bit(word[-1], weight + word.width - 1)

    def subtract_bit(self, bit: Word, weight: int) -> None:
        """Subtract a bit times 2^weight: -b is (1 - b) - 1."""
        if bit.constant == 0:
            return
        self.add_bit(~bit, weight)
        self.constant -= 1 << weight

    def add_magnitude(self, word: Word, sign: Word, weight: int = 0) -> None:
        """Add a magnitude with a sign bit, times 2^weight: -x is ~x + 1 - 2^width, which is x XOR s, plus s, less
        s * 2^width."""
        self.add_word(word ^ sign.repeated(word.width), weight)
        self.add_bit(sign, weight)
        self.subtract_bit(sign, weight + word.width)

    def rows(self) -> tuple[Word, Word]:
        """Two words that have the sum."""
        module = self.module
        columns = [list(bits) for bits in self.columns]
        for weight in range(self.width):
            if self.constant >> weight & 1:
                columns[weight].append(module.constant(1, 1))
        for weight, bits in enumerate(columns):
            carries = _compress(module, bits)
            if weight + 1 < self.width:
                columns[weight + 1].extend(carries)
        zero = module.constant(0, 1)
        padded = [[*bits, zero, zero][:2] for bits in columns]
        return (
            module.cat(*(pair[0] for pair in reversed(padded))),
            module.cat(*(pair[1] for pair in reversed(padded))),
        )

    def total(self, role: str, name: str = "total") -> Word:
        """The sum: the two rows go through a prefix adder from the lowest column that has two bits."""
        one, other = self.rows()
        low = 0
        while low < self.width and one.zeros >> low & 1 | other.zeros >> low & 1:
            low += 1
        module = self.module
        if low == self.width:
            return module.named(name, one | other)
        upper = add(module, role, one[low:], other[low:])
        return module.named(name, module.cat(upper, (one | other)[:low]) if low else upper)

    def arrivals(self) -> tuple[Times, Times]:
        """When the two rows come."""
        one, other = self.rows()
        return one.times, other.times


def _compress(module: UnitModule, bits: list[Word]) -> list[Word]:
    """Leave two bits in a column that has more; the carries."""
    carries = []
    if len(bits) > 2 and len(bits) % 2:
        bits.sort(key=_arrival)
        total, carry = module.half_adder(*bits[:2])
        bits[:2] = [total]
        carries.append(carry)
    while len(bits) > 2:
        # Stable, so that equal arrivals give the same tree always.
        bits.sort(key=_arrival)
        first, second, third = bits[:3]
        if first.constant == 1:
            # x + y + 1 is their XNOR with OR for a carry.
            total, carry = ~(second ^ third), second | third
        else:
            total, carry = module.full_adder(first, second, third)
        bits[:3] = [total]
        carries.append(carry)
    return carries


def _arrival(bit: Word) -> float:
    return -1.0 if bit.constant is not None else bit.times[0]


def unsigned_product(module: UnitModule, a: Word, b: Word, columns: Columns, weight: int = 0) -> None:
    """Put the partial products of a * b, both without sign, into columns."""
    for i, x in enumerate(a.bits()):
        for j, y in enumerate(b.bits()):
            columns.add_bit(x & y, weight + i + j)


def signed_product(module: UnitModule, a: Word, b: Word, columns: Columns, weight: int = 0) -> None:
    """Put the partial products of a * b, both in two's complement, into columns (Baugh and Wooley)."""
    for i, x in enumerate(a.bits()):
        for j, y in enumerate(b.bits()):
            negative = (i == a.width - 1) != (j == b.width - 1)
            put = columns.subtract_bit if negative else columns.add_bit
            put(x & y, weight + i + j)
