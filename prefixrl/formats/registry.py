"""The formats by name.

There are two E3M4 formats that differ in every code above 15.5 and must never be taken for one another, so `e3m4` alone
is refused: `e3m4fn` is that of the post-training quantisation study (largest 30, no infinity), `e3m4ieee` the IEEE-like
one (largest 15.5, which `ml_dtypes` calls `float8_e3m4`).
"""

from __future__ import annotations

from prefixrl.errors import InputError
from prefixrl.formats.descriptors import ElementFormat, FloatFormat, Format, IntegerFormat, ScaleFormat, Specials
from prefixrl.hints import near_miss

E4M3 = FloatFormat("e4m3", 4, 3, 7, Specials.NAN_ONLY, "MXFP8")
E5M2 = FloatFormat("e5m2", 5, 2, 15, Specials.IEEE, "MXFP8")
E3M4FN = FloatFormat("e3m4fn", 3, 4, 3, Specials.NAN_ONLY, "PTQ study")
E3M4IEEE = FloatFormat("e3m4ieee", 3, 4, 3, Specials.IEEE, "IEEE-like")
E3M2 = FloatFormat("e3m2", 3, 2, 3, Specials.NONE, "MXFP6")
E2M3 = FloatFormat("e2m3", 2, 3, 1, Specials.NONE, "MXFP6")
E2M1 = FloatFormat("e2m1", 2, 1, 1, Specials.NONE, "MXFP4")
INT8 = IntegerFormat("int8", 8, -6, "MXINT8")
E8M0 = ScaleFormat("e8m0", 8, 127, "MX scales")
BF16 = FloatFormat("bf16", 8, 7, 127, Specials.IEEE, "bfloat16")
FP16 = FloatFormat("fp16", 5, 10, 15, Specials.IEEE, "binary16")
FP32 = FloatFormat("fp32", 8, 23, 127, Specials.IEEE, "binary32")

FORMATS: dict[str, Format] = {
    each.name: each for each in (E4M3, E5M2, E3M4FN, E3M4IEEE, E3M2, E2M3, E2M1, INT8, E8M0, BF16, FP16, FP32)
}
# The element formats of MX blocks (specification 1.0, table 1) and the FP8 formats.
MX_FORMATS = ("e4m3", "e5m2", "e3m2", "e2m3", "e2m1", "int8")
FP8_FORMATS = ("e4m3", "e5m2", "e3m4fn", "e3m4ieee")

# Others' names. Not among them: `float8_e4m3`, which is an IEEE-like E4M3 (largest 240) in ml_dtypes, and `e3m4`.
_ALIASES = {
    "e4m3": ("e4m3fn", "float8_e4m3fn", "fp8_e4m3", "ocp_e4m3", "mxfp8_e4m3"),
    "e5m2": ("float8_e5m2", "fp8_e5m2", "ocp_e5m2", "mxfp8_e5m2"),
    "e3m4ieee": ("e3m4_ieee", "float8_e3m4"),
    "e3m4fn": ("e3m4_fn", "e3m4_ptq"),
    "e3m2": ("e3m2fn", "float6_e3m2fn", "ocp_e3m2", "mxfp6_e3m2"),
    "e2m3": ("e2m3fn", "float6_e2m3fn", "ocp_e2m3", "mxfp6_e2m3"),
    "e2m1": ("e2m1fn", "float4_e2m1fn", "ocp_e2m1", "mxfp4", "mxfp4_e2m1"),
    "int8": ("mxint8", "ocp_int8"),
    "e8m0": ("e8m0fnu", "float8_e8m0fnu", "ocp_e8m0"),
    "bf16": ("bfloat16",),
    "fp16": ("float16", "half", "binary16"),
    "fp32": ("float32", "single", "binary32"),
}
ALIASES: dict[str, str] = {alias: name for name, aliases in _ALIASES.items() for alias in aliases}


def format_named(name: str | Format) -> Format:
    """The format of that name, case and `-` for `_` being alike; a format is given back as it is.

    :raises InputError: no such format, or `e3m4`, which could be either of two
    """
    if not isinstance(name, str):
        return name
    key = name.lower().replace("-", "_")
    if key in ("e3m4", "fp8_e3m4", "mxfp8_e3m4"):
        raise InputError(f"there are two E3M4: e3m4fn (largest 30) and e3m4ieee (largest 15.5), got {name}")
    found = FORMATS.get(ALIASES.get(key, key))
    if found is None:
        hint = near_miss(key, [*FORMATS, *ALIASES]) or f" (known: {', '.join(FORMATS)})"
        raise InputError(f"unknown format{hint}, got {name[:40]!r}")
    return found


def element_format(name: str | Format) -> ElementFormat:
    """The format of that name, which must be one of numbers with a sign: floating-point or INT8, not E8M0.

    :raises InputError: no such format, or E8M0
    """
    found = format_named(name)
    if isinstance(found, ScaleFormat):
        raise InputError(f"{found.name} holds scales, not elements, got {found.name}")
    return found


def float_format(name: str | Format) -> FloatFormat:
    """The floating-point format of that name.

    :raises InputError: no such format, or one that is not floating-point
    """
    found = format_named(name)
    if not isinstance(found, FloatFormat):
        raise InputError(f"a floating-point format is needed, got {found.name}")
    return found
