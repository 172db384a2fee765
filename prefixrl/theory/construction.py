"""The smallest known graph of a width and a depth, built from the tables of `prefixrl.theory.tables`."""

from __future__ import annotations

from prefixrl.errors import InputError
from prefixrl.graphs import MAX_WIDTH, PrefixGraph
from prefixrl.graphs.prefix_graph import Node, check_width
from prefixrl.theory import tables

CARRIES = 3
"""Carries on a stack: with fewer, the graphs of 128 and 256 inputs at depth 8 are a node larger."""


def least_depth(width: int) -> int:
    """ceil(log2 n), below which no graph is."""
    return (width - 1).bit_length()


class SmallestGraphs:
    """Graphs of few nodes for all widths and depths up to a limit.

    :param width: largest width, 2 to 256
    :param depth: largest depth, at least ceil(log2 width)
    :param carries: see `tables.make_tables`
    :raises InputError: a limit out of its range
    """

    def __init__(self, width: int, depth: int, carries: int = CARRIES) -> None:
        self.width = check_width(width)
        if not least_depth(width) <= depth < MAX_WIDTH:
            rule = f"the depth of a graph of {width} inputs is from {least_depth(width)} to {MAX_WIDTH - 1}"
            raise InputError(f"{rule}, got {depth}")
        if not 1 <= carries <= 6:
            raise InputError(f"the number of carries on a stack is from 1 to 6, got {carries}")
        self.depth = depth
        self._tables = tables.make_tables(width, depth, carries)

    def size(self, width: int, depth: int) -> int | None:
        """Nodes of the graph that `graph` gives; None where it has none."""
        assert 2 <= width <= self.width, width
        assert 1 <= depth <= self.depth, depth
        return tables.entry(self._tables, self.depth, width - 1, depth)

    def graph(self, width: int, depth: int) -> PrefixGraph:
        """A graph of at most that depth; legal, checked by `PrefixGraph` itself.

        :raises InputError: a depth below ceil(log2 width), or one that the stacks do not suffice for
        """
        size = self.size(width, depth)
        if size is None:
            raise InputError(f"no graph of {width} inputs found that is no deeper than asked for: {depth}")
        graph = PrefixGraph(width, _Builder(self._tables, self.depth).build(width, depth))
        assert graph.size == size, (graph.size, size)
        assert graph.depth <= depth, (graph.depth, depth)
        return graph


class _Builder:
    """Follows the choices of the tables down and collects the nodes."""

    def __init__(self, made: tables.Tables, depth: int) -> None:
        self._tables, self._depth = made, depth
        self._nodes: set[Node] = set()

    def build(self, width: int, depth: int) -> set[Node]:
        # The lowest input is the first carry; the rest is one block.
        self._block(1, width - 1, self._depth + 1, [0], [0], depth)
        return self._nodes

    def _block(self, s: int, w: int, g: int, stack: list[int], origins: list[int], d: int) -> None:
        """The nodes of a block, but for a wanted group and what more its topmost output takes.

        :param s: the block's lowest input
        :param origins: where each carry of the stack begins
        """
        count, (kind, place, g1, extra) = tables.choose(self._tables, self._depth, w, g, stack, d)
        assert count < tables.UNREACHABLE, (w, g, stack, d)
        top, unwanted = s + w - 1, self._depth + 1
        if kind == tables.LEAF:
            self._output(top, origins, extra)
        elif kind == tables.GROUP:
            self._block(s, w, g1, stack, origins, d)
            self._output(top, origins, extra)
        elif kind == tables.FOLD:
            end = s if place == 0 else origins[place - 1]
            self._nodes.add((end - 1, origins[place + 1]))
            level = max(stack[place], stack[place + 1]) + 1
            rest = [*stack[:place], level, *stack[place + 2 :]]
            self._block(s, w, g, rest, origins[:place] + origins[place + 1 :], d)
        elif kind == tables.PEEL:
            self._block(s, w, g, stack[:-1], origins[:-1], d - 1)
            self._nodes.update((m, origins[-1]) for m in range(s, top + (g == unwanted)))
        else:
            self._parts(s, w, g, stack, origins, d)

    def _parts(self, s: int, w: int, g: int, stack: list[int], origins: list[int], d: int) -> None:
        """A split or a push."""
        _, (kind, w1, g1, extra) = tables.choose(self._tables, self._depth, w, g, stack, d)
        middle, unwanted = s + w1, self._depth + 1
        self._block(s, w1, g1, stack, origins, d)
        self._output(middle - 1, origins, extra)
        if g != unwanted:
            self._nodes.add((s + w - 1, s))
        upper_g = unwanted if g == unwanted else g - 1
        if kind == tables.SPLIT:
            self._nodes.add((middle - 1, origins[0]))
            self._block(middle, w - w1, upper_g, [max(g1, stack[0]) + 1, *stack[1:]], origins, d)
        else:
            self._block(middle, w - w1, upper_g, [g1, *stack], [s, *origins], d)

    def _output(self, m: int, origins: list[int], extra: int) -> None:
        self._nodes.update((m, origin) for origin in origins[:extra])
        self._nodes.add((m, origins[-1]))
