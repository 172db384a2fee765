"""Formats: names, fields, values that follow from them, and the value of every code."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import gfloat
import numpy as np
import pytest
from oracles import GFLOAT, ML_DTYPES

from prefixrl.errors import InputError
from prefixrl.formats import (
    FORMATS,
    MX_FORMATS,
    FloatFormat,
    ScaleFormat,
    decode,
    decode_table,
    element_format,
    float_format,
    format_named,
    integer_table,
    split,
)
from prefixrl.formats.registry import ALIASES

SMALL = [name for name, fmt in FORMATS.items() if fmt.bits <= 8]


@pytest.mark.parametrize(
    ("name", "largest", "least_normal", "least_subnormal", "infinity", "nan", "emax"),
    [
        ("e4m3", 448, Fraction(1, 64), Fraction(1, 512), None, 0x7F, 8),
        ("e5m2", 57344, Fraction(1, 2**14), Fraction(1, 2**16), 0x7C, 0x7E, 15),
        ("e3m4fn", 30, Fraction(1, 4), Fraction(1, 64), None, 0x7F, 4),
        ("e3m4ieee", Fraction(31, 2), Fraction(1, 4), Fraction(1, 64), 0x70, 0x78, 3),
        ("e3m2", 28, Fraction(1, 4), Fraction(1, 16), None, None, 4),
        ("e2m3", Fraction(15, 2), 1, Fraction(1, 8), None, None, 2),
        ("e2m1", 6, 1, Fraction(1, 2), None, None, 2),
        ("int8", Fraction(127, 64), Fraction(1, 64), Fraction(1, 64), None, None, 0),
        ("e8m0", 2**127, Fraction(1, 2**127), Fraction(1, 2**127), None, 0xFF, 127),
        ("fp16", 65504, Fraction(1, 2**14), Fraction(1, 2**24), 0x7C00, 0x7E00, 15),
    ],
)
def test_properties_are_those_of_the_specifications(
    name: str, largest: Any, least_normal: Any, least_subnormal: Any, infinity: Any, nan: Any, emax: int
) -> None:
    fmt = format_named(name)
    assert (fmt.largest, fmt.least_normal, fmt.least_subnormal) == (largest, least_normal, least_subnormal)
    assert (fmt.infinity_code, fmt.nan_code, fmt.largest_exponent) == (infinity, nan, emax)


@pytest.mark.parametrize("name", sorted(set(ML_DTYPES) - {"fp32"}))
def test_every_code_has_the_value_of_ml_dtypes(name: str) -> None:
    fmt = format_named(name)
    codes = np.arange(1 << fmt.bits, dtype=np.uint8 if fmt.bits <= 8 else np.uint16)
    with np.errstate(invalid="ignore"):
        theirs = codes.view(ML_DTYPES[name]).astype(np.float64)
    np.testing.assert_array_equal(decode(codes, fmt), theirs)
    np.testing.assert_array_equal(np.signbit(decode(codes, fmt)), np.signbit(theirs))


@pytest.mark.parametrize("name", sorted(set(GFLOAT) - {"fp32"}))
def test_every_code_has_the_value_of_gfloat(name: str) -> None:
    codes = np.arange(1 << format_named(name).bits)
    np.testing.assert_array_equal(decode(codes, name), gfloat.decode_ndarray(GFLOAT[name], codes))


def test_codes_of_fp32_have_the_value_of_numpy() -> None:
    corners = np.array([0, 1, 0x7FFFFF, 0x800000, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000, 0x80000000])
    drawn = np.random.default_rng(1).integers(0, 2**32, 20_000)
    codes = np.concatenate([corners, drawn]).astype(np.uint32)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(decode(codes, "fp32"), codes.view(np.float32).astype(np.float64))


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_largest_and_least_are_values_of_codes(name: str) -> None:
    fmt = format_named(name)
    assert Fraction(float(decode(np.array(fmt.largest_code), fmt))) == fmt.largest
    least = decode(np.array(0 if isinstance(fmt, ScaleFormat) else 1), fmt)
    assert Fraction(float(least)) == fmt.least_subnormal
    if fmt.nan_code is not None:
        assert np.isnan(decode(np.array(fmt.nan_code), fmt))
    if fmt.infinity_code is not None:
        assert np.isposinf(decode(np.array(fmt.infinity_code), fmt))


@pytest.mark.parametrize("name", [name for name in SMALL if name != "e8m0"])
def test_integers_are_the_values_in_units(name: str) -> None:
    fmt, table = format_named(name), decode_table(name)
    finite = np.isfinite(table)
    assert np.array_equal(integer_table(name)[finite] * 2.0**fmt.unit_exponent, table[finite])
    assert not integer_table(name)[~finite].any()
    parts = split(np.arange(1 << fmt.bits), fmt)
    assert np.array_equal(parts.infinite, np.isinf(table))
    assert np.array_equal(parts.nan, np.isnan(table))


def test_int8_has_the_lowest_code_too() -> None:
    assert decode(np.array([0x80, 0x81, 0x7F, 0xFF]), "int8").tolist() == [-2, -127 / 64, 127 / 64, -1 / 64]


def test_tables_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        decode_table("e4m3")[0] = 1


def test_names_and_aliases_are_found() -> None:
    assert set(MX_FORMATS) <= set(FORMATS)
    for alias, name in ALIASES.items():
        assert alias not in FORMATS
        assert format_named(alias) is FORMATS[name]
        assert format_named(alias.upper().replace("_", "-")) is FORMATS[name]
    assert format_named(FORMATS["e5m2"]) is FORMATS["e5m2"]
    assert isinstance(float_format("E4M3FN"), FloatFormat)


@pytest.mark.parametrize("name", ["e3m4", "E3M4", "fp8-e3m4"])
def test_e3m4_alone_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"e3m4fn \(largest 30\) and e3m4ieee \(largest 15.5\)"):
        format_named(name)


def test_the_ieee_like_e4m3_is_not_taken_for_the_ofp8_one() -> None:
    with pytest.raises(InputError, match="did you mean float8_e4m3fn"):
        format_named("float8_e4m3")


def test_unknown_names_are_refused_with_a_hint() -> None:
    with pytest.raises(InputError, match=r"unknown format \(did you mean e5m2\?\), got 'e5m3x'"):
        format_named("e5m3x")
    with pytest.raises(InputError, match="known: e4m3, e5m2, e3m4fn"):
        format_named("posit")
    with pytest.raises(InputError, match="holds scales"):
        element_format("e8m0")
    with pytest.raises(InputError, match="floating-point"):
        float_format("int8")


@pytest.mark.parametrize(("codes", "message"), [([16], "4 bits, got 16"), ([-1], "got -1"), ([0.5], "got float64")])
def test_codes_outside_of_a_format_are_refused(codes: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        decode(codes, "e2m1")


def test_shapes_are_kept() -> None:
    assert decode(np.zeros((3, 0, 2), dtype=np.uint8), "e4m3").shape == (3, 0, 2)
    assert decode(7, "e2m1").shape == ()
