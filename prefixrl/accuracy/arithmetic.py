"""How the matrix products of a model are computed: in full precision, or with operands rounded to a format.

A model calls `matmul` for every product; all else (biases, activation functions, normalisation, softmax, embeddings) it
computes in FP32 itself. Shapes: inputs [B, ..., K], weights [N, K], results [B, ..., N], B being the samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from prefixrl.formats import ElementFormat, element_format, quantise, round_to_blocks

Floats = npt.NDArray[np.float32]


class Scaling(StrEnum):
    """What range operands are brought to before they are rounded.

    `STATIC`: weights by output channel, inputs by the largest magnitude seen in calibration (Shen et al., arXiv
    2309.14592: the scale is largest / max|T|; E5M2 is not scaled). `DYNAMIC`: the same, with the largest magnitude of
    each sample's own tensor. `FLOOR`, `CEIL`, `RCEIL`, `EVEN`: MX blocks of 32 along the summed axis, by that rule.
    """

    STATIC = "static"
    DYNAMIC = "dynamic"
    FLOOR = "floor"
    CEIL = "ceil"
    RCEIL = "rceil"
    EVEN = "even"

    @property
    def is_block(self) -> bool:
        return self not in (Scaling.STATIC, Scaling.DYNAMIC)


@dataclass(frozen=True)
class Scheme:
    """One way of post-training quantisation.

    :param fmt: of weights and inputs
    :param scaling: how they are scaled
    :param inputs: whether inputs are rounded too, or weights alone
    """

    fmt: ElementFormat
    scaling: Scaling
    inputs: bool = True


class Arithmetic(Protocol):
    """What a model needs: `matmul`, and its two halves where the model applies the weights in its own way."""

    def rounded_inputs(self, site: str, inputs: Floats) -> Floats:
        """Inputs of a product as it sees them.

        :param site: the product's name in the model
        """

    def rounded_weights(self, site: str, weights: Floats) -> Floats:
        """Weights of a product as it sees them."""

    def matmul(self, site: str, inputs: Floats, weights: Floats) -> Floats:
        """inputs @ weights.T"""


class FullPrecision:
    """FP32 operands; keeps the largest magnitude of the inputs of each product, which is what calibration is."""

    def __init__(self) -> None:
        self.largest: dict[str, float] = {}

    def rounded_inputs(self, site: str, inputs: Floats) -> Floats:
        self.largest[site] = max(self.largest.get(site, 0.0), float(np.abs(inputs).max(initial=0)))
        return inputs

    def rounded_weights(self, site: str, weights: Floats) -> Floats:
        return weights

    def matmul(self, site: str, inputs: Floats, weights: Floats) -> Floats:
        return self.rounded_inputs(site, inputs) @ weights.T


class Quantised:
    """Operands rounded to a format, to nearest-even and saturating; products are summed in FP32.

    :param scheme: how
    :param calibration: largest magnitude of the inputs of each product, for `STATIC`
    """

    def __init__(self, scheme: Scheme, calibration: dict[str, float]) -> None:
        self.scheme = scheme
        self.calibration = calibration
        self._weights: dict[str, Floats] = {}

    def rounded_inputs(self, site: str, inputs: Floats) -> Floats:
        if not self.scheme.inputs:
            return inputs
        if self.scheme.scaling.is_block:
            return self._in_blocks(inputs)
        if self.scheme.scaling is Scaling.STATIC:
            return scaled_rounding(inputs, np.float32(self.calibration[site]), self.scheme.fmt)
        axes = tuple(range(1, inputs.ndim))
        return scaled_rounding(inputs, np.abs(inputs).max(axis=axes, keepdims=True, initial=0), self.scheme.fmt)

    def rounded_weights(self, site: str, weights: Floats) -> Floats:
        if site not in self._weights:
            self._weights[site] = self._rounded_weights(weights)
        return self._weights[site]

    def _rounded_weights(self, weights: Floats) -> Floats:
        if self.scheme.scaling.is_block:
            return self._in_blocks(weights)
        return scaled_rounding(weights, np.abs(weights).max(axis=1, keepdims=True), self.scheme.fmt)

    def _in_blocks(self, values: Floats) -> Floats:
        return round_to_blocks(values, self.scheme.fmt, -1, self.scheme.scaling.value).astype(np.float32)

    def matmul(self, site: str, inputs: Floats, weights: Floats) -> Floats:
        return self.rounded_inputs(site, inputs) @ self.rounded_weights(site, weights).T


def scaled_rounding(values: Floats, largest: npt.ArrayLike, fmt: ElementFormat) -> Floats:
    """Values rounded after being scaled so that `largest` becomes the format's largest number, and scaled back."""
    scale = scale_of(largest, fmt)
    return (quantise(values * scale, fmt) / scale).astype(np.float32)


def scale_of(largest: npt.ArrayLike, fmt: ElementFormat) -> Floats:
    """largest of the format / largest of the tensor, in FP32; 1 for E5M2, as in the study, and for zeros."""
    largest = np.asarray(largest, dtype=np.float32)
    if fmt == element_format("e5m2"):
        return np.ones_like(largest)
    limit = np.float32(float(fmt.largest))
    return np.where(largest > 0, limit / np.where(largest > 0, largest, np.float32(1)), np.float32(1))
