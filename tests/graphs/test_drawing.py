"""Drawings: the text is traced back to the graph wire by wire; SVG is valid and complete; PNG is a PNG."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from graph_strategies import legal_graphs
from hypothesis import given

from prefixrl.graphs import PrefixGraph, draw_png, draw_svg, draw_text, structure
from prefixrl.graphs.layout import Layout, lay_out

MARGIN = 5
SVG = "{http://www.w3.org/2000/svg}"


class Tracer:
    """Reads a text drawing like a person: from each cell along its wire to the column that it comes from."""

    def __init__(self, text: str, width: int) -> None:
        digits = len(str(width - 1))
        lines = text.splitlines()
        self.rows = [line[MARGIN:].ljust(400) for line in lines[digits:-2]]
        heads = [line[MARGIN:].ljust(400) for line in lines[:digits]]
        starts = [x for x, character in enumerate(heads[-1]) if character != " "]
        self.column_at = {x: width - 1 - index for index, x in enumerate(starts)}
        for x, column in self.column_at.items():
            assert "".join(head[x] for head in heads).strip() == str(column)

    def cells(self) -> dict[tuple[int, int], str]:
        """(row, column) -> glyph"""
        found = {}
        for y, row in enumerate(self.rows):
            for x, glyph in enumerate(row):
                if glyph in "●○":
                    found[(y, self.column_at[x])] = glyph
        return found

    def source(self, y: int, column: int) -> tuple[int, int]:
        """Row and column where the wire that enters a cell from the right leaves its column."""
        x = next(x for x, number in self.column_at.items() if number == column) + 1
        going = "right"
        for _ in range(10_000):
            glyph = self.rows[y][x]
            if x in self.column_at and glyph in "┤●○":
                assert going == "right"
                return y, self.column_at[x]
            if going == "right":
                assert glyph in "─┼┘┤┬", glyph
                going = "up" if glyph in "┘┤" else "right"
            else:
                assert glyph in "│┼┌┬┤", glyph
                going = "right" if glyph in "┌┬" else "up"
            x, y = (x + 1, y) if going == "right" else (x, y - 1)
        raise AssertionError("the wire has no end")


def trace(text: str, width: int) -> set[tuple[int, int]]:
    """The nodes that a text drawing shows, found from its wires alone."""
    tracer = Tracer(text, width)
    carried: dict[int, list[tuple[int, int]]] = {column: [(-1, column)] for column in range(width)}  # (row, lsb)
    nodes = set()
    for (y, column), glyph in sorted(tracer.cells().items()):
        source_row, source_column = tracer.source(y, column)
        lsb = [lsb for row, lsb in carried[source_column] if row < source_row][-1]
        upper_lsb = carried[column][-1][1]
        assert source_column == upper_lsb - 1
        assert (glyph == "○") == (lsb == 0)
        carried[column].append((y, lsb))
        nodes.add((column, lsb))
    return nodes


@given(legal_graphs(most=16))
def test_the_text_shows_the_graph(graph: PrefixGraph) -> None:
    assert trace(draw_text(graph), graph.width) == set(graph.nodes)


@pytest.mark.parametrize("width", [2, 3, 8, 11, 16, 32])
@pytest.mark.parametrize("name", ["ripple-carry", "sklansky", "kogge-stone", "brent-kung", "han-carlson"])
def test_classical_structures_fit_a_terminal(name: str, width: int) -> None:
    graph = structure(name, width)
    text = draw_text(graph)
    assert trace(text, width) == set(graph.nodes)
    assert max(map(len, text.splitlines())) <= 80
    assert f"width {width}, size {graph.size}, depth {graph.depth}" in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_wide_graphs_are_drawn_too() -> None:
    graph = structure("sklansky", 128)
    assert trace(draw_text(graph), 128) == set(graph.nodes)


def test_ascii_only() -> None:
    text = draw_text(structure("brent-kung", 16), ascii_only=True)
    assert text.isascii()
    cells = text.split("width 16")[0]
    assert cells.count("#") + cells.count("o") == 26


def test_levels_are_numbered() -> None:
    labels = [line[:MARGIN].strip() for line in draw_text(structure("brent-kung", 16)).splitlines()[2:-2]]
    assert [label for label in labels if label] == ["1", "2", "3", "4", "5", "6"]


@given(legal_graphs())
def test_svg_is_valid_and_shows_every_cell(graph: PrefixGraph) -> None:
    root = ElementTree.fromstring(draw_svg(graph, 'a <b> & "c" \x00\x1b'))
    titles = [group.find(f"{SVG}title") for group in root.iter(f"{SVG}g")]
    spans = [title.text for title in titles if title is not None]
    assert sorted(spans) == sorted(f"{msb}:{lsb}" for msb, lsb in graph.nodes)
    assert len(list(root.iter(f"{SVG}rect"))) == graph.width + 1  # inputs and the paper
    assert not any("href" in name for element in root.iter() for name in element.attrib)


def wire_start(layout: Layout, at: tuple[float, float]) -> float:
    """x where the wire that ends in a cell begins; a drop from a bus begins where the bus does."""
    (wire,) = [wire for wire in layout.wires if wire.points[-1] == at]
    (x, y), *_ = wire.points
    buses = [bus.points for bus in layout.wires if len(bus.points) == 3 and bus.points[0][1] == bus.points[1][1] == y]
    return next((bus[0][0] for bus in buses if bus[1][0] <= x <= bus[0][0]), x)


@given(legal_graphs())
def test_the_layout_joins_every_cell_to_its_lower_parent(graph: PrefixGraph) -> None:
    layout = lay_out(graph)
    for cell in layout.cells:  # the upper parent's wire is the column
        source, _ = graph.lower_parent(*cell.node)
        assert 0 <= layout.columns[source] - wire_start(layout, cell.at) < 0.7  # at the column or led beside it
        assert 0 < cell.at[0] < layout.width
        assert 0 < cell.at[1] < layout.bottom < layout.height
    for wire in layout.wires:
        assert all(0 < x < layout.width and 0 < y < layout.height for x, y in wire.points)
    assert sum(cell.grey for cell in layout.cells) == graph.width - 1


@pytest.mark.parametrize("width", [2, 16])
def test_png(tmp_path: Path, width: int) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "graph.png"
    draw_png(structure("sklansky", width), path, title="costs $5 & <more>")
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert path.stat().st_size > 2000
    assert [each.name for each in tmp_path.iterdir()] == ["graph.png"]


def test_importing_the_package_is_cheap() -> None:
    """`prefixrl --help` has half a second; numba, networkx and matplotlib wait until they are needed."""
    code = (
        "import sys, prefixrl.graphs as graphs; graphs.draw_text(graphs.structure('sklansky', 8).add(7, 5));"
        "print([name for name in ('numba', 'networkx', 'matplotlib', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"
