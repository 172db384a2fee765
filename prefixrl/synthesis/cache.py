"""The cache of evaluations on disk: shared by processes, safe against being killed, never fatal, never wrong.

One SQLite file in WAL mode. Every row carries a digest of itself; a row that does not match it is dropped, a file
that SQLite cannot read is moved aside. When the file cannot be used at all, the cache lives in memory for this process.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from prefixrl.errors import InputError
from prefixrl.synthesis.curve import AreaDelayCurve
from prefixrl.synthesis.paths import cache_folder

logger = logging.getLogger("prefixrl.cache")

_BUSY_TIMEOUT_S = 30.0
# SQLite's limit on parameters of one statement was 999 for long.
_KEYS_AT_ONCE = 500
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS evaluations "
    "(key TEXT PRIMARY KEY, value TEXT NOT NULL, digest BLOB NOT NULL, seconds REAL)"
)

Answer = TypeVar("Answer")
Row = tuple[str, object, object, object]


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


class EvaluationCache:
    """Evaluations by their keys (see `evaluator.evaluation_key`).

    :param path: the SQLite file; None for `evaluations.sqlite` in the cache folder
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = Path(path) if path is not None else cache_folder() / "evaluations.sqlite"
        self._lock = threading.RLock()
        self._warned = False
        self._owner = os.getpid()
        self._connection = self._open()

    def get(self, key: str) -> CachedResult | None:
        """The evaluation of that key, None when it is not there (or cannot be believed)."""
        return self.get_many([key]).get(key)

    def get_many(self, keys: Iterable[str]) -> dict[str, CachedResult]:
        """The evaluations that are there, by their keys."""
        wanted = list(dict.fromkeys(keys))
        found: dict[str, CachedResult] = {}
        for start in range(0, len(wanted), _KEYS_AT_ONCE):
            part = wanted[start : start + _KEYS_AT_ONCE]
            nothing: list[Row] = []
            for row in self._attempt(functools.partial(_select, keys=part), nothing):
                result = self._believed(*row)
                if result is not None:
                    found[row[0]] = result
        return found

    def put(self, key: str, result: CachedResult) -> None:
        """Keep an evaluation; it survives a SIGKILL that comes after the return."""
        text = result.to_text()
        row = (key, text, _digest(key, text), result.seconds)
        self._attempt(lambda db: db.execute("INSERT OR REPLACE INTO evaluations VALUES (?, ?, ?, ?)", row), None)

    def __len__(self) -> int:
        return int(self._attempt(lambda db: db.execute("SELECT count(*) FROM evaluations").fetchone()[0], 0))

    def close(self) -> None:
        """Close the file; the cache cannot be used afterwards."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def _believed(self, key: str, text: object, digest: object, seconds: object) -> CachedResult | None:
        if isinstance(text, str) and digest == _digest(key, text):
            with contextlib.suppress(InputError):
                return CachedResult.from_text(text, float(seconds) if isinstance(seconds, int | float) else 0.0)
        self._warn(f"a damaged entry of the evaluation cache is dropped: {self.path}")
        self._attempt(lambda db: db.execute("DELETE FROM evaluations WHERE key = ?", (key,)), None)
        return None

    def _attempt(self, work: Callable[[sqlite3.Connection], Answer], otherwise: Answer) -> Answer:
        """Do something with the file; when it fails, mend what can be mended and answer `otherwise`."""
        with self._lock:
            if os.getpid() != self._owner:
                # A connection must not be carried over a fork.
                self._owner, self._connection = os.getpid(), self._open()
            try:
                return work(self._connection)
            except sqlite3.OperationalError as error:
                self._warn(f"the evaluation cache could not be used ({error}): {self.path}")
                if "locked" not in str(error) and "busy" not in str(error):
                    self._connection = _in_memory()
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                self._set_aside(error)
                self._connection = self._open()
            return otherwise

    def _open(self) -> sqlite3.Connection:
        """The file; an unreadable one is set aside first; memory where there can be no file."""
        for _ in range(2):
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                return _connected(self.path)
            except (sqlite3.OperationalError, OSError) as error:
                self._warn(f"the evaluation cache cannot be opened and is kept in memory ({error}): {self.path}")
                return _in_memory()
            except sqlite3.DatabaseError as error:
                self._set_aside(error)
        return _in_memory()

    def _set_aside(self, error: Exception) -> None:
        aside = self.path.with_name(f"{self.path.name}.damaged-{time.time_ns()}")
        self._warn(f"the evaluation cache is damaged ({error}) and set aside as {aside.name}: {self.path}")
        with contextlib.suppress(sqlite3.Error, AttributeError):
            self._connection.close()
        with contextlib.suppress(OSError):
            os.replace(self.path, aside)
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(OSError):
                os.unlink(f"{self.path}{suffix}")

    def _warn(self, message: str) -> None:
        """One line per cache and process: a broken disk must not flood the log of a long job."""
        if not self._warned:
            self._warned = True
            logger.warning("%s", message)


def _connected(path: Path) -> sqlite3.Connection:
    # Autocommit: a row is durable against the death of the process as soon as `execute` returns.
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(_SCHEMA)
        connection.execute("SELECT key, value, digest, seconds FROM evaluations LIMIT 1").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _select(connection: sqlite3.Connection, keys: list[str]) -> list[Row]:
    marks = ",".join("?" * len(keys))
    query = f"SELECT key, value, digest, seconds FROM evaluations WHERE key IN ({marks})"
    return connection.execute(query, keys).fetchall()


def _in_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.execute(_SCHEMA)
    return connection


def _digest(key: str, text: str) -> bytes:
    return hashlib.sha256(f"{key}\n{text}".encode()).digest()
