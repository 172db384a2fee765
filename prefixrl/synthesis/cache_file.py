"""The SQLite file behind the cache: how it is opened, what a row is, how rows are dropped and the file mended.

Every row carries a digest of itself. What SQLite or the disk may do to a row is therefore seen when it is read, and
everything here may fail with `sqlite3.Error`: whoever calls decides what that means.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from prefixrl.errors import InputError
from prefixrl.synthesis.curve import AreaDelayCurve

SCHEMA_VERSION = 2
"""Kept in the file's `user_version`; rises with every change of the columns or of the digest."""

# How long an operation may wait for another process's write, which takes milliseconds.
BUSY_TIMEOUT_S = 5.0
# SQLite's limit on parameters of one statement was 999 for long.
KEYS_AT_ONCE = 500
_SCHEMA = (
    "CREATE TABLE evaluations (key TEXT PRIMARY KEY, value TEXT NOT NULL, seconds REAL NOT NULL, "
    "digest BLOB NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID"
)
_COLUMNS = "key, value, seconds, digest, used"
_SIDE_FILE_BYTES = 8 * 2**20
_SWITCH_ATTEMPTS = 20

Row = tuple[Any, ...]


class NewerSchema(Exception):
    """The file was written by a later version of this program."""


@dataclass(frozen=True)
class CachedResult:
    """One evaluation as it is kept: a curve, or the reason why there is none.

    :param curve: None for a failure
    :param failure: None for a success
    :param seconds: what it took when it was evaluated
    """

    curve: AreaDelayCurve | None
    failure: str | None
    seconds: float

    def to_text(self) -> str:
        """As JSON, without the seconds."""
        return json.dumps({"curve": self.curve.to_json() if self.curve else None, "failure": self.failure})

    @classmethod
    def from_text(cls, text: str, seconds: float) -> CachedResult:
        """What `to_text` wrote.

        :raises InputError: it is something else
        """
        try:
            data = json.loads(text)
            curve = AreaDelayCurve.from_json(data["curve"]) if data["curve"] is not None else None
            return cls(curve, data["failure"], seconds)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"a cached evaluation must be a curve or a failure: {text!r:.80}") from error


def row_of(key: str, result: CachedResult) -> Row:
    """The row that keeps a result."""
    text = result.to_text()
    seconds = float(result.seconds) if math.isfinite(result.seconds) else 0.0
    return key, text, seconds, _digest(key, text, seconds), int(time.time())


def believed(row: Row) -> CachedResult | None:
    """What a row says, None where its digest does not bear it out."""
    key, text, seconds, digest, _ = row
    if isinstance(key, str) and isinstance(text, str) and isinstance(seconds, float):
        with contextlib.suppress(InputError):
            if digest == _digest(key, text, seconds):
                return CachedResult.from_text(text, seconds)
    return None


def _digest(key: str, text: str, seconds: float) -> bytes:
    return hashlib.sha256(f"{key}\n{seconds!r}\n{text}".encode("utf-8", "surrogatepass")).digest()


