"""The fronts that come with prefixrl: `published:adder32` wherever a run or a graph is taken.

They lie in `runs/published/NAME/front.json` of a checkout, which the package sees as `prefixrl/published` (a link that
an install replaces by the files themselves). Beside a front lie `config.yaml`, the job that made it, and `README.md`
with a table whose rows `commit` and `machine` say where from.
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from prefixrl.errors import InputError
from prefixrl.hints import near_miss

PREFIX = "published:"

_ROW = re.compile(r"^\|\s*(?P<what>[^|]+?)\s*\|\s*(?P<value>[^|]+?)\s*\|\s*$", re.MULTILINE)
_COMMAND = re.compile(r"^ {4,}(?P<command>\S.*)$", re.MULTILINE)
_REMARK = re.compile(r"#\s*(?P<command>prefixrl [^;]+)")


class Provenance(NamedTuple):
    """Where a published front comes from; empty texts where its folder does not say."""

    command: str
    seed: str
    commit: str
    machine: str


def published_folder() -> Path:
    """Where the published fronts lie, in a checkout and in an install."""
    return Path(str(resources.files("prefixrl") / "published"))


def published_names() -> list[str]:
    """The published fronts, adders by width first."""
    folder = published_folder()
    names = [entry.parent.name for entry in folder.glob("*/front.json")] if folder.is_dir() else []
    return sorted(names, key=lambda name: [(int(part) if part.isdigit() else 0, part) for part in _words(name)])


def _words(name: str) -> list[str]:
    return re.findall(r"\d+|\D+", name)


def is_published(spec: str) -> bool:
    """Whether a text names a published front."""
    return spec.startswith(PREFIX)


def split_published(spec: str) -> tuple[str, str]:
    """The name and the pick (empty for none) of `published:NAME` or `published:NAME:PICK`."""
    assert is_published(spec), spec
    name, _, wish = spec.removeprefix(PREFIX).partition(":")
    return name, wish


def published_path(name: str) -> Path:
    """The folder of a published front.

    :raises InputError: there is none of that name
    """
    names = published_names()
    if name not in names:
        listed = f"there are {', '.join(names)}" if names else "this installation has none"
        raise InputError(f"unknown published front{near_miss(name, names)} ({listed}): {name!r}")
    return published_folder() / name


def provenance(folder: Path) -> Provenance:
    """What `README.md` and `config.yaml` beside a front say of its origin."""
    text = _text(folder / "README.md")
    rows = {match["what"].lower(): match["value"] for match in _ROW.finditer(text)}
    job = _job(folder / "config.yaml")
    command = _REMARK.search(text) or _COMMAND.search(text)
    return Provenance(
        command=rows.get("command", "").strip("`") or (command["command"].strip() if command else ""),
        seed=str(rows.get("seed", job.get("seed", ""))),
        commit=rows.get("commit", "").strip("`"),
        machine=rows.get("machine", ""),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _job(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(_text(path))
    except yaml.YAMLError:
        return {}
    return tree if isinstance(tree, dict) else {}
