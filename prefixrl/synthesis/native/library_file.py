"""The arrays of a library on disk, so that the next process need not read the Liberty again.

One uncompressed NumPy archive without pickles: the arrays under their names, and everything else as JSON. It begins
with the digest of what follows: a file that was cut short or changed is as good as none, and is made again.
"""

from __future__ import annotations

import hashlib
import io
import json
from contextlib import suppress
from dataclasses import astuple
from functools import cache
from pathlib import Path

import numpy as np

from prefixrl.circuits import cells as cells_module
from prefixrl.circuits.cells import Cell
from prefixrl.errors import InputError
from prefixrl.files import atomic_write
from prefixrl.paths import cache_folder
from prefixrl.synthesis import liberty_tables, liberty_timing
from prefixrl.synthesis.native import library as native_library_module
from prefixrl.synthesis.native.library import NativeLibrary, Tables, native_library
from prefixrl.synthesis.pdk import Pdk

# What is kept was made by these: with any other text of theirs it is made again. The roles of cells are among it.
_MAKERS = (native_library_module, liberty_tables, liberty_timing, cells_module)
_DIGEST_BYTES = 32
_TEXT = "text"


def save_library(native: NativeLibrary, path: Path) -> None:
    """Write a library's arrays; where the folder cannot be written to nothing happens."""
    text = {
        "cells": [astuple(cell) for cell in native.cells],
        "orders": native.orders,
        "families": native.families,
        "roles": dict(native.roles),
    }
    stream = io.BytesIO()
    encoded = np.frombuffer(json.dumps(text).encode(), np.uint8)
    np.savez(stream, allow_pickle=False, **native.tables._asdict(), **{_TEXT: encoded})
    content = stream.getvalue()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, hashlib.sha256(content).digest() + content)


def load_library(path: Path) -> NativeLibrary | None:
    """What `save_library` wrote; None where the file is missing or not what was written."""
    try:
        whole = path.read_bytes()
    except OSError:
        return None
    content = whole[_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != whole[:_DIGEST_BYTES]:
        return None
    with (
        suppress(ValueError, KeyError, TypeError, InputError),
        np.load(io.BytesIO(content), allow_pickle=False) as file,
    ):
        text = json.loads(file[_TEXT].tobytes())
        cells = tuple(
            Cell(name, area, tuple(inputs), output, function, table)
            for name, area, inputs, output, function, table in text["cells"]
        )
        orders = tuple(tuple(order) for order in text["orders"])
        families = tuple(tuple(family) for family in text["families"])
        tables = Tables(**{name: file[name] for name in Tables._fields})
        return NativeLibrary(cells, orders, families, text["roles"], tables)
    return None


_natives: dict[str, NativeLibrary] = {}
_KEPT_LIBRARIES = 4


def native_library_of(pdk: Pdk) -> NativeLibrary:
    """The arrays of a PDK's library: those used last are kept in memory, all of them in the cache folder.

    :raises InputError: as `native_library`, or a library that cannot be mapped to or timed
    """
    key = hashlib.sha256(f"{_makers()} {pdk.content_hash} {pdk.driving_cell}".encode()).hexdigest()
    native = _natives.pop(key, None)
    if native is None:
        path = cache_folder() / "liberty" / f"{key}.native"
        native = load_library(path)
        if native is None:
            native = _made(pdk)
            save_library(native, path)
    _natives[key] = native
    while len(_natives) > _KEPT_LIBRARIES:
        del _natives[next(iter(_natives))]
    return native


@cache
def _makers() -> str:
    digest = hashlib.sha256(np.__version__.encode())
    for module in _MAKERS:
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()


def _made(pdk: Pdk) -> NativeLibrary:
    timed = pdk.timed_cells()
    # A cell that is not to be used may still drive the inputs.
    extra = () if pdk.driving_cell in timed else (pdk.timed_cell(pdk.driving_cell),)
    return native_library(pdk.library(), timed, extra)
