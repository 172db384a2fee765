"""Patterns to verify units with: all of them where there are few, else random ones and corners, in chunks.

Chunks depend on the seed and their number alone. Operands are codes; a block of k elements is [P, k].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from prefixrl.circuits import Port
from prefixrl.formats import ElementFormat, FloatFormat, IntegerFormat, Operand, dot
from prefixrl.units.parameters import Parameters

CHUNK = 1 << 16
"""Patterns at a time; all values of a chunk fit a core's cache."""

Inputs = dict[str, np.ndarray]
_NAN_SHARE = 0.002
_SCALES = 256


def exhaustive(ports: Sequence[Port]) -> Iterator[Inputs]:
    """Every pattern of ports that have at most 62 bits together, the first port varying fastest."""
    total = sum(port.width for port in ports)
    for start in range(0, 1 << total, CHUNK):
        numbers = np.arange(start, min(start + CHUNK, 1 << total), dtype=np.int64)
        inputs: Inputs = {}
        for port in ports:
            inputs[port.name] = numbers & ((1 << port.width) - 1)
            numbers = numbers >> port.width
        yield inputs


def random_bits(ports: Sequence[Port], patterns: int, seed: int) -> Iterator[Inputs]:
    """Random patterns; every second one has a run of ones or zeros at a random place, so that carries run far."""
    for count, generator in _chunks(patterns, seed):
        inputs: Inputs = {}
        for port in ports:
            columns = -(-port.width // 48)
            each = -(-port.width // columns)
            value = generator.integers(0, 1 << each, (count, columns))
            value[::2] = _runs(generator, count, port.width, columns, each)[::2]
            last = port.width - each * (columns - 1)
            value[:, -1] &= (1 << last) - 1
            inputs[port.name] = value
        yield inputs


def _runs(generator: np.random.Generator, count: int, width: int, columns: int, each: int) -> np.ndarray:
    """Numbers whose bits are alike from one place to another."""
    ends = np.sort(generator.integers(0, width + 1, (count, 2)), axis=1)
    places = np.arange(columns * each)
    bits = (places >= ends[:, :1]) & (places < ends[:, 1:])
    bits ^= generator.random((count, 1)) < 0.5
    weights = np.int64(1) << np.arange(each, dtype=np.int64)
    return (bits.reshape(count, columns, each) * weights).sum(axis=-1)


def codes(parameters: Parameters, ports: Mapping[str, ElementFormat], patterns: int, seed: int) -> Iterator[Inputs]:
    """Random codes of scalar operands: uniform codes, codes near each other in magnitude, few significant bits."""
    for count, generator in _chunks(patterns, seed):
        inputs = {}
        for name, fmt in ports.items():
            code = generator.integers(0, 1 << fmt.bits, count)
            if isinstance(fmt, FloatFormat):
                code[::2] = _sparse(generator, code[::2], fmt)
            inputs[name] = code
        if "c" in ports:
            _near_product(generator, parameters, inputs)
        yield inputs


def _sparse(generator: np.random.Generator, code: np.ndarray, fmt: FloatFormat) -> np.ndarray:
    """Codes with few bits set, or few clear, at the low end of the mantissa, where ties are."""
    shift = generator.integers(0, fmt.mantissa_bits + 1, len(code))
    low = (np.int64(1) << shift) - 1
    return np.where(generator.random(len(code)) < 0.5, code & ~low, code | low) ^ generator.integers(0, 2, len(code))


def _near_product(generator: np.random.Generator, parameters: Parameters, inputs: Inputs) -> None:
    """Make half of the addends cancel their product, nearly or from some distance."""
    if parameters.c.nan_code is None:
        return
    product = dot(
        Operand(inputs["a"][:, None], parameters.a), Operand(inputs["b"][:, None], parameters.b), parameters.c
    )
    half = len(product) // 2
    inputs["c"][:half] = _near(generator, product[:half], parameters.c)


def _near(generator: np.random.Generator, code: np.ndarray, fmt: FloatFormat) -> np.ndarray:
    """Codes a few units away or a few binades, of any sign."""
    count = len(code)
    away = generator.integers(-(2 * fmt.mantissa_bits + 6), 2 * fmt.mantissa_bits + 7, count) << fmt.mantissa_bits
    away[::2] = 0
    units = generator.integers(-2, 3, count)
    magnitude = np.clip((code.astype(np.int64) & (fmt.sign_mask - 1)) + away + units, 0, fmt.largest_code)
    return magnitude | generator.integers(0, 2, count) << (fmt.bits - 1)


def blocks(parameters: Parameters, patterns: int, seed: int, scaled: bool, accumulated: bool) -> Iterator[Inputs]:
    """Blocks for dot products, a share of each kind in `KINDS`.

    :param scaled: with scales
    :param accumulated: with an accumulator
    """
    for count, generator in _chunks(patterns, seed):
        a = _finite(generator, parameters.a, (count, parameters.k))
        b = _finite(generator, parameters.b, (count, parameters.k))
        parts = np.array_split(np.arange(count), len(KINDS))
        for rows, kind in zip(parts, KINDS.values(), strict=True):
            a[rows], b[rows] = kind(generator, a[rows], b[rows], parameters)
        inputs: Inputs = {"a": a, "b": b}
        if scaled:
            inputs["a_scale"], inputs["b_scale"] = _scales(generator, count)
        if accumulated:
            scales = (inputs["a_scale"], inputs["b_scale"])
            exact = dot(Operand(a, parameters.a), Operand(b, parameters.b), parameters.c, scales)
            inputs["c"] = generator.integers(0, 1 << parameters.c.bits, count)
            inputs["c"][::4] = generator.integers(0, 1 << parameters.c.mantissa_bits, len(inputs["c"][::4]))
            inputs["c"][1::2] = _near(generator, exact[1::2], parameters.c)
        yield inputs


def _finite(generator: np.random.Generator, fmt: ElementFormat, shape: tuple[int, ...]) -> np.ndarray:
    """Codes that are numbers."""
    code = generator.integers(0, 1 << fmt.bits, shape)
    if isinstance(fmt, IntegerFormat):
        return code
    return np.minimum(code & (fmt.sign_mask - 1), fmt.largest_code) | code & fmt.sign_mask


def _scales(generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Scales of all sizes, NaN and zero among them; a third of the pairs so that the result is near 1."""
    one = generator.integers(0, _SCALES, count)
    other = generator.integers(0, _SCALES, count)
    other[::3] = np.clip(254 - one[::3] + generator.integers(-40, 41, len(one[::3])), 0, _SCALES - 1)
    one[1::19], other[2::19] = generator.choice([0, 1, 254, 255], (2, count))[0][1::19], 0
    return one, other


Kind = Callable[[np.random.Generator, np.ndarray, np.ndarray, Parameters], tuple[np.ndarray, np.ndarray]]


def _as_they_are(
    generator: np.random.Generator, a: np.ndarray, b: np.ndarray, parameters: Parameters
) -> tuple[np.ndarray, np.ndarray]:
    return a, b


def _cancelling(
    generator: np.random.Generator, a: np.ndarray, b: np.ndarray, parameters: Parameters
) -> tuple[np.ndarray, np.ndarray]:
    """Every second product takes the one before it back; some blocks keep one product of small numbers."""
    pairs = parameters.k // 2 * 2
    a[:, 1:pairs:2], b[:, 1:pairs:2] = a[:, 0:pairs:2], _negated(b[:, 0:pairs:2], parameters.b)
    a[::2, -1] = generator.integers(0, 4, len(a[::2]))
    return a, b


def _subnormal(
    generator: np.random.Generator, a: np.ndarray, b: np.ndarray, parameters: Parameters
) -> tuple[np.ndarray, np.ndarray]:
    return _small(a, parameters.a), _small(b, parameters.b)


def _one_huge(
    generator: np.random.Generator, a: np.ndarray, b: np.ndarray, parameters: Parameters
) -> tuple[np.ndarray, np.ndarray]:
    a, b = _subnormal(generator, a, b, parameters)
    rows, place = np.arange(len(a)), generator.integers(0, parameters.k, len(a))
    a[rows, place], b[rows, place] = parameters.a.largest_code, parameters.b.largest_code
    return a, b


def _all_largest(
    generator: np.random.Generator, a: np.ndarray, b: np.ndarray, parameters: Parameters
) -> tuple[np.ndarray, np.ndarray]:
    """The sum of most bits; for integers the code below the symmetric range too."""
    a[:], b[:] = parameters.a.largest_code, parameters.b.largest_code
    a[::3] = (
        parameters.a.largest_code + 1 if isinstance(parameters.a, IntegerFormat) else _negated(a[::3], parameters.a)
    )
    b[::2] = parameters.b.largest_code + 1 if isinstance(parameters.b, IntegerFormat) else b[::2]
    return a, b


def _mostly_zero(
    generator: np.random.Generator, a: np.ndarray, b: np.ndarray, parameters: Parameters
) -> tuple[np.ndarray, np.ndarray]:
    """Zeros of both signs; some blocks are of nothing else."""
    zero = generator.random(a.shape) < 0.9
    zero[::3] = True
    sign = 0 if isinstance(parameters.a, IntegerFormat) else parameters.a.sign_mask
    return np.where(zero, a & sign, a), b


def _not_numbers(
    generator: np.random.Generator, a: np.ndarray, b: np.ndarray, parameters: Parameters
) -> tuple[np.ndarray, np.ndarray]:
    """NaN and infinities here and there."""
    return tuple(  # type: ignore[return-value]
        np.where(generator.random(each.shape) < 1 / parameters.k, _special(generator, each, fmt), each)
        for each, fmt in ((a, parameters.a), (b, parameters.b))
    )


KINDS: dict[str, Kind] = {
    "uniform": _as_they_are,
    "cancelling": _cancelling,
    "subnormal": _subnormal,
    "one huge": _one_huge,
    "all largest": _all_largest,
    "mostly zero": _mostly_zero,
    "not numbers": _not_numbers,
}


def _negated(code: np.ndarray, fmt: ElementFormat) -> np.ndarray:
    if isinstance(fmt, IntegerFormat):
        return -code & ((1 << fmt.bits) - 1)
    return code ^ fmt.sign_mask


def _small(code: np.ndarray, fmt: ElementFormat) -> np.ndarray:
    """Subnormal numbers; of integers the numbers below 4."""
    if isinstance(fmt, IntegerFormat):
        return np.where(code & 4, code & 3, _negated(code & 3, fmt))
    return code & (fmt.sign_mask | ((1 << fmt.mantissa_bits) - 1))


def _special(generator: np.random.Generator, code: np.ndarray, fmt: ElementFormat) -> np.ndarray:
    if isinstance(fmt, IntegerFormat):
        return code
    above = fmt.sign_mask - 1 - fmt.largest_code
    special = fmt.largest_code + 1 + generator.integers(0, max(above, 1), code.shape)
    return code if above == 0 else special | code & fmt.sign_mask


def values(parameters: Parameters, patterns: int, seed: int) -> Iterator[Inputs]:
    """Blocks of FP32 or BF16 numbers: of like size, tiny and subnormal, zeros, few significant bits, not numbers."""
    fmt = parameters.a
    assert isinstance(fmt, FloatFormat)
    for count, generator in _chunks(patterns, seed):
        shape = (count, parameters.k)
        field = generator.integers(0, 256, (count, 1)) + generator.integers(-14, 1, shape)
        field[::5] = generator.integers(0, 3, field[::5].shape)
        field[1::7] = 254 - generator.integers(0, 4, field[1::7].shape)
        mantissa = generator.integers(0, 1 << fmt.mantissa_bits, shape)
        low = (1 << generator.integers(0, fmt.mantissa_bits + 1, shape)) - 1
        mantissa[::2] = np.where(generator.random(shape) < 0.5, mantissa | low, mantissa & ~low)[::2]
        code = (
            np.clip(field, 0, 254) << fmt.mantissa_bits | mantissa | generator.integers(0, 2, shape) << (fmt.bits - 1)
        )
        code[::31] &= fmt.sign_mask
        special = generator.random(shape) < _NAN_SHARE
        yield {"v": np.where(special, _special(generator, code, fmt), code)}


def _chunks(patterns: int, seed: int) -> Iterator[tuple[int, np.random.Generator]]:
    for number, start in enumerate(range(0, patterns, CHUNK)):
        yield min(CHUNK, patterns - start), np.random.default_rng((seed, number))
