"""Writing designs for use elsewhere: RTL, mapped netlist and what goes with them, each proven equivalent first.

Everything is made and proven before the first file is written. A new folder appears complete or not at all; into an
empty folder that exists already the files go one by one, `manifest.json` last, and leave it again if one cannot be
written.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prefixrl.circuits import Circuit
from prefixrl.circuits.cells import CellLibrary
from prefixrl.circuits.identifiers import check_identifier, check_vhdl_identifier
from prefixrl.circuits.netlist import Netlist
from prefixrl.circuits.proof import Proof, prove_aiger, prove_netlist, prove_rtl
from prefixrl.circuits.rtl import to_verilog
from prefixrl.circuits.vhdl_proof import prove_vhdl
from prefixrl.circuits.wrapper import check_family, member_name, prove_wrapper, to_wrapper
from prefixrl.circuits.yosys_choice import prove_yosys_choice, to_yosys_choice
from prefixrl.designs.export_files import (
    DEFAULT_FORMATS,
    FORMATS,
    check_formats,
    content,
    core_file,
    file_name,
    shading_of,
)
from prefixrl.designs.manifest import FAMILY_FORMAT, Figures, manifest_document
from prefixrl.designs.placement import placement_of
from prefixrl.errors import InputError, PrefixrlError
from prefixrl.files import atomic_write
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import CurvePoint
from prefixrl.synthesis.evaluator import has_wires
from prefixrl.synthesis.pdk import Pdk

__all__ = [
    "DEFAULT_FORMATS",
    "FORMATS",
    "Export",
    "Member",
    "check_folder",
    "check_formats",
    "check_module",
    "export_design",
    "export_family",
]

MANIFEST = "manifest.json"
_OF_A_FAMILY = ("wrapper", "yosys-choice")
"""Formats of which there is one file, however many widths are exported."""


@dataclass(frozen=True)
class Export:
    """What was written.

    :param files: by format, `sdc` among them; of a family `FORMAT:WIDTH`, but for what it has once
    """

    folder: Path
    files: Mapping[str, Path]
    proofs: Mapping[str, Proof]
    manifest: Mapping[str, object]


@dataclass(frozen=True)
class Member:
    """One design to export.

    :param netlist: of the module name that its files shall have, as the evaluator's `realize` gives it
    :param figures: what is claimed for the netlist
    """

    circuit: Circuit
    netlist: Netlist
    figures: Figures
    constraints: Constraints
    pdk: Pdk

    @property
    def title(self) -> str:
        """One line for drawings and descriptions."""
        figures = f"{self.figures.delay_ns:.4g} ns, {self.figures.area_um2:.5g} um2 on {self.pdk.name}"
        return f"{self.circuit.width}-bit {self.circuit.kind.replace('_', ' ')}, {figures}"


@dataclass
class _Made:
    """A member's files before they are written."""

    names: dict[str, str]
    contents: dict[str, bytes]
    proofs: dict[str, Proof]
    rtl: str


def check_folder(folder: str | Path) -> Path:
    """The place of an export: new, or an empty folder. Worth asking before the work that an export needs.

    :raises InputError: it is something else, or cannot be written
    """
    path = Path(folder)
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(f"an export needs a new or empty directory: {path}")
        nearest = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    except OSError as error:
        raise InputError(f"an export needs a writable directory ({error.strerror}): {path}") from None
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"an export needs a writable directory: {path}")
    return path


def check_module(module: str, library: CellLibrary, formats: Iterable[str] = ()) -> str:
    """A module name that can stand beside the library's cells.

    :param formats: that will be written: VHDL is narrower
    :raises InputError: it is no plain identifier, or a cell's name
    """
    if module in library:
        raise InputError(f"a module must not have the name of a library cell: {module!r}")
    return check_vhdl_identifier(module) if "vhdl" in formats else check_identifier(module)


