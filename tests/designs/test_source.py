"""Fronts from run directories, files and the published ones; what cannot be read is refused in one line."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from pathlib import Path

import pytest
from page_samples import make_run

from prefixrl.designs import FrontSource, open_source
from prefixrl.designs import published as published_module
from prefixrl.designs.front import reference_point
from prefixrl.designs.published import Provenance, provenance, published_folder, published_names
from prefixrl.designs.source import common_reference, graph_named, is_source, open_sources
from prefixrl.errors import InputError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("source") / "run")


def curves_of(source: FrontSource) -> dict:
    return {
        name: [(point.delay_ns, point.area_um2, point.graph, point.structure) for point in curve]
        for name, curve in source.classical.items()
    }


def edited(run: Path, to: Path, **changes: object) -> Path:
    document = json.loads((run / "front.json").read_text())
    to.write_text(json.dumps({**document, **changes}))
    return to


def test_a_store_and_its_front_file_say_the_same(run: Path, tmp_path: Path) -> None:
    from_store = open_source(run)
    shutil.copy(run / "front.json", tmp_path / "front.json")
    for place in (tmp_path, tmp_path / "front.json"):
        from_file = open_source(place)
        assert from_file.front == from_store.front
        assert from_file.context.constraints == from_store.context.constraints
        assert from_file.designs is None
        assert curves_of(from_file) == curves_of(from_store)
        assert reference_point(from_file.classical) == from_file.stated_reference
    from_store.context.check_comparable(from_file.context)
    assert from_store.designs is not None
    assert from_store.classical


def test_labels_tell_runs_of_one_name_apart(run: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        shutil.copytree(run, tmp_path / name / "run")
    assert [source.label for source in open_sources([tmp_path / "a/run", tmp_path / "b/run"])] == ["a/run", "b/run"]


def test_the_published_fronts_are_found_and_say_where_from() -> None:
    assert "demo-adder16" in published_names()
    origin = provenance(published_folder() / "demo-adder16")
    assert origin.seed == "0"
    assert re.fullmatch("[0-9a-f]{7,40}", origin.commit)
    assert origin.command.startswith("prefixrl train --preset demo")
    assert "CPU" in origin.machine
    assert provenance(Path("no/such/folder")) == Provenance("", "", "", "")


def test_published_names_wherever_a_graph_is_taken(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(run, tmp_path / "adder8")
    (tmp_path / "adder8" / "designs.sqlite").unlink()
    shutil.copytree(tmp_path / "adder8", tmp_path / "adder16")
    monkeypatch.setattr(published_module, "published_folder", lambda: tmp_path)
    assert published_names() == ["adder8", "adder16"]
    source = open_source("published:adder8:min-area")
    assert source.pick() == source.front[-1]
    assert graph_named("published:adder8:min-delay", 8) == source.front[0].graph
    assert graph_named("sklansky", 8).width == 8
    with pytest.raises(InputError, match="must be that of the front, 8: 9"):
        graph_named("published:adder8", 9)
    with pytest.raises(InputError, match=r"did you mean adder8\?.*'adder9'"):
        open_source("published:adder9")
    with pytest.raises(InputError, match=r"the fastest design here needs .* ns: delay<=0.01"):
        open_source("published:adder8").pick("delay<=0.01")


def test_what_is_a_source(run: Path, tmp_path: Path) -> None:
    graph = tmp_path / "graph.json"
    graph.write_text('{"format": "prefixrl-graph-1", "width": 4, "nodes": []}')
    assert [is_source(str(each)) for each in ("published:x", run, run / "front.json")] == [True] * 3
    assert [is_source(each) for each in ("sklansky", str(graph), "no/file", "a\0b")] == [False] * 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"width": 9}, "9 bits"),
        ({"circuit": "multiplier"}, "multiplier"),
        ({"points": 3}, "points"),
        ({"classical": {"sklansky": {"delay_ns": [0.1], "area_um2": []}}}, "sklansky must have as many"),
        ({"classical": {"skalnsky": {"delay_ns": [], "area_um2": []}}}, "did you mean sklansky"),
        ({"reference_point": {"delay_ns": -1, "area_um2": 5}}, "reference_point.delay_ns"),
    ],
)
def test_front_files_that_cannot_be(run: Path, tmp_path: Path, changes: dict, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        open_source(edited(run, tmp_path / "front.json", **changes))
    assert "\n" not in str(caught.value)


def test_figures_must_be_those_of_the_graph(run: Path, tmp_path: Path) -> None:
    document = json.loads((run / "front.json").read_text())
    document["points"][0]["size"] += 1
    with pytest.raises(InputError, match=r"the size of design .* must be that of its graph"):
        open_source(edited(run, tmp_path / "front.json", points=document["points"]))
    (tmp_path / "front.json").write_text('{"points": [')
    with pytest.raises(InputError, match="must be what `prefixrl pareto --json` prints"):
        open_source(tmp_path / "front.json")


def test_later_keys_are_no_fault(run: Path, tmp_path: Path) -> None:
    assert open_source(edited(run, tmp_path / "front.json", added_later=[1])).front


def test_an_empty_front(run: Path, tmp_path: Path) -> None:
    source = open_source(edited(run, tmp_path / "front.json", points=[]))
    with pytest.raises(InputError, match="no design to pick from"):
        source.pick("knee")
    assert common_reference([source], {}) == source.stated_reference


def test_a_store_of_another_version(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "old")
    with sqlite3.connect(tmp_path / "old" / "designs.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(InputError, match="this one is newer: 99"):
        open_source(tmp_path / "old")
