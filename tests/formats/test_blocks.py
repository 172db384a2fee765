"""MX blocks: scales by each rule, elements, shapes, special values; against gfloat and by exact fractions."""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction
from typing import Any

import gfloat
import gfloat.formats
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from prefixrl.errors import InputError
from prefixrl.formats import (
    MX_FORMATS,
    Operand,
    RoundingMode,
    ScaleRule,
    decode,
    dot,
    encode,
    format_named,
    quantise,
    quantise_blocks,
    round_to_blocks,
)

RULES = list(ScaleRule)
GFLOAT_BLOCKS = {
    "e4m3": gfloat.formats.format_info_mxfp8_e4m3,
    "e5m2": gfloat.formats.format_info_mxfp8_e5m2,
    "e3m2": gfloat.formats.format_info_mxfp6_e3m2,
    "e2m3": gfloat.formats.format_info_mxfp6_e2m3,
    "e2m1": gfloat.formats.format_info_mxfp4_e2m1,
}


@pytest.mark.parametrize("name", sorted(GFLOAT_BLOCKS))
def test_floor_blocks_are_those_of_gfloat(name: str) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(200, 32)) * 2.0 ** rng.integers(-120, 120, (200, 1))
    ours = quantise_blocks(values, name)
    for row in range(len(values)):
        theirs = gfloat.quantize_block(GFLOAT_BLOCKS[name], values[row], gfloat.compute_scale_amax)
        np.testing.assert_array_equal(ours.dequantise()[row], theirs)


def _exponent(largest: Fraction, name: str, rule: ScaleRule) -> int:
    """The rule in fractions, by trying."""
    fmt = format_named(name)
    bounds = {
        ScaleRule.FLOOR: Fraction(2) ** (fmt.largest_exponent + 1) - Fraction(1, 10**60),
        ScaleRule.CEIL: Fraction(2) ** fmt.largest_exponent,
        ScaleRule.RCEIL: fmt.largest,
        # what rounds down to the largest significand of the format's precision
        ScaleRule.EVEN: (2 - Fraction(1, 2 ** (fmt.mantissa_bits + 1))) * 2**fmt.largest_exponent - Fraction(1, 10**60),
    }
    fits = bisect_left(range(-127, 128), True, key=lambda s: largest <= bounds[rule] * Fraction(2) ** s)
    return min(fits - 127, 127)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", [*MX_FORMATS, "e3m4fn", "e3m4ieee"])
def test_scales_follow_the_rule(name: str, rule: ScaleRule) -> None:
    fractions = np.concatenate([np.linspace(1, 2, 33)[:-1], [1.9375, 1.96875, 1.984375, 1.9921875]])
    fractions = np.concatenate([fractions, np.nextafter(fractions, 0), np.nextafter(fractions, 3)])
    for exponent in (-140, -128, -127, -3, 0, 100, 127):
        largest = fractions * 2.0**exponent
        blocks = quantise_blocks(largest[:, None], name, rule=rule)
        expected = [_exponent(Fraction(float(value)), name, rule) + 127 for value in largest]
        assert blocks.scales[:, 0].tolist() == expected


@pytest.mark.parametrize("name", MX_FORMATS)
def test_rceil_clamps_nothing_and_floor_does(name: str) -> None:
    values = np.random.default_rng(2).normal(size=(500, 32))
    largest = float(format_named(name).largest)
    worst = {}
    for rule in (ScaleRule.FLOOR, ScaleRule.RCEIL):
        blocks = quantise_blocks(values, name, rule=rule)
        scaled = np.abs(values) / decode(blocks.scales, "e8m0")
        worst[rule] = float(scaled.max()) / largest
    assert worst[ScaleRule.RCEIL] <= 1 < worst[ScaleRule.FLOOR]


