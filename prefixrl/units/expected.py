"""What units must do, said by models that know nothing of how they are built: the exact arithmetic of `formats`, and
for integers Python's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from prefixrl.circuits import Port
from prefixrl.formats import (
    Operand,
    RoundingMode,
    add,
    dot,
    multiply,
    multiply_add,
    quantise_blocks,
    split,
    truncated_dot,
)
from prefixrl.formats.decoding import decode
from prefixrl.formats.rounding import Rounding, round_to_codes, with_sign
from prefixrl.units.parameters import Parameters
from prefixrl.units.stimuli import Inputs

Outputs = dict[str, np.ndarray]

# A sum of two such numbers and a carry is below 2^63.
_INT64_WIDTH = 61


def expected_outputs(unit: str, parameters: Parameters, inputs: Inputs, outputs: tuple[Port, ...]) -> Outputs:
    """The outputs that a unit must give.

    :param inputs: as `stimuli` makes them
    :param outputs: the unit's output ports
    :returns: output port -> as `Simulator.run` returns it
    """
    return _MODELS[unit](parameters, inputs, outputs)


def _mode(parameters: Parameters) -> RoundingMode:
    return RoundingMode(Rounding.named(parameters.rounding), parameters.saturate)


def _operands(parameters: Parameters, inputs: Inputs) -> tuple[Operand, Operand]:
    return Operand(inputs["a"], parameters.a), Operand(inputs["b"], parameters.b)


def _multiply(parameters: Parameters, inputs: Inputs, _: tuple[Port, ...]) -> Outputs:
    return {"result": multiply(*_operands(parameters, inputs), parameters.out, _mode(parameters))}


def _add(parameters: Parameters, inputs: Inputs, _: tuple[Port, ...]) -> Outputs:
    return {"result": add(*_operands(parameters, inputs), parameters.out, _mode(parameters))}


def _multiply_add(parameters: Parameters, inputs: Inputs, _: tuple[Port, ...]) -> Outputs:
    addend = Operand(inputs["c"], parameters.c)
    return {"result": multiply_add(*_operands(parameters, inputs), addend, parameters.out, _mode(parameters))}


def _dot(parameters: Parameters, inputs: Inputs, _: tuple[Port, ...]) -> Outputs:
    scales = (inputs["a_scale"], inputs["b_scale"])
    accumulator = Operand(inputs["c"], parameters.c) if "c" in inputs else None
    found = dot(*_operands(parameters, inputs), parameters.out, scales, accumulator, _mode(parameters))
    return {"result": found}


def _truncated_dot(parameters: Parameters, inputs: Inputs, _: tuple[Port, ...]) -> Outputs:
    operands = _operands(parameters, inputs)
    return {"result": truncated_dot(*operands, parameters.out, parameters.n, _mode(parameters))}


def _quantise(parameters: Parameters, inputs: Inputs, _: tuple[Port, ...]) -> Outputs:
    values = decode(inputs["v"], parameters.a)
    mode = RoundingMode(Rounding.named(parameters.rounding))
    found = quantise_blocks(values, parameters.element, -1, parameters.rule, parameters.k, mode)
    bits = parameters.element.bits
    return {"scale": found.scales[:, 0], "codes": _columns(found.codes, bits)}


def _columns(codes: np.ndarray, bits: int) -> np.ndarray:
    """Codes [P, K] side by side, the first one lowest, in columns of 64 bits (one column: [P])."""
    slices = (codes[:, :, None] >> np.arange(bits) & 1).astype(np.uint8).reshape(len(codes), -1)
    padded = np.pad(slices, [(0, 0), (0, -slices.shape[1] % 64)])
    words = np.packbits(padded, axis=1, bitorder="little").view(np.uint64)
    return words[:, 0] if words.shape[1] == 1 else words


def _convert(parameters: Parameters, inputs: Inputs, _: tuple[Port, ...]) -> Outputs:
    """As `formats.encode`, and a NaN as `rounding` of units has it."""
    parts, target = split(inputs["a"], parameters.a), parameters.target
    code = round_to_codes(parts.negative, parts.significand, parts.exponent, target.fmt, _mode(parameters))
    infinity = with_sign(np.full(len(code), target.infinity_code), parts.negative, target.fmt)
    return {"result": np.where(parts.nan, target.nan_code, np.where(parts.infinite, infinity, code))}


def _integer_dot(parameters: Parameters, inputs: Inputs, outputs: tuple[Port, ...]) -> Outputs:
    a, b = ((inputs[name].astype(np.int64) ^ 128) - 128 for name in "ab")
    total = (a * b).sum(axis=-1) + (_joined(inputs["c"], outputs[0].width).astype(np.int64) if "c" in inputs else 0)
    return {"result": (total & ((1 << outputs[0].width) - 1)).astype(np.uint64)}


def _integers(function: Callable[[dict[str, np.ndarray], int], dict[str, np.ndarray]]) -> Callable[..., Outputs]:
    """A model in integers: of 64 bits where these are enough, else Python's."""

    def model(parameters: Parameters, inputs: Inputs, outputs: tuple[Port, ...]) -> Outputs:
        widths = {name: 1 if name == "cin" else parameters.n for name in inputs}
        joined = {name: _joined(value, widths[name]) for name, value in inputs.items()}
        if parameters.n <= _INT64_WIDTH:
            joined = {name: value.astype(np.int64) for name, value in joined.items()}
        found = function(joined, parameters.n)
        return {port.name: _split(found[port.name], port.width) for port in outputs}

    return model


