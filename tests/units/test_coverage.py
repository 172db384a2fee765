"""All variants of a unit, and sums that the exact models make in two ways."""

from __future__ import annotations

import numpy as np
import pytest

from prefixrl.errors import InputError
from prefixrl.formats.exact import Exact, exact_sum
from prefixrl.units.coverage import variants
from prefixrl.units.parameters import Parameters
from prefixrl.units.registry import UNITS, build_unit, describe, unit_named
from prefixrl.units.verify import prove_circuits, verify


@pytest.mark.parametrize(("unit", "count"), [("fp8_mul", 112), ("fp8_add", 112), ("mx_quant", 128), ("add", 1)])
def test_number_of_variants(unit: str, count: int) -> None:
    found = list(variants(unit, Parameters()))
    assert len(found) == count
    kind = unit_named(unit)
    assert len({describe(kind, kind.parameters(each)) for each in found}) == count


@pytest.mark.parametrize("unit", UNITS)
def test_what_is_stated_stays(unit: str) -> None:
    given = Parameters(stages=3)
    assert all(each.stages == 3 for each in variants(unit, given))


def test_variants_that_a_unit_cannot_have() -> None:
    assert {each.format for each in variants("fp8_mul", Parameters(out_format="e2m1"))} == {"e3m2", "e2m3", "e2m1"}
    with pytest.raises(InputError, match="takes width"):
        list(variants("add", Parameters(rounding="toward-zero")))


def test_circuits_are_proven_once() -> None:
    known: set[str] = set()
    assert prove_circuits(build_unit("lzc", Parameters(width=6)), known) == 2
    before = set(known)
    assert prove_circuits(build_unit("lzc", Parameters(width=6)), known) == 2
    assert known == before
    assert len(known) == 2


def test_pairs_of_a_verification() -> None:
    found = verify(build_unit("int8_dot", Parameters(block=3)), patterns=100, circuits=False)
    assert (found.patterns, found.operand_pairs) == (100, 300)
    assert found.processor_s > 0


def test_negative_seed() -> None:
    with pytest.raises(InputError, match="seed is at least 0, got -1"):
        verify(build_unit("fp8_mul"), patterns=10, seed=-1)


@pytest.mark.parametrize("spread", [3, 40, 61, 64, 200])
def test_sums_of_any_spread_are_exact(spread: int) -> None:
    generator = np.random.default_rng(spread)
    shape = (300, 4)
    negative = generator.random(shape) < 0.5
    significand = generator.integers(0, 1 << 8, shape)
    exponent = generator.integers(-spread, spread + 1, shape) + generator.integers(-300, 300, (300, 1))
    found = exact_sum(Exact(negative, significand, exponent))
    for row in range(len(negative)):
        terms = zip(negative[row].tolist(), significand[row].tolist(), exponent[row].tolist(), strict=True)
        total = sum((-1 if minus else 1) * (value << (place + 600)) for minus, value, place in terms)
        place = int(found.exponent[row]) + 600
        kept = abs(total) >> place
        assert int(found.significand[row]) == kept | ((kept << place) != abs(total))
        assert bool(found.negative[row]) == (total < 0 if total else bool(negative[row].all()))
