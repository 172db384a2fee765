"""What a study has found so far, on disk: one that was ended goes on where it was when it is started again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prefixrl.accuracy.judging import Verdict
from prefixrl.errors import InputError
from prefixrl.files import atomic_write


class Progress:
    """Verdicts and other findings by what they are about, each kept as soon as it is known.

    :param path: the file, which is read if it is there; None keeps nothing
    :param setting: what all findings have in common: model, samples, seed, versions
    :raises InputError: the file is of another setting
    """

    def __init__(self, path: Path | None, setting: Mapping[str, Any]) -> None:
        self._path = path
        self._found: dict[str, Any] = {}
        self._header = json.dumps(setting, sort_keys=True)
        if path is not None and path.exists():
            self._read(path)
        elif path is not None:
            path.write_text(self._header + "\n")

    def _read(self, path: Path) -> None:
        lines = path.read_text().splitlines()
        if not lines or lines[0] != self._header:
            raise InputError(f"there is an unfinished study of another model, seed, sample or version: {path}")
        for line in lines[1:]:
            try:
                row = json.loads(line)
                self._found[row["key"]] = row["found"]
            except (ValueError, KeyError, TypeError):
                continue  # the line that was being written when the study was ended
        rows = [_row(key, found) for key, found in self._found.items()]
        atomic_write(path, "\n".join([self._header, *rows]) + "\n")

    def verdict(self, key: Mapping[str, Any], judge: Callable[[], Verdict]) -> Verdict:
        """The verdict on what `key` describes: the one found before, or a new one."""
        return Verdict(**self.finding(key, lambda: judge().to_json()))

    def finding(self, key: Mapping[str, Any], find: Callable[[], Any]) -> Any:
        """The same of anything that JSON has."""
        text = json.dumps(key, sort_keys=True)
        if text not in self._found:
            self._found[text] = find()
            if self._path is not None:
                with self._path.open("a") as stream:
                    stream.write(_row(text, self._found[text]) + "\n")
        return self._found[text]

    def finish(self) -> None:
        """The study is written: forget what it was made of."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _row(key: str, found: Any) -> str:
    return json.dumps({"key": key, "found": found})
