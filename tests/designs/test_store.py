"""The design store: what is recorded comes back bit for bit, once, after kills, beside readers; damage is one line."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from design_samples import CONTEXT, evaluation, failed, key_of, random_graph

from prefixrl.designs.front import nondominated
from prefixrl.designs.store import DesignStore
from prefixrl.errors import InputError, PrefixrlError
from prefixrl.graphs import PrefixGraph
from prefixrl.synthesis.curve import AreaDelayCurve, Loss


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DesignStore]:
    with DesignStore.create(tmp_path / "designs.sqlite", CONTEXT) as opened:
        yield opened


def test_a_design_comes_back_bit_for_bit(store: DesignStore) -> None:
    given = evaluation(1)
    assert store.record(given, "search:sa", 17)
    (design,) = store.designs()
    assert given.curve is not None
    assert design.points == tuple(given.curve.points)
    assert design.graph == given.circuit.graph
    assert (design.size, design.depth, design.max_fanout) == (
        given.circuit.graph.size,
        given.circuit.graph.depth,
        given.circuit.graph.max_fanout,
    )
    assert (design.key, design.source, design.step, design.seconds) == (given.key, "search:sa", 17, 0.031)
    assert not design.cached
    assert abs(design.recorded_at - time.time()) < 60
    assert store.design(design.id) == store.design(given.key) == store.design(f"{design.id}-3") == design


def test_context_explains_the_store(store: DesignStore) -> None:
    with DesignStore.open(store.path) as reader:
        assert reader.context == CONTEXT
        circuit = reader.context.circuit_of(random_graph(0))
    assert (circuit.kind, circuit.width, circuit.carry_in, circuit.carry_out) == ("adder", 32, False, True)


def test_contexts_that_differ_cannot_be_compared() -> None:
    CONTEXT.check_comparable(replace(CONTEXT))
    with pytest.raises(InputError, match=r"where their pdk is the same: 'nangate45', 'sky130'$"):
        CONTEXT.check_comparable(replace(CONTEXT, pdk="sky130"))


def test_an_evaluation_key_is_kept_once(store: DesignStore) -> None:
    assert store.record(evaluation(1), "train", 1)
    assert not store.record(evaluation(1), "final", 2)
    assert store.count() == 1
    assert next(store.designs()).source == "train"


def test_a_success_replaces_a_failure_and_never_the_other_way_round(store: DesignStore) -> None:
    assert store.record(failed(1, "time-out"), "train", 1)
    assert store.record(evaluation(1), "train", 2)
    assert not store.record(failed(1, "time-out"), "train", 3)
    assert (store.count(), store.count(failed=True), store.count(failed=False)) == (1, 0, 1)
    design = next(store.designs())
    assert (design.reason, design.step, len(design.points)) == ("", 2, 6)


def test_failures_are_counted_by_reason(store: DesignStore) -> None:
    store.record_many(
        [failed(1, "time-out"), failed(2, "ABC\n  crashed"), failed(3, "time-out"), evaluation(4)], "train"
    )
    assert list(store.failures().items()) == [("time-out", 2), ("ABC crashed", 1)]
    assert [len(design.points) for design in store.designs()] == [0, 0, 0, 6]
    assert len(store.points()) == 6


def test_many_are_kept_all_or_none(store: DesignStore) -> None:
    def broken() -> Iterator:
        yield evaluation(1)
        raise RuntimeError("the evaluator died")

    with pytest.raises(RuntimeError, match="the evaluator died"):
        store.record_many(broken(), "train")
    assert store.count() == 0
    store.record(evaluation(1), "train")
    assert next(store.designs()).points[2].recipe == "upsize -D 280"


def test_front_is_that_of_all_points(store: DesignStore) -> None:
    evaluations = [evaluation(number) for number in range(40)]
    store.record_many([*evaluations, failed(99, "time-out")], "train")
    flat = [(e, place) for e in evaluations for place in range(6)]
    points = [e.curve.points[place] for e, place in flat if e.curve is not None]
    best = nondominated(np.array([p.delay_ns for p in points]), np.array([p.area_um2 for p in points]))
    front = store.front()
    assert [p.id for p in front] == [f"{flat[i][0].key[:12]}-{flat[i][1]}" for i in best]
    assert [p.recipe for p in front] == [points[i].recipe for i in best]
    assert [p.graph for p in front] == [flat[i][0].circuit.graph for i in best]


def test_curves_of_different_lengths_keep_their_places(store: DesignStore) -> None:
    store.record_many([evaluation(1, points=2), evaluation(2, points=1), evaluation(3, points=4)], "train")
    assert store.points().place.tolist() == [0, 1, 0, 0, 1, 2, 3]
    assert store.points().design.tolist() == [1, 1, 2, 3, 3, 3, 3]


def test_an_empty_store_has_an_empty_front(store: DesignStore) -> None:
    assert store.front() == []
    assert store.classical() == {}
    assert store.failures() == {}
    assert list(store.designs()) == []


def test_classical_structures_by_name(store: DesignStore) -> None:
    store.record(evaluation(1), "train", 5)
    store.record_classical("sklansky", evaluation(1))
    store.record_classical("ladner-fischer-0", evaluation(1))
    store.record_classical("kogge-stone", failed(2, "time-out"))
    curves = store.classical()
    assert {name: len(curve) for name, curve in curves.items()} == {
        "kogge-stone": 0,
        "ladner-fischer-0": 6,
        "sklansky": 6,
    }
    assert {point.structure for point in curves["sklansky"]} == {"sklansky"}
    assert store.count() == 2
    assert [design.source for design in store.designs(source="classical")] == ["classical"]


def test_a_thousand_designs_stay_below_a_kilobyte_each(store: DesignStore) -> None:
    store.record_many((evaluation(number) for number in range(1000)), "train")
    store.close()
    assert store.path.stat().st_size < 500 * 1000


@pytest.mark.parametrize("width", [2, 3, 32, 128, 256])
def test_graphs_of_every_width_come_back(tmp_path: Path, width: int) -> None:
    graphs = [PrefixGraph(width)] if width == 2 else [random_graph(number, width) for number in range(3)]
    with DesignStore.create(tmp_path / "designs.sqlite", replace(CONTEXT, width=width)) as store:
        store.record_many([evaluation(i, graph=graph) for i, graph in enumerate(graphs)], "train")
        assert [design.graph for design in store.designs()] == graphs


@pytest.mark.parametrize("seed", range(4))
def test_no_acknowledged_design_is_lost_by_a_kill(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "designs.sqlite"
    DesignStore.create(path, CONTEXT).close()
    acknowledged = -1
    for _ in range(2):
        command = [sys.executable, str(Path(__file__).with_name("design_samples.py")), str(path)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(random.Random(seed).uniform(0.0, 0.15))
        child.kill()
        lines = [first, *child.stdout.read().split()]
        child.wait()
        child.stdout.close()
        acknowledged = int(lines[-1])
    with DesignStore.open(path) as store:
        keys = [design.key for design in store.designs()]
        # One more may have been committed and not acknowledged.
        assert len(keys) in (acknowledged + 1, acknowledged + 2)
        assert keys == [key_of(number) for number in range(len(keys))]
        assert len(store.points()) == 6 * len(keys)


def test_reading_while_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "designs.sqlite"
    DesignStore.create(path, CONTEXT).close()
    command = [sys.executable, str(Path(__file__).with_name("design_samples.py")), str(path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        counts: list[int] = []
        with DesignStore.open(path) as reader:
            deadline = time.monotonic() + 60
            while len(set(counts)) < 5 and time.monotonic() < deadline:
                counts.append(reader.count())
                assert len(reader.points()) >= 6 * counts[-1]
                child.stdout.readline()
        assert counts == sorted(counts)
        assert len(set(counts)) == 5
    finally:
        child.kill()
        child.communicate()


def test_a_reader_of_a_finished_job_sees_it_go_on(store: DesignStore) -> None:
    store.record(evaluation(1), "train")
    store.close()
    with DesignStore.open(store.path) as reader:
        assert reader.count() == 1
        with DesignStore.open(store.path, readonly=False) as resumed:
            resumed.record(evaluation(2), "train")
            assert reader.count() == 2
        assert len(reader.front()) > 0


def test_several_threads_may_record(store: DesignStore) -> None:
    def work(first: int) -> None:
        for number in range(first, first + 20):
            store.record(evaluation(number), "train", number)

    threads = [threading.Thread(target=work, args=(10 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.count() == 50


def test_a_reader_cannot_write(store: DesignStore) -> None:
    with DesignStore.open(store.path) as reader, pytest.raises(PrefixrlError, match=r"could not be written .*readonly"):
        reader.record(evaluation(1), "train")


def test_a_store_has_the_permissions_of_any_new_file(store: DesignStore) -> None:
    ordinary = store.path.with_name("ordinary")
    ordinary.touch(0o644)
    assert store.path.stat().st_mode == ordinary.stat().st_mode


def test_reading_leaves_no_files_behind(store: DesignStore) -> None:
    store.record(evaluation(1), "train")
    store.close()
    with DesignStore.open(store.path) as reader:
        assert reader.count() == 1
    assert [entry.name for entry in store.path.parent.iterdir()] == ["designs.sqlite"]


def test_a_read_only_medium_can_be_read(store: DesignStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.record(evaluation(1), "train")
    store.close()
    monkeypatch.setattr(os, "access", lambda *_: False)  # the superuser, as whom tests may run, can write anywhere
    with DesignStore.open(store.path) as reader:
        assert reader.count() == 1
        assert [entry.name for entry in store.path.parent.iterdir()] == ["designs.sqlite"]


def test_create_refuses_what_exists_and_leaves_it(tmp_path: Path) -> None:
    path = tmp_path / "designs.sqlite"
    path.write_text("mine")
    with pytest.raises(InputError, match=rf"must not exist yet: {path}$"):
        DesignStore.create(path, CONTEXT)
    assert path.read_text() == "mine"
    with pytest.raises(InputError, match="writable directory"):
        DesignStore.create(tmp_path / "none" / "designs.sqlite", CONTEXT)


def read_everything(path: Path) -> None:
    with DesignStore.open(path) as store:
        store.front()
        list(store.designs())


def one_line(path: Path) -> str:
    """The reason why `path` cannot be opened and read."""
    with pytest.raises(InputError) as caught:
        read_everything(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    assert "must be a file that exists" in one_line(tmp_path / "none.sqlite")
    text = tmp_path / "text.sqlite"
    text.write_text("this is not a database, but long enough to look like one " * 40)
    assert "undamaged" in one_line(text)
    empty = tmp_path / "empty.sqlite"
    empty.touch()
    assert "a file that prefixrl made" in one_line(empty)
    foreign = tmp_path / "foreign.sqlite"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE designs (id)")
    connection.close()
    assert "a file that prefixrl made" in one_line(foreign)


def filled(path: Path) -> bytes:
    """The bytes of a store of 300 designs."""
    with DesignStore.create(path, CONTEXT) as store:
        store.record_many((evaluation(number) for number in range(300)), "train")
    return path.read_bytes()


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.7, 0.999])
def test_a_truncated_store_is_refused(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "designs.sqlite"
    content = filled(path)
    path.write_bytes(content[: int(kept * len(content))])
    assert one_line(path)


def test_a_store_overwritten_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "designs.sqlite"
    content = filled(path)
    middle = len(content) // 2
    path.write_bytes(content[:middle] + os.urandom(20_000) + content[middle + 20_000 :])
    assert "undamaged" in one_line(path)


@pytest.mark.parametrize("column", ["points", "graph", "recipes"])
def test_damaged_blobs_are_refused(store: DesignStore, column: str) -> None:
    store.record(evaluation(1), "train")
    with sqlite3.connect(store.path) as connection:
        connection.execute(f"UPDATE designs SET {column} = x'00112233'")
    connection.close()
    assert "undamaged" in one_line(store.path)


def test_a_newer_version_is_refused(store: DesignStore) -> None:
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    assert "reads design stores of version 1, this one is newer: 7" in one_line(store.path)


@pytest.mark.parametrize("identifier", ["", "zz", "%", "0123456789ab", "ffff-0"])
def test_an_unknown_id_is_refused(store: DesignStore, identifier: str) -> None:
    store.record_many([evaluation(1), evaluation(2)], "train")
    with pytest.raises(InputError, match=f"exactly one evaluation key of the store: {identifier}$"):
        store.design(identifier)


def test_what_a_curve_lacks_is_kept_until_a_whole_one_comes(store: DesignStore) -> None:
    whole = evaluation(1)
    assert whole.curve is not None
    partial = replace(whole, curve=AreaDelayCurve(whole.curve.points[2:], (Loss("area c300", "no end", True),)))
    assert store.record(partial, "train")
    assert store.design(whole.key).reason == "no netlist for area c300: no end"
    assert store.failures() == {}
    assert store.record(whole, "train")
    assert not store.record(partial, "train")
    design = store.design(whole.key)
    assert (design.reason, design.points) == ("", whole.curve.points)