def _joined(value: np.ndarray, width: int) -> np.ndarray:
    """Columns as `Simulator.run` takes them, as integers [P], Python's where 64 bits are not enough."""
    if value.ndim == 1:
        return value.astype(object)
    if value.shape[1] == 1:
        return value[:, 0] if width <= _INT64_WIDTH else value[:, 0].astype(object)
    each = -(-width // value.shape[1])
    return np.asarray(sum(value[:, column].astype(object) << each * column for column in range(value.shape[1])))


def _split(numbers: np.ndarray, width: int) -> np.ndarray:
    """Integers [P] as columns of 64 bits (one column: [P])."""
    columns = [
        (numbers >> start & (1 << min(width - start, 64)) - 1).astype(np.uint64) for start in range(0, width, 64)
    ]
    return columns[0] if len(columns) == 1 else np.stack(columns, axis=-1)


def _plain_sum(row: dict[str, np.ndarray], width: int) -> dict[str, np.ndarray]:
    total = row["a"] + row.get("b", 0) + row["cin"]
    return {"sum": total & ((1 << width) - 1), "cout": total >> width}


def _compare(row: dict[str, np.ndarray], _: int) -> dict[str, np.ndarray]:
    a, b = row["a"], row["b"]
    return {name: each.astype(np.int64) for name, each in (("lt", a < b), ("eq", a == b), ("gt", a > b))}


def _leading_zeros(row: dict[str, np.ndarray], width: int) -> dict[str, np.ndarray]:
    count = np.array([width - each.bit_length() for each in row["a"].tolist()], dtype=np.int64)
    return {"count": np.minimum(count, width - 1), "zero": (count == width).astype(np.int64)}


def _absolute(row: dict[str, np.ndarray], width: int) -> dict[str, np.ndarray]:
    negative = row["a"] >> (width - 1)
    return {"magnitude": np.where(negative == 1, (1 << width) - row["a"], row["a"]), "negative": negative}


_MODELS: dict[str, Callable[[Parameters, Inputs, tuple[Port, ...]], Outputs]] = {
    "fp8_mul": _multiply,
    "fp8_add": _add,
    "fp8_fma": _multiply_add,
    "mx_dot": _dot,
    "mx_dot_acc": _dot,
    "tc_dot": _truncated_dot,
    "mx_quant": _quantise,
    "fp_cvt": _convert,
    "int8_dot": _integer_dot,
    "add": _integers(_plain_sum),
    "inc": _integers(_plain_sum),
    "cmp": _integers(_compare),
    "lzc": _integers(_leading_zeros),
    "abs": _integers(_absolute),
}
