"""The same operations in plain Python, slow and plain: the oracle that kernels and `PrefixGraph` are tested with.

A graph is a set of (msb, lsb) pairs with inputs and outputs in it. Nothing here is shared with the fast versions.

Letters: N width, F = (N-1)(N-2)/2 free cells, k column of the upper parent.
"""

from __future__ import annotations

from collections.abc import Iterable

Node = tuple[int, int]
Nodes = set[Node]
Plane = list[list[float]]


def ends(width: int) -> Nodes:
    """Inputs and outputs."""
    return {(i, i) for i in range(width)} | {(i, 0) for i in range(width)}


def free_cells(width: int) -> list[Node]:
    """The F cells that are neither input nor output, in the order of the actions."""
    return [(msb, lsb) for msb in range(width) for lsb in range(1, msb)]


def upper_parent(nodes: Nodes, node: Node) -> Node:
    """The present node of the same row with the next higher lsb."""
    msb, lsb = node
    k = lsb + 1
    while (msb, k) not in nodes:
        k += 1
    return msb, k


def lower_parent(nodes: Nodes, node: Node) -> Node:
    """(k-1, lsb), whether it is present or not."""
    return upper_parent(nodes, node)[1] - 1, node[1]


def inner_nodes(nodes: Nodes) -> Nodes:
    """All nodes but the inputs."""
    return {(msb, lsb) for msb, lsb in nodes if msb != lsb}


def is_legal(width: int, nodes: Nodes) -> bool:
    """Whether inputs, outputs and all lower parents are present."""
    return ends(width) <= nodes and all(lower_parent(nodes, node) in nodes for node in inner_nodes(nodes))


def legalize(width: int, nodes: Iterable[Node]) -> Nodes:
    """Inputs, outputs, the given nodes, and all lower parents that they need."""
    legal = set(nodes) | ends(width)
    for msb in range(width - 1, 0, -1):
        for lsb in range(msb - 1, -1, -1):
            if (msb, lsb) in legal:
                legal.add(lower_parent(legal, (msb, lsb)))
    return legal


def minlist(width: int, nodes: Nodes) -> Nodes:
    """Free nodes that are nobody's lower parent."""
    needed = {lower_parent(nodes, node) for node in inner_nodes(nodes)}
    return nodes - needed - ends(width)


def levels(width: int, nodes: Nodes) -> dict[Node, int]:
    """Level of every node; inputs at 0, any other node one above the higher of its parents."""
    found: dict[Node, int] = {}
    for msb in range(width):
        for lsb in range(msb, -1, -1):
            node = (msb, lsb)
            if msb == lsb:
                found[node] = 0
            elif node in nodes:
                found[node] = 1 + max(found[upper_parent(nodes, node)], found[lower_parent(nodes, node)])
    return found


def fanouts(nodes: Nodes) -> dict[Node, int]:
    """Number of children of every node, as upper or as lower parent."""
    found = dict.fromkeys(nodes, 0)
    for node in inner_nodes(nodes):
        found[upper_parent(nodes, node)] += 1
        found[lower_parent(nodes, node)] += 1
    return found


def masks(width: int, nodes: Nodes) -> list[bool]:
    """2F truth values: which cells may be added, then which may be deleted."""
    deletable = minlist(width, nodes)
    cells = free_cells(width)
    return [cell not in nodes for cell in cells] + [cell in deletable for cell in cells]


def edit(width: int, nodes: Nodes, action: int, rule: str) -> Nodes:
    """The legal graph after one action; an action that the mask forbids, or none (-1), changes nothing."""
    cells = free_cells(width)
    if not 0 <= action < 2 * len(cells):
        return set(nodes)
    cell = cells[action % len(cells)]
    adding = action < len(cells)
    deletable = minlist(width, nodes)
    if (cell in nodes) if adding else (cell not in deletable):
        return set(nodes)
    seed = deletable if rule == "rederive" else set(nodes)
    seed = seed | {cell} if adding else seed - {cell}
    return legalize(width, seed)


def observation(width: int, nodes: Nodes) -> list[Plane]:
    """Four [N][N] planes in [0, 1]: nodelist, minlist, level / (N-1), fanout / (N-1)."""
    present, deletable, level, fanout = ([[0.0] * width for _ in range(width)] for _ in range(4))
    for msb, lsb in nodes:
        present[msb][lsb] = 1.0
    for msb, lsb in minlist(width, nodes):
        deletable[msb][lsb] = 1.0
    for (msb, lsb), value in levels(width, nodes).items():
        level[msb][lsb] = value / (width - 1)
    for (msb, lsb), value in fanouts(nodes).items():
        fanout[msb][lsb] = value / (width - 1)
    return [present, deletable, level, fanout]


def features(width: int, nodes: Nodes) -> tuple[int, int, int]:
    """Size, depth, largest fanout."""
    return len(inner_nodes(nodes)), max(levels(width, nodes).values()), max(fanouts(nodes).values())


def step(
    width: int, nodes: Nodes, action: int, rule: str
) -> tuple[Nodes, list[Plane], list[bool], tuple[int, int, int]]:
    """One environment step: edited graph, observation, masks, features."""
    edited = edit(width, nodes, action, rule)
    return edited, observation(width, edited), masks(width, edited), features(width, edited)
