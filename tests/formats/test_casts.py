"""Casts against ml_dtypes and gfloat, where they do not differ by choice (`prefixrl.formats.encoding` names those)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import gfloat
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import GFLOAT, ML_DTYPES, nearest_code

from prefixrl.errors import InputError
from prefixrl.formats import (
    FORMATS,
    Rounding,
    RoundingMode,
    decode,
    decode_table,
    encode,
    encode_scaled,
    format_named,
    quantise,
)

HALVES = np.arange(1 << 16, dtype=np.uint16)
SMALL = [name for name, fmt in FORMATS.items() if fmt.bits <= 8]


def _float16() -> np.ndarray:
    return HALVES.view(np.float16)


def _bfloat16() -> np.ndarray:
    return (HALVES.astype(np.uint32) << 16).view(np.float32)


def _random_float32() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 1 << 32, 100_000).astype(np.uint32).view(np.float32)


def _random_float64() -> np.ndarray:
    rng = np.random.default_rng(2)
    anywhere = rng.integers(0, 1 << 64, 20_000, dtype=np.uint64).view(np.float64)
    return np.concatenate([anywhere, rng.normal(size=40_000) * 2.0 ** rng.integers(-30, 20, 40_000)])


def _boundaries(name: str) -> np.ndarray:
    """float32 numbers at, halfway between, and right beside the values of a format."""
    codes = np.arange(1 << 8) if format_named(name).bits <= 8 else np.random.default_rng(3).integers(0, 1 << 16, 5_000)
    values = np.sort(decode(codes % (1 << format_named(name).bits), name))
    values = values[np.isfinite(values)]
    last = values[-1] + (values[-1] - values[-2]) / 2
    points = np.concatenate([values, (values[:-1] + values[1:]) / 2, [last, -last, 2 * last]]).astype(np.float32)
    return np.concatenate([points, *(np.nextafter(points, np.float32(to)) for to in (np.inf, -np.inf))])


SOURCES = {"float16": _float16, "bfloat16": _bfloat16, "float32": _random_float32, "float64": _random_float64}


def _source(source: str, name: str) -> Any:
    with np.errstate(all="ignore"):
        values = _boundaries(name) if source == "boundaries" else SOURCES[source]()
    # No code for NaN there: a choice that is tested by itself.
    return values[~np.isnan(values)] if format_named(name).nan_code is None else values


@pytest.mark.parametrize("source", ["float16", "bfloat16", "float32", "boundaries"])
@pytest.mark.parametrize("name", sorted(set(ML_DTYPES) - {"fp32"}))
def test_casts_are_those_of_ml_dtypes(name: str, source: str) -> None:
    values = _source(source, name)
    if name == "e8m0":
        values = values[np.isfinite(values) & ((values < 0) | (values >= np.float64(2.0**-126)))]
    ours = encode(values, name, saturate=False)
    with np.errstate(all="ignore"):
        theirs = values.astype(ML_DTYPES[name]).view(ours.dtype)
    if name == "fp16":  # NumPy keeps payloads
        ours, theirs = ours[~np.isnan(values)], theirs[~np.isnan(values)]
    np.testing.assert_array_equal(ours, theirs)


def test_casts_to_fp32_are_those_of_numpy() -> None:
    values = np.concatenate([_random_float64(), np.float32([0, -0.0, np.inf, 3e38]), [2.0**-150, 3.5e38, -(2.0**-149)]])
    values = values[~np.isnan(values)]
    with np.errstate(over="ignore", under="ignore"):
        theirs = values.astype(np.float32).view(np.uint32)
    np.testing.assert_array_equal(encode(values, "fp32", saturate=False), theirs)


def test_float64_is_not_rounded_to_float32_first() -> None:
    """Just above a tie: ml_dtypes goes through float32 and sees a tie there."""
    above = [1 + 2.0**-4 + 2.0**-40, 1 + 2.0**-8 + 2.0**-40]
    assert quantise(above[0], "e4m3") == 1.125
    assert quantise(above[1], "bf16") == 1 + 2.0**-7


ROUNDINGS = {
    Rounding.NEAREST_EVEN: gfloat.RoundMode.TiesToEven,
    Rounding.TOWARD_ZERO: gfloat.RoundMode.TowardZero,
    Rounding.STOCHASTIC: gfloat.RoundMode.StochasticFastest,
}


@pytest.mark.parametrize("saturate", [False, True])
@pytest.mark.parametrize("rounding", list(ROUNDINGS))
@pytest.mark.parametrize("name", sorted(GFLOAT))
def test_casts_are_those_of_gfloat(name: str, rounding: Rounding, saturate: bool) -> None:
    fmt = format_named(name)
    for source in ("float16", "float32", "float64", "boundaries"):
        if name == "fp32" and source == "boundaries":
            continue
        with np.errstate(invalid="ignore"):
            values = _source(source, name).astype(np.float64)
        if name == "e8m0":
            values = np.abs(values[(values != 0) & (np.abs(values) >= 2.0**-127)])
            values = values[np.frexp(values)[0] != 0.75]  # ties
        if fmt.nan_code is None and not saturate:  # an error there, saturation here
            values = values[np.abs(values) <= float(fmt.largest)]
        if name == "int8":
            values = values[values >= -127 / 64]  # -128 is made there
        bits = np.random.default_rng(4).integers(0, 256, values.shape)
        with np.errstate(all="ignore"):
            theirs = gfloat.round_ndarray(GFLOAT[name], values, ROUNDINGS[rounding], saturate, bits, 8)
        ours = quantise(values, name, rounding, saturate, bits, 8)
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(np.signbit(ours), np.signbit(theirs))


@pytest.mark.parametrize("saturate", [False, True])
@pytest.mark.parametrize("rounding", [Rounding.NEAREST_EVEN, Rounding.TOWARD_ZERO])
@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"e8m0"}))
def test_quantise_has_the_values_of_the_codes(name: str, rounding: Rounding, saturate: bool) -> None:
    sources = [_source(source, name) for source in (*SOURCES, *(["boundaries"] if name != "fp32" else []))]
    for values in [*sources, np.array([0.0, -0.0, np.inf, -np.inf, 5e-324, -1.7e308])]:
        through_codes = decode(encode(values, name, rounding, saturate), name)
        with np.errstate(over="ignore"):
            rounded = quantise(values, name, rounding, saturate)
        np.testing.assert_array_equal(rounded, through_codes)
        np.testing.assert_array_equal(np.signbit(rounded), np.signbit(through_codes))


@pytest.mark.parametrize("name", SMALL)
def test_every_value_is_its_own_cast(name: str) -> None:
    fmt, table = format_named(name), decode_table(name)
    kept = np.isfinite(table) & (table >= -float(fmt.largest))
    for rounding in (Rounding.NEAREST_EVEN, Rounding.TOWARD_ZERO):
        np.testing.assert_array_equal(encode(table[kept], fmt, rounding), np.flatnonzero(kept))


@settings(max_examples=300, deadline=None)
@given(
    st.integers(-(2**80), 2**80),
    st.integers(-100, 10),
    st.sampled_from(["e4m3", "e5m2", "e3m4fn", "e2m1", "fp16"]),
    st.booleans(),
)
def test_integers_of_any_size_round_once(integer: int, scale: int, name: str, saturate: bool) -> None:
    fmt = format_named(name)
    codes = encode_scaled(np.array(integer, dtype=object), scale, name, RoundingMode(saturate=saturate))
    exact = abs(Fraction(integer)) * Fraction(2) ** scale
    assert int(codes) % (1 << (fmt.bits - 1)) == nearest_code(name, exact, saturate)
    assert (int(codes) >> (fmt.bits - 1)) == (integer < 0)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(allow_nan=False), min_size=2, max_size=20),
    st.sampled_from(sorted(set(FORMATS) - {"e8m0"})),
    st.sampled_from([Rounding.NEAREST_EVEN, Rounding.TOWARD_ZERO]),
)
def test_rounding_is_monotonic_symmetric_and_done_once(numbers: list[float], name: str, rounding: Rounding) -> None:
    values = np.sort(numbers)
    rounded = quantise(values, name, rounding)
    assert (np.diff(rounded) >= 0).all()
    np.testing.assert_array_equal(quantise(-values, name, rounding), -rounded)
    np.testing.assert_array_equal(quantise(rounded, name, rounding), rounded)
    inside = np.abs(values) <= float(format_named(name).largest)
    if rounding is Rounding.TOWARD_ZERO:
        assert (np.abs(rounded[inside]) <= np.abs(values[inside])).all()


@settings(max_examples=200, deadline=None)
@given(st.floats(-1e5, 1e5), st.sampled_from([name for name in SMALL if name != "e8m0"]), st.integers(0, 2**32 - 1))
def test_stochastic_rounding_gives_a_neighbour(value: float, name: str, drawn: int) -> None:
    down = float(quantise(value, name, Rounding.TOWARD_ZERO))
    table = np.unique(decode_table(name)[np.isfinite(decode_table(name))])
    beyond = table[np.abs(table) > abs(down)]
    neighbours = {down, *(float(each) for each in beyond[np.abs(beyond) == np.abs(beyond).min(initial=np.inf)])}
    got = float(quantise(value, name, Rounding.STOCHASTIC, random=[drawn])[()].item())
    assert abs(got) in {abs(each) for each in neighbours}
    assert got == 0 or (got > 0) == (value > 0)


def test_integers_are_not_rounded_to_float64_first() -> None:
    """2^60 + 2^36 + 1 is just above a tie in FP32, and a tie in float64."""
    tie = (1 << 60) + (1 << 36)
    for values in (
        np.array([tie, tie + 1]),
        np.array([tie, tie + 1], dtype=object),
        np.array([tie, tie + 1], np.uint64),
    ):
        assert decode(encode(values, "fp32"), "fp32").tolist() == [2.0**60, 2.0**60 + 2.0**37]
    assert encode(np.array([-(1 << 63), (1 << 63) - 1]), "fp32").tolist() == [0xDF000000, 0x5F000000]
    assert encode(np.array([7, 200], dtype=np.uint8), "e4m3").tolist() == encode([7.0, 200.0], "e4m3").tolist()


@pytest.mark.parametrize(
    ("name", "value", "saturated", "otherwise"),
    [
        ("e4m3", 464.0, 448, 448),
        ("e4m3", 464.1, 448, np.nan),
        ("e4m3", -np.inf, -448, np.nan),
        ("e5m2", 61439.9, 57344, 57344),
        ("e5m2", 61440.0, 57344, np.inf),
        ("e3m4fn", 30.5, 30, 30),
        ("e3m4fn", 30.51, 30, np.nan),
        ("e3m4ieee", 15.75, 15.5, np.inf),
        ("e3m2", 1e9, 28, 28),
        ("e2m3", -np.inf, -7.5, -7.5),
        ("e2m1", 5.0, 4, 4),
        ("int8", -2.0, -127 / 64, -127 / 64),
        ("e8m0", np.inf, 2.0**127, np.nan),
        ("e8m0", 0.0, 2.0**-127, 2.0**-127),
        ("e8m0", -1.0, np.nan, np.nan),
        ("e8m0", 3.0, 4, 4),
        ("fp32", 2.0**128, float(FORMATS["fp32"].largest), np.inf),
    ],
)
def test_overflow(name: str, value: float, saturated: float, otherwise: float) -> None:
    assert quantise(value, name) == pytest.approx(saturated, abs=0, nan_ok=True)
    assert quantise(value, name, saturate=False) == pytest.approx(otherwise, abs=0, nan_ok=True)
    if np.isfinite(value) and name != "e8m0":
        toward_zero = quantise(value, name, "toward-zero", saturate=False)
        assert np.isfinite(toward_zero)
        assert abs(toward_zero) <= abs(value)


def test_nan_keeps_its_sign_or_is_refused() -> None:
    assert encode([np.nan, -np.nan], "e4m3").tolist() == [0x7F, 0xFF]
    assert encode([np.nan, -np.nan], "fp32").tolist() == [0x7FC00000, 0xFFC00000]
    for name in ("e3m2", "e2m3", "e2m1", "int8"):
        with pytest.raises(InputError, match="has no NaN"):
            encode([1.0, np.nan], name)


def test_negative_zero_stays() -> None:
    assert encode([-0.0, -1e-30], "e2m1").tolist() == [8, 8]
    assert encode([-0.0, -1e-30], "int8").tolist() == [0, 0]


def test_the_two_e3m4_differ_above_15_5_only() -> None:
    values = np.linspace(-40, 40, 4001)
    study, ieee = quantise(values, "e3m4fn"), quantise(values, "e3m4ieee")
    below = np.abs(values) <= 15.5
    np.testing.assert_array_equal(study[below], ieee[below])
    assert (study[np.abs(values) > 16] != ieee[np.abs(values) > 16]).all()


@pytest.mark.parametrize("name", ["e4m3", "e5m2", "e2m1", "int8", "bf16"])
def test_stochastic_rounding_is_unbiased_and_repeatable(name: str) -> None:
    fmt = format_named(name)
    values = np.array([0.3, -1.1, 1.7, -0.06, float(fmt.least_subnormal) / 3])
    drawn = np.random.default_rng(6)
    rounded = quantise(np.tile(values, (40_000, 1)), name, "stochastic", random=drawn)
    steps = np.ptp(rounded, axis=0)
    assert all(len(np.unique(column)) == 2 for column in rounded.T)
    # five standard deviations of a mean of 40,000, each at most half a step
    assert (np.abs(rounded.mean(axis=0) - values) < 5 * steps / 2 / 200).all()
    again = quantise(np.tile(values, (40_000, 1)), name, "stochastic", random=np.random.default_rng(6))
    np.testing.assert_array_equal(rounded, again)


def test_stochastic_rounding_of_what_is_far_below_the_least_number() -> None:
    tiny = np.full(1000, 2.0**-300)
    assert not quantise(tiny, "e4m3", "stochastic", random=np.full(1000, 2**32 - 1)).any()
    exact = quantise([1.0, 0.5, -448.0], "e4m3", "stochastic", random=np.full(3, 2**32 - 1))
    assert exact.tolist() == [1.0, 0.5, -448.0]
    assert quantise([2.0**-10], "e4m3", "stochastic", random=[2**61], random_width=62).tolist() == [2.0**-9]


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (["a"], {}, "numbers are float16"),
        ([1 + 2j], {}, "numbers are float16"),
        ([True], {}, "numbers are float16"),
        (np.zeros(2, np.longdouble), {}, "got float128"),
        (np.zeros(2, dtype=[("a", "f4")]), {}, "numbers are float16"),
        (np.array([1, 2.5], dtype=object), {}, "integers alone"),
        ([1.0], {"rounding": "nearest"}, r"did you mean nearest-even\?"),
        ([1.0], {"rounding": "stochastic"}, "needs a numpy Generator"),
        ([1.0], {"rounding": "stochastic", "random": [0.5]}, "random integers are 0 to"),
        ([1.0], {"rounding": "stochastic", "random": [2**32]}, "random integers are 0 to"),
        ([1.0], {"rounding": "stochastic", "random": [1, 2, 3]}, "must fit numbers of shape"),
        ([1.0], {"random_width": 63}, "1 to 62, got 63"),
    ],
)
def test_bad_input_is_refused(values: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        encode(values, "e4m3", **options)


def test_shapes_and_layouts() -> None:
    values = np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1)
    np.testing.assert_array_equal(quantise(values, "fp32"), values)
    assert encode(1.5, "e4m3").shape == ()
    assert encode(np.zeros((0, 3)), "e4m3").shape == (0, 3)
    assert encode([], "e4m3").dtype == np.uint8
    assert quantise(np.float32(1.3), "e4m3").dtype == np.float32
    # big-endian, read-only, strided
    odd = np.arange(10, dtype=">f4")[::3]
    odd.setflags(write=False)
    np.testing.assert_array_equal(quantise(odd, "e4m3"), [0, 3, 6, 9])
