"""Compiling hot functions: the one way in which every module of kernels does it. Importing this imports numba.

Machine code is kept in `$PREFIXRL_COMPILED`, by default in the cache folder, under a digest of all sources that are
compiled, and of their neighbours. numba itself looks at the file of the outermost function only, and would go on using
what it once made of the functions that this one calls.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba

from prefixrl.notices import notice
from prefixrl.paths import cache_folder

# numba's settings are attributes that it makes at run time.
_settings: Any = numba.config
# Folders of other versions that are left standing: two check-outs may be in use at a time.
_KEPT_VERSIONS = 16


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as machine code that releases the GIL, kept on disk where there is a place for it."""
    return _compiled(function)


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `compiled`, for functions that allocate nothing: arrays that pass through them are not counted."""
    return _compiled(function, _nrt=False)


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `kernel`, for small functions of hot loops: made part of each caller.

    A call that is one hands every array of its named tuples over, with a reference count each: four times the time of
    reading a timing table.
    """
    return _compiled(function, _nrt=False, forceinline=True)


def _compiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    # numba reads the folder when the function is decorated; other users of numba keep their own.
    before = _settings.CACHE_DIR
    try:
        _settings.CACHE_DIR = _folder() or before
        return numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # neither the cache folder nor the package's own can be written to
        return numba.njit(nogil=True, **options)(function)
    finally:
        _settings.CACHE_DIR = before


@cache
def _folder() -> str:
    """Where machine code of these very sources is kept; empty where no folder can be made."""
    package = Path(__file__).parent
    digest = hashlib.sha256(numba.__version__.encode())
    sources = {path: path.read_bytes() for path in sorted(package.rglob("*.py"))}
    # Constants of neighbours are compiled in.
    folders = {path.parent for path, source in sources.items() if b"prefixrl.compiling" in source}
    for path, source in sources.items():
        if path.parent in folders or path == Path(__file__):
            digest.update(path.relative_to(package).as_posix().encode() + b"\0" + source)
    base = os.environ.get("PREFIXRL_COMPILED")
    folder = (Path(base) if base else cache_folder() / "compiled") / digest.hexdigest()[:16]
    try:
        if not folder.exists():
            notice("compiling kernels: this takes about a minute, once per version")
        folder.mkdir(parents=True, exist_ok=True)
        _clean(folder)
    except OSError:
        return ""
    return str(folder)


def _clean(folder: Path) -> None:
    """Keep this version's folder and the few that were used last."""
    with suppress(OSError):
        folder.touch()
        others = sorted(folder.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for stale in others[_KEPT_VERSIONS:]:
            if stale != folder:
                shutil.rmtree(stale, ignore_errors=True)
