"""The run directory: one job's whole output, and the only thing that reports and exports need."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from prefixrl.errors import InputError
from prefixrl.files import atomic_write


class RunDirectory:
    """A folder with the fixed names that every command relies on.

    - `config.yaml`: the fully resolved job description; its presence is what makes a folder a run directory
    - `designs.sqlite`: every design that was evaluated
    - `checkpoints/`, `tensorboard/`: made when the job first writes there
    - `front.json`, `report.html`: written from the store, never read back by the job
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: str | Path, config_yaml: str) -> RunDirectory:
        """Make the folder, with `config_yaml` in it as `config.yaml`.

        :raises InputError: the path exists and is not an empty folder, or cannot be made or written
        """
        path = Path(path)
        try:
            if path.exists() and (not path.is_dir() or any(path.iterdir())):
                raise InputError(f"a run needs a new or empty directory (--resume goes on with an old run): {path}")
            path.mkdir(parents=True, exist_ok=True)
            run = cls(path)
            atomic_write(run.config_path, config_yaml)
        except OSError as error:
            raise InputError(f"a run directory must be writable ({error.strerror}): {path}") from None
        return run

    @classmethod
    def open(cls, path: str | Path) -> RunDirectory:
        """A run directory that exists.

        :raises InputError: it does not, or is no run directory
        """
        run = cls(Path(path))
        if not run.path.is_dir():
            raise InputError(f"a run must be a directory that exists: {path}")
        if not run.config_path.is_file():
            raise InputError(f"a run directory must have a config.yaml, as `prefixrl train` writes it: {path}")
        return run

    @property
    def config_path(self) -> Path:
        """The fully resolved job description."""
        return self.path / "config.yaml"

    @property
    def store_path(self) -> Path:
        """The design store."""
        return self.path / "designs.sqlite"

    @property
    def front_path(self) -> Path:
        """The front as `prefixrl pareto RUN --json` prints it."""
        return self.path / "front.json"

    @property
    def report_path(self) -> Path:
        """The report page."""
        return self.path / "report.html"

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints, made when it is first asked for."""
        return self._folder("checkpoints")

    @property
    def tensorboard(self) -> Path:
        """Folder of TensorBoard files, made when it is first asked for."""
        return self._folder("tensorboard")

    def read_config(self) -> str:
        """The text of `config.yaml`.

        :raises InputError: it cannot be read
        """
        try:
            return self.config_path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"config.yaml must be readable text ({error}): {self.config_path}") from None

    def write_front(self, document: Mapping[str, object]) -> None:
        """Write `front.json`; a reader sees the old one or the new one.

        :param document: what `front_document` of `prefixrl.designs.report` gives
        """
        atomic_write(self.front_path, json.dumps(document, indent=1, allow_nan=False) + "\n")

    def write_judgement(self, document: Mapping[str, object]) -> None:
        """Write `judge.json`: what an independent timer says of the delays in `front.json`."""
        atomic_write(self.path / "judge.json", json.dumps(document, indent=1, allow_nan=False) + "\n")

    def _folder(self, name: str) -> Path:
        folder = self.path / name
        folder.mkdir(exist_ok=True)
        return folder