def open_file(path: Path) -> sqlite3.Connection:
    """Open or create the file for reading and writing.

    :raises sqlite3.OperationalError: it cannot be opened, or is locked
    :raises sqlite3.DatabaseError: it is damaged, or not ours
    :raises NewerSchema: it is of a later version
    """
    # Autocommit: a row is durable against the death of the process as soon as `execute` returns.
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        _check_version(connection)
        if not _has_tables(connection):
            # Can only be set before there is anything in the file.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        _switch_to_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {_SIDE_FILE_BYTES}")
        return _with_table(connection)
    except BaseException:
        connection.close()
        raise


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Two processes that switch a new file at once get in each other's way, and SQLite does not wait then."""
    for attempt in range(_SWITCH_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not is_locked(error) or attempt == _SWITCH_ATTEMPTS - 1:
                raise
            time.sleep(0.05)


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open a file in a folder where nothing can be written.

    :raises sqlite3.Error: there is none, or it is damaged or not ours
    :raises NewerSchema: it is of a later version
    """
    uri = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        return _with_table(connection)
    except BaseException:
        connection.close()
        raise


def open_memory() -> sqlite3.Connection:
    """A cache that ends with this process."""
    return _with_table(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False))


def _with_table(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Make the table in an empty file; check whose it is in any other."""
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    if _version(connection) == 0 and not _has_tables(connection):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if not _has_tables(connection):  # no other process was quicker
                connection.execute(_SCHEMA)
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
    _check_version(connection)
    try:
        connection.execute(f"SELECT {_COLUMNS} FROM evaluations LIMIT 1").fetchall()
    except sqlite3.OperationalError as error:
        if primary_code(error) != sqlite3.SQLITE_ERROR:
            raise
        raise sqlite3.DatabaseError(str(error)) from error
    return connection


def _check_version(connection: sqlite3.Connection) -> None:
    version = _version(connection)
    if version > SCHEMA_VERSION:
        raise NewerSchema(f"it is of version {version}, this program knows {SCHEMA_VERSION}")
    if version < SCHEMA_VERSION and _has_tables(connection):
        raise sqlite3.DatabaseError(f"it is of version {version}, not {SCHEMA_VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _has_tables(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's error number without its details; -1 where the error is not SQLite's own."""
    code = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else int(code) & 0xFF


def is_locked(error: sqlite3.Error) -> bool:
    """Whether another process was in the way."""
    return primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def select(connection: sqlite3.Connection, keys: list[str]) -> list[Row]:
    """The rows of at most `KEYS_AT_ONCE` keys."""
    marks = ",".join("?" * len(keys))
    return connection.execute(f"SELECT {_COLUMNS} FROM evaluations WHERE key IN ({marks})", keys).fetchall()


def insert(connection: sqlite3.Connection, row: Row) -> None:
    """Keep a row, in place of one of the same key."""
    connection.execute("INSERT OR REPLACE INTO evaluations VALUES (?, ?, ?, ?, ?)", row)


def touch(connection: sqlite3.Connection, keys: Iterable[str]) -> None:
    """Note that these keys were used now."""
    now = int(time.time())
    with transaction(connection):
        connection.executemany("UPDATE evaluations SET used = ? WHERE key = ?", [(now, key) for key in keys])


def delete(connection: sqlite3.Connection, keys: list[str]) -> None:
    """Drop rows; other processes get their turn every so often."""
    for start in range(0, len(keys), KEYS_AT_ONCE):
        with transaction(connection):
            part = [(key,) for key in keys[start : start + KEYS_AT_ONCE]]
            connection.executemany("DELETE FROM evaluations WHERE key = ?", part)


def rows(connection: sqlite3.Connection, backwards: bool = False) -> Iterator[Row]:
    """All rows by key."""
    yield from connection.execute(f"SELECT {_COLUMNS} FROM evaluations ORDER BY key {'DESC' if backwards else 'ASC'}")


def count(connection: sqlite3.Connection) -> int:
    """Number of rows; reads the whole file."""
    return int(connection.execute("SELECT count(*) FROM evaluations").fetchone()[0])


def used_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something; reads its first page only."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def evict(connection: sqlite3.Connection, limit_bytes: int) -> int:
    """Drop the rows that were used longest ago until the file holds at most `limit_bytes`, about; returns how many."""
    used = used_bytes(connection)
    if used <= limit_bytes:
        return 0
    wanted = math.ceil(count(connection) * (1 - limit_bytes / used))
    keys = [row[0] for row in connection.execute("SELECT key FROM evaluations ORDER BY used LIMIT ?", (wanted,))]
    delete(connection, keys)
    shrink(connection)
    return len(keys)


def shrink(connection: sqlite3.Connection) -> None:
    """Give free pages back to the disk, as far as other processes let us."""
    with contextlib.suppress(sqlite3.OperationalError):
        # `execute` would stop after the first page.
        connection.executescript("PRAGMA incremental_vacuum")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def integrity(connection: sqlite3.Connection) -> bool:
    """Whether SQLite finds its own structures in order; reads the whole file."""
    try:
        return [row[0] for row in connection.execute("PRAGMA integrity_check(1)")] == ["ok"]
    except sqlite3.DatabaseError:
        return False


def salvage(connection: sqlite3.Connection, target: Path) -> tuple[int, int]:
    """Copy the rows that can be read and believed into a new file; those before the damage and those behind it.

    :returns: how many were copied, how many were read but not believed
    """
    remove(target)
    copied, dropped = 0, 0
    fresh = open_file(target)
    try:
        for backwards in (False, True):
            batch: list[Row] = []
            with contextlib.suppress(sqlite3.DatabaseError):
                for row in rows(connection, backwards):
                    if believed(row) is None:
                        dropped += 1
                        continue
                    batch.append(row)
                    if len(batch) >= KEYS_AT_ONCE:
                        _insert_all(fresh, batch)
                        batch = []
            _insert_all(fresh, batch)
        copied = count(fresh)
        shrink(fresh)
    finally:
        fresh.close()
    return copied, dropped


def _insert_all(connection: sqlite3.Connection, batch: list[Row]) -> None:
    with transaction(connection):
        connection.executemany("INSERT OR REPLACE INTO evaluations VALUES (?, ?, ?, ?, ?)", batch)


def remove(path: Path) -> None:
    """Delete a cache file with what SQLite keeps beside it."""
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(OSError):
            os.unlink(f"{path}{suffix}")


@contextlib.contextmanager
def file_lock(path: Path) -> Iterator[bool]:
    """Hold the lock on replacing or evicting the file; yields whether we have it, does not wait for it.

    Where files cannot be locked, everyone has it: at worst the same is done twice.
    """
    try:
        import fcntl

        descriptor = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR, 0o666)
    except (ImportError, OSError):
        yield True
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
