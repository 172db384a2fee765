"""Reading binary AIGER files as Yosys writes them, with symbols: the format of A. Biere's AIGER 1.9."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prefixrl.errors import InputError


@dataclass(frozen=True)
class Aiger:
    """An and-inverter graph; literals as in `kernels`, numbered as in the file.

    :param inputs: symbols of the inputs, `a[3]` or `a`
    :param latches: int64 [L] literal that every latch takes over
    :param outputs: int64 [O] literals
    :param output_names: their symbols
    :param first: int64 [A] operands of the gates; gate i is node 1 + inputs + latches + i
    :param second: int64 [A]
    """

    inputs: tuple[str, ...]
    latches: np.ndarray
    outputs: np.ndarray
    output_names: tuple[str, ...]
    first: np.ndarray
    second: np.ndarray


def read_aiger(data: bytes) -> Aiger:
    """The graph in a binary AIGER file.

    :raises InputError: not such a file, or one without symbols
    """
    header, _, rest = data.partition(b"\n")
    words = header.split()
    if len(words) < 6 or words[0] != b"aig" or not all(word.isdigit() for word in words[1:]):
        raise InputError(f"a binary AIGER file begins with 'aig M I L O A': {header[:40]!r}")
    _, inputs, latches, outputs, gates = (int(word) for word in words[1:6])
    lines = rest.split(b"\n", latches + outputs)
    states = [int(line.split()[0]) for line in lines[:latches]]
    results = [int(line) for line in lines[latches : latches + outputs]]
    body = rest[sum(len(line) + 1 for line in lines[: latches + outputs]) :]
    first, second, used = _gates(body, inputs + latches, gates)
    symbols = body[used:].decode().split("\nc\n", 1)[0].splitlines()
    named = dict(line.split(" ", 1) for line in symbols if line[:1] in "ilo" and " " in line)
    try:
        return Aiger(
            tuple(named[f"i{number}"] for number in range(inputs)),
            np.array(states, dtype=np.int64),
            np.array(results, dtype=np.int64),
            tuple(named[f"o{number}"] for number in range(outputs)),
            first,
            second,
        )
    except KeyError as error:
        raise InputError(f"an AIGER file must name its inputs and outputs: {error.args[0]!r}") from None


def _gates(body: bytes, before: int, count: int) -> tuple[np.ndarray, np.ndarray, int]:
    """The delta-coded gates, and how many bytes they take."""
    first = np.zeros(count, dtype=np.int64)
    second = np.zeros(count, dtype=np.int64)
    place = 0
    for gate in range(count):
        literal = 2 * (1 + before + gate)
        deltas = []
        for _ in range(2):
            value, shift = 0, 0
            while body[place] & 0x80:
                value |= (body[place] & 0x7F) << shift
                place, shift = place + 1, shift + 7
            deltas.append(value | body[place] << shift)
            place += 1
        first[gate] = literal - deltas[0]
        second[gate] = first[gate] - deltas[1]
    return first, second, place
