"""Pins in datapath order: bit i of every port in column i, inputs along the top edge, outputs along the bottom edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from prefixrl.circuits.kinds import Circuit, Port

# Ports that lie beyond the highest bit; other scalars (a carry-in) lie beyond the lowest.
_HIGH_SCALARS = ("cout", "valid", "lt", "eq", "gt")


class Pin(NamedTuple):
    """A port's bit and its place along the edge: 0 is the left end, 1 the right end."""

    name: str
    place: float


def datapath_pins(circuit: Circuit) -> tuple[tuple[Pin, ...], tuple[Pin, ...]]:
    """(pins of the top edge, pins of the bottom edge), each from left to right; bit 0 is on the right.

    A port narrower than the circuit (the index of a priority encoder) is spread over all columns.
    """
    return _side(circuit.inputs, circuit), _side(circuit.outputs, circuit)


def _side(ports: Sequence[Port], circuit: Circuit) -> tuple[Pin, ...]:
    everything = (*circuit.inputs, *circuit.outputs)
    # The columns are the same on both sides, so that bit i lies opposite bit i.
    low = any(_is_low(port, circuit) for port in everything)
    high = max(sum(_is_high(port, circuit) for port in side) for side in (circuit.inputs, circuit.outputs))
    columns = circuit.width + low + high
    placed: list[tuple[float, int, str]] = []
    buses = [port for port in ports if not (_is_low(port, circuit) or _is_high(port, circuit))]
    for number, port in enumerate(buses):
        for bit, name in enumerate(port.bits()):
            column = high + circuit.width - (bit + 1 - (number + 0.5) / len(buses)) * circuit.width / port.width
            placed.append((column, number, name))
    for number, port in enumerate(port for port in ports if _is_high(port, circuit)):
        placed.append((number + 0.5, number, port.name))
    placed += [(columns - 0.5, number, port.name) for number, port in enumerate(ports) if _is_low(port, circuit)]
    return tuple(Pin(name, column / columns) for column, _, name in sorted(placed))


def _is_high(port: Port, circuit: Circuit) -> bool:
    return port.width == 1 and port.name in _HIGH_SCALARS


def _is_low(port: Port, circuit: Circuit) -> bool:
    return port.width == 1 and port.name == "cin"
