"""FP8 and MX number formats: bit-exact encode, decode and quantise, and exact models of their arithmetic."""

from prefixrl.formats.arithmetic import Cut, Operand, add, dot, fraction_bits, multiply, multiply_add, truncated_dot
from prefixrl.formats.blocks import BLOCK_SIZE, Blocks, ScaleRule, quantise_blocks, round_to_blocks
from prefixrl.formats.decoding import Parts, decode, decode_table, integer_table, split
from prefixrl.formats.descriptors import ElementFormat, FloatFormat, Format, IntegerFormat, ScaleFormat, Specials
from prefixrl.formats.encoding import encode, encode_scaled, quantise
from prefixrl.formats.registry import FORMATS, FP8_FORMATS, MX_FORMATS, element_format, float_format, format_named
from prefixrl.formats.rounding import Rounding, RoundingMode

__all__ = [
    "BLOCK_SIZE",
    "FORMATS",
    "FP8_FORMATS",
    "MX_FORMATS",
    "Blocks",
    "Cut",
    "ElementFormat",
    "FloatFormat",
    "Format",
    "IntegerFormat",
    "Operand",
    "Parts",
    "Rounding",
    "RoundingMode",
    "ScaleFormat",
    "ScaleRule",
    "Specials",
    "add",
    "decode",
    "decode_table",
    "dot",
    "element_format",
    "encode",
    "encode_scaled",
    "float_format",
    "format_named",
    "fraction_bits",
    "integer_table",
    "multiply",
    "multiply_add",
    "quantise",
    "quantise_blocks",
    "round_to_blocks",
    "split",
    "truncated_dot",
]
