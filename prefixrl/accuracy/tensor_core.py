"""Matrix products of a model through an adder of a given width, as tensor cores align and truncate."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from prefixrl.accuracy.arithmetic import Floats, Scaling, Scheme, scale_of
from prefixrl.errors import InputError
from prefixrl.formats import Cut, FloatFormat, fraction_bits, quantise

TERMS = 32
# Up to here sums are exact in float32: a sign and 24 bits.
_FLOAT32_WIDTH = 25
# The place of an exponent in a float32 result with all that is kept below it must be one of the table's.
_LARGEST_WIDTH = 53


class TensorCore:
    """Operands rounded to a format as by `Quantised`; dot products of 32 terms through an adder of `width` bits.

    Each dot product is rounded to FP32, and those of one result are added in FP32. The scales are divided out at the
    end.

    :param scheme: a floating-point format, scaled statically or dynamically
    :param calibration: largest magnitude of the inputs of each product
    :param width: bits of the adder (`formats.fraction_bits`); None adds exactly
    :param cut: how products are cut off
    :raises InputError: no floating-point format, blocks, or no such width
    """

    def __init__(
        self, scheme: Scheme, calibration: dict[str, float], width: int | None, cut: str = Cut.TOWARD_ZERO
    ) -> None:
        if not isinstance(scheme.fmt, FloatFormat) or scheme.fmt.bits > 8:
            raise InputError(f"products are aligned in floating-point formats of up to 8 bits, got {scheme.fmt.name}")
        if scheme.scaling.is_block:
            raise InputError(f"operands are scaled static or dynamic here, got {scheme.scaling.value}")
        if width is not None and width > _LARGEST_WIDTH:
            raise InputError(f"an adder has at most {_LARGEST_WIDTH} bits, got {width}")
        self.fmt, self.scaling = scheme.fmt, scheme.scaling
        self.calibration = calibration
        self.floor = Cut.named(cut) is Cut.FLOOR
        self.kept = None if width is None else fraction_bits(width, TERMS)
        self.dtype = np.float64 if width is None or width > _FLOAT32_WIDTH else np.float32
        self._weights: dict[str, tuple[npt.NDArray, npt.NDArray[np.int32], Floats]] = {}

    def rounded_inputs(self, site: str, inputs: Floats) -> Floats:
        raise InputError(f"this model has products of its own making, which have no adder yet, got {site}")

    def rounded_weights(self, site: str, weights: Floats) -> Floats:
        raise InputError(f"this model has products of its own making, which have no adder yet, got {site}")

    def matmul(self, site: str, inputs: Floats, weights: Floats) -> Floats:
        if site not in self._weights:
            self._weights[site] = self._prepared(weights)
        columns, column_exponents, weight_scale = self._weights[site]
        if self.scaling is Scaling.STATIC:
            input_scale = scale_of(np.float32(self.calibration[site]), self.fmt)
        else:
            input_scale = scale_of(np.abs(inputs).max(axis=1, keepdims=True), self.fmt)
        rows, row_exponents = self._operand(inputs * input_scale)
        if self.kept is None:
            products = _exact_products(rows, columns)
        else:
            products = self._truncated_products(rows, row_exponents, columns, column_exponents)[:, : len(weights)]
        return products / (input_scale * weight_scale)

    def _prepared(self, weights: Floats) -> tuple[npt.NDArray, npt.NDArray[np.int32], Floats]:
        """Values and exponents, in tiles unless sums are exact, and the scales [1, N]."""
        from prefixrl.accuracy.kernels.truncated import NOWHERE, TILE

        scale = scale_of(np.abs(weights).max(axis=1, keepdims=True), self.fmt)
        values, exponents = self._operand(weights * scale)
        if self.kept is not None:
            values, exponents = _in_tiles(values, 0, TILE), _in_tiles(exponents, NOWHERE, TILE)
        return values, exponents, scale.T

    def _operand(self, scaled: Floats) -> tuple[npt.NDArray, npt.NDArray[np.int32]]:
        """Values in the format, and the exponents of their leading places; a subnormal has the least normal one's."""
        from prefixrl.accuracy.kernels.truncated import NOWHERE

        values = quantise(scaled, self.fmt)
        exponents = np.maximum(np.frexp(values)[1] - 1, self.fmt.least_exponent)
        return values.astype(self.dtype), np.where(values != 0, exponents, NOWHERE).astype(np.int32)

    def _truncated_products(
        self,
        rows: npt.NDArray,
        row_exponents: npt.NDArray[np.int32],
        tiles: npt.NDArray,
        tile_exponents: npt.NDArray[np.int32],
    ) -> Floats:
        """[B, N] of values [B, K] and tiles of weights, N filled up to whole tiles."""
        from prefixrl.accuracy.kernels.truncated import POWERS, TILE, truncated_products

        out = np.zeros((len(tiles), len(rows), TILE), dtype=np.float32)
        largest = np.empty(TILE, dtype=np.int32)
        scales, sums = np.empty((2, TILE), dtype=self.dtype)
        # Powers beyond the range of float32 meet zeros alone.
        powers = np.clip(POWERS, 2.0**-126, 2.0**127).astype(np.float32) if self.dtype == np.float32 else POWERS
        operands = (rows, row_exponents, tiles, tile_exponents)
        truncated_products(*operands, TERMS, self.kept, self.floor, powers, largest, scales, sums, out)
        return out.transpose(1, 0, 2).reshape(len(rows), -1)


def _exact_products(rows: npt.NDArray, columns: npt.NDArray) -> Floats:
    """[B, N] of float64 values [B, K] and [N, K]: what sums of 32 products of 8-bit numbers need, but for rare E5M2."""
    parts = [slice(start, start + TERMS) for start in range(0, rows.shape[1], TERMS)]
    return functools.reduce(np.add, [(rows[:, part] @ columns[:, part].T).astype(np.float32) for part in parts])


def _in_tiles(columns: npt.NDArray, filling: int, tile: int) -> npt.NDArray:
    """[N, K] as [N / tile, K, tile]."""
    missing = -len(columns) % tile
    filled = np.pad(columns, [(0, missing), (0, 0)], constant_values=filling)
    return np.ascontiguousarray(filled.reshape(-1, tile, columns.shape[1]).transpose(0, 2, 1))
