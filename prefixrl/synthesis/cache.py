"""The cache of evaluations on disk: shared by processes, safe against being killed, never fatal, never wrong.

One SQLite file in WAL mode (see `cache_file`). A row that does not match its digest is dropped, a file that SQLite
cannot read is moved aside. When the file cannot be used at all, the cache lives in memory for a while and tries the
file again later. What is wrong is said in one line, once for each process.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from prefixrl.errors import InputError
from prefixrl.paths import cache_folder
from prefixrl.synthesis import cache_file
from prefixrl.synthesis.cache_file import CachedResult, NewerSchema

__all__ = ["CacheCheck", "CacheStatistics", "CachedResult", "EvaluationCache"]

logger = logging.getLogger("prefixrl.cache")

LIMIT_VARIABLE = "PREFIXRL_CACHE_MIB"
DEFAULT_LIMIT_MIB = 4096
"""About four million evaluations of a dozen points."""
# What cannot be used now (a lock that someone holds, a full disk) is tried again after this.
_TRY_AGAIN_AFTER_S = 60.0
# Looking at the size of the file takes 50 us.
_PUTS_BETWEEN_LOOKS = 64
# Eviction reads the whole file, so it makes room for a while.
_ROOM_AFTER_EVICTION = 0.2
# Uses are noted by the hour and written together: most reads write nothing.
_USE_IS_NEWS_AFTER_S = 3600
_USES_WRITTEN_TOGETHER = 512

Answer = TypeVar("Answer")
# A connection that was open when this process was forked is the parent's; closing it here could disturb that.
_of_the_parent: list[sqlite3.Connection] = []


@dataclass(frozen=True)
class CacheStatistics:
    """What `prefixrl cache stat` prints.

    :param path: the file
    :param state: "file", or "read-only", or "memory" where the file cannot be used
    :param entries: evaluations, failures among them
    :param failures: recorded failures
    :param size_bytes: of the file and what SQLite keeps beside it
    :param limit_bytes: beyond this, what was used longest ago is dropped
    :param evaluation_seconds: what all entries took when they were evaluated
    :param set_aside: damaged files that were moved out of the way
    """

    path: str
    state: str
    entries: int
    failures: int
    size_bytes: int
    limit_bytes: int
    evaluation_seconds: float
    set_aside: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {**asdict(self), "set_aside": list(self.set_aside)}


@dataclass(frozen=True)
class CacheCheck:
    """What `verify` found.

    :param entries: evaluations that are there and bear their digests
    :param dropped: entries that did not, and are gone
    :param rebuilt: whether the file itself was damaged and was written anew from what could be read; entries in its
        unreadable parts are lost beyond `dropped`
    """

    entries: int
    dropped: int
    rebuilt: bool

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


class EvaluationCache:
    """Evaluations by their keys (see `evaluator.evaluation_key`).

    :param path: the SQLite file; None for `evaluations.sqlite` in the cache folder
    :param limit_mib: size at which what was used longest ago is dropped; None for `$PREFIXRL_CACHE_MIB`, else 4096
    :raises InputError: a limit that is no number of at least 1
    """

    def __init__(self, path: str | Path | None = None, limit_mib: int | None = None) -> None:
        self.path = Path(path) if path is not None else cache_folder() / "evaluations.sqlite"
        self.limit_bytes = _limit_mib(limit_mib) * 2**20
        self.state = "memory"
        self._lock = threading.RLock()
        self._warned = False
        self._owner = os.getpid()
        self._inode: int | None = None
        self._try_again_s = float("inf")
        self._write_again_s = 0.0
        self._puts = 0
        self._touched: set[str] = set()
        self._connection: sqlite3.Connection | None = self._open()

    def get(self, key: str) -> CachedResult | None:
        """The evaluation of that key, None when it is not there (or cannot be believed)."""
        return self.get_many([key]).get(key)

    def get_many(self, keys: Iterable[str]) -> dict[str, CachedResult]:
        """The evaluations that are there, by their keys."""
        wanted = list(dict.fromkeys(keys))
        found: dict[str, CachedResult] = {}
        damaged: list[str] = []
        for start in range(0, len(wanted), cache_file.KEYS_AT_ONCE):
            part = wanted[start : start + cache_file.KEYS_AT_ONCE]
            nothing: list[cache_file.Row] = []
            for row in self._attempt(functools.partial(cache_file.select, keys=part), nothing):
                result = cache_file.believed(row)
                if result is None:
                    damaged.append(row[0])
                elif row[0] in part:
                    found[row[0]] = result
                    self._note_use(row)
        if damaged:
            self._warn("a damaged entry of the evaluation cache is dropped")
            self._attempt(functools.partial(cache_file.delete, keys=damaged), None, writes=True)
        return found

    def put(self, key: str, result: CachedResult) -> None:
        """Keep an evaluation; it survives a SIGKILL that comes after the return."""
        row = cache_file.row_of(key, result)
        self._attempt(functools.partial(cache_file.insert, row=row), None, writes=True)
        with self._lock:
            self._puts += 1
            if self._puts % _PUTS_BETWEEN_LOOKS == 1:
                self._look_after_file()

    def __len__(self) -> int:
        return self._attempt(cache_file.count, 0)

    def stat(self) -> CacheStatistics:
        """Size and content; reads the whole file."""
        query = "SELECT count(*), coalesce(sum(value NOT LIKE '%\"failure\": null}'), 0), coalesce(sum(seconds), 0) "
        nothing = (0, 0, 0.0)
        entries, failures, seconds = self._attempt(
            lambda db: db.execute(f"{query} FROM evaluations").fetchone(), nothing
        )
        files = [Path(f"{self.path}{suffix}") for suffix in ("", "-wal", "-shm")]
        return CacheStatistics(
            path=str(self.path),
            state=self.state,
            entries=int(entries),
            failures=int(failures),
            size_bytes=sum(file.stat().st_size for file in files if file.is_file()),
            limit_bytes=self.limit_bytes,
            evaluation_seconds=float(seconds),
            set_aside=tuple(str(path) for path in [self._aside()] if path.is_file()),
        )

    def verify(self) -> CacheCheck:
        """Check every entry and the file itself; what is damaged is dropped, a damaged file is written anew."""
        with self._lock:
            self._flush_uses()
            connection = self._connection
            if connection is None:
                return CacheCheck(0, 0, False)
            try:
                if cache_file.integrity(connection):
                    damaged = [row[0] for row in cache_file.rows(connection) if cache_file.believed(row) is None]
                    if damaged and self.state == "file":
                        cache_file.delete(connection, damaged)
                    return CacheCheck(cache_file.count(connection), len(damaged), False)
            except sqlite3.OperationalError as error:
                self._fall_back(error, False)
                return CacheCheck(len(self), 0, False)
            except sqlite3.DatabaseError:
                pass
            return self._rebuild(connection)

    def clear(self) -> int:
        """Drop everything, damaged files that were set aside too; returns how many entries there were."""
        with self._lock:
            self._touched.clear()
            entries = len(self)

            def empty(connection: sqlite3.Connection) -> None:
                connection.execute("DELETE FROM evaluations")
                cache_file.shrink(connection)

            self._attempt(empty, None, writes=True)
            with contextlib.suppress(OSError):
                self._aside().unlink()
            return entries - len(self)

    def close(self) -> None:
        """Close the file; a closed cache has nothing and keeps nothing."""
        with self._lock:
            self._flush_uses()
            if self._connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.close()
            self._connection = None

    def _note_use(self, row: cache_file.Row) -> None:
        used = row[4]
        if self.state == "file" and not (isinstance(used, int) and used > time.time() - _USE_IS_NEWS_AFTER_S):
            with self._lock:
                self._touched.add(row[0])
                if len(self._touched) >= _USES_WRITTEN_TOGETHER:
                    self._flush_uses()

    def _flush_uses(self) -> None:
        if self._touched:
            touched, self._touched = self._touched, set()
            self._attempt(functools.partial(cache_file.touch, keys=touched), None, writes=True)

    def _look_after_file(self) -> None:
        """Every so many puts: is the file still there, and not too large?"""
        if self.state == "file" and _inode(self.path) != self._inode:
            # Somebody removed it or moved it aside: what we write would be lost.
            self._reopen()
        used = self._attempt(cache_file.used_bytes, 0)
        if used <= self.limit_bytes:
            return
        self._flush_uses()
        target = int(self.limit_bytes * (1 - _ROOM_AFTER_EVICTION))
        with cache_file.file_lock(self.path) if self.state == "file" else contextlib.nullcontext(True) as ours:
            if ours:
                self._attempt(functools.partial(cache_file.evict, limit_bytes=target), 0, writes=True)

    def _attempt(self, work: Callable[[sqlite3.Connection], Answer], otherwise: Answer, writes: bool = False) -> Answer:
        """Do something with the file; when it fails, mend what can be mended and answer `otherwise`."""
        with self._lock:
            if self._connection is None:
                return otherwise
            now = time.monotonic()
            if os.getpid() != self._owner:
                # A connection must not be carried over a fork.
                _of_the_parent.append(self._connection)
                self._owner, self._connection = os.getpid(), self._open()
            elif now > self._try_again_s:
                self._reopen()
            if writes and (self.state == "read-only" or (self.state == "file" and now < self._write_again_s)):
                return otherwise
            try:
                return work(self._connection)
            except sqlite3.OperationalError as error:
                self._fall_back(error, writes)
            except sqlite3.DatabaseError as error:
                self._set_aside(error)
                self._connection = self._open()
            return otherwise

    def _fall_back(self, error: sqlite3.OperationalError, writes: bool) -> None:
        """The file cannot be used for this, at least not now."""
        self._warn(f"the evaluation cache cannot be used ({error})")
        if writes and self.state == "file" and cache_file.primary_code(error) != sqlite3.SQLITE_ERROR:
            # Locked, full, read-only: it can still be read, perhaps.
            self._write_again_s = time.monotonic() + _TRY_AGAIN_AFTER_S
            return
        self._to_memory(time.monotonic() + _TRY_AGAIN_AFTER_S)

    def _to_memory(self, try_again_s: float) -> None:
        previous, self._connection = getattr(self, "_connection", None), cache_file.open_memory()
        self.state, self._try_again_s = "memory", try_again_s
        if previous is not None:
            with contextlib.suppress(sqlite3.Error):
                previous.close()

    def _reopen(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
        self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        """The file; an unreadable one is set aside first; memory where there can be no file."""
        self._try_again_s = time.monotonic() + _TRY_AGAIN_AFTER_S
        reason: Exception | None = None
        for _ in range(2):
            self._inode = _inode(self.path)
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                connection = cache_file.open_file(self.path)
                self.state, self._inode = "file", _inode(self.path)
                self._try_again_s = float("inf")
                return connection
            except NewerSchema as error:
                self._try_again_s = float("inf")
                reason = error
                break
            except (sqlite3.OperationalError, OSError) as error:
                reason = error
                with contextlib.suppress(sqlite3.Error, NewerSchema):
                    connection = cache_file.open_read_only(self.path)
                    self.state = "read-only"
                    self._warn(f"the evaluation cache can only be read ({error})")
                    return connection
                break
            except sqlite3.DatabaseError as error:
                reason = error
                self._set_aside(error)
        self._warn(f"the evaluation cache cannot be opened and is kept in memory ({reason})")
        self.state = "memory"
        return cache_file.open_memory()

    def _aside(self) -> Path:
        """Where a damaged file goes; only the last one is kept."""
        return self.path.with_name(f"{self.path.name}.damaged")

    def _set_aside(self, error: Exception) -> None:
        self._warn(f"the evaluation cache is damaged ({error}) and set aside as {self._aside().name}")
        connection = getattr(self, "_connection", None)
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        self._replace_file(None)

    def _replace_file(self, fresh: Path | None) -> None:
        """Move the file aside, and another one into its place; unless another process has just done so."""
        with cache_file.file_lock(self.path) as ours:
            if not ours or (self._inode is not None and _inode(self.path) != self._inode):
                return
            for suffix in ("-wal", "-shm"):
                with contextlib.suppress(OSError):
                    os.unlink(f"{self.path}{suffix}")
            with contextlib.suppress(OSError):
                os.replace(self.path, self._aside())
                if fresh is not None:
                    os.replace(fresh, self.path)

    def _rebuild(self, connection: sqlite3.Connection) -> CacheCheck:
        """Write a damaged file anew."""
        self._warn(f"the evaluation cache is damaged; what can be read is kept, the rest is in {self._aside().name}")
        fresh = self.path.with_name(f"{self.path.name}.rebuilt-{os.getpid()}")
        try:
            copied, dropped = cache_file.salvage(connection, fresh)
            with contextlib.suppress(sqlite3.Error):
                connection.close()
            self._replace_file(fresh)
        except (sqlite3.Error, OSError) as error:
            self._warn(f"the evaluation cache cannot be mended ({error})")
            return CacheCheck(len(self), 0, False)
        finally:
            cache_file.remove(fresh)
            self._reopen()
        return CacheCheck(copied, dropped, True)

    def _warn(self, message: str) -> None:
        """One line per cache and process: a broken disk must not flood the log of a long job."""
        if not self._warned:
            self._warned = True
            logger.warning("%s: %s", message, self.path)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _limit_mib(given: int | None) -> int:
    text = os.environ.get(LIMIT_VARIABLE) if given is None else str(given)
    if text is None or text == "":
        return DEFAULT_LIMIT_MIB
    if not text.isdecimal() or int(text) < 1:
        raise InputError(
            f"the size limit of the cache ({LIMIT_VARIABLE}) must be a number of MiB, at least 1: {text!r}"
        )
    return int(text)
