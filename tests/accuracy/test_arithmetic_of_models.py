"""Products with rounded operands, and those of tensor cores, against the formats' own models."""

from __future__ import annotations

import numpy as np
import pytest
from accuracy_samples import Toy

from prefixrl.accuracy.arithmetic import FullPrecision, Quantised, Scaling, Scheme, scale_of
from prefixrl.accuracy.tensor_core import TensorCore
from prefixrl.errors import InputError
from prefixrl.formats import Cut, Operand, decode, element_format, encode, quantise, quantise_blocks, truncated_dot


def _scheme(name: str, scaling: Scaling, inputs: bool = True) -> Scheme:
    return Scheme(element_format(name), scaling, inputs)


def _operands(seed: int = 0, terms: int = 32) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(6, terms)) * 2.0 ** rng.integers(-8, 3, (6, terms))
    inputs[0, :5] = 0
    inputs[1] = 0
    return inputs.astype(np.float32), rng.normal(size=(9, terms)).astype(np.float32)


def test_calibration_keeps_the_largest_magnitude() -> None:
    full = FullPrecision()
    full.matmul("a", np.float32([[1, -3]]), np.float32([[1, 1]]))
    full.matmul("a", np.float32([[2, 0]]), np.float32([[1, 1]]))
    assert full.largest == {"a": 3.0}


@pytest.mark.parametrize("name", ["e4m3", "e3m4fn", "int8", "e2m1"])
def test_static_scaling_brings_the_calibrated_magnitude_to_the_largest_number(name: str) -> None:
    inputs, weights = _operands()
    arithmetic = Quantised(_scheme(name, Scaling.STATIC), {"a": 2.0})
    largest = np.float32(float(element_format(name).largest))
    scale = largest / np.float32(2)
    np.testing.assert_array_equal(arithmetic.rounded_inputs("a", inputs), quantise(inputs * scale, name) / scale)
    rounded = arithmetic.rounded_weights("a", weights)
    for row, own in zip(rounded, weights, strict=True):
        scale = largest / np.abs(own).max()
        np.testing.assert_array_equal(row, quantise(own * scale, name) / scale)
    np.testing.assert_array_equal(
        arithmetic.matmul("a", inputs, weights), arithmetic.rounded_inputs("a", inputs) @ rounded.T
    )


def test_e5m2_is_not_scaled_and_zeros_are_not_divided_by() -> None:
    inputs, _ = _operands()
    arithmetic = Quantised(_scheme("e5m2", Scaling.DYNAMIC), {})
    np.testing.assert_array_equal(arithmetic.rounded_inputs("a", inputs), quantise(inputs, "e5m2"))
    assert scale_of([0.0, 448.0], element_format("e4m3")).tolist() == [1.0, 1.0]


def test_dynamic_scaling_is_each_samples_own() -> None:
    inputs, _ = _operands()
    arithmetic = Quantised(_scheme("e4m3", Scaling.DYNAMIC), {})
    together = arithmetic.rounded_inputs("a", inputs)
    alone = np.concatenate([arithmetic.rounded_inputs("a", row[None]) for row in inputs])
    np.testing.assert_array_equal(together, alone)
    images = np.stack([inputs, 8 * inputs])
    np.testing.assert_array_equal(
        arithmetic.rounded_inputs("a", images)[1], 8 * arithmetic.rounded_inputs("a", images)[0]
    )


@pytest.mark.parametrize("scaling", [each for each in Scaling if each.is_block])
def test_block_scaling_lies_along_the_summed_axis(scaling: Scaling) -> None:
    inputs, weights = _operands(terms=80)
    arithmetic = Quantised(_scheme("e2m3", scaling), {})
    expected = quantise_blocks(weights, "e2m3", rule=scaling.value).dequantise()
    np.testing.assert_array_equal(arithmetic.rounded_weights("a", weights), expected)
    np.testing.assert_array_equal(
        arithmetic.rounded_inputs("a", inputs), quantise_blocks(inputs, "e2m3", rule=scaling.value).dequantise()
    )


def test_weights_alone() -> None:
    inputs, weights = _operands()
    arithmetic = Quantised(_scheme("e2m1", Scaling.STATIC, inputs=False), {})
    assert arithmetic.rounded_inputs("a", inputs) is inputs
    assert not np.array_equal(arithmetic.rounded_weights("a", weights), weights)


@pytest.mark.parametrize("cut", list(Cut))
@pytest.mark.parametrize("width", [8, 12, 21, 25, 26, 33])
@pytest.mark.parametrize("name", ["e4m3", "e5m2", "e3m4fn", "e3m4ieee", "e2m1"])
def test_tensor_cores_are_the_model_of_the_formats(name: str, width: int, cut: Cut) -> None:
    inputs, weights = _operands(width)
    fmt = element_format(name)
    input_scale = scale_of(np.abs(inputs).max(axis=1, keepdims=True), fmt)
    weight_scale = scale_of(np.abs(weights).max(axis=1, keepdims=True), fmt)
    a = Operand(encode(inputs * input_scale, fmt)[:, None], fmt)
    b = Operand(encode(weights * weight_scale, fmt), fmt)
    expected = decode(truncated_dot(a, b, "fp32", width, cut=cut), "fp32").astype(np.float32)
    got = TensorCore(_scheme(name, Scaling.DYNAMIC), {}, width, cut).matmul("a", inputs, weights)
    np.testing.assert_array_equal(got, expected / (input_scale * weight_scale.T))


def test_longer_products_are_added_in_fp32() -> None:
    inputs, weights = _operands(terms=80)
    core = TensorCore(_scheme("e5m2", Scaling.DYNAMIC), {}, 16)
    parts = [core.matmul(str(at), inputs[:, at : at + 32], weights[:, at : at + 32]) for at in (0, 32, 64)]
    # the third has 16 terms, with the adder for 32
    np.testing.assert_array_equal(core.matmul("all", inputs, weights), (parts[0] + parts[1]) + parts[2])


def test_the_exact_sum_is_what_wide_adders_give() -> None:
    inputs, weights = _operands(terms=64)
    exact = TensorCore(_scheme("e4m3", Scaling.STATIC), {"a": 8.0}, None).matmul("a", inputs, weights)
    wide = TensorCore(_scheme("e4m3", Scaling.STATIC), {"a": 8.0}, 43).matmul("a", inputs, weights)
    np.testing.assert_array_equal(exact, wide)


@pytest.mark.parametrize(
    ("name", "scaling", "width", "message"),
    [
        ("int8", Scaling.STATIC, 20, "floating-point formats of up to 8 bits, got int8"),
        ("bf16", Scaling.STATIC, 20, "got bf16"),
        ("e4m3", Scaling.FLOOR, 20, "static or dynamic here, got floor"),
        ("e4m3", Scaling.STATIC, 7, "at least 8 bits, got 7"),
        ("e4m3", Scaling.STATIC, 54, "at most 53 bits, got 54"),
    ],
)
def test_what_has_no_adder_is_refused(name: str, scaling: Scaling, width: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TensorCore(_scheme(name, scaling), {}, width)


def test_models_that_apply_weights_themselves_are_refused() -> None:
    core = TensorCore(_scheme("e4m3", Scaling.DYNAMIC), {}, 20)
    with pytest.raises(InputError, match="got convolution"):
        core.rounded_inputs("convolution", np.zeros((1, 2), np.float32))
    assert Toy().predict(core).shape == (400, 1)
