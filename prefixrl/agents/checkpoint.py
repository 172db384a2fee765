"""Checkpoints: folders of safetensors files and one JSON file, written whole or not at all.

A checkpoint is `checkpoints/step-000001234/` with one `.safetensors` file per part (network, optimiser, replay, ...)
and `state.json`, which holds counters, the job, and the SHA-256 of every other file. It is written under a temporary
name, flushed to the disk and renamed; the newest few are kept. Nothing is ever unpickled: safetensors and JSON cannot
carry code, and any other file in the folder is ignored.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from prefixrl.errors import InputError

FORMAT = "prefixrl-checkpoint-1"

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint that was read and whose every file has the digest it was written with.

    :param step: environment steps of the job when it was written
    :param state: counters, random states, and the job under "config"; plain JSON
    :param parts: arrays by part and name
    """

    path: Path
    step: int
    state: dict[str, Any]
    parts: dict[str, dict[str, NDArray[Any]]]


def save_checkpoint(folder: Path, step: int, state: Mapping[str, Any], parts: Mapping[str, Arrays], keep: int) -> Path:
    """Write a checkpoint and remove the oldest beyond `keep`.

    :param folder: the job's `checkpoints/`
    :param state: plain JSON
    :param parts: arrays by part and name
    :raises OSError: the disk is full or the folder not writable; the older checkpoints are then as they were
    """
    final = folder / f"step-{step:012d}"
    temporary = folder / f".writing-{final.name}-{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        digests = {}
        for part, arrays in parts.items():
            path = temporary / f"{part}.safetensors"
            save_file({name: np.asarray(array, order="C") for name, array in arrays.items()}, path)
            _flush(path)
            digests[path.name] = _digest(path)
        document = {"format": FORMAT, "step": step, "files": digests, "state": dict(state)}
        text = temporary / "state.json"
        text.write_text(json.dumps(document, indent=1), encoding="utf-8")
        _flush(text)
        _flush(temporary)
        if final.exists():
            shutil.rmtree(final)
        os.replace(temporary, final)
        _flush(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _remove_old(folder, keep)
    return final


def latest_checkpoint(folder: Path, report: Callable[[str], None]) -> Checkpoint | None:
    """The newest checkpoint that is whole, or None when there is none at all.

    :param folder: the job's `checkpoints/`
    :param report: told one line for each newer checkpoint that is damaged
    :raises InputError: there are checkpoints and all are damaged
    """
    paths = list(reversed(_checkpoint_paths(folder)))
    for path in paths:
        try:
            return read_checkpoint(path)
        except InputError as error:
            report(f"{error}; going on with the one before")
    if paths:
        raise InputError(f"every checkpoint of the job is damaged: {str(folder)!r}")
    return None


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one checkpoint folder.

    :raises InputError: a file is missing, has changed since it was written, or is of another format
    """
    try:
        document = json.loads((path / "state.json").read_text(encoding="utf-8"))
        if document.get("format") != FORMAT:
            raise InputError(f"a checkpoint must have format {FORMAT}: {document.get('format')!r}")
        parts = {}
        for name, digest in document["files"].items():
            if not re.fullmatch(r"[a-z_]+\.safetensors", name) or _digest(path / name) != digest:
                raise InputError(f"a file of a checkpoint must be as it was written: {str(path / name)!r}")
            parts[name.removesuffix(".safetensors")] = load_file(path / name)
        return Checkpoint(path, int(document["step"]), dict(document["state"]), parts)
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"a checkpoint must be readable ({reason}): {str(path)!r}") from None


def check_same(saved: Mapping[str, Any], wanted: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    """Refuse a checkpoint of another job.

    :param saved: the job of the checkpoint, as plain JSON
    :param wanted: the job to go on with
    :param keys: dotted keys that must agree, such as "circuit" or "agent.channels"
    :raises InputError: names each key that differs, with both values
    """
    differences = []
    for key in keys:
        old, new = _lookup(saved, key), _lookup(wanted, key)
        if old != new:
            differences.append(f"{key} is {old!r} there and {new!r} here")
    if differences:
        raise InputError(f"the checkpoint belongs to another job: {'; '.join(differences)}")


def _lookup(tree: Any, key: str) -> Any:
    for part in key.split("."):
        tree = tree.get(part) if isinstance(tree, Mapping) else None
    return tree


def _checkpoint_paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*") if path.is_dir())


def _remove_old(folder: Path, keep: int) -> None:
    for path in _checkpoint_paths(folder)[:-keep]:
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(".writing-*"):
        # Left by a process that was killed while it wrote; this job is the only writer of its folder.
        shutil.rmtree(path, ignore_errors=True)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
