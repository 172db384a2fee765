"""When bits arrive, by a unit-delay model: for choosing adders of compressor trees and for placing pipeline registers.

One unit is an XOR of two; AND and OR take half of it, a multiplexer and a majority one (the model of published
compressor-tree work: a full adder's sum comes two units after its first two operands, its carry one to one and a half).
Real delays are measured on netlists, see `task`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from prefixrl.circuits import Circuit
from prefixrl.circuits.generator import logic_network
from prefixrl.circuits.logic import AND, AO, HALF, INPUT, OR, XOR

GATE, EXCLUSIVE, SELECT, MAJORITY = 0.5, 1.0, 1.0, 1.0

Times = tuple[float, ...]
"""Unit delays, one per bit, lowest first."""

_NODE_DELAYS = {AND: GATE, OR: GATE, XOR: EXCLUSIVE, AO: MAJORITY, HALF: EXCLUSIVE}


def reduction_delay(count: int, gate: float) -> float:
    """A balanced tree of two-input gates over `count` bits."""
    return gate * (count - 1).bit_length()


def reduced(times: Sequence[float], gate: float) -> float:
    """The output of a balanced tree over bits with these times."""
    return max(times, default=0.0) + reduction_delay(len(times), gate)


def circuit_arrivals(circuit: Circuit, inputs: dict[str, Times]) -> dict[str, Times]:
    """When the outputs of a prefix circuit arrive.

    :param inputs: input port -> times of its bits
    """
    flat = tuple(inputs[port.name] for port in circuit.inputs)
    types, operands, outputs = _flat_network(circuit)
    times = [time for port in flat for time in port]
    for node_type, literals in zip(types[len(times) :], operands[len(times) :], strict=True):
        # The AND that a HALF names is a by-product, not an operand.
        read = literals[:2] if node_type == HALF else literals
        times.append(max(times[each >> 1] for each in read if each >= 0) + _NODE_DELAYS[node_type])
    found = iter(outputs)
    return {port.name: tuple(times[next(found) >> 1] for _ in range(port.width)) for port in circuit.outputs}


@lru_cache(maxsize=64)
def _flat_network(circuit: Circuit) -> tuple[list[int], list[tuple[int, int, int]], list[int]]:
    network = logic_network(circuit)
    assert all(node_type == INPUT for node_type in network.types[: sum(port.width for port in circuit.inputs)])
    by_net = dict(network.outputs)
    outputs = [by_net[net] for port in circuit.outputs for net in port.bits()]
    return network.types, network.operands, outputs
