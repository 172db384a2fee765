"""What a drawing has to connect: for every level, the wires that leave their column to reach lower-parent inputs.

The wire to the upper parent is the column itself. A column carries one value at a time: the wire of a lower parent can
leave the column just above the child's level ("direct") only when no later node of that column has taken over by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prefixrl.graphs.prefix_graph import Node, PrefixGraph


@dataclass(frozen=True)
class Net:
    """One lower parent and those of its children that are on one level.

    :param level: level of the children
    :param source: the lower parent
    :param source_level: its level
    :param columns: msb of the children, rising
    :param direct: whether the source's column still carries the source's value just above `level`
    """

    level: int
    source: Node
    source_level: int
    columns: tuple[int, ...]
    direct: bool

    @property
    def column(self) -> int:
        """The column of the source; all children have a higher one."""
        return self.source[0]


def nets_by_level(graph: PrefixGraph) -> list[list[Net]]:
    """The nets of levels 1 to depth, each level's ordered by falling source column."""
    levels = graph.levels
    children: list[dict[Node, list[int]]] = [{} for _ in range(graph.depth + 1)]
    column_levels: list[list[int]] = [[0] for _ in range(graph.width)]
    for msb, lsb in graph.topological_order():
        level = int(levels[msb, lsb])
        column_levels[msb].append(level)
        children[level].setdefault(graph.lower_parent(msb, lsb), []).append(msb)
    found = []
    for level, sources in enumerate(children[1:], start=1):
        nets = []
        for source in sorted(sources, reverse=True):
            source_level = int(levels[source])
            direct = not any(source_level < other < level for other in column_levels[source[0]])
            nets.append(Net(level, source, source_level, tuple(sources[source]), direct))
        found.append(nets)
    return found


def assign_tracks(intervals: Sequence[tuple[int, int]]) -> list[int]:
    """Put closed intervals on as few tracks as possible without overlap (left-edge algorithm).

    :returns: the track of each interval, from 0
    """
    tracks = [0] * len(intervals)
    ends: list[int] = []
    for index in sorted(range(len(intervals)), key=lambda i: intervals[i]):
        first, last = intervals[index]
        track = next((i for i, end in enumerate(ends) if end < first), len(ends))
        ends[track : track + 1] = [last]
        tracks[index] = track
    return tracks
