"""The diagram of a prefix graph as text.

A row of nodes for each level, and above it the tracks of the wires that come from columns further right. A wire leaves
its column on a track, runs to the left, drops in the gap right of the child's column and enters the child from the
right. A wire whose column has meanwhile taken another value runs down in the gap left of its column first.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from prefixrl.graphs.nets import Net, assign_tracks, nets_by_level
from prefixrl.graphs.prefix_graph import Node, PrefixGraph

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
_BOX = " ╵╷│╴┘┐┤╶└┌├─┴┬┼"
_ASCII = " |||-'.*-'.*-**+"
MARGIN = 5
"""Characters for the level's number at the left."""


@dataclass
class _Wire:
    """A vertical run in the gap right of column `gap`: a child's entry, or a value kept beside its column."""

    gap: int
    first_row: int
    last_row: int
    lane: int = 0


@dataclass
class _Track:
    """A horizontal run on one row, from its source to the drops at its left."""

    row: int
    column: int | None  # tapped from this column, or
    lane: _Wire | None  # from this wire
    drops: list[_Wire] = field(default_factory=list)


@dataclass
class _Routing:
    """All rows and wires before the lanes' places in the gaps are known."""

    node_rows: list[int] = field(default_factory=lambda: [0])
    tracks: list[_Track] = field(default_factory=list)
    wires: list[_Wire] = field(default_factory=list)
    entries: dict[Node, _Wire] = field(default_factory=dict)  # (column, level) of a node -> the wire that enters it


def draw(graph: PrefixGraph, ascii_only: bool = False) -> str:
    """The diagram with bit numbers, levels, figures and a legend; no trailing blanks."""
    routing = _route(graph)
    widths = _place_lanes(graph.width, routing.wires)
    columns = _column_positions(graph.width, widths)
    canvas = _Canvas(routing.node_rows[-1] + 2, columns[0] + 1)
    _paint(canvas, graph.width, routing, columns)
    shapes = _ASCII if ascii_only else _BOX
    black, grey = ("#", "o") if ascii_only else ("●", "○")
    lines = [[shapes[cell] for cell in row] for row in canvas.cells]
    labels = {row: str(level) for level, row in enumerate(routing.node_rows) if level}
    for msb, lsb in graph.nodes:
        lines[routing.node_rows[int(graph.levels[msb, lsb])]][columns[msb]] = black if lsb else grey
    text = [_margin(labels.get(row, "")) + "".join(line) for row, line in enumerate(lines)]
    legend = f"{black} black cell (g, p)  {grey} grey cell (g)  {shapes[15]} wires cross"
    figures = f"width {graph.width}, size {graph.size}, depth {graph.depth}, largest fanout {graph.max_fanout}"
    header = _bit_numbers(graph.width, columns)
    return "\n".join(line.rstrip() for line in [*header, *text, figures, legend]) + "\n"


def _route(graph: PrefixGraph) -> _Routing:
    routing = _Routing()
    kept: dict[Node, _Wire] = {}  # sources that are led beside their column
    by_level = nets_by_level(graph)
    leaving = _leaving(by_level)
    for level, nets in enumerate(by_level, start=1):
        _route_level(routing, level, nets, kept, leaving.get(level - 1, []))
    return routing


def _leaving(by_level: list[list[Net]]) -> dict[int, list[Node]]:
    """Level -> its nodes that some later net needs when their column carries something else."""
    found: dict[int, list[Node]] = defaultdict(list)
    for nets in by_level:
        for net in nets:
            if not net.direct and net.source not in found[net.source_level]:
                found[net.source_level].append(net.source)
    return found


