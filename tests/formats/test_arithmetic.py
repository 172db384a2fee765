"""Products, sums, fused multiply-adds and dot products against ml_dtypes and exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import ML_DTYPES, nearest_code

from prefixrl.errors import InputError
from prefixrl.formats import (
    FP8_FORMATS,
    Operand,
    RoundingMode,
    add,
    decode,
    dot,
    encode,
    format_named,
    fraction_bits,
    multiply,
    multiply_add,
    truncated_dot,
)

KEEP = RoundingMode(saturate=False)
ALL = np.arange(256, dtype=np.uint8)
# A uniform draw of codes has all exponents and special values.
CODES = st.lists(st.integers(0, 255), min_size=1, max_size=40)


def _same(ours: Any, values: Any, fmt: str, saturate: bool = False) -> None:
    """Codes against values that are exact in float64; NaNs of either sign are alike."""
    expected = encode(values, fmt, saturate=saturate)
    if fmt in ML_DTYPES and not saturate:
        with np.errstate(all="ignore"):
            theirs = np.asarray(values).astype(ML_DTYPES[fmt]).view(expected.dtype)
        nan = np.isnan(decode(theirs, fmt))
        np.testing.assert_array_equal(np.where(nan, 0, theirs), np.where(nan, 0, expected))
    nan = np.isnan(decode(expected, fmt))
    np.testing.assert_array_equal(np.isnan(decode(ours, fmt)), nan)
    np.testing.assert_array_equal(ours[~nan], expected[~nan])


@pytest.mark.parametrize("name", FP8_FORMATS)
@pytest.mark.parametrize("out", ["same", "bf16", "fp32"])
@pytest.mark.parametrize("saturate", [False, True])
def test_all_products_and_sums(name: str, out: str, saturate: bool) -> None:
    out = name if out == "same" else out
    x = decode(ALL, name)
    a, b = Operand(ALL[:, None], name), Operand(ALL, name)
    mode = RoundingMode(saturate=saturate)
    with np.errstate(invalid="ignore"):
        _same(multiply(a, b, out, mode), np.outer(x, x), out, saturate)
        _same(add(a, b, out, mode), x[:, None] + x, out, saturate)


@pytest.mark.parametrize("name", ["e4m3", "e3m4fn", "e3m2"])
def test_fused_multiply_add_is_exact_where_float64_is(name: str) -> None:
    fmt = format_named(name)
    a, b, c = np.random.default_rng(3).integers(0, 1 << fmt.bits, (3, 200_000))
    x, y, z = decode(a, name), decode(b, name), decode(c, name)
    for out in (name, "fp32"):
        with np.errstate(invalid="ignore"):
            _same(multiply_add(Operand(a, name), Operand(b, name), Operand(c, name), out, KEEP), x * y + z, out)


def test_e5m2_fused_multiply_add_rounds_once() -> None:
    """57344 * 57344 + 2^-16 has 64 bits, and a tie that float64 would not see as broken."""
    assert decode(multiply_add(_one(96), _one(0.0625), _one(2.0**-16), "e5m2", KEEP), "e5m2") == 6
    # 1.25 * 1.25 = 1.5625; with 1.5 * 2^-16 less or more it lies beside the tie at 1.625 or not
    tie = multiply_add(_one(1.25), _one(1.25), _one(0.0625), "e5m2", KEEP)
    above = multiply_add(_one(1.25), _one(1.25), _one(0.0625 + 2.0**-6), "e5m2", KEEP)
    assert (decode(tie, "e5m2"), decode(above, "e5m2")) == (1.5, 1.75)
    big = multiply_add(_one(57344), _one(57344), _one(-(2.0**-16)), "fp32", RoundingMode("toward-zero"))
    assert decode(big, "fp32") == np.nextafter(np.float32(57344.0**2), np.float32(0))


def _one(value: float, fmt: str = "e5m2") -> Operand:
    return Operand(encode(value, fmt), fmt)


@settings(max_examples=150, deadline=None)
@given(CODES, CODES, st.sampled_from(["e4m3", "e5m2", "e3m4fn", "int8"]), st.integers(0, 2**32 - 1), st.data())
def test_dot_with_accumulator_is_the_fraction_rounded_once(
    a: list[int], b: list[int], name: str, accumulator: int, data: st.DataObject
) -> None:
    a, b = a[: len(b)], b[: len(a)]
    scales = data.draw(st.tuples(st.integers(0, 254), st.integers(0, 254)))
    x, y, z = decode(a, name), decode(b, name), float(decode(accumulator, "fp32"))
    got = dot(Operand(a, name), Operand(b, name), "fp32", scales, Operand(accumulator, "fp32"), KEEP)
    if not (np.isfinite(x).all() and np.isfinite(y).all() and np.isfinite(z)):
        assert not np.isfinite(decode(got, "fp32"))
        return
    products = sum((Fraction(float(p)) * Fraction(float(q)) for p, q in zip(x, y, strict=True)), Fraction(0))
    exact = products * Fraction(2) ** (sum(scales) - 254) + Fraction(z)
    assert got == _float32_code(exact)


def _float32_code(exact: Fraction) -> int:
    """The code of a fraction rounded to nearest, by looking at both neighbours."""
    if exact == 0:
        return 0
    unit = Fraction(1, 2**149)
    while abs(exact) >= unit * 2**24:
        unit *= 2
    whole = round(exact / unit)  # Python rounds ties to even
    limit = Fraction(2) ** 128
    value = whole * unit
    if abs(value) >= limit:
        return 0x7F800000 | (0x80000000 if value < 0 else 0)
    if value == 0:
        return 0x80000000 if exact < 0 else 0
    return int(np.float32(float(value)).view(np.uint32))


@settings(max_examples=100, deadline=None)
@given(CODES, CODES, st.sampled_from(["e4m3", "e5m2", "e3m4fn", "e3m4ieee"]), st.booleans())
def test_dot_in_fp8_is_the_nearest_value(a: list[int], b: list[int], name: str, saturate: bool) -> None:
    a, b = a[: len(b)], b[: len(a)]
    x, y = decode(a, name), decode(b, name)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return
    exact = sum((Fraction(float(p)) * Fraction(float(q)) for p, q in zip(x, y, strict=True)), Fraction(0))
    got = int(dot(Operand(a, name), Operand(b, name), name, mode=RoundingMode(saturate=saturate)))
    assert got & 0x7F == nearest_code(name, abs(exact), saturate)
    assert (got >= 0x80) == (exact < 0)


def test_cancellation_leaves_what_is_left() -> None:
    """All but the lowest of 70 bits cancel."""
    a = encode([57344.0, -57344.0, 2.0**-16], "e5m2")
    b = encode([57344.0, 57344.0, 2.0**-16], "e5m2")
    assert decode(dot(Operand(a, "e5m2"), Operand(b, "e5m2"), "fp32"), "fp32") == 2.0**-32
    assert dot(Operand(a[:2], "e5m2"), Operand(b[:2], "e5m2"), "fp32") == 0


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [([np.inf, 1], [1, 1], np.inf), ([np.inf, np.inf], [1, -1], np.nan), ([np.inf, 1], [0, 1], np.nan)],
)
def test_special_values_of_dot(a: list[float], b: list[float], expected: float) -> None:
    x = Operand(encode(a, "e5m2", saturate=False), "e5m2")
    y = Operand(encode(b, "e5m2", saturate=False), "e5m2")
    np.testing.assert_array_equal(decode(dot(x, y, "fp32", mode=KEEP), "fp32"), expected)
    scaled = dot(x, y, "fp32", (255, 127), mode=KEEP)
    assert np.isnan(decode(scaled, "fp32"))


def test_infinity_saturates_and_zeros_have_the_signs_of_ieee_754() -> None:
    infinite = Operand(np.array([0x7C, 0xFC]), "e5m2")
    assert decode(multiply(infinite, _one(1), "e5m2"), "e5m2").tolist() == [57344, -57344]
    zero, minus = Operand(np.uint8(0), "e4m3"), Operand(np.uint8(0x80), "e4m3")
    assert [int(add(x, y, "e4m3")) for x, y in ((zero, zero), (zero, minus), (minus, minus))] == [0, 0, 0x80]
    assert int(multiply(zero, minus, "e4m3")) == 0x80
    assert int(multiply_add(zero, minus, minus, "bf16")) == 0x8000
    assert int(dot(Operand([0, 0], "e4m3"), Operand([0x80, 0x80], "e4m3"), "fp32")) == 0


def test_results_without_a_code_are_refused() -> None:
    with pytest.raises(InputError, match="e2m1 has no NaN"):
        add(Operand(0x7F, "e4m3"), Operand(0, "e4m3"), "e2m1")
    with pytest.raises(InputError, match="holds scales"):
        add(Operand(1, "e4m3"), Operand(0, "e4m3"), "e8m0")


def test_an_adder_that_is_wide_enough_truncates_nothing() -> None:
    a, b = np.random.default_rng(5).integers(0, 256, (2, 2_000, 32))
    a, b = np.where(a % 128 == 127, 0, a), np.where(b % 128 == 127, 0, b)
    exact = dot(Operand(a, "e4m3"), Operand(b, "e4m3"), "fp32")
    # from the largest product's leading bits down to 2^-18: 17 + 18 bits, the sign and the growth
    np.testing.assert_array_equal(truncated_dot(Operand(a, "e4m3"), Operand(b, "e4m3"), "fp32", 43), exact)
    narrow = truncated_dot(Operand(a, "e4m3"), Operand(b, "e4m3"), "fp32", 16)
    assert (narrow != exact).mean() > 0.5


def test_truncated_dot_by_hand() -> None:
    """Two products, three fraction bits: 1.125^2 = 1.265625 is the larger, 0.0625 * -1.75 falls to multiples of 1/8."""
    assert fraction_bits(21, 32) == fraction_bits(20, 16) == 13
    a, b = encode([1.125, 0.125], "e4m3"), encode([1.125, -1.75], "e4m3")
    got = truncated_dot(Operand(a, "e4m3"), Operand(b, "e4m3"), "fp32", 3 + 3 + 1)
    assert decode(got, "fp32") == 1.25 - 0.125
    down = truncated_dot(Operand(a, "e4m3"), Operand(b, "e4m3"), "fp32", 3 + 3 + 1, cut="floor")
    assert decode(down, "fp32") == 1.25 - 0.25
    with pytest.raises(InputError, match="toward-zero or floor, got 'up'"):
        truncated_dot(Operand(a, "e4m3"), Operand(b, "e4m3"), "fp32", 7, cut="up")
    with pytest.raises(InputError, match="at least 8 bits, got 7"):
        fraction_bits(7, 32)


@pytest.mark.parametrize("cut", ["toward-zero", "floor"])
@pytest.mark.parametrize("width", [8, 12, 16, 21, 33])
def test_truncated_dot_is_the_sum_of_truncated_fractions(width: int, cut: str) -> None:
    rng = np.random.default_rng(width)
    a, b = rng.integers(0, 256, (2, 60, 32))
    a, b = np.where(a & 0x7C == 0x7C, 0, a), np.where(b & 0x7C == 0x7C, 0, b)
    got = decode(truncated_dot(Operand(a, "e5m2"), Operand(b, "e5m2"), "fp32", width, cut=cut), "fp32")
    x, y = decode(a, "e5m2"), decode(b, "e5m2")
    whole = math.floor if cut == "floor" else int
    for row in range(len(a)):
        pairs = [(Fraction(float(p)), Fraction(float(q))) for p, q in zip(x[row], y[row], strict=True)]
        tops = [_exponent(p) + _exponent(q) for p, q in pairs if p and q]
        unit = Fraction(2) ** (max(tops) - fraction_bits(width, 32))
        total = sum(whole(p * q / unit) for p, q in pairs) * unit
        assert got[row] == np.float32(float(total))


def _exponent(value: Fraction) -> int:
    exponent = -14
    while abs(value) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    return exponent
