"""Process design kits: which library files there are and the settings that go with them.

A PDK is described by a small YAML file in `pdks/`, or made up on the spot around any Liberty files.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from prefixrl.circuits.cells import CellLibrary
from prefixrl.errors import InputError, PdkMissing
from prefixrl.files import atomic_write, is_file
from prefixrl.hints import near_miss
from prefixrl.paths import cache_folder
from prefixrl.synthesis.liberty import LibertyLibrary, merged_cell_library, read_liberty, read_liberty_text
from prefixrl.synthesis.liberty_timing import (
    FORMAT_VERSION,
    TimedCell,
    TimedLibrary,
    check_plausible,
    liberty_text,
    read_timing,
)
from prefixrl.synthesis.pdk_places import (
    LayerRc,
    NamedConstraints,
    PdkDescription,
    PdkStatus,
    find_pdk,
    known_pdks,
)

DEFAULT_PDK = "nangate45"
DEFAULT_CONSTRAINTS = "default"
CELL_PATTERN = re.compile(r"[A-Za-z0-9_.*?]+")
# How OpenROAD-flow-scripts arrives at its 3.898 fF for Nangate45: four inputs of the driving cell.
LOAD_IN_DRIVER_INPUTS = 4.0


@dataclass(frozen=True)
class Pdk:
    """A PDK that this machine has.

    :param name: what `--pdk` takes; with a colon and the corner where that is not the default
    :param liberty: timing libraries, all of one corner
    :param lef: technology LEF first, then the cells
    :param verilog: simulation models of the cells
    :param driving_cell: default driver of every input
    :param output_load_ff: default load of every output
    :param dont_use: cell names and shell patterns not to use, beyond what the library says
    :param origin: where it was found, for people
    :param site: placement site, None where it is not known
    :param signal_layer: layer that stands for all signal wires before routing
    :param signal_rc: the same as figures, where they are an average over layers
    :param wire_detour: length of wires in a datapath layout, see `native.wires`; None where nobody calibrated it
    :param pin_layers: layers of horizontal and of vertical pins
    :param layer_rc: wire resistance and capacitance by layer
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
    signal_layer: str | None = None
    signal_rc: LayerRc | None = None
    wire_detour: float | None = None
    pin_layers: tuple[str, str] | None = None
    layer_rc: Mapping[str, LayerRc] = field(default_factory=dict, compare=False)

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
            unfit = _unfit(self.liberty_libraries())
            raise InputError(f"{self.name}: {error}{f' ({unfit})' if unfit else ''}") from error
        return library

    def timed_cells(self) -> dict[str, TimedCell]:
        """The cells that may be used, with their timing tables, kept in memory.

        :raises InputError: as `library`, or a table that cannot be believed
        """
        libraries = _timed_libraries(self.liberty, self.dont_use, self.content_hash)
        return {name: cell for library in libraries for name, cell in library.cells.items()}

    def timed_cell(self, name: str) -> TimedCell:
        """One cell with its timing tables, whether it may be used or not.

        :raises InputError: there is no such cell, or its tables cannot be believed
        """
        found = read_timing(self.sizing_liberty(), (name,)).cells.get(name)
        if found is not None:
            return found
        for path in self.liberty:
            found = read_timing(read_liberty_text(path), (name,)).cells.get(name)
            if found is not None:
                return found
        raise InputError(f"a cell must be one of {self.name} with a function and timing: {name!r}")

    def sizing_liberty(self) -> str:
        """The cells that may be used as one checked Liberty text in ns and fF; kept in the cache folder.

        :raises InputError: as `timed_cells`
        """
        kept = cache_folder() / "liberty" / f"{self.content_hash}.sizing-{FORMAT_VERSION}.lib"
        text = _read_digested(kept)
        if text is None:
            text = liberty_text(_timed_libraries(self.liberty, self.dont_use, self.content_hash))
            try:
                kept.parent.mkdir(parents=True, exist_ok=True)
                atomic_write(kept, f"{_digest_line(text)}{text}")
            except OSError:
                pass  # it is only made again the next time
        return text

    def plain_liberty(self) -> tuple[Path, ...]:
        """The Liberty files as tools want them: gzip'd ones are unpacked once, into the cache folder.

        :raises InputError: a file cannot be read or the cache folder cannot be written
        """
        return tuple(_unpacked(path) for path in self.liberty)


def list_pdks() -> list[PdkStatus]:
    """The PDKs that this version knows by name: whether this machine has them, and where they were looked for."""
    return [find_pdk(description) for description in known_pdks()]