def _route_level(routing: _Routing, level: int, nets: list[Net], kept: dict[Node, _Wire], leaving: list[Node]) -> None:
    """Put the wires of one level on tracks: those into its nodes, and those that leave a column to be kept."""
    above = routing.node_rows[-1]
    sources = {net.source: net for net in nets}
    horizontal = [
        source for source in {**sources, **dict.fromkeys(leaving)} if not _runs_straight_down(source, sources, kept)
    ]
    places = assign_tracks([_extent(source, sources.get(source), source in kept) for source in horizontal])
    count = max(places, default=-1) + 1
    node_row = above + max(count, 1) + 1
    routing.node_rows.append(node_row)
    rows = {source: above + 1 + place for source, place in zip(horizontal, places, strict=True)}
    for source in {**sources, **dict.fromkeys(leaving)}:
        net = sources.get(source)
        lane = kept.get(source)
        row = rows.get(source, node_row)
        track = _Track(row, None if lane else source[0], lane)
        if source in leaving:
            kept[source] = _Wire(source[0] + 1, row, row)
            routing.wires.append(kept[source])
            track.drops.append(kept[source])
        for column in net.columns if net else ():
            if lane and column == lane.gap:
                wire = lane
            else:
                wire = _Wire(column, row, node_row)
                routing.wires.append(wire)
                track.drops.append(wire)
            wire.last_row = max(wire.last_row, node_row if wire.gap == column else row)
            routing.entries[(column, level)] = wire
        if lane:
            lane.last_row = max(lane.last_row, row)
        if source in rows:
            routing.tracks.append(track)


def _runs_straight_down(source: Node, sources: dict[Node, Net], kept: dict[Node, _Wire]) -> bool:
    """A kept wire whose only child is in the column next to it needs no track."""
    return source in kept and sources[source].columns == (source[0] + 1,)


def _extent(source: Node, net: Net | None, is_kept: bool) -> tuple[int, int]:
    """What a track occupies, counted from the right: 2m for column m, 2m - 1 for the gap right of it."""
    farthest = net.columns[-1] if net else source[0] + 1
    first = 2 * source[0] + (1 if is_kept else 0)
    return first, 2 * farthest - 1


def _place_lanes(width: int, wires: list[_Wire]) -> list[int]:
    """Give wires of one gap that are side by side their own lanes; return the lanes of every gap, at least one."""
    widths = [1] * (width + 1)
    by_gap: dict[int, list[_Wire]] = defaultdict(list)
    for wire in wires:
        by_gap[wire.gap].append(wire)
    for gap, members in by_gap.items():
        lanes = assign_tracks([(wire.first_row, wire.last_row) for wire in members])
        for wire, lane in zip(members, lanes, strict=True):
            wire.lane = lane
        widths[gap] = max(lanes) + 1
    return widths


def _column_positions(width: int, widths: list[int]) -> list[int]:
    """Position of each column on a line; the highest column is at 0."""
    positions = [0] * width
    for column in range(width - 2, -1, -1):
        positions[column] = positions[column + 1] + 1 + widths[column + 1]
    return positions


class _Canvas:
    """Cells that know to which sides a wire leaves them."""

    def __init__(self, rows: int, columns: int) -> None:
        self.cells = [[0] * columns for _ in range(rows)]

    def vertical(self, column: int, first_row: int, last_row: int) -> None:
        for row in range(first_row, last_row):
            self.cells[row][column] |= DOWN
            self.cells[row + 1][column] |= UP

    def horizontal(self, row: int, first_column: int, last_column: int) -> None:
        for column in range(first_column, last_column):
            self.cells[row][column] |= RIGHT
            self.cells[row][column + 1] |= LEFT


def _paint(canvas: _Canvas, width: int, routing: _Routing, columns: list[int]) -> None:
    def position(wire: _Wire) -> int:
        return columns[wire.gap] + 1 + wire.lane

    bottom = len(canvas.cells) - 1
    for column in range(width):
        canvas.vertical(columns[column], 0, bottom)
    for wire in routing.wires:
        canvas.vertical(position(wire), wire.first_row, wire.last_row)
    for track in routing.tracks:
        start = position(track.lane) if track.lane else columns[track.column or 0]
        if track.drops:
            canvas.horizontal(track.row, min(position(wire) for wire in track.drops), start)
    for (column, level), wire in routing.entries.items():
        canvas.horizontal(routing.node_rows[level], columns[column], position(wire))


def _margin(label: str) -> str:
    return label.rjust(MARGIN - 1) + " "


def _bit_numbers(width: int, columns: list[int]) -> list[str]:
    """The numbers of the columns, written downwards."""
    digits = len(str(width - 1))
    lines = []
    for place in range(digits):
        line = [" "] * (columns[0] + 1)
        for column in range(width):
            line[columns[column]] = str(column).rjust(digits)[place]
        lines.append(_margin("bit" if place == digits - 1 else "") + "".join(line))
    return lines
