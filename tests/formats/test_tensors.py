"""Torch tensors: bit for bit what NumPy gives, with the gradient going straight through."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from prefixrl.errors import InputError
from prefixrl.formats import FORMATS, MX_FORMATS, Rounding, ScaleRule, encode, format_named, quantise, quantise_blocks

torch = pytest.importorskip("torch")

from prefixrl.formats.tensors import fake_quantise, fake_quantise_blocks  # noqa: E402

ELEMENTS = [name for name in FORMATS if name != "e8m0"]


def _values(name: str) -> np.ndarray:
    rng = np.random.default_rng(1)
    anywhere = rng.integers(0, 1 << 32, 20_000).astype(np.uint32).view(np.float32)
    near = rng.normal(size=20_000) * float(format_named(name).least_normal) * 2.0 ** rng.integers(-4, 12, 20_000)
    ties = quantise(near, name) * 1.5
    with np.errstate(all="ignore"):
        values = np.concatenate([anywhere, near, ties, [0, -0.0, np.inf, -np.inf]]).astype(np.float32)
    return values[~np.isnan(values)]


def _same(tensor: torch.Tensor, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(tensor.numpy(), expected)
    nan = np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(tensor.numpy())[~nan], np.signbit(expected)[~nan])


@pytest.mark.parametrize("saturate", [False, True])
@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("name", ELEMENTS)
def test_values_are_those_of_numpy(name: str, rounding: Rounding, saturate: bool) -> None:
    values = _values(name)
    drawn = np.random.default_rng(2).integers(0, 2**32, values.shape)
    with np.errstate(over="ignore"):
        expected = quantise(values, name, rounding, saturate, drawn)
    _same(fake_quantise(torch.from_numpy(values), name, rounding, saturate, torch.from_numpy(drawn)), expected)


def test_double_tensors_round_once() -> None:
    values = np.concatenate(
        [np.random.default_rng(3).normal(size=5000) * 1e-3, [1 + 2.0**-4 + 2.0**-40, 1e300, 1e-320]]
    )
    for name in ELEMENTS:
        _same(fake_quantise(torch.from_numpy(values), name), quantise(values, name))


@pytest.mark.parametrize("rule", list(ScaleRule))
@pytest.mark.parametrize("name", MX_FORMATS)
def test_blocks_are_those_of_numpy(name: str, rule: ScaleRule) -> None:
    rng = np.random.default_rng(4)
    values = (rng.normal(size=(7, 70, 3)) * 2.0 ** rng.integers(-60, 60, (7, 70, 3))).astype(np.float32)
    values[2, 5, 1], values[3, 40, 2], values[4] = np.nan, np.inf, 0
    for dim, size in ((1, 32), (-3, 4), (2, 32)):
        expected = quantise_blocks(values, name, dim, rule, size).dequantise().astype(np.float32)
        _same(fake_quantise_blocks(torch.from_numpy(values), name, dim, rule, size), expected)


@pytest.mark.parametrize(("name", "dtype"), [("e4m3", torch.float8_e4m3fn), ("e5m2", torch.float8_e5m2)])
def test_casts_are_those_of_torch_below_overflow(name: str, dtype: torch.dtype) -> None:
    """Beyond, torch saturates or not by format and device."""
    values = _values(name)
    tensor = torch.from_numpy(values[np.abs(values) <= float(format_named(name).largest)])
    assert torch.equal(fake_quantise(tensor, name), tensor.to(dtype).float())
    codes = encode(tensor.numpy(), name)
    np.testing.assert_array_equal(codes, tensor.to(dtype).view(torch.uint8).numpy())


def test_gradients_go_straight_through() -> None:
    tensor = torch.tensor([0.3, -1000.0, 7.7], requires_grad=True)
    weights = torch.tensor([1.0, 2.0, 3.0])
    (fake_quantise(tensor, "e4m3") * weights).sum().backward()
    assert torch.equal(tensor.grad, weights)
    tensor.grad = None
    (fake_quantise_blocks(tensor, "e2m1") * weights).sum().backward()
    assert torch.equal(tensor.grad, weights)


def test_a_model_learns_through_rounded_weights() -> None:
    torch.manual_seed(0)
    inputs = torch.randn(256, 8)
    targets = inputs @ torch.randn(8, 1)
    weight = torch.zeros(8, 1, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    losses = []
    for _ in range(60):
        loss = ((inputs @ fake_quantise(weight, "e4m3") - targets) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 100


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_types_stay(dtype: torch.dtype) -> None:
    tensor = torch.linspace(-20, 20, 99, dtype=dtype)
    rounded = fake_quantise(tensor, "e4m3")
    assert rounded.dtype == dtype
    np.testing.assert_array_equal(rounded.double().numpy(), quantise(tensor.double().numpy(), "e4m3"))


def test_stochastic_rounding_is_repeatable_and_unbiased() -> None:
    tensor = torch.full((40_000,), 1.03)
    first = fake_quantise(tensor, "e4m3", "stochastic", random=torch.Generator().manual_seed(1))
    again = fake_quantise(tensor, "e4m3", "stochastic", random=torch.Generator().manual_seed(1))
    assert torch.equal(first, again)
    assert sorted(set(first.tolist())) == [1.0, 1.125]
    assert abs(first.double().mean().item() - 1.03) < 0.0016


def test_bad_input_is_refused() -> None:
    tensor = torch.ones(3)
    with pytest.raises(InputError, match="a floating-point tensor is needed"):
        fake_quantise(torch.ones(3, dtype=torch.int64), "e4m3")
    with pytest.raises(InputError, match="needs a torch Generator"):
        fake_quantise(tensor, "e4m3", "stochastic")
    with pytest.raises(InputError, match="random integers are 0 to"):
        fake_quantise(tensor, "e4m3", "stochastic", random=torch.full((3,), -1))
    with pytest.raises(InputError, match="1 to 52, got 60"):
        fake_quantise(tensor, "e4m3", "stochastic", random=torch.Generator(), random_width=60)
    with pytest.raises(InputError, match="dimension of the tensor's 1, got 1"):
        fake_quantise_blocks(tensor, "e4m3", 1)


def test_formats_alone_import_neither_torch_nor_other_packages() -> None:
    program = (
        "import sys, prefixrl.formats; "
        "mine = [m for m in sys.modules if m.startswith('prefixrl.') and m.count('.') == 1]; "
        "print(sorted(mine), 'torch' in sys.modules, 'numba' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "['prefixrl.errors', 'prefixrl.formats', 'prefixrl.hints'] False False"
