"""What an RTL text says, before any language: assignments of a logic network's nodes, and registers between stages.

A pipeline of S stages cuts the network's levels into S runs as equal as they come, and ends every stage in registers,
the last one in the outputs: a result comes S clock edges after its operands. A value that a later stage needs is
carried along, `g_5_2` as `g_5_2_q1` in the second stage, `g_5_2_q2` in the third.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from prefixrl.circuits.generator import logic_network
from prefixrl.circuits.kinds import Circuit
from prefixrl.circuits.logic import HALF, INPUT, LogicNetwork
from prefixrl.errors import InputError

WIRE = -1
"""Stands for a node type where a value is only passed on."""

CLOCK = "clk"
MAXIMUM_STAGES = 64


class Operand(NamedTuple):
    """A signal as it is read."""

    signal: str
    inverted: bool


class Assignment(NamedTuple):
    """target = a node of the network, or a bare value (`WIRE`), over operands."""

    target: str
    node_type: int
    operands: tuple[Operand, ...]


@dataclass
class Body:
    """All of a module but its ports.

    :param letters: first parts of the node names, in the order of their appearance
    :param wires: in topological order
    :param registers: (register, signal) pairs, by stage
    :param outputs: one for each bit of the output ports; registered where there are stages
    :param stages: 0 for combinational logic
    """

    stages: int
    letters: list[str] = field(default_factory=list)
    wires: list[Assignment] = field(default_factory=list)
    registers: list[tuple[str, str]] = field(default_factory=list)
    outputs: list[Assignment] = field(default_factory=list)


def rtl_body(circuit: Circuit, stages: int = 0) -> Body:
    """The assignments of a circuit.

    :param stages: of the pipeline; 0 for none
    :raises InputError: a number of stages out of range
    """
    if not 0 <= stages <= MAXIMUM_STAGES:
        raise InputError(f"a pipeline must have at most {MAXIMUM_STAGES} stages: {stages}")
    return _Writer(logic_network(circuit), stages).body


def levels(network: LogicNetwork) -> list[int]:
    """The level of every node: inputs at 0, each node one above the highest that it reads."""
    found: list[int] = []
    for node_type, operands in zip(network.types, network.operands, strict=True):
        read = [literal >> 1 for literal in _read(node_type, operands)]
        found.append(0 if node_type == INPUT else 1 + max(found[node] for node in read))
    return found


def _read(node_type: int, operands: tuple[int, int, int]) -> tuple[int, ...]:
    """The operands that RTL reads: a HALF is a plain XOR there."""
    count = 2 if node_type == HALF else 3
    return tuple(literal for literal in operands[:count] if literal >= 0)


class _Writer:
    def __init__(self, network: LogicNetwork, stages: int) -> None:
        self.body = Body(stages)
        self._network = network
        self._stage = self._stages_of_nodes(stages)
        self._names = [name if isinstance(name, str) else f"{name[0]}_{name[1]}_{name[2]}" for name in network.names]
        self._carried: set[tuple[int, int]] = set()
        inlined = _inlined(network)
        self.body.letters = list(dict.fromkeys(name[0] for name in network.names if not isinstance(name, str)))
        for node, node_type in enumerate(network.types):
            if node_type != INPUT and node not in inlined:
                self.body.wires.append(self._assignment(self._names[node], node))
        for net, literal in network.outputs:
            self.body.outputs.append(self._output(net, literal, inlined))
        self.body.registers.sort(key=self._by_stage)

    def _stages_of_nodes(self, stages: int) -> list[int]:
        depths = levels(self._network)
        total = max((depths[literal >> 1] for _, literal in self._network.outputs), default=1)
        return [max(depth - 1, 0) * stages // max(total, 1) for depth in depths]

    def _assignment(self, target: str, node: int) -> Assignment:
        node_type = self._network.types[node]
        stage = self._stage[node]
        operands = tuple(self._operand(literal, stage) for literal in _read(node_type, self._network.operands[node]))
        return Assignment(target, node_type, operands)

    def _output(self, net: str, literal: int, inlined: set[int]) -> Assignment:
        node, last = literal >> 1, max(self.body.stages - 1, 0)
        if node in inlined and self._stage[node] == last:
            return self._assignment(net, node)
        if node in inlined:  # it ends in an earlier stage, so it needs a name to be carried by
            inlined.discard(node)
            self.body.wires.append(self._assignment(self._names[node], node))
        return Assignment(net, WIRE, (self._operand(literal, last),))

    def _operand(self, literal: int, stage: int) -> Operand:
        """A value as a stage sees it, carried there by registers."""
        node = literal >> 1
        signal = self._names[node]
        for passed in range(self._stage[node] + 1, stage + 1):
            register = f"{_plain(self._names[node])}_q{passed}"
            if (node, passed) not in self._carried:
                self._carried.add((node, passed))
                self.body.registers.append((register, signal))
            signal = register
        return Operand(signal, bool(literal & 1))

    @staticmethod
    def _by_stage(pair: tuple[str, str]) -> int:
        return int(pair[0].rpartition("_q")[2])


def _plain(name: str) -> str:
    """`a[3]` as part of another name."""
    return name.replace("[", "_").replace("]", "")


def _inlined(network: LogicNetwork) -> set[int]:
    """Nodes that only drive one output net, such as sums: their expression is written there."""
    readers: dict[int, int] = {}
    for operands in network.operands:
        for literal in operands:
            readers[literal >> 1] = readers.get(literal >> 1, 0) + 1
    outputs = [literal for _, literal in network.outputs]
    return {
        literal >> 1
        for literal in outputs
        if not readers.get(literal >> 1)
        and not literal & 1
        and outputs.count(literal) == 1
        and network.types[literal >> 1] != INPUT
    }