def load_pdk(
    name: str | Path | Sequence[str | Path] = DEFAULT_PDK,
    driving_cell: str | None = None,
    output_load_ff: float | None = None,
    *,
    lef: Sequence[str | Path] = (),
    dont_use: Sequence[str] = (),
    constraints: str | None = None,
) -> Pdk:
    """A PDK by its name, or around any Liberty files by their paths.

    Bare Liberty files that belong to a known PDK get its settings. For all others the driving cell is their smallest
    buffer (inverter, where there is none) and the load is four inputs of it.

    :param name: a known name, alone or as NAME:CORNER; or one Liberty file; or several, as a sequence or as one text
        joined by the colon of `$PATH` (`os.pathsep`)
    :param driving_cell: in place of the PDK's own
    :param output_load_ff: in place of the PDK's own
    :param lef: technology LEF, then cells, in place of the PDK's own
    :param dont_use: names and shell patterns in addition to the PDK's own
    :param constraints: driving cell and load by a name that the PDK's description has for them, such as "paper"
    :raises InputError: neither a known name nor files, files that are not Liberty, a driving cell or a cell not to use
        that they lack
    """
    known = {description.name: description for description in known_pdks()}
    pieces = [str(name)] if isinstance(name, str | Path) else [str(each) for each in name]
    base, _, corner = pieces[0].partition(":")
    description = known.get(base) if len(pieces) == 1 else None
    if constraints not in (None, DEFAULT_CONSTRAINTS):
        named = _named_constraints(str(constraints), {} if description is None else description.constraints)
        driving_cell = driving_cell or named.driving_cell
        output_load_ff = named.output_load_ff if output_load_ff is None else output_load_ff
    if description is not None:
        pdk = _from_description(description, corner or None, driving_cell, output_load_ff)
    else:
        paths = _liberty_paths(pieces, known)
        pdk = _from_liberty(paths, driving_cell, output_load_ff, tuple(dont_use))
    pdk = _with_choices(pdk, tuple(Path(each) for each in lef), tuple(dont_use))
    _check_settings(pdk)
    return pdk


def _named_constraints(name: str, known: Mapping[str, NamedConstraints]) -> NamedConstraints:
    if name not in known:
        names = (DEFAULT_CONSTRAINTS, *known)
        raise InputError(f"the constraints of this PDK must be {' or '.join(names)}{near_miss(name, names)}: {name!r}")
    return known[name]


def is_known(name: str) -> bool:
    """Whether `load_pdk` takes it for a PDK's name, alone or with a corner; else it is one of files."""
    return name.partition(":")[0] in {description.name for description in known_pdks()}


def _liberty_paths(pieces: Sequence[str], known: Mapping[str, PdkDescription]) -> tuple[Path, ...]:
    if len(pieces) == 1 and not is_file(pieces[0]):
        pieces = pieces[0].split(os.pathsep)
    missing = next((piece for piece in pieces if not is_file(piece)), None)
    if missing is not None or not pieces:
        hint = near_miss(missing, known)
        raise InputError(f"the PDK must be one of {', '.join(known)} or Liberty files{hint}: {missing!r}")
    return tuple(Path(piece).resolve() for piece in pieces)


def _with_choices(pdk: Pdk, lef: tuple[Path, ...], dont_use: tuple[str, ...]) -> Pdk:
    for path in lef:
        if not is_file(path):
            raise InputError(f"a LEF file must be a file: {str(path)!r}")
    cells = [cell.name for library in pdk.liberty_libraries() for cell in library.cells] if dont_use else []
    for pattern in dont_use:
        if CELL_PATTERN.fullmatch(pattern) is None:
            raise InputError(f"a cell not to use must be a name or a pattern of '*' and '?': {pattern!r}")
        if not any(fnmatchcase(cell, pattern) for cell in cells):
            raise InputError(f"a cell not to use must be one of {pdk.name}{near_miss(pattern, cells)}: {pattern!r}")
    if lef:
        pdk = replace(pdk, lef=tuple(path.resolve() for path in lef))
    return replace(pdk, dont_use=tuple(dict.fromkeys((*pdk.dont_use, *dont_use))))


