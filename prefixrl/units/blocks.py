"""`add`, `inc`, `cmp`, `lzc`, `abs`: the blocks that the other units are made of, around any legal prefix graph."""

from __future__ import annotations

from prefixrl.units.parameters import Parameters
from prefixrl.units.prefix_words import add, add_constant, increment, leading_one, negated_where
from prefixrl.units.prefixes import FINAL
from prefixrl.units.words import UnitModule, Word


def build_add(module: UnitModule, parameters: Parameters) -> None:
    """Ports: a [width], b [width], cin [1] -> sum [width], cout [1]."""
    a, b = module.input("a", parameters.n), module.input("b", parameters.n)
    _output_sum(module, add(module, FINAL, a, b, module.input("cin", 1), carry_out=True))


def build_increment(module: UnitModule, parameters: Parameters) -> None:
    """Ports: a [width], cin [1] -> sum [width], cout [1]."""
    a = module.input("a", parameters.n)
    _output_sum(module, increment(module, FINAL, a, module.input("cin", 1), carry_out=True))


def build_compare(module: UnitModule, parameters: Parameters) -> None:
    """Ports: a [width], b [width] -> lt [1], eq [1], gt [1], of numbers without sign."""
    a, b = module.input("a", parameters.n), module.input("b", parameters.n)
    for name, word in module.prefix(FINAL, "comparator", {"a": a, "b": b}).items():
        module.output(name, word)


def build_leading_zeros(module: UnitModule, parameters: Parameters) -> None:
    """Ports: a [width] -> count [enough for width - 1], zero [1]; the count of leading zeros, width - 1 of zero."""
    index, valid = leading_one(module, FINAL, module.input("a", parameters.n))
    # width - 1 - index is ~index + width, in as many bits.
    module.output("count", add_constant(module, "count", ~index, parameters.n, index.width))
    module.output("zero", ~valid)


def build_absolute(module: UnitModule, parameters: Parameters) -> None:
    """Ports: a [width] -> magnitude [width], negative [1], of a number in two's complement."""
    a = module.input("a", parameters.n)
    module.output("magnitude", negated_where(module, FINAL, a, a[-1]))
    module.output("negative", a[-1])


def _output_sum(module: UnitModule, total: Word) -> None:
    module.output("sum", total[:-1])
    module.output("cout", total[-1])
