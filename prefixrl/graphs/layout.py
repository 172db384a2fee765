"""The geometry of a prefix graph's diagram, shared by SVG and PNG.

Lengths are in column pitches, x to the right, y down. A lower parent with one child on a level is joined to it by a
diagonal; one with several children there feeds a horizontal bus with a short diagonal drop into each of them. A wire
whose column has meanwhile taken another value runs down beside its column first, thinner.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from prefixrl.graphs.nets import Net, assign_tracks, nets_by_level
from prefixrl.graphs.prefix_graph import Node, PrefixGraph

Point = tuple[float, float]

SLOPE = 0.32
"""Least fall of a diagonal per column: flatter ones would touch the cells beside the child."""
TRACK_PITCH = 0.34
DROP = 0.42
"""How far right of its child a bus is left; also the room between the lowest bus and the cells."""
LEAST_GAP = 1.0
BESIDE = 0.36
"""Distance of a kept wire from its column."""
LEFT_MARGIN = 1.6
TOP_MARGIN = 2.1
LEGEND_ROOM = 1.9
LEAST_WIDTH = 10.5
"""So that the line of figures fits above narrow graphs."""


@dataclass(frozen=True)
class Wire:
    """A polyline; `kept` for a value that is led beside its column."""

    points: tuple[Point, ...]
    kept: bool = False


@dataclass(frozen=True)
class Cell:
    """A node that is not an input."""

    at: Point
    node: Node
    grey: bool


@dataclass
class Layout:
    """All that is drawn; `junctions` are the places where a wire leaves a column between cells."""

    width: float
    height: float
    columns: list[float]
    level_heights: list[float]
    wires: list[Wire] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    junctions: list[Point] = field(default_factory=list)

    @property
    def bottom(self) -> float:
        """Where the columns end."""
        return self.level_heights[-1] + 0.6


def lay_out(graph: PrefixGraph) -> Layout:
    """Place columns, levels, cells and wires."""
    by_level = nets_by_level(graph)
    tracks = [_bus_tracks(nets) for nets in by_level]
    heights = [TOP_MARGIN]
    for nets, places in zip(by_level, tracks, strict=True):
        heights.append(heights[-1] + _gap_height(nets, places))
    left = LEFT_MARGIN + max(0.0, (LEAST_WIDTH - LEFT_MARGIN - graph.width) / 2)
    columns = [left + graph.width - 1 - column for column in range(graph.width)]
    layout = Layout(max(columns[0] + 1.0, LEAST_WIDTH), heights[-1] + 0.6 + LEGEND_ROOM, columns, heights)
    layout.wires.extend(Wire(((x, heights[0]), (x, layout.bottom))) for x in columns)
    kept = _kept_positions(by_level, columns)
    for nets, places in zip(by_level, tracks, strict=True):
        for net in nets:
            _lay_net(layout, net, places.get(net.source), kept.get(net.source))
    layout.wires.extend(_kept_wires(layout, by_level, kept))
    for msb, lsb in graph.nodes:
        layout.cells.append(Cell((columns[msb], heights[int(graph.levels[msb, lsb])]), (msb, lsb), lsb == 0))
    return layout


def _bus_tracks(nets: list[Net]) -> dict[Node, int]:
    buses = [net for net in nets if len(net.columns) > 1]
    places = assign_tracks([(net.column, net.columns[-1]) for net in buses])
    return {net.source: place for net, place in zip(buses, places, strict=True)}


def _gap_height(nets: list[Net], tracks: dict[Node, int]) -> float:
    reach = max((net.columns[0] - net.column for net in nets if len(net.columns) == 1), default=0)
    buses = max(tracks.values(), default=-1) + 1
    return max(LEAST_GAP, SLOPE * reach, 2 * DROP + TRACK_PITCH * (buses - 1))


def _kept_positions(by_level: list[list[Net]], columns: list[float]) -> dict[Node, float]:
    """x of the wire beside the column for each source that needs one; several in a column are side by side."""
    spans: dict[int, dict[Node, tuple[int, int]]] = defaultdict(dict)
    for nets in by_level:
        for net in nets:
            if not net.direct:
                spans[net.column][net.source] = (net.source_level, net.level - 1)
    positions = {}
    for column, members in spans.items():
        lanes = assign_tracks(list(members.values()))
        pitch = min(0.14, 0.3 / (max(lanes) + 1))
        positions.update(
            {source: columns[column] - BESIDE - pitch * lane for source, lane in zip(members, lanes, strict=True)}
        )
    return positions


def _kept_wires(layout: Layout, by_level: list[list[Net]], kept: dict[Node, float]) -> list[Wire]:
    last_level: dict[Node, int] = {}
    for nets in by_level:
        for net in nets:
            if not net.direct:
                if net.source in last_level:  # the wire goes on below an earlier branch
                    layout.junctions.append((kept[net.source], layout.level_heights[last_level[net.source]]))
                last_level[net.source] = net.level - 1
    source_level = {net.source: net.source_level for nets in by_level for net in nets}
    wires = []
    for source, x in kept.items():
        start = (layout.columns[source[0]], layout.level_heights[source_level[source]])
        turn = (x, start[1] + BESIDE)
        wires.append(Wire((start, turn, (x, layout.level_heights[last_level[source]])), kept=True))
    return wires


def _lay_net(layout: Layout, net: Net, track: int | None, kept_x: float | None) -> None:
    top, bottom = layout.level_heights[net.level - 1], layout.level_heights[net.level]
    beside = kept_x is not None and not net.direct
    x = kept_x if beside and kept_x is not None else layout.columns[net.column]
    if track is None:
        layout.wires.append(Wire(((x, top), (layout.columns[net.columns[0]], bottom)), kept=beside))
        if not beside and net.source_level != net.level - 1:
            layout.junctions.append((x, top))
        return
    y = bottom - DROP - TRACK_PITCH * track
    if beside:
        layout.wires.append(Wire(((x, top), (x, y)), kept=True))
    else:
        layout.junctions.append((x, y))
    farthest = net.columns[-1]
    for column in net.columns:
        drop = (min(layout.columns[column] + DROP, x), y), (layout.columns[column], bottom)
        layout.wires.append(Wire(((x, y), *drop) if column == farthest else drop, kept=beside))