def export_design(
    folder: str | Path,
    circuit: Circuit,
    netlist: Netlist,
    constraints: Constraints,
    pdk: Pdk,
    figures: Figures,
    *,
    formats: Iterable[str] | None = None,
    module: str | None = None,
    stages: int = 0,
    clock_period_ns: float | None = None,
    command: str = "",
) -> Export:
    """Prove a design equivalent to the naive model of its circuit, as RTL and as netlist, then write it.

    :param folder: new or empty
    :param netlist: of the same module name, as the evaluator's `realize` gives it
    :param figures: what is claimed for the netlist
    :param formats: some of `FORMATS` but `wrapper`; constraints (SDC) and manifest are always written
    :param module: the module's name, which is also that of the files; the default is the circuit kind
    :param stages: write RTL that is a pipeline of so many stages; there is no netlist file then
    :param clock_period_ns: period of the SDC's virtual clock; the default is the design's delay
    :param command: the command line, for the manifest
    :raises InputError: folder, formats or module name break a rule
    :raises ProofFailed: the design does not do what it should; nothing is written
    :raises PrefixrlError: the netlist is not the one that the figures are of
    """
    path = check_folder(folder)
    asked = check_formats(formats, stages)
    name = check_module(circuit.default_module if module is None else module, pdk.library(), asked)
    if "wrapper" in asked:
        raise InputError(f"a wrapper is written by export_family, in front of modules with other names: {name!r}")
    assert netlist.module == name, (netlist.module, name)
    member = Member(circuit, netlist, figures, constraints, pdk)
    _check_placement([member], asked)
    made = _make(member, asked, stages, clock_period_ns)
    if "yosys-choice" in asked:
        _add_choice(made, [circuit])
    manifest = _manifest(member, made, stages, command)
    contents = {**made.contents, MANIFEST: _bytes(json.dumps(manifest, indent=1, allow_nan=False) + "\n")}
    _write_folder(path, contents)
    return Export(path, {each: path / name for each, name in made.names.items()}, made.proofs, manifest)


def export_family(
    folder: str | Path,
    members: Sequence[Member],
    module: str,
    *,
    formats: Iterable[str] | None = None,
    stages: int = 0,
    command: str = "",
) -> Export:
    """As `export_design` for several widths of one kind of circuit, with one face where `wrapper` is among the formats.

    :param members: by width as they shall be tried; their netlists have the names of `circuits.wrapper.member_name`
    :param module: name of the wrapper, and the beginning of the members' names
    :raises InputError: as `export_design`; or the circuits do not go together
    """
    path = check_folder(folder)
    asked = check_formats(formats, stages)
    circuits = [member.circuit for member in members]
    check_family(circuits)
    _check_placement(members, asked)
    each_of = tuple(each for each in asked if each not in _OF_A_FAMILY)
    names: dict[str, str] = {}
    proofs: dict[str, Proof] = {}
    shared = _Made({}, {}, {}, "")
    designs: list[dict[str, object]] = []
    contents: dict[str, bytes] = {}
    texts: dict[int, tuple[Circuit, str]] = {}
    for member in members:
        width = member.circuit.width
        check_module(module, member.pdk.library(), asked)
        assert member.netlist.module == member_name(module, width), member.netlist.module
        made = _make(member, each_of, stages, None)
        texts[width] = (member.circuit, made.rtl)
        contents |= made.contents
        names |= {f"{each}:{width}": name for each, name in made.names.items()}
        proofs |= {f"{each}:{width}": proof for each, proof in made.proofs.items()}
        designs.append(_manifest(member, made, stages, command))
    if "wrapper" in asked:
        text = to_wrapper(circuits, module, stages)
        shared.proofs["wrapper"] = prove_wrapper(text, module, texts, stages)
        _add(shared, "wrapper", file_name("wrapper", module), text)
    if "yosys-choice" in asked:
        _add_choice(shared, circuits)
    manifest = {
        "format": FAMILY_FORMAT,
        "module": module,
        "widths": [circuit.width for circuit in circuits],
        "designs": designs,
        "proofs": {each: proof.to_json() for each, proof in shared.proofs.items()},
        "files": _digests(shared.contents),
    }
    contents |= {**shared.contents, MANIFEST: _bytes(json.dumps(manifest, indent=1, allow_nan=False) + "\n")}
    _write_folder(path, contents)
    names |= shared.names
    return Export(path, {each: path / name for each, name in names.items()}, proofs | shared.proofs, manifest)