FLOATS = st.floats(-(2.0**100), 2.0**100, width=32) | st.sampled_from([0.0, -0.0, 1.0, 447.0, 2.0**-149])


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(np.float32, arrays.array_shapes(min_dims=1, max_dims=3, max_side=9), elements=FLOATS),
    st.integers(0, 2),
    st.sampled_from([1, 2, 4, 32]),
    st.sampled_from([*MX_FORMATS, "e3m4fn"]),
    st.sampled_from(RULES),
)
def test_blocks_are_elements_rounded_at_their_scale(
    values: np.ndarray, axis: int, size: int, name: str, rule: ScaleRule
) -> None:
    axis %= values.ndim
    blocks = quantise_blocks(values, name, axis - values.ndim, rule, size)
    moved, codes = np.moveaxis(values, axis, -1), np.moveaxis(blocks.codes, axis, -1)
    scales, back = np.moveaxis(blocks.scales, axis, -1), np.moveaxis(blocks.dequantise(), axis, -1)
    assert blocks.axis == axis
    np.testing.assert_array_equal(round_to_blocks(values, name, axis, rule, size), blocks.dequantise())
    assert scales.shape[-1] == -(-moved.shape[-1] // size)
    for place in np.ndindex(moved.shape):
        scale = decode(scales[place[:-1]][place[-1] // size], "e8m0")
        assert codes[place] == encode(float(moved[place]) / float(scale), name)
        assert back[place] == decode(codes[place], name) * scale


def test_a_short_last_block_is_as_if_zeros_followed() -> None:
    values = np.random.default_rng(3).normal(size=(3, 70)) * np.logspace(0, 5, 70)
    blocks = quantise_blocks(values, "e4m3")
    whole = quantise_blocks(np.pad(values, [(0, 0), (0, 26)]), "e4m3")
    assert blocks.codes.shape == (3, 70)
    np.testing.assert_array_equal(blocks.scales, whole.scales)
    np.testing.assert_array_equal(blocks.dequantise(), whole.dequantise()[:, :70])


def test_special_values_make_their_block_nan() -> None:
    values = np.ones((2, 64))
    values[0, 40], values[1, 3] = np.nan, -np.inf
    for name in ("e4m3", "e2m1", "int8"):
        blocks = quantise_blocks(values, name)
        assert blocks.scales.tolist()[0][1] == blocks.scales.tolist()[1][0] == 0xFF
        assert np.isnan(blocks.dequantise()[0, 32:]).all()
        assert (blocks.dequantise()[0, :32] == 1).all()
        np.testing.assert_array_equal(round_to_blocks(values, name), blocks.dequantise())
        assert not blocks.codes[0, 32:].any()


def test_zeros_and_extremes() -> None:
    zeros = quantise_blocks([0.0, -0.0], "e2m1")
    assert zeros.scales.tolist() == [0]
    assert np.signbit(zeros.dequantise()).tolist() == [False, True]
    assert quantise_blocks([2.0**-149], "e4m3").dequantise().tolist() == [0.0]
    assert quantise_blocks([2.0**-135], "e5m2").dequantise().tolist() == [2.0**-135]
    huge = quantise_blocks([1e300, 1.0], "e4m3")
    assert huge.scales.tolist() == [254]
    assert huge.dequantise().tolist() == [448 * 2.0**127, 0.0]
    assert quantise_blocks([3, -3], "int8").dequantise().tolist() == [3, -3]
    assert quantise_blocks(np.zeros((2, 0)), "e4m3").scales.shape == (2, 0)


@pytest.mark.parametrize("name", MX_FORMATS)
def test_dot_of_blocks_is_the_sum_of_dequantised_products(name: str) -> None:
    a, b = np.random.default_rng(4).normal(size=(2, 300, 32))
    x, y = quantise_blocks(a, name, rule="rceil"), quantise_blocks(b, name, rule="even")
    got = dot(Operand(x.codes, name), Operand(y.codes, name), "fp32", (x.scales[:, 0], y.scales[:, 0]))
    products = x.dequantise() * y.dequantise()  # exact
    exact = [float(sum(map(Fraction, row.tolist()))) for row in products]
    np.testing.assert_array_equal(decode(got, "fp32"), np.array(exact, dtype=np.float32))


def test_stochastic_elements_take_their_own_random_integers() -> None:
    values = np.random.default_rng(5).normal(size=(5, 40))
    drawn = np.random.default_rng(6).integers(0, 2**32, values.shape)
    blocks = quantise_blocks(values, "e4m3", 0, block_size=4, mode=RoundingMode("stochastic", random=drawn))
    scale = decode(blocks.scales, "e8m0").repeat(4, axis=0)[:5]
    np.testing.assert_array_equal(
        decode(blocks.codes, "e4m3"), quantise(values / scale, "e4m3", "stochastic", random=drawn)
    )
    generator = np.random.default_rng(7)
    mode = RoundingMode("stochastic", random=generator)
    mean = np.mean([quantise_blocks(values, "e2m1", rule="rceil", mode=mode).dequantise() for _ in range(400)], axis=0)
    assert np.abs(mean - values).max() < 0.15


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (1.0, {}, "axis of the array's 0, got -1"),
        ([1.0], {"axis": 1}, "axis of the array's 1, got 1"),
        ([1.0], {"block_size": 0}, "at least 1 element, got 0"),
        ([1.0], {"rule": "flor"}, r"did you mean floor\?"),
        ([1.0], {"fmt": "e8m0"}, "holds scales"),
        ([2**60], {}, "at most 2"),
        (["x"], {}, "numbers are float16"),
    ],
)
def test_bad_input_is_refused(values: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        quantise_blocks(values, **{"fmt": "e4m3", **options})
