"""Matrix products of a model through an adder of a given width, as tensor cores align and truncate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from prefixrl.accuracy.arithmetic import Floats, Scaling, Scheme, scale_of
from prefixrl.errors import InputError
from prefixrl.formats import Cut, FloatFormat, decode, encode, fraction_bits, split

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
            scale = scale_of(np.abs(weights).max(axis=1, keepdims=True), self.fmt)
            values, exponents = self._operand(weights * scale)
            self._weights[site] = np.ascontiguousarray(values.T), np.ascontiguousarray(exponents.T), scale.T
        columns, column_exponents, weight_scale = self._weights[site]
        if self.scaling is Scaling.STATIC:
            input_scale = scale_of(np.float32(self.calibration[site]), self.fmt)
        else:
            input_scale = scale_of(np.abs(inputs).max(axis=1, keepdims=True), self.fmt)
        rows, row_exponents = self._operand(inputs * input_scale)
        return self._products(rows, row_exponents, columns, column_exponents) / (input_scale * weight_scale)

    def _operand(self, scaled: Floats) -> tuple[npt.NDArray, npt.NDArray[np.int32]]:
        """Values in the format, and the exponents of their leading places."""
        from prefixrl.accuracy.kernels import NOWHERE

        codes = encode(scaled, self.fmt)
        parts = split(codes, self.fmt)
        exponents = np.where(parts.significand > 0, parts.exponent + self.fmt.mantissa_bits, NOWHERE)
        return decode(codes, self.fmt).astype(self.dtype), exponents.astype(np.int32)

    def _products(
        self,
        rows: npt.NDArray,
        row_exponents: npt.NDArray[np.int32],
        columns: npt.NDArray,
        column_exponents: npt.NDArray[np.int32],
    ) -> Floats:
        from prefixrl.accuracy.kernels import POWERS, truncated_products

        out = np.zeros((len(rows), columns.shape[1]), dtype=np.float32)
        if self.kept is None:
            for start in range(0, rows.shape[1], TERMS):
                part = slice(start, start + TERMS)
                out += (rows[:, part] @ columns[part]).astype(np.float32)
            return out
        largest = np.empty(columns.shape[1], dtype=np.int32)
        scales, sums = np.empty((2, columns.shape[1]), dtype=self.dtype)
        powers = POWERS.astype(self.dtype) if self.dtype == np.float64 else _float32_powers()
        truncated_products(
            rows,
            row_exponents,
            columns,
            column_exponents,
            TERMS,
            self.kept,
            self.floor,
            powers,
            largest,
            scales,
            sums,
            out,
        )
        return out


def _float32_powers() -> Floats:
    """`POWERS` in float32; those beyond its range, which no format of 8 bits needs, as the nearest."""
    from prefixrl.accuracy.kernels import POWERS

    return np.clip(POWERS, 2.0**-126, 2.0**127).astype(np.float32)
