"""Prefix circuits some of whose operand bits are constant: the logic network with the constants worked in.

An adder in a unit often has operands that are zero in places. What a synthesis tool does with a plain `+` there, this
does for a prefix graph, and nothing else: nodes that become trivial go, all others stay as the graph has them.
"""

from __future__ import annotations

from collections.abc import Mapping

from prefixrl.circuits import Circuit
from prefixrl.circuits.generator import logic_network
from prefixrl.circuits.logic import AND, AO, HALF, INPUT, NO_OPERAND, OR, XOR, LogicNetwork

# Literals of the constants, beside those of nodes.
ZERO, ONE = -2, -1


def folded_network(circuit: Circuit, constants: Mapping[str, int]) -> tuple[LogicNetwork, dict[str, int]]:
    """The circuit's network without the inputs that are constant, and the outputs that became constant.

    :param constants: input net -> 0 or 1
    """
    source = logic_network(circuit)
    folder = _Folder(source)
    for node, node_type in enumerate(source.types):
        if node_type == INPUT:
            net = str(source.names[node])
            known = constants.get(net)
            folder.moved.append(folder.network.add_inputs([net])[0] if known is None else ZERO + known)
        else:
            folder.moved.append(folder.fold(node))
    fixed: dict[str, int] = {}
    for net, literal in source.outputs:
        moved = folder.literal(literal)
        if moved < 0:
            fixed[net] = moved - ZERO
        else:
            folder.network.add_output(net, moved)
    return folder.network.pruned(), fixed


class _Folder:
    """Copies a network node by node; `moved[v]` is what node v became, a literal of the copy or a constant."""

    def __init__(self, source: LogicNetwork) -> None:
        self.source = source
        self.network = LogicNetwork()
        self.moved: list[int] = []

    def literal(self, literal: int) -> int:
        """A literal of the source in the copy."""
        moved = self.moved[literal >> 1]
        return _complement(moved) if literal & 1 else moved

    def fold(self, node: int) -> int:
        """A node in the copy."""
        operands = [self.literal(each) for each in self.source.operands[node] if each != NO_OPERAND]
        node_type = self.source.types[node]
        if node_type == AO:
            return self._and_or(node, *operands)
        if node_type in (XOR, HALF):
            return self._exclusive(node, operands)
        return self._plain(node, node_type, operands[0], operands[1])

    def _add(self, node: int, node_type: int, operands: list[int]) -> int:
        name = self.source.names[node]
        assert not isinstance(name, str)
        return self.network.add(node_type, *operands, name=name)

    def _plain(self, node: int, node_type: int, x: int, y: int) -> int:
        """AND, OR."""
        neutral, absorbing = (ONE, ZERO) if node_type == AND else (ZERO, ONE)
        if absorbing in (x, y):
            return absorbing
        if x == neutral or y == neutral:
            return y if x == neutral else x
        return self._add(node, node_type, [x, y])

    def _and_or(self, node: int, g: int, p: int, h: int) -> int:
        """g OR (p AND h)."""
        if g == ONE or ZERO in (p, h):
            return g
        if g == ZERO:
            return self._plain(node, AND, p, h)
        if ONE in (p, h):
            return self._plain(node, OR, g, h if p == ONE else p)
        return self._add(node, AO, [g, p, h])

    def _exclusive(self, node: int, operands: list[int]) -> int:
        x, y = operands[:2]
        for one, other in ((x, y), (y, x)):
            if one == ZERO:
                return other
            if one == ONE:
                return _complement(other)
        if len(operands) == 3 and operands[2] >= 0:
            return self._add(node, HALF, operands)
        return self._add(node, XOR, [x, y])


def _complement(literal: int) -> int:
    return ONE + ZERO - literal if literal < 0 else literal ^ 1
