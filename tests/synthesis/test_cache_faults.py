"""The cache on a failing disk: never a wrong result, never an exception, one line."""

from __future__ import annotations

import logging
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefixrl.errors import InputError
from prefixrl.synthesis import cache as cache_module
from prefixrl.synthesis import cache_file
from prefixrl.synthesis.cache import CachedResult, CacheStatistics, EvaluationCache
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint

ENTRIES = 200


def result(number: int) -> CachedResult:
    if number % 10 == 9:
        return CachedResult(None, f"reason {number}", 0.5 + number)
    points = (CurvePoint(0.1 + number, 100.0 + number, "area b12 q450"), CurvePoint(0.2 + number, 50.0, "area"))
    return CachedResult(AreaDelayCurve(points), None, 0.25 * number)


TRUTH = {f"key {number}": result(number) for number in range(ENTRIES)}


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with everything in it, nothing beside it."""
    path = tmp_path_factory.mktemp("healthy") / "cache.sqlite"
    filled(path).close()
    return path


@pytest.fixture(autouse=True)
def one_line_each(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.WARNING)
    yield
    assert all("\n" not in record.getMessage() for record in caplog.get_records("call"))


def filled(path: Path) -> EvaluationCache:
    cache = EvaluationCache(path)
    for key, value in TRUTH.items():
        cache.put(key, value)
    return cache


def still_true(cache: EvaluationCache) -> int:
    """Check that nothing wrong is served, together and one by one; returns how much is still served."""
    found = cache.get_many(TRUTH)
    assert all(value == TRUTH[key] for key, value in found.items())
    for key in random.Random(0).sample(sorted(TRUTH), 5):
        assert cache.get(key) in (None, TRUTH[key])
    return len(found)


def still_works(cache: EvaluationCache) -> None:
    cache.put("new", result(1))
    cache.put("new", result(1))
    assert cache.get("new") in (None, result(1))
    cache.close()


def test_flipped_bits_are_never_served(healthy: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = healthy.read_bytes()
    generator = random.Random(1)
    positions = [*range(40), *(generator.randrange(len(data)) for _ in range(100))]
    served = []
    for number, position in enumerate(positions):
        path = tmp_path / f"{number}" / "cache.sqlite"
        path.parent.mkdir()
        broken = bytearray(data)
        broken[position] ^= 1 << generator.randrange(8)
        path.write_bytes(broken)
        before = len(caplog.records)
        cache = EvaluationCache(path)
        served.append(still_true(cache))
        if number % 4 == 0:
            check = cache.verify()
            assert check.entries == still_true(cache) == len(cache)
        still_works(cache)
        assert len(caplog.records) - before <= 1
        shutil.rmtree(path.parent)
    assert sum(served) > 0.7 * len(positions) * ENTRIES
    assert min(served) < ENTRIES, "no flip hit a row: the test tests nothing"


def test_flipped_bits_in_the_log_that_sqlite_keeps_beside_it(tmp_path: Path) -> None:
    cache = filled(tmp_path / "cache.sqlite")
    log = (tmp_path / "cache.sqlite-wal").read_bytes()
    database = (tmp_path / "cache.sqlite").read_bytes()
    cache.close()
    assert len(log) > 10_000
    generator = random.Random(2)
    for number in range(60):
        path = tmp_path / f"{number}.sqlite"
        broken = bytearray(log)
        broken[generator.randrange(len(log))] ^= 1 << generator.randrange(8)
        path.write_bytes(database)
        Path(f"{path}-wal").write_bytes(broken)
        damaged = EvaluationCache(path)
        still_true(damaged)
        still_works(damaged)


def test_truncated_file_at_any_length(healthy: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = healthy.read_bytes()
    generator = random.Random(3)
    lengths = [0, 1, 15, 16, 99, 100, 101, 4095, 4096, 4097, 8192, len(data) - 1, len(data) - 4096]
    for number, length in enumerate([*lengths, *(generator.randrange(len(data)) for _ in range(40))]):
        path = tmp_path / f"{number}.sqlite"
        path.write_bytes(data[:length])
        before = len(caplog.records)
        cache = EvaluationCache(path)
        still_true(cache)
        if number % 3 == 0:
            check = cache.verify()
            assert check.entries == still_true(cache)
        still_works(cache)
        assert len(caplog.records) - before <= 1


def test_verify_drops_what_is_damaged_and_says_how_many(healthy: Path, tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    shutil.copy(healthy, path)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE evaluations SET value = replace(value, 'area', 'arex') WHERE key LIKE 'key 1_'")
        database.execute("UPDATE evaluations SET seconds = seconds + 1 WHERE key = 'key 5'")
    database.close()
    cache = EvaluationCache(path)
    check = cache.verify()
    assert (check.entries, check.dropped, check.rebuilt) == (ENTRIES - 10, 10, False)
    assert cache.verify().to_json() == {"entries": ENTRIES - 10, "dropped": 0, "rebuilt": False}
    assert still_true(cache) == ENTRIES - 10


def test_verify_mends_a_file_whose_structure_is_damaged(healthy: Path, tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    data = bytearray(healthy.read_bytes())
    pages = len(data) // 4096
    data[4096 * (pages // 2) : 4096 * (pages // 2) + 200] = b"\xa5" * 200
    path.write_bytes(data)
    cache = EvaluationCache(path)
    check = cache.verify()
    assert check.rebuilt
    assert 0.5 * ENTRIES < check.entries < ENTRIES
    assert still_true(cache) == check.entries
    assert len(cache.stat().set_aside) == 1
    assert cache.verify().rebuilt is False
    still_works(cache)
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "cache.sqlite",
        "cache.sqlite.damaged",
        "cache.sqlite.lock",
    ]


def test_statistics_and_clear(healthy: Path, tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    shutil.copy(healthy, path)
    (tmp_path / "cache.sqlite.damaged").write_text("x")
    cache = EvaluationCache(path, limit_mib=7)
    statistics = cache.stat()
    assert isinstance(statistics, CacheStatistics)
    assert (statistics.entries, statistics.failures, statistics.state) == (ENTRIES, ENTRIES // 10, "file")
    assert statistics.evaluation_seconds == pytest.approx(sum(each.seconds for each in TRUTH.values()))
    assert statistics.limit_bytes == 7 * 2**20
    assert statistics.size_bytes >= path.stat().st_size > 0
    assert statistics.to_json()["set_aside"] == [f"{path}.damaged"]
    assert cache.clear() == ENTRIES
    assert (len(cache), cache.stat().set_aside) == (0, ())
    cache.close()
    assert path.stat().st_size < 20_000
    assert cache.get("key 1") is None
    cache.put("key 1", result(1))


def test_what_was_used_longest_ago_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cache.sqlite"
    clock = [1_000_000.0]
    monkeypatch.setattr(cache_file.time, "time", lambda: clock[0])
    cache = EvaluationCache(path, limit_mib=1)
    keys = [f"key {number:05}" for number in range(5000)]
    for number, key in enumerate(keys):
        clock[0] += 60
        cache.put(key, CachedResult(None, key * 30, 1.0))
        if number > 100 and number % 20 == 0:
            assert cache.get_many(keys[:100]).keys() == set(keys[:100]), number
            if number % 500 == 0:
                cache._flush_uses()
    found = cache.get_many(keys)
    assert 1000 < len(found) < 4000
    assert set(keys[:100]) < set(found)
    assert set(keys[-1000:]) < set(found)
    assert found.keys().isdisjoint(keys[200:1000])
    cache.close()
    assert path.stat().st_size < 1.3 * 2**20
    assert EvaluationCache(path).verify().dropped == 0


def test_limit_must_be_a_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for value in ("0", "-1", "many", "1.5"):
        monkeypatch.setenv("PREFIXRL_CACHE_MIB", value)
        with pytest.raises(InputError, match=f"size limit.*: '{value}'$"):
            EvaluationCache(tmp_path / "c.sqlite")
    monkeypatch.setenv("PREFIXRL_CACHE_MIB", "3")
    assert EvaluationCache(tmp_path / "c.sqlite").limit_bytes == 3 * 2**20


def test_later_version_is_passed_by_untouched(healthy: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "cache.sqlite"
    shutil.copy(healthy, path)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    before = path.read_bytes()
    cache = EvaluationCache(path)
    assert cache.state == "memory"
    assert cache.get("key 1") is None
    still_works(cache)
    assert path.read_bytes() == before
    assert len(caplog.records) == 1


def test_lock_that_is_never_given_back(
    healthy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cache_file, "BUSY_TIMEOUT_S", 0.1)
    path = tmp_path / "cache.sqlite"
    shutil.copy(healthy, path)
    cache = EvaluationCache(path)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    begin = time.monotonic()
    for _ in range(100):
        cache.put("new", result(1))
    assert still_true(cache) == ENTRIES, "readers of a file in WAL mode need not wait"
    assert time.monotonic() - begin < 2
    assert len(caplog.records) == 1
    holder.execute("ROLLBACK")
    holder.close()
    monkeypatch.setattr(cache_module.time, "monotonic", lambda: begin + 3600)
    cache.put("new", result(1))
    assert cache.get("new") == result(1)


@pytest.mark.parametrize("place", ["a folder in its place", "a file in the folder's place", "a link to itself"])
def test_path_that_cannot_be_a_file(place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "cache.sqlite"
    if place.startswith("a folder"):
        path.mkdir()
    elif place.startswith("a file"):
        path.write_text("")
        path = path / "cache.sqlite"
    else:
        path.symlink_to(path)
    cache = EvaluationCache(path)
    cache.put("a", result(1))
    assert (cache.get("a"), cache.state) == (result(1), "memory")
    assert cache.verify().entries == 1
    still_works(cache)
    assert len(caplog.records) == 1


def test_file_that_is_removed_while_it_is_open(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    cache = filled(path)
    for each in tmp_path.iterdir():
        each.unlink()
    for number in range(200):
        cache.put(f"later {number}", result(number))
    assert len(EvaluationCache(path)) > 100


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mount.returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk(small_disk: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    path = small_disk / "cache.sqlite"
    cache = EvaluationCache(path)
    kept = 0
    for number in range(2000):
        cache.put(f"key {number}", result(number))
    for number in range(2000):
        found = cache.get(f"key {number}")
        assert found in (None, result(number))
        kept += found is not None
    assert kept > 20, "what was written before the disk was full is still served"
    assert len(caplog.records) == 1
    cache.close()
    again = EvaluationCache(path)
    assert again.get("key 1") in (None, result(1))
    again.clear()
    later = time.monotonic() + 3600
    monkeypatch.setattr(cache_module.time, "monotonic", lambda: later)
    again.put("key 1", result(1))
    assert again.get("key 1") == result(1), "a disk that has room again is used again"


def test_full_disk_from_the_start(small_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(OSError, match="No space"):
        (small_disk / "ballast").write_bytes(b"x" * 2**20)
    cache = EvaluationCache(small_disk / "cache.sqlite")
    cache.put("a", result(1))
    assert cache.get("a") in (None, result(1))
    still_works(cache)
    assert len(caplog.records) == 1


def test_file_that_may_not_grow(tmp_path: Path) -> None:
    """A quota: the kernel refuses to let the file grow."""
    script = (
        "import resource, sys\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from test_cache_faults import result\n"
        "from prefixrl.synthesis.cache import EvaluationCache\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "cache = EvaluationCache(sys.argv[1])\n"
        "for number in range(1000):\n"
        "    cache.put(f'key {number}', result(number))\n"
        "found = cache.get_many(f'key {number}' for number in range(1000))\n"
        "assert all(found[f'key {number}'] == result(number) for number in range(1000) if f'key {number}' in found)\n"
        "print(len(found))\n"
    )
    path = tmp_path / "cache.sqlite"
    done = subprocess.run(
        [sys.executable, "-c", script, str(path), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert 10 < int(done.stdout) < 1000
    assert EvaluationCache(path).verify().dropped == 0


def test_read_only_folder(small_disk: Path, healthy: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = small_disk / "cache.sqlite"
    shutil.copy(healthy, path)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    cache = EvaluationCache(path)
    assert cache.state == "read-only"
    assert still_true(cache) == ENTRIES, "what is there is served"
    cache.put("new", result(1))
    assert cache.get("new") is None
    assert cache.stat().entries == ENTRIES
    assert cache.verify().entries == ENTRIES
    assert cache.clear() == 0
    assert len(caplog.records) == 1
    empty = EvaluationCache(small_disk / "other.sqlite")
    empty.put("a", result(1))
    assert empty.get("a") == result(1)
    assert len(caplog.records) == 2
    cache.close()


WRITER = """
import random, sys
sys.path.insert(0, sys.argv[2])
from test_cache_faults import TRUTH
from prefixrl.synthesis.cache import EvaluationCache
cache = EvaluationCache(sys.argv[1])
generator = random.Random(int(sys.argv[3]))
for round in range(int(sys.argv[4])):
    for key in generator.sample(sorted(TRUTH), len(TRUTH)):
        found = cache.get(key)
        assert found in (None, TRUTH[key])
        cache.put(key, TRUTH[key])
    print(round, flush=True)
"""


def writers(path: Path, rounds: int) -> list[subprocess.Popen[str]]:
    folder = str(Path(__file__).parent)
    return [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), folder, str(seed), str(rounds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(3)
    ]


def test_several_processes_write_the_same_keys(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    started = writers(path, rounds=3)
    for writer in started:
        output, errors = writer.communicate(timeout=120)
        assert (writer.returncode, output.split(), errors) == (0, ["0", "1", "2"], "")
    cache = EvaluationCache(path)
    assert still_true(cache) == len(cache) == ENTRIES
    assert cache.verify().to_json() == {"entries": ENTRIES, "dropped": 0, "rebuilt": False}


def test_writers_that_are_killed_leave_a_healthy_file(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    for _ in range(2):
        started = writers(path, rounds=10_000)
        for number, writer in enumerate(started):
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.013 * number)
            writer.send_signal(signal.SIGKILL)
        for writer in started:
            writer.communicate()
    cache = EvaluationCache(path)
    assert still_true(cache) == ENTRIES
    assert cache.verify().dropped == 0
