"""Process design kits: which library files there are and the settings that go with them.

A PDK is described by a small YAML file in `pdks/`, or made up on the spot around any Liberty file.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from prefixrl.circuits.cells import CellLibrary
from prefixrl.errors import InputError
from prefixrl.files import atomic_write
from prefixrl.synthesis.liberty import LibertyLibrary, merged_cell_library, read_liberty, read_liberty_text
from prefixrl.synthesis.paths import cache_folder

DEFAULT_PDK = "nangate45"
# How OpenROAD-flow-scripts arrives at its 3.898 fF for Nangate45: four inputs of the driving cell.
LOAD_IN_DRIVER_INPUTS = 4.0


class PdkDescription(BaseModel):
    """One file of `pdks/`; paths are relative to the wheel's root."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    wheel: str
    liberty: tuple[str, ...]
    lef: tuple[str, ...] = ()
    verilog: tuple[str, ...] = ()
    driving_cell: str
    output_load_ff: float
    dont_use: tuple[str, ...] = ()
    site: str | None = None
    layer_rc: dict[str, tuple[float, float]] = {}
    signal_layer: str | None = None
    pin_layers: tuple[str, str] | None = None
    how_to_get: str


@dataclass(frozen=True)
class Pdk:
    """A PDK that this machine has.

    :param name: what `--pdk` takes
    :param liberty: timing libraries, all of one corner
    :param lef: technology LEF first, then the cells
    :param verilog: simulation models of the cells
    :param driving_cell: default driver of every input
    :param output_load_ff: default load of every output
    :param dont_use: cell names and shell patterns not to use, beyond what the library says
    :param origin: where it was found, for people
    :param site: placement site; None for the one that most cells have
    :param layer_rc: routing layer -> (kOhm per um, fF per um); what is not in it is as the LEF says
    :param signal_layer: the layer whose wires stand for all signals
    :param pin_layers: layers of pins on vertical and on horizontal edges, that is (horizontal, vertical) layer
    """

    name: str
    liberty: tuple[Path, ...]
    lef: tuple[Path, ...]
    verilog: tuple[Path, ...]
    driving_cell: str
    output_load_ff: float
    dont_use: tuple[str, ...]
    origin: str
    site: str | None = None
    layer_rc: Mapping[str, tuple[float, float]] = field(default_factory=dict, hash=False)
    signal_layer: str | None = None
    pin_layers: tuple[str, str] | None = None

    @property
    def content_hash(self) -> str:
        """SHA-256 of everything that an area or a delay can depend on: the libraries' text and the cells not to use."""
        digest = hashlib.sha256(repr(sorted(self.dont_use)).encode())
        for path in self.liberty:
            digest.update(_file_digest(path, *_stamp(path)).encode())
        return digest.hexdigest()

    def liberty_libraries(self) -> tuple[LibertyLibrary, ...]:
        """The parsed Liberty files, kept in memory.

        :raises InputError: a file is missing, truncated, or not Liberty
        """
        return tuple(_read_liberty(path, *_stamp(path)) for path in self.liberty)

    def library(self) -> CellLibrary:
        """The cells to map to.

        :raises InputError: a file is not Liberty, or the library lacks what every circuit needs (a NAND)
        """
        library = merged_cell_library(self.liberty_libraries(), self.dont_use)
        try:
            library.require_mappable()
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from error
        return library

    def plain_liberty(self) -> tuple[Path, ...]:
        """The Liberty files as tools want them: gzip'd ones are unpacked once, into the cache folder.

        :raises InputError: a file cannot be read or the cache folder cannot be written
        """
        return tuple(_unpacked(path) for path in self.liberty)


def list_pdks() -> list[PdkDescription]:
    """The PDKs that this version knows by name, whether this machine has them or not."""
    folder = importlib.resources.files("prefixrl.synthesis") / "pdks"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".yaml")), key=lambda entry: entry.name)
    return [PdkDescription.model_validate(yaml.safe_load(entry.read_text())) for entry in files]


