"""Studies as files: `formats.json`, `widths.json` and `widths.png` of a folder, each with what made it."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from prefixrl.accuracy.models import Model
from prefixrl.errors import InputError
from prefixrl.files import atomic_write

_LIBRARIES = ("numpy", "scipy", "numba", "scikit-learn")


def provenance(seed: int) -> dict[str, Any]:
    """What a study depends on: seed, versions."""
    from prefixrl import __version__

    versions = {"prefixrl": __version__, "python": platform.python_version()}
    for each in _LIBRARIES:
        try:
            versions[each] = importlib.metadata.version(each)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"seed": seed, "versions": versions, "machine": platform.machine()}


def model_document(model: Model, reference_accuracy: float) -> dict[str, Any]:
    """A model as studies name it."""
    return {
        "model": model.name,
        "title": model.title,
        "sources": dict(model.sources),
        "samples": model.size,
        "accuracy_fp32": reference_accuracy,
    }


def check_folder(out: Path, names: Iterable[str]) -> None:
    """Make the folder of a study.

    :raises InputError: it cannot be made, or has one of the files already
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write there ({error.strerror}): {out}") from None
    for name in names:
        if (out / name).exists():
            raise InputError(f"a study is never written over another: {out / name}")


def write_study(path: Path, document: Mapping[str, Any]) -> None:
    """Write one study as JSON."""
    atomic_write(path, json.dumps(document, indent=1, allow_nan=False) + "\n")
