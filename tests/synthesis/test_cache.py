"""The cache on disk: durable, shared, never wrong, never fatal."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from prefixrl.synthesis.cache import CachedResult, EvaluationCache
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint

WRITER = """
import sys
from prefixrl.synthesis.cache import CachedResult, EvaluationCache
cache = EvaluationCache(sys.argv[1])
for number in range(1000000):
    cache.put(f"{sys.argv[2]}-{number}", CachedResult(None, f"reason {number}", 0.5))
    print(number, flush=True)
"""


def result(area: float = 100.0) -> CachedResult:
    return CachedResult(
        AreaDelayCurve((CurvePoint(0.3, area, "area b12"), CurvePoint(0.4, area / 2, "area"))), None, 1.5
    )


def test_results_and_failures_come_back(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "cache.sqlite"
    cache = EvaluationCache(path)
    failure = CachedResult(None, "cannot be mapped", 0.1)
    cache.put("a", result())
    cache.put("b", failure)
    cache.close()
    again = EvaluationCache(path)
    assert again.get("a") == result()
    assert again.get("b") == failure
    assert again.get("c") is None
    assert again.get_many(["c", "b", "a", "a"]) == {"a": result(), "b": failure}
    assert len(again) == 2


def test_many_keys_at_once(tmp_path: Path) -> None:
    cache = EvaluationCache(tmp_path / "cache.sqlite")
    for number in range(0, 1300, 2):
        cache.put(str(number), result(number + 1.0))
    assert len(cache.get_many(str(number) for number in range(1300))) == 650


def test_default_place_follows_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFIXRL_CACHE", str(tmp_path / "mine"))
    assert EvaluationCache().path == tmp_path / "mine" / "evaluations.sqlite"
    monkeypatch.delenv("PREFIXRL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert EvaluationCache().path == tmp_path / "xdg" / "prefixrl" / "evaluations.sqlite"


def test_kill_in_the_middle_of_writing_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    for attempt in range(4):
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(path), f"{attempt}{name}"], stdout=subprocess.PIPE, text=True
            )
            for name in "xy"
        ]
        acknowledged = []
        for writer in writers:
            assert writer.stdout is not None
            for _ in range(50 + 37 * attempt):
                writer.stdout.readline()
            os.kill(writer.pid, signal.SIGKILL)
            acknowledged.append([int(line) for line in writer.stdout.read().split()][-1:])
            writer.stdout.close()
            writer.wait()
        cache = EvaluationCache(path)
        for name, last in zip("xy", acknowledged, strict=True):
            count = (last[0] if last else 49 + 37 * attempt) + 1
            keys = [f"{attempt}{name}-{number}" for number in range(count)]
            found = cache.get_many(keys)
            assert {key: value.failure for key, value in found.items()} == {
                key: f"reason {number}" for number, key in enumerate(keys)
            }
        cache.close()


def test_threads_share_one_cache(tmp_path: Path) -> None:
    cache = EvaluationCache(tmp_path / "cache.sqlite")

    def write(name: str) -> None:
        for number in range(50):
            cache.put(f"{name}{number}", result())
            assert cache.get(f"{name}{number}") == result()

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache) == 200


@pytest.mark.parametrize("column", ["value", "digest"])
def test_changed_row_is_dropped_with_one_line(column: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "cache.sqlite"
    cache = EvaluationCache(path)
    for key in ("a", "b", "c"):
        cache.put(key, result())
    with sqlite3.connect(path) as database:
        change = "replace(value, '100', '101')" if column == "value" else "x'00'"
        database.execute(f"UPDATE evaluations SET {column} = {change} WHERE key != 'c'")
    database.close()
    assert cache.get_many(["a", "b", "c"]) == {"c": result()}
    assert len(cache) == 1
    assert len(caplog.records) == 1
    cache.put("a", result())
    assert cache.get("a") == result()


@pytest.mark.parametrize("damage", ["garbage", "truncated", "flipped"])
def test_damaged_file_is_never_served_and_never_fatal(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cache.sqlite"
    cache = EvaluationCache(path)
    for number in range(300):
        cache.put(f"key {number}", result(number + 1.0))
    cache.close()
    data = bytearray(path.read_bytes())
    if damage == "garbage":
        data = bytearray(b"not a database " * 1000)
    elif damage == "truncated":
        data = data[: len(data) // 2 + 100]
    else:
        for position in range(0, len(data), 97):
            data[position] ^= 0x40
    path.write_bytes(data)
    caplog.set_level(logging.WARNING)
    damaged = EvaluationCache(path)
    for number in range(300):
        assert damaged.get(f"key {number}") in (None, result(number + 1.0))
    damaged.put("new", result(7.0))
    damaged.put("new", result(7.0))
    assert damaged.get("new") == result(7.0)
    assert len(caplog.records) == 1
    damaged.close()


def test_file_that_breaks_while_it_is_open(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "cache.sqlite"
    cache = EvaluationCache(path)
    for number in range(300):
        cache.put(f"key {number}", result(number + 1.0))
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    path.write_bytes(b"\xff" * path.stat().st_size)
    for number in range(300):
        assert cache.get(f"key {number}") in (None, result(number + 1.0))
    cache.put("new", result(7.0))
    cache.put("new", result(7.0))
    assert cache.get("new") == result(7.0)
    assert len(caplog.records) <= 1


def test_folder_that_cannot_be_written_leaves_a_cache_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    cache = EvaluationCache(blocker / "cache.sqlite")
    cache.put("a", result())
    assert cache.get("a") == result()
    assert len(caplog.records) == 1


def test_row_of_another_shape_is_a_miss(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE evaluations (other INTEGER)")
    database.close()
    cache = EvaluationCache(path)
    assert cache.get("a") is None
    cache.put("a", result())
    assert cache.get("a") == result()
