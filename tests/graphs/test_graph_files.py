"""Graph files: round trips, files of other projects, and every kind of bad file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from graph_strategies import legal_graphs
from hypothesis import given

from prefixrl.errors import InputError
from prefixrl.graphs import (
    PrefixGraph,
    graph_document,
    graph_from_cell_map,
    graph_from_document,
    graph_from_json,
    graph_to_cell_map,
    graph_to_json,
    load_graph,
    parse_graph,
    read_graph,
    structure,
    write_graph,
)

HEAD = '{"format": "prefixrl-graph-1", "width": 8, "nodes": '


@given(legal_graphs())
def test_round_trips(graph: PrefixGraph) -> None:
    assert graph_from_json(graph_to_json(graph)) == graph
    assert graph_from_document(graph_document(graph)) == graph
    assert graph_from_cell_map(graph_to_cell_map(graph)) == graph
    assert parse_graph(graph_to_json(graph)) == parse_graph(graph_to_cell_map(graph)) == graph
    assert json.loads(graph_to_json(graph)) == graph_document(graph)


def test_the_json_text_is_as_the_design_says() -> None:
    document = json.loads(graph_to_json(PrefixGraph(4, [(3, 2)])))
    assert document == {"format": "prefixrl-graph-1", "width": 4, "nodes": [[1, 0], [2, 0], [3, 0], [3, 2]]}


@pytest.mark.parametrize("name", ["graph.json", "graph.txt", "graph.map", "graph.log"])
def test_written_files_are_read_back(tmp_path: Path, name: str) -> None:
    graph = structure("brent-kung", 13)
    write_graph(graph, tmp_path / name)
    assert read_graph(tmp_path / name) == graph
    assert read_graph(str(tmp_path / name)) == graph
    assert load_graph(str(tmp_path / name)) == load_graph(tmp_path / name, 13) == graph


def test_an_unknown_suffix_is_refused_and_nothing_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in one of \.json, \.txt"):
        write_graph(PrefixGraph(4), tmp_path / "graph.xml")
    assert list(tmp_path.iterdir()) == []


def test_inputs_and_outputs_may_be_left_out() -> None:
    graph = PrefixGraph(4, [(3, 2)])
    assert graph_from_json('{"format": "prefixrl-graph-1", "width": 4, "nodes": [[3, 2]]}') == graph
    assert graph_from_cell_map("0 0 0 0\n0 0 0 0\n0 0 0 0\n0 0 1 0\n") == graph


@pytest.mark.parametrize(
    "text",
    [
        "1 0 0 0 \n1 1 0 0 \n1 0 1 0 \n1 0 1 1 \n",
        "1,0,0,0\n1,1,0,0\n1,0,1,0\n1,0,1,1",
        "1, 0, 0, 0\r\n1, 1, 0, 0\r\n1, 0, 1, 0\r\n1, 0, 1, 1\r\n\r\n",
        "\n  1 0 0 0\n\n1\t1 0 0\n1 0 1 0\n1 0 1 1\n\n",
        "1.000e+00 0.0 0 0\n1 1 0 0\n1 0 1 0\n1 0 1.0 1\n",
    ],
)
def test_cell_maps_as_others_write_them(tmp_path: Path, text: str) -> None:
    path = tmp_path / "adder_4b.log"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_graph(path) == PrefixGraph(4, [(3, 2)])


@pytest.mark.parametrize("name", ["sklansky", "kogge-stone", "brent-kung", "sparse-sklansky-4"])
def test_wide_cell_maps_keep_size_and_depth(name: str) -> None:
    graph = structure(name, 128)
    text = graph_to_cell_map(graph).replace("\n", " \n")
    assert (read_graph(text).size, read_graph(text).depth) == (graph.size, graph.depth)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 0\n1 1 0\n", "row 1 of 2 has another length, got 3"),
        ("1 0 0\n1 1 0\n", "is square"),
        ("1 0\n1 2\n", "0 and 1 only, got '2'"),
        ("1 0\n1 x\n", "0 and 1 only, got 'x'"),
        ("1 0\n1 nan\n", "0 and 1 only, got 'nan'"),
        ("1 0\n-1 1\n", "0 and 1 only, got '-1'"),
        ("1 1\n0 1\n", r"zero above the diagonal .* got \(0, 1\)"),
        ("1\n", "width must be an integer from 2 to 256, got 1"),
        ("1 0 0 0\n1 1 0 0\n1 0 1 0\n1 1 0 1\n", r"node \(3, 1\) lacks \(2, 1\)"),
        ("0\n" * 257, "at most 256 rows, got 257"),
        ("hello world\nagain and again\n", "0 and 1 only, got 'hello'"),
        ("", "got nothing"),
        (" \n\n ", "got nothing"),
        ("{", "not valid JSON: .* at line 1, column 2"),
        ("[" * 100_000, "not valid JSON"),
        ("[[1, 0], [1, 1]]", "a graph is a JSON object, got"),
        ("{}", 'missing: "format"'),
        ('{"format": "prefixrl-graph-1", "nodes": []}', 'missing: "width"'),
        ('{"format": "prefixrl-graph-1", "width": 8}', 'missing: "nodes"'),
        ('{"format": "prefixrl-graph-2", "width": 8, "nodes": []}', "got 'prefixrl-graph-2'"),
        ('{"format": null, "width": 8, "nodes": []}', "got None"),
        ('{"format": "prefixrl-graph-1", "width": 1, "nodes": []}', "got 1"),
        ('{"format": "prefixrl-graph-1", "width": 1000, "nodes": []}', "got 1000"),
        ('{"format": "prefixrl-graph-1", "width": 8.0, "nodes": []}', "got 8.0"),
        ('{"format": "prefixrl-graph-1", "width": "8", "nodes": []}', "got '8'"),
        ('{"format": "prefixrl-graph-1", "width": true, "nodes": []}', "got True"),
        ('{"format": "prefixrl-graph-1", "width": NaN, "nodes": []}', "must be integers, got NaN"),
        ('{"format": "prefixrl-graph-1", "width": 1' + "0" * 5000 + ', "nodes": []}', "not valid JSON"),
        ('{"format": "prefixrl-graph-1", "width": 8, "width": 9, "nodes": []}', "given twice"),
        (HEAD + "null}", '"nodes" must be a list'),
        (HEAD + '"70"}', '"nodes" must be a list'),
        (HEAD + '{"7": 0}}', '"nodes" must be a list'),
        (HEAD + "[7, 0]}", "a pair of integers"),
        (HEAD + "[[7, 0, 0]]}", "a pair of integers"),
        (HEAD + '[["7", "0"]]}', "a pair of integers"),
        (HEAD + "[[7.5, 0]]}", "a pair of integers"),
        (HEAD + "[[true, false]]}", "a pair of integers"),
        (HEAD + "[[Infinity, 0]]}", "got Infinity"),
        (HEAD + "[[8, 0]]}", r"8 > msb >= lsb >= 0, got \(8, 0\)"),
        (HEAD + "[[3, 5]]}", r"got \(3, 5\)"),
        (HEAD + "[[3, -1]]}", r"got \(3, -1\)"),
        (HEAD + "[[7, 4]]}", r"node \(7, 4\) lacks \(6, 4\)"),
    ],
)
def test_bad_text_gets_one_line_that_names_the_rule(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_graph(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250
    path = tmp_path / "graph.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_graph(str(path))
    assert "graph.txt" in str(caught.value)


def test_harmless_oddities_are_accepted() -> None:
    same_twice = '{"format": "prefixrl-graph-1", "width": 4, "width": 4, "nodes": [[3, 2], [3, 2], [3, 3]], "note": 1}'
    assert graph_from_json(same_twice) == PrefixGraph(4, [(3, 2)])


def test_legalize_mends_a_file() -> None:
    text = '{"format": "prefixrl-graph-1", "width": 8, "nodes": [[7, 4]]}'
    assert read_graph(text, legalize=True) == PrefixGraph(8, [(7, 4)], legalize=True)
    assert read_graph("1 0 0\n1 1 0\n0 0 0\n", legalize=True) == PrefixGraph(3)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary.json").write_bytes(bytes(range(256)))
    (tmp_path / "zeros.json").write_bytes(b"\0" * 64)
    (tmp_path / "empty.json").write_bytes(b"")
    (tmp_path / "huge.txt").write_bytes(b"0 " * 3_000_000)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name, message in [
        ("binary.json", "UTF-8 text"),
        ("zeros.json", "zero byte"),
        ("empty.json", "got nothing"),
        ("huge.txt", "at most 4194304 bytes"),
        ("dangling", "not an existing plain file"),
        (".", "is a folder"),
    ]:
        with pytest.raises(InputError, match=message) as caught:
            load_graph(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="not an existing plain file"):
        read_graph("/dev/null")


def test_structures_are_loaded_by_name() -> None:
    assert load_graph("sklansky", 16) == structure("sklansky", 16)
    assert load_graph("knowles-1-1-2", 8) == structure("knowles-1-1-2", 8)
    with pytest.raises(InputError, match="needs a width, got 'sklansky'"):
        load_graph("sklansky")
    with pytest.raises(InputError, match="got 1"):
        load_graph("sklansky", 1)


def test_a_name_that_is_neither(tmp_path: Path) -> None:
    for name in ["no/such/file.json", "a\0b", "x" * 5000, "", "two\nlines"]:
        with pytest.raises(InputError, match="structure's name or an existing file") as caught:
            load_graph(name, 8)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"did you mean kogge-stone\?"):
        load_graph("koggestone", 8)


def test_width_and_file_must_agree(tmp_path: Path) -> None:
    write_graph(PrefixGraph(8), tmp_path / "graph.json")
    with pytest.raises(InputError, match="that of the file, 8, got 16"):
        load_graph(tmp_path / "graph.json", 16)
