"""The design store: every evaluated design of one job, in one SQLite file that survives the job being killed.

The file is in write-ahead mode with `synchronous=NORMAL`. A committed record is then in the operating system's hands
before `record` returns, so the death of the process, by whatever signal, loses nothing that was acknowledged. Only a
crash of the whole machine could lose the last records, and even that cannot damage the file; syncing the disk for every
record would cost more than many evaluations take. Other processes read while the job writes.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from prefixrl.designs.database import (
    FAILED,
    OK,
    check_version,
    configure,
    connect,
    create_file,
    damage_is_input_error,
    read_context,
)
from prefixrl.designs.front import FrontPoint, nondominated
from prefixrl.designs.packing import (
    POINT_DTYPE,
    pack_graph,
    pack_points,
    pack_recipes,
    unpack_curve,
    unpack_graph,
    unpack_points,
)
from prefixrl.designs.records import Design, DesignContext, PointTable, front_point
from prefixrl.errors import InputError, PrefixrlError
from prefixrl.synthesis.curve import AreaDelayCurve
from prefixrl.synthesis.service import Evaluation

REASON_LENGTH = 500
KEY_DIGITS = 64
"""Hexadecimal digits of an evaluation key, which is a SHA-256."""

_COLUMNS = (
    *("key", "status", "points", "size", "depth", "max_fanout", "source", "step"),
    *("seconds", "cached", "recorded_at", "reason", "recipes", "graph"),
)

_SELECT_DESIGN = f"SELECT {', '.join(_COLUMNS)} FROM designs"

_INSERT = f"""
INSERT INTO designs ({", ".join(_COLUMNS)}) VALUES ({", ".join("?" for _ in _COLUMNS)})
ON CONFLICT (key) DO UPDATE SET
    status = excluded.status, points = excluded.points, recipes = excluded.recipes,
    source = excluded.source, step = excluded.step,
    seconds = excluded.seconds, cached = excluded.cached, recorded_at = excluded.recorded_at, reason = excluded.reason
