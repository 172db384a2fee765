"""Torch tensors rounded to a format, with straight-through gradients, on whatever device they are.

The values are bit for bit those of `encoding.quantise` and `blocks.quantise_blocks`, computed in float64, where all
steps are exact. Importing this module imports torch; nothing else in `formats` does.
"""

from __future__ import annotations

from typing import Any

import torch

from prefixrl.errors import InputError
from prefixrl.formats.blocks import BLOCK_SIZE, ScaleRule
from prefixrl.formats.descriptors import ElementFormat, IntegerFormat, Specials
from prefixrl.formats.registry import E8M0, element_format
from prefixrl.formats.rounding import DEFAULT_RANDOM_WIDTH, Rounding


def fake_quantise(
    tensor: torch.Tensor,
    fmt: str | ElementFormat,
    rounding: str = Rounding.NEAREST_EVEN,
    saturate: bool = True,
    random: torch.Generator | torch.Tensor | None = None,
    random_width: int = DEFAULT_RANDOM_WIDTH,
) -> torch.Tensor:
    """Numbers rounded to those of a format; the gradient passes as if they had not been.

    NaN stays NaN, in formats without NaN too.

    :param tensor: floating-point numbers of any shape
    :param fmt: a format or its name, not E8M0
    :param rounding: `nearest-even`, `toward-zero`, `stochastic`
    :param saturate: whether overflow and infinity give the largest finite number
    :param random: for stochastic rounding: a generator of the tensor's device, or integers below 2^random_width
    :param random_width: random bits per number, 1 to 52
    :returns: a tensor of the same type, which should hold the format's values (a bfloat16 tensor has no FP16 values)
    :raises InputError: not floating-point, or bad options
    """
    fmt = element_format(fmt)
    wide = _as_double(tensor)
    drawn = _random_integers(tensor, Rounding.named(rounding), random, random_width)
    rounded = _rounded(wide, fmt, drawn, Rounding.named(rounding), saturate, random_width)
    return _StraightThrough.apply(tensor, rounded.to(tensor.dtype))


def fake_quantise_blocks(
    tensor: torch.Tensor,
    fmt: str | ElementFormat,
    dim: int = -1,
    rule: str = ScaleRule.FLOOR,
    block_size: int = BLOCK_SIZE,
) -> torch.Tensor:
    """Numbers rounded to MX blocks along a dimension, to nearest-even; the gradient passes as if they had not been.

    :param tensor: floating-point numbers
    :param fmt: the elements' format or its name
    :param dim: along which the blocks lie; a last, shorter block is as if zeros followed
    :param rule: how a block's scale follows from its largest magnitude
    :param block_size: elements of a block
    :raises InputError: not floating-point, no such dimension, format or rule
    """
    fmt, rule = element_format(fmt), ScaleRule.named(rule)
    if not -tensor.dim() <= dim < tensor.dim() or block_size < 1:
        raise InputError(f"blocks lie along a dimension of the tensor's {tensor.dim()}, got {dim} and {block_size}")
    last = _as_double(tensor).movedim(dim, -1)
    padded = torch.nn.functional.pad(last, (0, -last.shape[-1] % block_size))
    blocks = padded.reshape(*last.shape[:-1], padded.shape[-1] // block_size, block_size)
    largest = blocks.abs().amax(dim=-1, keepdim=True)
    usable = torch.isfinite(largest)
    exponent = _scale_exponents(torch.where(usable, largest, 0), fmt, rule)
    rounded = _rounded(blocks * _power_of_two(-exponent), fmt, None, Rounding.NEAREST_EVEN, True, 1)
    values = torch.where(usable, rounded * _power_of_two(exponent), torch.nan)
    values = values.reshape(padded.shape)[..., : last.shape[-1]].movedim(-1, dim)
    return _StraightThrough.apply(tensor, values.to(tensor.dtype))


class _StraightThrough(torch.autograd.Function):
    """The second argument, with the gradient going to the first."""

    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor, rounded: torch.Tensor) -> torch.Tensor:
        return rounded.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradients[0], None


