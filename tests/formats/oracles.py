"""Slow and obvious models of casts and arithmetic: exact fractions and searches among values."""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction
from functools import cache
from typing import Any

import gfloat.formats
import ml_dtypes
import numpy as np

from prefixrl.formats import decode_table, format_named

ML_DTYPES: dict[str, Any] = {
    "e4m3": ml_dtypes.float8_e4m3fn,
    "e5m2": ml_dtypes.float8_e5m2,
    "e3m4ieee": ml_dtypes.float8_e3m4,
    "e3m2": ml_dtypes.float6_e3m2fn,
    "e2m3": ml_dtypes.float6_e2m3fn,
    "e2m1": ml_dtypes.float4_e2m1fn,
    "e8m0": ml_dtypes.float8_e8m0fnu,
    "bf16": ml_dtypes.bfloat16,
    "fp16": np.float16,
    "fp32": np.float32,
}
GFLOAT = {
    "e4m3": gfloat.formats.format_info_ocp_e4m3,
    "e5m2": gfloat.formats.format_info_ocp_e5m2,
    "e3m2": gfloat.formats.format_info_ocp_e3m2,
    "e2m3": gfloat.formats.format_info_ocp_e2m3,
    "e2m1": gfloat.formats.format_info_ocp_e2m1,
    "int8": gfloat.formats.format_info_ocp_int8,
    "e8m0": gfloat.formats.format_info_ocp_e8m0,
    "bf16": gfloat.formats.format_info_bfloat16,
    "fp16": gfloat.formats.format_info_binary16,
    "fp32": gfloat.formats.format_info_binary32,
}


@cache
def magnitudes(name: str) -> list[tuple[Fraction, int]]:
    """The values of a format that are not negative and their codes, rising, up to the first one that is not finite."""
    table = decode_table(name)
    found = []
    for code in range(len(table) // (1 if name == "e8m0" else 2)):
        if not np.isfinite(table[code]):
            break
        found.append((Fraction(float(table[code])), code))
    return found


def nearest_code(name: str, value: Fraction, saturate: bool) -> int:
    """The code of a magnitude of a floating-point format by search, ties to the even code."""
    codes = magnitudes(name)
    index = bisect_right(codes, (value, 1 << 40)) - 1
    low, low_code = codes[index]
    # Beyond the largest number as if its binade went on.
    high = codes[index + 1][0] if index + 1 < len(codes) else 2 * low - codes[index - 1][0]
    up = value - low > high - value or (value - low == high - value and low_code % 2 == 1)
    if up and index + 1 == len(codes):
        fmt = format_named(name)
        special = fmt.infinity_code if fmt.infinity_code is not None else fmt.nan_code
        return low_code if saturate or special is None else special
    return low_code + up
