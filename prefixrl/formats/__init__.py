"""FP8 and MX number formats: bit-exact encode, decode and quantise, and exact models of their arithmetic."""

from prefixrl.formats.decoding import Parts, decode, decode_table, integer_table, split
from prefixrl.formats.descriptors import ElementFormat, FloatFormat, Format, IntegerFormat, ScaleFormat, Specials
from prefixrl.formats.registry import FORMATS, FP8_FORMATS, MX_FORMATS, element_format, float_format, format_named

__all__ = [
    "FORMATS",
    "FP8_FORMATS",
    "MX_FORMATS",
    "ElementFormat",
    "FloatFormat",
    "Format",
    "IntegerFormat",
    "Parts",
    "ScaleFormat",
    "Specials",
    "decode",
    "decode_table",
    "element_format",
    "float_format",
    "format_named",
    "integer_table",
    "split",
]
