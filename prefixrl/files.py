"""Writing files that matter: a reader sees the old content or the new one, never half of it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def atomic_write(path: str | Path, content: str | bytes) -> None:
    """Write `content` to a temporary name beside `path`, flush it to the disk and rename it into place.

    :param path: the file; its folder must exist
    :param content: text is written as UTF-8
    :raises OSError: the disk is full or the folder not writable; `path` is then as it was
    """
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def is_file(name: str | Path) -> bool:
    """Whether there is such a file; also for what cannot be a name of one, being too long or having a NUL in it."""
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False