def _from_description(
    description: PdkDescription, corner: str | None, driving_cell: str | None, output_load_ff: float | None
) -> Pdk:
    status = find_pdk(description, corner)
    if status.found is None:
        where = "; ".join(status.looked_for)
        raise PdkMissing(
            f"the files of this PDK are missing ({description.how_to_get}; looked for in {where}): {description.name!r}"
        )
    found = status.found
    default = corner in (None, description.corners[0])
    name = description.name if default else f"{description.name}:{corner}"
    bare = Pdk(name, found.liberty, found.lef, found.verilog, driving_cell or "", 0.0, (), found.origin)
    return _with_settings(bare, description, driving_cell, output_load_ff)


def _with_settings(
    pdk: Pdk, description: PdkDescription, driving_cell: str | None, output_load_ff: float | None
) -> Pdk:
    return replace(
        pdk,
        driving_cell=driving_cell or description.driving_cell,
        output_load_ff=description.output_load_ff if output_load_ff is None else output_load_ff,
        dont_use=description.dont_use,
        site=description.site,
        signal_layer=description.signal_layer,
        signal_rc=description.signal_rc,
        wire_detour=description.wire_detour,
        pin_layers=description.pin_layers,
        layer_rc=description.layer_rc,
    )


def _from_liberty(
    paths: tuple[Path, ...], driving_cell: str | None, output_load_ff: float | None, dont_use: tuple[str, ...]
) -> Pdk:
    libraries = [_read_liberty(path, *_stamp(path)) for path in paths]
    name = paths[0].name.removesuffix(".gz").removesuffix(".lib") + (f"+{len(paths) - 1}" if len(paths) > 1 else "")
    bare = Pdk(name, paths, (), (), driving_cell or "", 0.0, (), f"file {', '.join(map(str, paths))}")
    cells = {cell.name: cell for library in libraries for cell in library.cells}
    for description in known_pdks():
        if description.driving_cell in cells and all(
            fnmatchcase(library.name, description.library) for library in libraries
        ):
            bare = replace(bare, origin=f"{bare.origin}, settings of {description.name}")
            return _with_settings(bare, description, driving_cell, output_load_ff)
    if driving_cell is None:
        library = merged_cell_library(libraries, dont_use)
        role = library.role("BUF") or library.role("INV")
        if role is None:
            unfit = _unfit(libraries)
            why = f" ({unfit})" if unfit else ""
            raise InputError(f"a library must have a usable buffer or inverter{why}: {paths[0].name!r}")
        driving_cell = role.cell.name
    if output_load_ff is None:
        inputs = cells[driving_cell].input_capacitance_ff if driving_cell in cells else {}
        output_load_ff = round(LOAD_IN_DRIVER_INPUTS * max(inputs.values(), default=1.0), 4)
    return replace(bare, driving_cell=driving_cell, output_load_ff=output_load_ff)


def _unfit(libraries: Sequence[LibertyLibrary]) -> str:
    """How many cells cannot be used, with the first of them; empty where all can."""
    cells = [cell for library in libraries for cell in library.cells]
    unfit = [cell for cell in cells if cell.unfit is not None]
    if not unfit:
        return ""
    return f"{len(unfit)} of {len(cells)} cells cannot be used, {unfit[0].name}: {unfit[0].unfit}"


def _check_settings(pdk: Pdk) -> None:
    cells = {cell.name: cell for library in pdk.liberty_libraries() for cell in library.cells}
    driver = cells.get(pdk.driving_cell)
    if driver is None or driver.logic is None or len(driver.input_capacitance_ff) != 1:
        why = near_miss(pdk.driving_cell, cells) if driver is None else f" ({driver.unfit})" if driver.unfit else ""
        raise InputError(f"the driving cell must be a buffer or an inverter of {pdk.name}{why}: {pdk.driving_cell!r}")
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


@lru_cache(maxsize=4)
def _timed_libraries(paths: tuple[Path, ...], dont_use: tuple[str, ...], _content: str) -> tuple[TimedLibrary, ...]:
    library = merged_cell_library([_read_liberty(path, *_stamp(path)) for path in paths], dont_use)
    usable = [cell.name for cell in library if not library.avoids(cell.name)]
    found = []
    for path in paths:
        try:
            found.append(read_timing(read_liberty_text(path), usable))
            check_plausible(found[-1].cells.values())
        except InputError as error:
            raise InputError(f"{path.name}: {error}") from error
    return tuple(found)


def _digest_line(text: str) -> str:
    return f"/* {hashlib.sha256(text.encode()).hexdigest()} */\n"


def _read_digested(path: Path) -> str | None:
    """The text of a file that begins with its digest, None where it is missing or not what was written."""
    try:
        line, _, text = path.read_text().partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return text if _digest_line(text) == f"{line}\n" else None


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
