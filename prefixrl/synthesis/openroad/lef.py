"""LEF files: the few facts that a floorplan needs. OpenROAD reads the rest.

Statements are expected one to a line, as all known generators write them.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from prefixrl.errors import InputError

MAXIMUM_LEF_BYTES = 512 * 2**20

_NUMBER = r"([0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+)"
_BEGIN = re.compile(r"\s*(LAYER|SITE|MACRO)\s+(\S+)\s*\Z")
_SIZE = re.compile(rf"\s*SIZE\s+{_NUMBER}\s+BY\s+{_NUMBER}\s*;")
_PITCH = re.compile(rf"\s*PITCH\s+{_NUMBER}(?:\s+{_NUMBER})?\s*;")
_WORD = re.compile(r"\s*(TYPE|DIRECTION|SITE)\s+(\S+)\s*;")
_CAPACITANCE = re.compile(r"\s*(?:CAPACITANCE\s+CPERSQDIST|EDGECAPACITANCE)\s")


@dataclass(frozen=True)
class LefLayer:
    """A routing layer.

    :param direction: "HORIZONTAL" or "VERTICAL"
    :param pitch_um: distance of its tracks
    :param has_capacitance: whether the file states its capacitance
    """

    name: str
    direction: str
    pitch_um: float
    has_capacitance: bool


@dataclass(frozen=True)
class LefLibrary:
    """What is used of a set of LEF files.

    :param layers: routing layers from the lowest to the highest
    :param sites: names of the placement sites
    :param macro_areas_um2: cell -> width times height
    :param macro_sites: cell -> its site
    :param digest: SHA-256 of the files
    """

    layers: tuple[LefLayer, ...]
    sites: frozenset[str]
    macro_areas_um2: dict[str, float]
    macro_sites: dict[str, str]
    digest: str

    def layer(self, name: str) -> LefLayer | None:
        """The routing layer of that name."""
        return next((layer for layer in self.layers if layer.name == name), None)

    def usual_site(self, cells: Iterable[str]) -> str | None:
        """The site that most of these cells use."""
        counts = Counter(self.macro_sites[cell] for cell in cells if cell in self.macro_sites)
        return counts.most_common(1)[0][0] if counts else None


def read_lefs(paths: Iterable[Path]) -> LefLibrary:
    """Read technology and cell LEF files.

    :raises InputError: a file cannot be read, or there is no routing layer or no cell in them
    """
    files = [_read(path, *_stamp(path)) for path in paths]
    layers = {layer.name: layer for file in files for layer in file.layers}
    areas = {name: area for file in files for name, area in file.macro_areas_um2.items()}
    sites = {name: site for file in files for name, site in file.macro_sites.items()}
    if not layers or not areas:
        what = "a routing layer" if not layers else "a cell"
        raise InputError(f"the LEF files must have {what} (technology and cells): {[path.name for path in paths]}")
    digest = hashlib.sha256("".join(file.digest for file in files).encode()).hexdigest()
    known = frozenset(name for file in files for name in file.sites) | frozenset(sites.values())
    return LefLibrary(tuple(layers.values()), known, areas, sites, digest)


def technology_first(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The same files, those with routing layers before those without: OpenROAD knows no cell before the layers.

    :raises InputError: a file cannot be read
    """
    return tuple(sorted(paths, key=lambda path: not _read(path, *_stamp(path)).layers))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"a LEF file must be readable ({error.strerror}): {str(path)!r}") from error
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=32)
def _read(path: Path, size: int, _changed: int) -> LefLibrary:
    if size > MAXIMUM_LEF_BYTES:
        raise InputError(f"a LEF file must be smaller than {MAXIMUM_LEF_BYTES >> 20} MiB: {str(path)!r}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"a LEF file must be readable ({error.strerror}): {str(path)!r}") from error
    if b"\0" in data:
        raise InputError(f"a LEF file must be plain text in ASCII or UTF-8: {str(path)!r}")
    return _parse(data.decode("utf-8", "replace"), hashlib.sha256(data).hexdigest())


def _parse(text: str, digest: str) -> LefLibrary:
    layers: list[LefLayer] = []
    sites: set[str] = set()
    areas: dict[str, float] = {}
    macro_sites: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        match = _BEGIN.match(line.split("#", 1)[0])
        if match is None:
            continue
        kind, name = match.groups()
        body = _body(lines, name)
        if kind == "LAYER":
            layer = _layer(name, body)
            layers += [layer] if layer is not None else []
        elif kind == "SITE":
            sites.add(name)
        else:
            size = next((found for found in map(_SIZE.match, body) if found), None)
            if size is not None:
                areas[name] = float(size.group(1)) * float(size.group(2))
            words = {found.group(1): found.group(2) for found in map(_WORD.match, body) if found}
            if "SITE" in words:
                macro_sites[name] = words["SITE"]
    return LefLibrary(tuple(layers), frozenset(sites), areas, macro_sites, digest)


def _body(lines: Iterable[str], name: str) -> list[str]:
    """The lines up to `END name`."""
    body = []
    for raw in lines:
        line = raw.split("#", 1)[0]
        if line.split() == ["END", name]:
            break
        body.append(line)
    return body


def _layer(name: str, body: list[str]) -> LefLayer | None:
    layer = LefLayer(name, "", 0.0, False)
    kind = ""
    for line in body:
        if (word := _WORD.match(line)) is not None:
            if word.group(1) == "TYPE":
                kind = word.group(2).upper()
            elif word.group(1) == "DIRECTION":
                layer = replace(layer, direction=word.group(2).upper())
        elif (pitch := _PITCH.match(line)) is not None:
            layer = replace(layer, pitch_um=max(float(each) for each in pitch.groups() if each))
        elif _CAPACITANCE.match(line):
            layer = replace(layer, has_capacitance=True)
    return layer if kind == "ROUTING" else None
