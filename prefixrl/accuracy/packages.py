"""Files of installed packages, found through their metadata; the packages themselves are not imported."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from prefixrl.errors import ToolMissing


def packaged_file(distribution: str, name: str) -> Path:
    """The file of an installed distribution whose path ends with `name`.

    :raises ToolMissing: the distribution is not installed, or has no such file
    """
    for path in packaged_files(distribution):
        if path.as_posix().endswith(f"/{name}") and path.is_file():
            return path
    raise ToolMissing(f"the package {distribution} {version(distribution)} has no file {name}: another version?")


def packaged_files(distribution: str) -> list[Path]:
    """The files of an installed distribution.

    :raises ToolMissing: the distribution is not installed
    """
    try:
        found = importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        raise ToolMissing(
            f"accuracy studies need the package {distribution} (pip install 'prefixrl[accuracy]'): not installed"
        ) from None
    return [Path(str(found.locate_file(path))) for path in found.files or []]


def version(distribution: str) -> str:
    """The installed version of a distribution, empty if there is none."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""