def _as_double(tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.is_floating_point():
        raise InputError(f"a floating-point tensor is needed, got {tensor.dtype}")
    return tensor.detach().to(torch.float64)


def _power_of_two(exponent: torch.Tensor) -> torch.Tensor:
    """2^exponent in float64, exactly (`torch.ldexp` goes through float32); exponents -1022 to 1023."""
    return ((exponent.to(torch.int64) + 1023) << 52).view(torch.float64)


def _floor_log2(magnitude: torch.Tensor) -> torch.Tensor:
    return torch.frexp(magnitude).exponent.to(torch.int64) - 1


def _random_integers(
    tensor: torch.Tensor, rounding: Rounding, random: torch.Generator | torch.Tensor | None, width: int
) -> torch.Tensor | None:
    if rounding is not Rounding.STOCHASTIC:
        return None
    if not 1 <= width <= 52:
        raise InputError(f"random_width is 1 to 52, got {width}")
    if isinstance(random, torch.Generator):
        return torch.randint(0, 1 << width, tensor.shape, generator=random, device=tensor.device)
    if random is None:
        raise InputError("stochastic rounding needs a torch Generator or random integers, got None")
    if random.numel() and (random.is_floating_point() or random.min() < 0 or random.max() >= 1 << width):
        raise InputError(f"random integers are 0 to 2^{width} - 1, got {random.dtype}")
    return random


def _rounded(
    wide: torch.Tensor,
    fmt: ElementFormat,
    drawn: torch.Tensor | None,
    rounding: Rounding,
    saturate: bool,
    random_width: int,
) -> torch.Tensor:
    magnitude = wide.abs()
    if isinstance(fmt, IntegerFormat):
        exponent = torch.full(wide.shape, fmt.unit_exponent, dtype=torch.int64, device=wide.device)
    else:
        top = _floor_log2(torch.where(torch.isfinite(magnitude), magnitude, 0))
        exponent = top.clamp(fmt.least_exponent, fmt.largest_exponent) - fmt.mantissa_bits
    units = magnitude * _power_of_two(-exponent)
    if drawn is not None:
        below = torch.floor(units)
        part = torch.floor((units - below) * 2.0**random_width)
        units = below + (part + drawn >= 2.0**random_width)
    else:
        units = torch.round(units) if rounding is Rounding.NEAREST_EVEN else torch.floor(units)
    rounded = units * _power_of_two(exponent)
    largest = float(fmt.largest)
    beyond = largest if saturate else _beyond(fmt)
    kept = largest if rounding is Rounding.TOWARD_ZERO else beyond
    rounded = torch.where(rounded > largest, torch.where(torch.isinf(magnitude), beyond, kept), rounded)
    return _with_sign(rounded, wide, fmt)


def _beyond(fmt: ElementFormat) -> float:
    if isinstance(fmt, IntegerFormat) or fmt.specials is Specials.NONE:
        return float(fmt.largest)
    return torch.inf if fmt.specials is Specials.IEEE else torch.nan


def _with_sign(rounded: torch.Tensor, wide: torch.Tensor, fmt: ElementFormat) -> torch.Tensor:
    if isinstance(fmt, IntegerFormat):  # no negative zero
        return torch.where(wide < 0, 0 - rounded, rounded)
    return torch.copysign(rounded, wide)


def _scale_exponents(largest: torch.Tensor, fmt: ElementFormat, rule: ScaleRule) -> torch.Tensor:
    floor = _floor_log2(largest)
    fraction = largest * _power_of_two(-floor.clamp(-1022, 1022))
    exponent = floor - fmt.largest_exponent + rule.goes_up(fraction, fmt)
    exponent = exponent.clamp(-E8M0.bias, E8M0.largest_exponent)
    return torch.where(largest > 0, exponent, -E8M0.bias)