def load_pdk(
    name: str | Path = DEFAULT_PDK, driving_cell: str | None = None, output_load_ff: float | None = None
) -> Pdk:
    """A PDK by its name, or around any Liberty file by its path.

    For a bare Liberty file the driving cell is its smallest buffer (inverter, where it has none) and the load is four
    inputs of it.

    :param driving_cell: in place of the PDK's own
    :param output_load_ff: in place of the PDK's own
    :raises InputError: neither a known name nor a file, a file that is not Liberty, a driving cell that it lacks
    """
    known = {description.name: description for description in list_pdks()}
    if str(name) in known:
        pdk = _from_description(known[str(name)], driving_cell, output_load_ff)
    else:
        path = Path(name)
        if not path.is_file():
            raise InputError(f"the PDK must be one of {', '.join(known)} or a Liberty file: {str(name)!r}")
        pdk = _from_liberty(path.resolve(), driving_cell, output_load_ff)
    _check_settings(pdk)
    return pdk


def _from_description(description: PdkDescription, driving_cell: str | None, output_load_ff: float | None) -> Pdk:
    def located(relative: str) -> Path:
        path = _in_wheel(description.wheel, relative)
        if path is None:
            raise InputError(f"the files of this PDK are missing ({description.how_to_get}): {description.name!r}")
        return path

    return Pdk(
        name=description.name,
        liberty=tuple(located(each) for each in description.liberty),
        lef=tuple(located(each) for each in description.lef),
        verilog=tuple(located(each) for each in description.verilog),
        driving_cell=driving_cell or description.driving_cell,
        output_load_ff=description.output_load_ff if output_load_ff is None else output_load_ff,
        dont_use=description.dont_use,
        origin=f"wheel {description.wheel} {importlib.metadata.version(description.wheel)}",
        site=description.site,
        layer_rc=description.layer_rc,
        signal_layer=description.signal_layer,
        pin_layers=description.pin_layers,
    )


def _in_wheel(wheel: str, relative: str) -> Path | None:
    """A file that an installed wheel brought, None when it did not."""
    try:
        path = Path(str(importlib.metadata.distribution(wheel).locate_file(relative)))
    except importlib.metadata.PackageNotFoundError:
        return None
    return path if path.is_file() else None


def _from_liberty(path: Path, driving_cell: str | None, output_load_ff: float | None) -> Pdk:
    liberty = _read_liberty(path, *_stamp(path))
    library = merged_cell_library([liberty])
    if driving_cell is None:
        role = library.role("BUF") or library.role("INV")
        if role is None:
            raise InputError(f"a library must have a buffer or an inverter: {path.name!r}")
        driving_cell = role.cell.name
    if output_load_ff is None:
        driver = liberty.by_name.get(driving_cell)
        inputs = driver.input_capacitance_ff if driver else {}
        output_load_ff = round(LOAD_IN_DRIVER_INPUTS * max(inputs.values(), default=1.0), 4)
    name = path.name.removesuffix(".gz").removesuffix(".lib")
    return Pdk(name, (path,), (), (), driving_cell, output_load_ff, (), f"file {path}")


def _check_settings(pdk: Pdk) -> None:
    cells = {cell.name: cell for library in pdk.liberty_libraries() for cell in library.cells}
    driver = cells.get(pdk.driving_cell)
    if driver is None or driver.logic is None or len(driver.input_capacitance_ff) != 1:
        raise InputError(f"the driving cell must be a buffer or an inverter of {pdk.name}: {pdk.driving_cell!r}")
    if not (math.isfinite(pdk.output_load_ff) and pdk.output_load_ff >= 0):
        raise InputError(f"the output load must be a finite number of fF, at least 0: {pdk.output_load_ff!r}")


def _stamp(path: Path) -> tuple[int, int]:
    """Size and modification time: what is kept in memory about a file is valid for these."""
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"a Liberty file must be readable ({error.strerror}): {str(path)!r}") from error
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=16)
def _read_liberty(path: Path, *_stamp: Any) -> LibertyLibrary:
    return read_liberty(path)


@lru_cache(maxsize=64)
def _file_digest(path: Path, *_stamp: Any) -> str:
    return hashlib.sha256(read_liberty_text(path).encode()).hexdigest()


def _unpacked(path: Path) -> Path:
    with path.open("rb") as stream:
        if stream.read(2) != b"\x1f\x8b":
            return path
    unpacked = cache_folder() / "liberty" / f"{_file_digest(path, *_stamp(path))}.lib"
    if not unpacked.is_file():
        try:
            unpacked.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(unpacked, read_liberty_text(path))
        except OSError as error:
            folder = str(unpacked.parent)
            raise InputError(f"the cache folder must be writable ({error.strerror}): {folder!r}") from error
    return unpacked
