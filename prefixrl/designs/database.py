"""The design store's SQLite file: tables, version, making and opening it.

Version 1.

- `meta(name, value)`: the `DesignContext` as JSON, one row per field
- `designs`: one row per evaluation key; `number` rises in the order of arrival; blobs as in `prefixrl.designs.packing`
- `structures(name, key)`: which evaluation is that of which classical structure
"""

from __future__ import annotations

import json
import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, fields
from pathlib import Path

from prefixrl.designs.records import DesignContext
from prefixrl.errors import InputError

BUSY_TIMEOUT_S = 30.0
SCHEMA_VERSION = 1
APPLICATION_ID = 0x50465852
"""ASCII "PFXR", in SQLite's header field for it: tells a design store from any other SQLite file."""

OK, FAILED = 0, 1

# `points` comes before `graph`, so that reading all points never follows the overflow pages of wide graphs.
TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE structures (name TEXT PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE designs (
    number INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    status INTEGER NOT NULL,
    points BLOB NOT NULL,
    size INTEGER NOT NULL,
    depth INTEGER NOT NULL,
    max_fanout INTEGER NOT NULL,
    source TEXT NOT NULL,
    step INTEGER NOT NULL,
    seconds REAL NOT NULL,
    cached INTEGER NOT NULL,
    recorded_at REAL NOT NULL,
    reason TEXT NOT NULL,
    recipes BLOB NOT NULL,
    graph BLOB NOT NULL
);
"""


@contextmanager
def damage_is_input_error(path: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"a design store must be an undamaged SQLite file of prefixrl ({error}): {path}") from None


def create_file(path: Path, context: DesignContext) -> None:
    """The empty store, complete under a temporary name first: a killed job leaves a store or none."""
    # Not a mkstemp file, which would be its owner's alone: a colleague may read the runs.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            connection.executescript(f"BEGIN;{TABLES}COMMIT;")
            rows = [(name, json.dumps(value, allow_nan=False)) for name, value in asdict(context).items()]
            connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("PRAGMA journal_mode = WAL")
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def connect(path: Path, readonly: bool) -> sqlite3.Connection:
    """Autocommitting connection, not yet configured.

    Readers of a file in write-ahead mode share locks through files beside it. Where these can be made the connection is
    one for writing even for a reader, because only such a one removes them when it closes. On a read-only medium the
    file is read as it is, which is all of it once the job has closed the store.
    """
    writable = os.access(path.parent, os.W_OK) and os.access(path, os.W_OK)
    closed = not Path(f"{path}-wal").exists()
    mode = "rw" if writable or not readonly else "ro&immutable=1" if closed else "ro"
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_S,
        check_same_thread=False,
    )


def configure(connection: sqlite3.Connection, readonly: bool) -> None:
    """Set what holds for one connection only; with `readonly` it refuses to write, however it was opened."""
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA query_only = {int(readonly)}")


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise InputError(f"a design store must be a file that prefixrl made: {path}")
    if version != SCHEMA_VERSION:
        age = "newer" if version > SCHEMA_VERSION else "older"
        raise InputError(
            f"this prefixrl reads design stores of version {SCHEMA_VERSION}, this one is {age}: {version} ({path})"
        )


def read_context(connection: sqlite3.Connection) -> DesignContext:
    stored = {name: json.loads(value) for name, value in connection.execute("SELECT name, value FROM meta")}
    # Stores made before a library could be more than a name, or an evaluator had options, do not have these.
    stored.setdefault("library", {})
    stored.setdefault("evaluator_options", {})
    return DesignContext(**{known.name: stored[known.name] for known in fields(DesignContext)})
