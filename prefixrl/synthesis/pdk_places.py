"""What is known about PDKs by name (`pdks/*.yaml`) and where their files may lie on a machine.

Three kinds of places: an installed Python wheel; `$PDK_ROOT` as `ciel` and open_pdks leave it; and a checkout of
OpenROAD-flow-scripts, named by `$ORFS_ROOT` or `$FLOW_HOME`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import pydantic.dataclasses
import yaml
from pydantic import BaseModel, ConfigDict, Field

from prefixrl.errors import InputError

# Where ciel, its predecessor volare, and distributions put PDKs when `$PDK_ROOT` says nothing.
_DEFAULT_ROOTS = ("~/.ciel", "~/.volare", "/usr/local/share/pdk", "/usr/share/pdk")
_VERSION_MANAGERS = ("ciel", "volare")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PdkPlace(_Strict):
    """One place where a PDK may be found; all paths are patterns relative to its folder.

    :param kind: how the folder is found
    :param wheel: distribution name, for "wheel"
    :param families: names that version managers know the PDK by, for "pdk_root"
    :param folders: alternatives, best first
    :param liberty: corner -> files; each pattern must match, and of several matches the last by name counts
    :param lef: technology LEF first; may be absent
    :param verilog: simulation models; may be absent
    """

    kind: Literal["wheel", "pdk_root", "orfs"]
    wheel: str = ""
    families: tuple[str, ...] = ()
    folders: tuple[str, ...]
    liberty: dict[str, tuple[str, ...]]
    lef: tuple[str, ...] = ()
    verilog: tuple[str, ...] = ()


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class LayerRc:
    """Resistance and capacitance of a wire on a layer. A dataclass, as everything that goes to a worker."""

    kohm_per_um: float
    ff_per_um: float


class NamedConstraints(_Strict):
    """Constraints that have a name of their own, in place of the PDK's usual ones.

    :param source: where they come from
    """

    source: str
    driving_cell: str
    output_load_ff: float


class PdkDescription(_Strict):
    """One file of `pdks/`.

    :param source: where the settings were looked up
    :param library: pattern of the names of its Liberty libraries, by which a bare file is recognised
    :param corners: names that `load_pdk(..., corner=)` takes, the default first
    :param output_load_ff: of every output
    :param constraints: others by name
    :param dont_use: names and shell patterns
    :param site: placement site of single-height cells
    :param signal_layer: layer that stands for all signal wires before routing
    :param signal_rc: the same as figures, where the source states an average over layers
    :param wire_detour: how much longer wires are than half the perimeter of the box around their gates in a datapath
        layout, as `prefixrl pdk calibrate` finds it
    :param pin_layers: layers of horizontal and of vertical pins
    """

    name: str
    title: str
    source: str
    library: str
    corners: tuple[str, ...] = Field(min_length=1)
    driving_cell: str
    output_load_ff: float
    constraints: dict[str, NamedConstraints] = {}
    dont_use: tuple[str, ...] = ()
    site: str | None = None
    signal_layer: str | None = None
    signal_rc: LayerRc | None = None
    wire_detour: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    pin_layers: tuple[str, str] | None = None
    layer_rc: dict[str, LayerRc] = {}
    places: tuple[PdkPlace, ...]
    how_to_get: str


@dataclass(frozen=True)
class FoundFiles:
    """The files of one corner of a PDK in the first place that has them.

    :param origin: the place, for people
    """

    liberty: tuple[Path, ...]
    lef: tuple[Path, ...]
    verilog: tuple[Path, ...]
    origin: str


@dataclass(frozen=True)
class PdkStatus:
    """Whether this machine has a known PDK.

    :param found: None where it was not found
    :param looked_for: the first Liberty file of every folder that was looked into, and what to set to look elsewhere
    """

    description: PdkDescription
    found: FoundFiles | None
    looked_for: tuple[str, ...]

    @property
    def name(self) -> str:
        """What `--pdk` takes."""
        return self.description.name

    @property
    def title(self) -> str:
        """One line for people."""
        return self.description.title

    @property
    def how_to_get(self) -> str:
        """What to install, clone or set."""
        return self.description.how_to_get


@lru_cache(maxsize=1)
def known_pdks() -> tuple[PdkDescription, ...]:
    """The PDKs that this version knows by name, whether this machine has them or not."""
    folder = importlib.resources.files("prefixrl.synthesis") / "pdks"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".yaml")), key=lambda entry: entry.name)
    return tuple(PdkDescription.model_validate(yaml.safe_load(entry.read_text())) for entry in files)


def find_pdk(description: PdkDescription, corner: str | None = None) -> PdkStatus:
    """Look for a PDK.

    :param corner: the default corner where None
    :raises InputError: the PDK has no such corner
    """
    corner = description.corners[0] if corner is None else corner
    if corner not in description.corners:
        known = ", ".join(description.corners)
        raise InputError(f"the corner of {description.name} must be one of {known}: {corner!r}")
    looked_for: list[str] = []
    for place in description.places:
        patterns = place.liberty.get(corner)
        if patterns is None:
            continue
        for folder in _folders(place, looked_for):
            looked_for.append(str(folder / patterns[0]))
            liberty = _files(folder, patterns)
            if len(liberty) == len(patterns):
                lef, verilog = _files(folder, place.lef), _files(folder, place.verilog)
                if len(lef) < len(place.lef):
                    lef = ()  # a technology without cells, or cells without technology, are of no use
                return PdkStatus(description, FoundFiles(liberty, lef, verilog, _origin(place, folder)), ())
    return PdkStatus(description, None, tuple(looked_for))


def _files(folder: Path, patterns: tuple[str, ...]) -> tuple[Path, ...]:
    """The files that the patterns stand for; patterns without a match are left out."""
    found = []
    for pattern in patterns:
        matches = sorted(path for path in folder.glob(pattern) if path.is_file())
        found += matches[-1:]
    return tuple(found)


def _origin(place: PdkPlace, folder: Path) -> str:
    if place.kind == "wheel":
        return f"wheel {place.wheel} {importlib.metadata.version(place.wheel)}"
    return str(folder)


def _folders(place: PdkPlace, looked_for: list[str]) -> Iterator[Path]:
    """The folders that a place may be; says in `looked_for` what would have to be set or installed."""
    if place.kind == "wheel":
        try:
            distribution = importlib.metadata.distribution(place.wheel)
        except importlib.metadata.PackageNotFoundError:
            looked_for.append(f"wheel {place.wheel} (not installed)")
            return
        yield from (Path(str(distribution.locate_file(folder))) for folder in place.folders)
    elif place.kind == "orfs":
        yield from _orfs_folders(place, looked_for)
    else:
        yield from _pdk_root_folders(place, looked_for)


def _orfs_folders(place: PdkPlace, looked_for: list[str]) -> Iterator[Path]:
    roots = [Path(os.environ[name]) for name in ("ORFS_ROOT", "FLOW_HOME") if os.environ.get(name)]
    if not roots:
        looked_for.append("$ORFS_ROOT and $FLOW_HOME (not set)")
    for root in roots:
        for platforms in (root / "flow" / "platforms", root / "platforms"):
            if platforms.is_dir():
                yield from (platforms / folder for folder in place.folders)
                break
        else:
            looked_for.append(f"{root} (no flow/platforms in it)")


def _pdk_root_folders(place: PdkPlace, looked_for: list[str]) -> Iterator[Path]:
    stated = os.environ.get("PDK_ROOT")
    roots = [Path(stated)] if stated else [Path(root).expanduser() for root in _DEFAULT_ROOTS]
    if not stated:
        looked_for.append("$PDK_ROOT (not set)")
    for root in roots:
        if not root.is_dir():
            if stated:
                looked_for.append(f"{root} (no such folder)")
            continue
        # The version that was enabled is linked right under the root.
        yield from (root / folder for folder in place.folders)
        for manager in _VERSION_MANAGERS:
            for family in place.families:
                for version in _versions(root / manager / family):
                    yield from (version / folder for folder in place.folders)


def _versions(family: Path) -> list[Path]:
    """The installed versions: the one that the file `current` names first, then the others by name."""
    try:
        current = (family / "current").read_text().strip()
    except (OSError, UnicodeDecodeError):
        current = ""
    versions = family / "versions"
    installed = sorted(path for path in versions.iterdir() if path.is_dir()) if versions.is_dir() else []
    return sorted(installed, key=lambda path: path.name != current)
