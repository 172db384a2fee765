"""The logic network between a circuit and its RTL or mapped netlist: a DAG of few node types, polarity left open.

Nodes are numbered in topological order. A literal is 2 * node + 1 where complemented, else 2 * node, so that
`literal ^ 1` is its complement. The mapper decides later in which polarity every node is built.

| type | value | operands |
|---|---|---|
| INPUT | a bit of an input port | none |
| AND, OR, XOR | of two | x, y |
| AO | g + p h, the carry step | g, p, h |
| HALF | x XOR y, where the AND of the two exists anyway | x, y, that AND |

`with_carries` calls an AO a CARRY where g and p are the AND and the HALF of the same two INPUTs.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

import numpy as np

INPUT, AND, OR, XOR, AO, HALF, CARRY = range(7)
NO_OPERAND = -1

Name = tuple[str, int, int]
"""A signal's letter and span: ("g", 5, 2) is the generate of bits 5 down to 2."""


class NetworkArrays(NamedTuple):
    """A logic network as compiled code takes it; V nodes, P outputs.

    :param types: int32 [V]
    :param operands: int32 [V, 3] literals, negative where there is none
    :param outputs: int32 [P] literals
    """

    types: np.ndarray
    operands: np.ndarray
    outputs: np.ndarray


class LogicNetwork:
    """Nodes are only ever appended; see the module's docstring for types and literals.

    `types[i]` and `operands[i]` (three literals, NO_OPERAND where there are fewer) describe node i; `names[i]` is its
    span name, or for an INPUT the net `a[3]`; `outputs` is a list of (net, literal).
    """

    def __init__(self) -> None:
        self.types: list[int] = []
        self.operands: list[tuple[int, int, int]] = []
        self.names: list[Name | str] = []
        self.outputs: list[tuple[str, int]] = []

    def __len__(self) -> int:
        return len(self.types)

    def add_inputs(self, nets: Iterable[str]) -> list[int]:
        """Append an INPUT for every net and return their literals."""
        return [self._append(INPUT, (NO_OPERAND,) * 3, net) for net in nets]

    def add(self, node_type: int, x: int, y: int, z: int = NO_OPERAND, *, name: Name) -> int:
        """Append a node and return its literal."""
        return self._append(node_type, (x, y, z), name)

    def _append(self, node_type: int, operands: tuple[int, int, int], name: Name | str) -> int:
        self.types.append(node_type)
        self.operands.append(operands)
        self.names.append(name)
        return 2 * len(self.types) - 2

    def add_output(self, net: str, literal: int) -> None:
        """Drive an output net with a literal."""
        self.outputs.append((net, literal))

    def arrays(self) -> NetworkArrays:
        """The network without its names."""
        return NetworkArrays(
            np.array(self.types, dtype=np.int32),
            np.fromiter(chain.from_iterable(self.operands), np.int32, 3 * len(self.types)).reshape(-1, 3),
            np.array([literal for _, literal in self.outputs], dtype=np.int32),
        )

    def live(self) -> list[bool]:
        """For every node, whether an output depends on it; a HALF does so on its AND as well."""
        live = [False] * len(self.types)
        for _, literal in self.outputs:
            live[literal >> 1] = True
        for node in range(len(live) - 1, -1, -1):
            if live[node]:
                for literal in self.operands[node]:
                    if literal >= 0:
                        live[literal >> 1] = True
        return live

    def pruned(self) -> LogicNetwork:
        """The network without the nodes that no output depends on; inputs stay, order and names are kept."""
        live = self.live()
        if all(live):
            return self
        kept = LogicNetwork()
        moved = [NO_OPERAND] * len(self.types)
        for node, node_type in enumerate(self.types):
            if live[node] or node_type == INPUT:
                operands = self.operands[node]
                renamed = tuple(o if o < 0 else moved[o >> 1] | (o & 1) for o in operands)
                moved[node] = kept._append(node_type, renamed, self.names[node])  # type: ignore[arg-type]
        kept.outputs = [(net, moved[literal >> 1] | (literal & 1)) for net, literal in self.outputs]
        return kept


def with_carries(network: NetworkArrays) -> np.ndarray:
    """The types of a network's nodes, int32 [V], each AO called a CARRY whose g and p are those of one bit, with both
    of its INPUTs at hand true."""
    types, operands, _ = network
    nodes = np.flatnonzero(types == AO)
    g, p = operands[nodes, 0], operands[nodes, 1]
    x, y, both = operands[p >> 1].T
    own = (types[p >> 1] == HALF) & (p & 1 == 0) & (both == g) & ((x | y) & 1 == 0)
    types = types.copy()
    types[nodes[own & (types[x >> 1] == INPUT) & (types[y >> 1] == INPUT)]] = CARRY
    return types