def _make(member: Member, asked: Sequence[str], stages: int, period_ns: float | None) -> _Made:
    """Prove a member, then make its files."""
    circuit, netlist = member.circuit, member.netlist
    library = member.pdk.library()
    module = check_module(netlist.module, library, asked)
    _check_area(netlist, library, member.figures)
    made = _Made({}, {}, {}, to_verilog(circuit, module, stages))
    made.proofs["rtl"] = prove_rtl(made.rtl, module, circuit, stages)
    if not stages:
        made.proofs["netlist"] = prove_netlist(netlist, circuit, library, member.pdk.plain_liberty())
    drawn = "svg" in asked or "png" in asked
    shading = shading_of(netlist, circuit, member.constraints, member.pdk) if drawn else None
    for each in asked:
        if each not in ("fusesoc", "placement", *_OF_A_FAMILY):
            text = content(each, circuit, netlist, made.rtl, shading, stages, member.title)
            _add(made, each, file_name(each, module), text)
    if "vhdl" in asked:
        made.proofs["vhdl"] = prove_vhdl(made.contents[made.names["vhdl"]].decode(), module, circuit, stages)
    if "aiger" in asked:
        made.proofs["aiger"] = prove_aiger(made.contents[made.names["aiger"]], module, circuit)
    if "placement" in asked:
        _add_placement(made, member)
    if "fusesoc" in asked:
        _add(made, "fusesoc", file_name("fusesoc", module), core_file(module, member.title, made.names))
    if not stages:
        _add(made, "sdc", file_name("sdc", module), _sdc(member, period_ns or member.figures.delay_ns))
    return made


def _add(made: _Made, wanted: str, name: str, text: str | bytes) -> None:
    made.names[wanted] = name
    made.contents[name] = _bytes(text)


def _add_placement(made: _Made, member: Member) -> None:
    figures, module = member.figures, member.netlist.module
    point = CurvePoint(figures.delay_ns, figures.area_um2, figures.recipe)
    for ending, text in placement_of(member.circuit, member.constraints, point, member.pdk, module).items():
        name = "placement" if ending == ".def" else f"placement{ending}"
        _add(made, name, f"{module}{ending}", text)


def _check_placement(members: Sequence[Member], asked: Sequence[str]) -> None:
    """Only who placed a design has a placement of it.

    :raises InputError: one was evaluated otherwise
    """
    other = next((each.figures.evaluator for each in members if each.figures.evaluator != "openroad"), None)
    if "placement" in asked and other is not None:
        raise InputError(f"a placement is there of designs that openroad evaluated, this one was judged by: {other}")


def _add_choice(made: _Made, circuits: Sequence[Circuit]) -> None:
    text = to_yosys_choice(circuit.graph for circuit in circuits)
    made.proofs["yosys-choice"] = prove_yosys_choice(text, [circuit.width for circuit in circuits])
    _add(made, "yosys-choice", file_name("yosys-choice", ""), text)


def _manifest(member: Member, made: _Made, stages: int, command: str) -> dict[str, object]:
    return manifest_document(
        member.circuit,
        member.netlist,
        member.figures,
        member.constraints,
        member.pdk,
        proofs=made.proofs,
        digests=_digests(made.contents),
        stages=stages,
        command=command,
    )


def _digests(contents: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}


def _check_area(netlist: Netlist, library: CellLibrary, figures: Figures) -> None:
    area = netlist.area_um2(library)
    if not math.isclose(area, figures.area_um2, abs_tol=1e-6):
        raise PrefixrlError(f"the netlist's area must be the {figures.area_um2} um2 that the evaluator gave: {area}")


# A comment and not a command: it would hold against the real wires of a flow that places the netlist, too.
_NO_WIRES = """\
# The delay was measured without wires. OpenSTA 2.0 (of 2019) adds those of a library's default_wire_load on its own;
# to take them out of the netlist beside this file: set_load 0 [get_nets *]
"""


def _sdc(member: Member, period_ns: float) -> str:
    liberty = member.pdk.liberty_libraries()[0]
    text = member.constraints.to_sdc(
        member.circuit, period_ns, time_unit_ns=liberty.time_unit_ns, capacitance_unit_ff=liberty.capacitance_unit_ff
    )
    return text if has_wires(member.figures.evaluator, member.figures.evaluator_options) else f"{_NO_WIRES}{text}"


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write the files, of which the last one is the manifest."""
    try:
        if folder.exists():
            _fill(folder, contents)
        else:
            _appear(folder, contents)
    except OSError as error:
        raise InputError(f"an export needs a writable directory ({error.strerror}): {folder}") from None


def _appear(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Make the folder with all of its files, by renaming a complete one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        # mkdtemp's folder is its owner's alone; that of a plain mkdir has the permissions that the user expects.
        complete = staging / "complete"
        complete.mkdir()
        _fill(complete, contents)
        os.rename(complete, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _fill(folder: Path, contents: Mapping[str, bytes]) -> None:
    try:
        for name, data in contents.items():
            atomic_write(folder / name, data)
    except BaseException:
        for name in contents:
            (folder / name).unlink(missing_ok=True)
        raise
