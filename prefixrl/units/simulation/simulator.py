"""Simulating a unit as it is written: Yosys reads the Verilog and makes an and-inverter graph, which is run compiled.

So what is verified is the text that people get, as another program understands it, not our own idea of it. A pipelined
unit's registers are looked through once it is certain that every path from an input to an output has the same number
of them.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prefixrl.circuits import Port
from prefixrl.errors import PrefixrlError
from prefixrl.tools.yosys import run_yosys
from prefixrl.units.simulation.aiger import Aiger, read_aiger
from prefixrl.units.simulation.kernels import pack, simulate, unpack
from prefixrl.units.verilog import CLOCK, Written

TIMEOUT_S = 300.0
_SYMBOL = re.compile(r"(\w+)(?:\[(\d+)\])?")
_ALL_BITS = 64


class NotBalanced(PrefixrlError):
    """Two paths through a pipelined unit have different numbers of registers."""


@dataclass(frozen=True)
class Simulator:
    """A unit that can be run.

    :param inputs: ports, without a clock
    :param outputs: ports
    :param graph: its registers looked through; inputs and outputs in the order of the ports' bits
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    first: np.ndarray
    second: np.ndarray
    literals: np.ndarray

    @property
    def gates(self) -> int:
        """AND gates."""
        return len(self.first)

    def run(self, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs for many patterns.

        :param values: input port -> unsigned integers [P], or [P, L], whose L columns make up the port, the lowest
            first: all of ceil(width / L) bits but the last one, which has the rest
        :returns: output port -> uint64 [P]; of a port wider than 64 bits [P, L] with 64 bits in a column
        """
        patterns = len(next(iter(values.values())))
        padded = -(-patterns // 64) * 64
        slices = np.zeros((sum(port.width for port in self.inputs), padded // 64), dtype=np.uint64)
        start = 0
        for port in self.inputs:
            _pack_port(values[port.name], port.width, padded, slices[start : start + port.width])
            start += port.width
        results = np.zeros((len(self.literals), padded // 64), dtype=np.uint64)
        simulate(self.first, self.second, len(slices), self.literals, slices, results)
        found: dict[str, np.ndarray] = {}
        start = 0
        for port in self.outputs:
            found[port.name] = _unpack_port(results[start : start + port.width], patterns)
            start += port.width
        return found


def _pack_port(values: np.ndarray, width: int, padded: int, slices: np.ndarray) -> None:
    lanes = values.reshape(len(values), -1)
    each = -(-width // lanes.shape[1])
    assert each <= _ALL_BITS, each
    for lane in range(lanes.shape[1]):
        part = slices[lane * each : (lane + 1) * each]
        column = np.zeros(padded, dtype=np.uint64)
        column[: len(values)] = lanes[:, lane]
        pack(column, len(part), part)


def _unpack_port(slices: np.ndarray, patterns: int) -> np.ndarray:
    columns = []
    for start in range(0, len(slices), _ALL_BITS):
        column = np.zeros(64 * slices.shape[1], dtype=np.uint64)
        unpack(np.ascontiguousarray(slices[start : start + _ALL_BITS]), column)
        columns.append(column[:patterns])
    return columns[0] if len(columns) == 1 else np.stack(columns, axis=-1)


def simulator_of(written: Written, inputs: Sequence[Port], outputs: Sequence[Port]) -> Simulator:
    """The simulator of a unit's Verilog.

    :raises ToolError: Yosys refused the text
    :raises ToolMissing: this machine has no Yosys
    """
    with tempfile.TemporaryDirectory(prefix="prefixrl-unit-") as folder:
        place = Path(folder)
        (place / "unit.v").write_text(written.text)
        passes = [
            "read_verilog unit.v",
            f"hierarchy -check -top {written.name}",
            "proc",
            "flatten",
            "check -assert",
            "opt_expr",
            "opt_clean",
            "techmap",
            "opt -fast -nodffe -nosdff",
            "aigmap",
            "opt_clean",
            "write_aiger -symbols unit.aig",
        ]
        run_yosys("\n".join(passes), cwd=place, timeout_s=TIMEOUT_S)
        aiger = read_aiger((place / "unit.aig").read_bytes())
    return _looked_through(aiger, tuple(inputs), tuple(outputs))


def _looked_through(aiger: Aiger, inputs: tuple[Port, ...], outputs: tuple[Port, ...]) -> Simulator:
    """Registers become wires; gates are put in order again, and only those that are needed stay."""
    count, latches = len(aiger.inputs), len(aiger.latches)
    _check_balance(aiger)
    order, moved = _ordered(aiger, inputs)
    number = sum(port.width for port in inputs)
    first = np.array([moved[int(aiger.first[gate])] for gate in order], dtype=np.int64)
    second = np.array([moved[int(aiger.second[gate])] for gate in order], dtype=np.int64)
    by_name = dict(zip(map(_bit, aiger.output_names), aiger.outputs.tolist(), strict=True))
    literals = [moved[_source(aiger, by_name[port.name, bit])] for port in outputs for bit in range(port.width)]
    assert count + latches + len(aiger.first) >= number
    return Simulator(inputs, outputs, first, second, np.array(literals, dtype=np.int64))


def _bit(symbol: str) -> tuple[str, int]:
    match = _SYMBOL.fullmatch(symbol)
    assert match is not None, symbol
    return match.group(1), int(match.group(2) or 0)


def _source(aiger: Aiger, literal: int) -> int:
    """The literal behind registers."""
    count, latches = len(aiger.inputs), len(aiger.latches)
    while count < literal >> 1 <= count + latches:
        literal = int(aiger.latches[(literal >> 1) - count - 1]) ^ (literal & 1)
    return literal


class _Renaming(dict[int, int]):
    """Old literals (in front of registers or behind) to new ones."""

    def __init__(self, aiger: Aiger) -> None:
        super().__init__({0: 0, 1: 1})
        self._aiger = aiger

    def __missing__(self, literal: int) -> int:
        source = _source(self._aiger, literal)
        return dict.__getitem__(self, source & ~1) | source & 1


def _ordered(aiger: Aiger, inputs: tuple[Port, ...]) -> tuple[list[int], _Renaming]:
    """The gates that outputs need, operands first, and what their literals become."""
    moved = _Renaming(aiger)
    places = {(port.name, bit): 0 for port in inputs for bit in range(port.width)}
    for number, key in enumerate(places):
        places[key] = 2 * (1 + number)
    for node, symbol in enumerate(aiger.inputs):
        if _bit(symbol)[0] != CLOCK:
            moved[2 * (1 + node)] = places[_bit(symbol)]
    before = 1 + len(aiger.inputs) + len(aiger.latches)
    order: list[int] = []
    stack = [_source(aiger, int(literal)) >> 1 for literal in aiger.outputs]
    while stack:
        node = stack[-1]
        gate = node - before
        if gate < 0 or 2 * node in moved:
            stack.pop()
            continue
        operands = [_source(aiger, int(each[gate])) >> 1 for each in (aiger.first, aiger.second)]
        waiting = [each for each in operands if each >= before and 2 * each not in moved]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        moved[2 * node] = 2 * (1 + len(places) + len(order))
        order.append(gate)
    return order, moved


def _check_balance(aiger: Aiger) -> None:
    """Every node must lie behind one number of registers, whichever way one comes to it.

    :raises NotBalanced: one does not
    """
    count, latches = len(aiger.inputs), len(aiger.latches)
    if not latches:
        return
    behind: dict[int, int | None] = {0: None} | {1 + node: 0 for node in range(count)}
    pending = list(range(1 + count, 1 + count + latches + len(aiger.first)))
    while pending:
        left = []
        for node in pending:
            operands = _operands(aiger, node)
            if any(each not in behind for each in operands):
                left.append(node)
                continue
            known = {behind[each] for each in operands} - {None}
            if len(known) > 1:
                raise NotBalanced(
                    f"all paths to a gate must have the same number of registers: {sorted(map(str, known))}"
                )
            depth = known.pop() if known else None
            is_latch = node <= count + latches
            behind[node] = None if depth is None else depth + is_latch
        assert len(left) < len(pending), "a loop through registers"
        pending = left
    if len({behind[int(literal) >> 1] for literal in aiger.outputs} - {None}) > 1:
        raise NotBalanced("all outputs must lie behind the same number of registers: they do not")


def _operands(aiger: Aiger, node: int) -> list[int]:
    before = len(aiger.inputs)
    if node <= before + len(aiger.latches):
        return [int(aiger.latches[node - before - 1]) >> 1]
    gate = node - before - len(aiger.latches) - 1
    return [int(aiger.first[gate]) >> 1, int(aiger.second[gate]) >> 1]
