"""`status.json` in a run directory: where a job stands, for who looks at it from elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prefixrl.agents.live import AreaAtDelay, Snapshot
from prefixrl.errors import InputError
from prefixrl.files import atomic_write

NAME = "status.json"
EVERY_S = 2.0


class StatusFile:
    """Writes snapshots into a run directory, not more often than every two seconds.

    :param run: the run directory
    """

    def __init__(self, run: Path) -> None:
        self._path = run / NAME
        self._next_at = 0.0
        self._phase = ""

    def write(self, snapshot: Snapshot, force: bool = False) -> None:
        """Write a snapshot if it is time for one, or a new phase, or `force`.

        :raises OSError: it cannot be written
        """
        now = time.monotonic()
        if force or now >= self._next_at or snapshot.phase != self._phase:
            self._next_at, self._phase = now + EVERY_S, snapshot.phase
            document = {"written_at": time.time(), **asdict(snapshot), "figures": dict(snapshot.figures)}
            atomic_write(self._path, json.dumps(document, indent=1) + "\n")


def read_status(run: Path) -> tuple[Snapshot, float]:
    """The newest snapshot of a job, and how many seconds ago it was written.

    :raises InputError: the job has written none, or it is not readable
    """
    try:
        document: dict[str, Any] = json.loads((run / NAME).read_text(encoding="utf-8"))
        written_at = float(document.pop("written_at"))
        areas: list[Mapping[str, Any]] = document.pop("areas")
        return Snapshot(**document, areas=[AreaAtDelay(**row) for row in areas]), max(time.time() - written_at, 0.0)
    except FileNotFoundError:
        raise InputError(
            f"a run must have told how it stands ({NAME} is written from its beginning on): {run}"
        ) from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{NAME} must be as the job wrote it ({' '.join(str(error).split())}): {run}") from None