WHERE excluded.status = {OK} AND (designs.status = {FAILED} OR (designs.reason != '' AND excluded.reason = ''))
"""


class DesignStore:
    """The designs of one job. `create` or `open` one; one object may be used by several threads."""

    def __init__(self, path: Path, connection: sqlite3.Connection, context: DesignContext) -> None:
        self.path = path
        self.context = context
        self._connection = connection
        self._lock = threading.RLock()

    @classmethod
    def create(cls, path: str | Path, context: DesignContext) -> DesignStore:
        """A new, empty store, opened for writing.

        :raises InputError: the file exists, or cannot be made
        """
        path = Path(path)
        if path.exists():
            raise InputError(f"a new design store must not exist yet: {path}")
        try:
            create_file(path, context)
        except (OSError, sqlite3.OperationalError) as error:
            raise InputError(f"a design store must be in a writable directory ({error}): {path}") from None
        return cls.open(path, readonly=False)

    @classmethod
    def open(cls, path: str | Path, *, readonly: bool = True) -> DesignStore:
        """A store that exists; for reading it may at the same time be written by its job.

        :raises InputError: there is none, it is no design store, damaged, or of a newer version
        """
        path = Path(path)
        if not path.is_file():
            raise InputError(f"a design store must be a file that exists: {path}")
        with damage_is_input_error(path):
            connection = connect(path, readonly)
            try:
                configure(connection, readonly)
                check_version(connection, path)
                context = read_context(connection)
            except BaseException:
                connection.close()
                raise
        return cls(path, connection, context)

    def close(self) -> None:
        """Close the file; the last one to close it also folds the write-ahead log into it."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> DesignStore:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def record(self, evaluation: Evaluation, source: str, step: int = 0) -> bool:
        """Keep one evaluation; when this returns, it survives the process being killed.

        An evaluation key is kept once: a second record of it changes nothing, except that a success replaces a failure,
        and a whole curve one with losses.

        :returns: whether the store changed
        :raises PrefixrlError: it could not be written (disk full, or locked for longer than 30 s)
        """
        return self.record_many([evaluation], source, step) == 1

    def record_many(self, evaluations: Iterable[Evaluation], source: str, step: int = 0) -> int:
        """As `record`, many in one transaction: all are kept or, when it raises, none.

        :returns: how many rows changed
        """
        with self._writing():
            return sum(self._insert(evaluation, source, step) for evaluation in evaluations)

    def record_classical(self, name: str, evaluation: Evaluation) -> None:
        """Keep the evaluation of a classical structure, and that it is that one's."""
        with self._writing():
            self._insert(evaluation, "classical", 0)
            self._connection.execute(
                "INSERT OR REPLACE INTO structures VALUES (?, ?)", (name, bytes.fromhex(evaluation.key))
            )

    def count(self, *, failed: bool | None = None) -> int:
        """How many designs there are; only the failed, or only the others, where `failed` says so."""
        condition = "" if failed is None else f" WHERE status = {FAILED if failed else OK}"
        return int(self._rows("SELECT COUNT(*) FROM designs" + condition)[0][0])

    def designs(self, *, source: str | None = None) -> Iterator[Design]:
        """The designs in the order of their arrival, all or those of one source."""
        condition = "" if source is None else " WHERE source = ?"
        for row in self._rows(f"{_SELECT_DESIGN}{condition} ORDER BY number", () if source is None else (source,)):
            yield self._design(row)

    def design(self, key: str) -> Design:
        """The design of one evaluation key, or of an ID (the key's beginning, with or without a point's place).

        :raises InputError: there is no such design, or more than one
        """
        digits = key.lower().partition("-")[0]
        plain = 0 < len(digits) <= KEY_DIGITS and set(digits) <= set("0123456789abcdef")
        # From the first to the last key that begins so: the index finds it without looking at every row.
        ends = tuple(bytes.fromhex(digits.ljust(KEY_DIGITS, filler)) for filler in "0f") if plain else ()
        rows = self._rows(f"{_SELECT_DESIGN} WHERE key BETWEEN ? AND ? LIMIT 2", ends) if plain else []
        if len(rows) != 1:
            raise InputError(f"a design's ID must be the beginning of exactly one evaluation key of the store: {key}")
        return self._design(rows[0])

    def sources(self) -> dict[str, int]:
        """How many designs each source proposed."""
        return dict(self._rows("SELECT source, COUNT(*) FROM designs GROUP BY source ORDER BY source"))

    def last_recorded(self) -> tuple[float, float, int]:
        """When the first and the last design came, in seconds since 1970, and the last one's step; zeros for none."""
        first = self._rows("SELECT recorded_at FROM designs ORDER BY number LIMIT 1")
        last = self._rows("SELECT recorded_at, step FROM designs ORDER BY number DESC LIMIT 1")
        return (first[0][0], *last[0]) if first else (0.0, 0.0, 0)

    def failures(self) -> dict[str, int]:
        """How many evaluations failed, by reason, the most frequent first."""
        rows = self._rows(
            f"SELECT reason, COUNT(*) AS n FROM designs WHERE status = {FAILED} GROUP BY reason ORDER BY n DESC, reason"
        )
        return dict(rows)

    def points(self) -> PointTable:
        """All points of all designs, as arrays; quick for hundreds of thousands."""
        rows = self._rows(f"SELECT number, points FROM designs WHERE status = {OK} ORDER BY number")
        with damage_is_input_error(self.path):
            blobs = [row[1] for row in rows]
            points = unpack_points(b"".join(blobs))
            lengths = np.array([len(blob) // POINT_DTYPE.itemsize for blob in blobs], dtype=np.int64)
            if lengths.sum() != len(points):
                raise ValueError("a curve of a length that is none")
        numbers = np.repeat(np.array([row[0] for row in rows], dtype=np.int64), lengths)
        starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
        place = np.arange(len(points), dtype=np.int64) - starts
        # Copies: a column of the packed blob is unaligned and holds the whole blob.
        return PointTable(numbers, place, points["delay_ns"].copy(), points["area_um2"].copy())

    def front(self) -> list[FrontPoint]:
        """The non-dominated points of all designs, classical structures included, by rising delay."""
        table = self.points()
        best = nondominated(table.delay_ns, table.area_um2)
        designs = self._designs_by_number({int(number) for number in table.design[best]})
        return [front_point(designs[int(table.design[index])], int(table.place[index])) for index in best]

    def classical(self) -> dict[str, list[FrontPoint]]:
        """The curves of the classical structures that were recorded, by name; one that failed has an empty curve."""
        curves: dict[str, list[FrontPoint]] = {}
        query = f"SELECT s.name, {', '.join(f'd.{column}' for column in _COLUMNS)} FROM structures AS s"
        for name, *row in self._rows(f"{query} JOIN designs AS d ON d.key = s.key ORDER BY s.name"):
            design = self._design(tuple(row))
            curves[name] = [front_point(design, place, name) for place in range(len(design.points))]
        return curves

    def _insert(self, evaluation: Evaluation, source: str, step: int) -> int:
        graph = evaluation.circuit.graph
        assert graph.width == self.context.width, "a store holds designs of one width"
        points = () if evaluation.curve is None else evaluation.curve.points
        reason = _lost(evaluation.curve) if evaluation.curve is not None else evaluation.failure or "no reason given"
        row = (
            bytes.fromhex(evaluation.key),
            OK if evaluation.curve is not None else FAILED,
            pack_points(points),
            graph.size,
            graph.depth,
            graph.max_fanout,
            source,
            step,
            evaluation.seconds,
            int(evaluation.cached),
            time.time(),
            _one_line(reason),
            pack_recipes(points),
            pack_graph(graph),
        )
        return max(self._connection.execute(_INSERT, row).rowcount, 0)

    def _designs_by_number(self, numbers: set[int]) -> dict[int, Design]:
        found: dict[int, Design] = {}
        for number in sorted(numbers):
            (row,) = self._rows(f"{_SELECT_DESIGN} WHERE number = ?", (number,))
            found[number] = self._design(row)
        return found

    def _design(self, row: tuple) -> Design:
        value = dict(zip(_COLUMNS, row, strict=True))
        with damage_is_input_error(self.path):
            return Design(
                key=value["key"].hex(),
                graph=unpack_graph(self.context.width, value["graph"]),
                size=value["size"],
                depth=value["depth"],
                max_fanout=value["max_fanout"],
                points=unpack_curve(value["points"], value["recipes"]),
                reason=value["reason"],
                seconds=value["seconds"],
                cached=bool(value["cached"]),
                source=value["source"],
                step=value["step"],
                recorded_at=value["recorded_at"],
            )

    def _rows(self, query: str, parameters: tuple = ()) -> list[tuple]:
        with self._lock, damage_is_input_error(self.path):
            return self._connection.execute(query, parameters).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    self._connection.execute("COMMIT")
                except BaseException:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
            except sqlite3.DatabaseError as error:
                raise PrefixrlError(f"the design store could not be written ({error}): {self.path}") from error


def _lost(curve: AreaDelayCurve) -> str:
    """What a curve lacks and why; empty for a whole one."""
    return "; ".join(f"no netlist for {loss.recipe}: {loss.reason}" for loss in curve.losses)


def _one_line(reason: str) -> str:
    return " ".join(reason.split())[:REASON_LENGTH]
