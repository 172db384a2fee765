"""The board: what it finds, and that its files are verified when they are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prefixrl.cli.main import run
from prefixrl.errors import InputError
from prefixrl.graphs import graph_from_document
from prefixrl.theory.board import Entry, make_board, read_board, wanted_depths, write_board
from prefixrl.theory.records import published_records

PUBLISHED = Path(__file__).parents[2] / "runs" / "published" / "theory"


def test_small_widths_are_optimal() -> None:
    entries = make_board([8, 16, 24])
    assert [(e.graph.width, e.depth) for e in entries] == [(w, d) for w in (8, 16, 24) for d in wanted_depths(w)]
    assert {(e.graph.width, e.depth): e.standing for e in entries if e.standing != "optimal"} == {
        (24, 5): "meets the record"
    }


def test_files_are_written_read_and_only_replaced_by_smaller_graphs(tmp_path: Path) -> None:
    entries = make_board([8, 16])
    assert len(write_board(entries, tmp_path, ["prefixrl", "board"], 0)) == len(entries)
    assert read_board(tmp_path) == entries
    assert write_board(entries, tmp_path, ["prefixrl", "board"], 0) == []
    made = json.loads((tmp_path / "16-d4.json").read_text())["board"]
    assert made["size"] == 31
    assert made["command"] == "prefixrl board"
    assert set(made["versions"]) >= {"prefixrl", "numba"}


def _remove_a_lower_parent(document: dict[str, Any]) -> None:
    graph = graph_from_document(document)
    needed = (graph.lower_parent(*node) for node in graph.nodes)
    document["nodes"].remove(list(next((msb, lsb) for msb, lsb in needed if msb > lsb > 0)))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda document: document["board"].update(size=30), "size 30"),
        (_remove_a_lower_parent, "lacks"),
        (lambda document: document.pop("board"), "board"),
        (lambda document: document.update(width=17), "must be what"),
    ],
)
def test_a_file_that_does_not_hold_what_it_says_is_refused(
    change: Callable[[dict[str, Any]], object], reason: str, tmp_path: Path
) -> None:
    write_board(make_board([16]), tmp_path, ["prefixrl"], 0)
    path = tmp_path / "16-d4.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=reason):
        read_board(tmp_path)


def test_the_published_board_meets_every_record_but_one_and_beats_two() -> None:
    entries = {(entry.graph.width, entry.depth): entry for entry in read_board(PUBLISHED)}
    assert set(published_records()) <= set(entries)
    standings = {key: entry.standing for key, entry in entries.items()}
    assert {key for key, standing in standings.items() if standing == "short of the record"} == {(48, 6)}
    assert {key for key, standing in standings.items() if standing == "beats the record"} == {(64, 7), (128, 8)}


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "board"
    assert run(["board", "-n", "8", "-n", "16", "--anneal", "1000", "--out", str(out), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["standing"] for row in rows} == {"optimal"}
    assert run(["board", "--verify", str(out)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(rows) + 1
    assert run(["board", "--exhaustive", "5"]) == 0
    assert capsys.readouterr().out.startswith("43 legal prefix graphs of 5 bits\n")
    for bad, value in ((["--verify", "nowhere"], "nowhere"), (["--exhaustive", "10"], "10"), (["-n", "1"], "1")):
        assert run(["board", *bad]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert value in error


def test_an_entry_without_record_says_so() -> None:
    graph = make_board([20])[0].graph
    assert Entry(graph, 5).standing in ("optimal", "no record")
