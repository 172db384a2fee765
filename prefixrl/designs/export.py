"""Writing one design for use elsewhere: RTL, mapped netlist and what goes with them, each proven equivalent first.

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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prefixrl.circuits import Circuit
from prefixrl.circuits.cells import CellLibrary
from prefixrl.circuits.identifiers import check_identifier
from prefixrl.circuits.netlist import Netlist
from prefixrl.circuits.proof import Proof, prove_netlist, prove_rtl
from prefixrl.circuits.rtl import to_verilog
from prefixrl.circuits.testbench import to_testbench
from prefixrl.designs.manifest import Figures, manifest_document
from prefixrl.errors import InputError, PrefixrlError
from prefixrl.files import atomic_write
from prefixrl.graphs.drawing import draw_svg
from prefixrl.graphs.files import graph_to_json
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.evaluator import has_wires
from prefixrl.synthesis.pdk import Pdk
from prefixrl.tools.yosys import run_yosys

FORMATS = ("rtl", "netlist", "blif", "aiger", "json", "svg", "testbench")
DEFAULT_FORMATS = ("rtl", "netlist", "json", "svg", "testbench")
MANIFEST = "manifest.json"
AIGER_TIMEOUT_S = 120.0

_SUFFIXES = {
    "rtl": ".v",
    "netlist": ".netlist.v",
    "blif": ".blif",
    "aiger": ".aig",
    "json": ".json",
    "svg": ".svg",
    "testbench": "_tb.v",
    "sdc": ".sdc",
}


@dataclass(frozen=True)
class Export:
    """What was written.

    :param files: by format, `sdc` among them
    """

    folder: Path
    files: Mapping[str, Path]
    proofs: Mapping[str, Proof]
    manifest: Mapping[str, object]


def check_formats(formats: Iterable[str]) -> tuple[str, ...]:
    """The formats asked for, each once, in the order of `FORMATS`.

    :raises InputError: there is none, or one is unknown
    """
    asked = [each.strip() for each in formats if each.strip()]
    for each in asked:
        if each not in FORMATS:
            raise InputError(f"a format must be one of {', '.join(FORMATS)}: {each}")
    if not asked:
        raise InputError(f"an export needs at least one format of {', '.join(FORMATS)}: none")
    return tuple(known for known in FORMATS if known in asked)


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


def check_module(module: str, library: CellLibrary) -> str:
    """A module name that can stand beside the library's cells.

    :raises InputError: it is no plain identifier, or a cell's name
    """
    if module in library:
        raise InputError(f"a module must not have the name of a library cell: {module!r}")
    return check_identifier(module)


def export_design(
    folder: str | Path,
    circuit: Circuit,
    netlist: Netlist,
    constraints: Constraints,
    pdk: Pdk,
    figures: Figures,
    *,
    formats: Iterable[str] = DEFAULT_FORMATS,
    module: str | None = None,
    clock_period_ns: float | None = None,
    command: str = "",
) -> Export:
    """Prove a design equivalent to the naive model of its circuit, as RTL and as netlist, then write it.

    :param folder: new or empty
    :param netlist: of the same module name, as the evaluator's `realize` gives it
    :param figures: what is claimed for the netlist
    :param formats: some of `FORMATS`; constraints (SDC) and manifest are always written
    :param module: the module's name, which is also that of the files; the default is the circuit kind
    :param clock_period_ns: period of the SDC's virtual clock; the default is the design's delay
    :param command: the command line, for the manifest
    :raises InputError: folder, formats or module name break a rule
    :raises ProofFailed: the design does not do what it should; nothing is written
    :raises PrefixrlError: the netlist is not the one that the figures are of
    """
    path = check_folder(folder)
    asked = check_formats(formats)
    library = pdk.library()
    module = check_module(circuit.default_module if module is None else module, library)
    _check_netlist(netlist, module, library, figures)
    rtl = to_verilog(circuit, module)
    proofs = {
        "rtl": prove_rtl(rtl, module, circuit),
        "netlist": prove_netlist(netlist, circuit, library, pdk.plain_liberty()),
    }
    made = {each: _content(each, circuit, netlist, rtl) for each in asked}
    made["sdc"] = _sdc(circuit, constraints, pdk, figures, clock_period_ns or figures.delay_ns)
    names = {each: module + _SUFFIXES[each] for each in made}
    contents = {names[each]: _bytes(content) for each, content in made.items()}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    manifest = manifest_document(
        circuit, netlist, figures, constraints, pdk, proofs=proofs, digests=digests, command=command
    )
    contents[MANIFEST] = _bytes(json.dumps(manifest, indent=1, allow_nan=False) + "\n")
    _write_folder(path, contents)
    return Export(path, {each: path / name for each, name in names.items()}, proofs, manifest)


def _check_netlist(netlist: Netlist, module: str, library: CellLibrary, figures: Figures) -> None:
    assert netlist.module == module, (netlist.module, module)
    area = netlist.area_um2(library)
    if not math.isclose(area, figures.area_um2, abs_tol=1e-6):
        raise PrefixrlError(f"the netlist's area must be the {figures.area_um2} um2 that the evaluator gave: {area}")


def _content(wanted: str, circuit: Circuit, netlist: Netlist, rtl: str) -> str | bytes:
    match wanted:
        case "rtl":
            return rtl
        case "netlist":
            return netlist.to_verilog()
        case "blif":
            return netlist.to_blif()
        case "aiger":
            return aiger(rtl, netlist.module)
        case "json":
            return graph_to_json(circuit.graph)
        case "svg":
            return draw_svg(circuit.graph)
        case "testbench":
            return to_testbench(circuit, netlist.module)
    raise AssertionError(wanted)


# A comment and not a command: it would hold against the real wires of a flow that places the netlist, too.
_NO_WIRES = """\
# The delay was measured without wires. OpenSTA 2.0 (of 2019) adds those of a library's default_wire_load on its own;
# to take them out of the netlist beside this file: set_load 0 [get_nets *]
"""


def _sdc(circuit: Circuit, constraints: Constraints, pdk: Pdk, figures: Figures, period_ns: float) -> str:
    liberty = pdk.liberty_libraries()[0]
    text = constraints.to_sdc(
        circuit, period_ns, time_unit_ns=liberty.time_unit_ns, capacitance_unit_ff=liberty.capacitance_unit_ff
    )
    return text if has_wires(figures.evaluator, figures.evaluator_options) else f"{_NO_WIRES}{text}"


def aiger(rtl: str, module: str) -> bytes:
    """The RTL as an and-inverter graph in binary AIGER, with the names of inputs and outputs.

    :param module: a checked identifier
    :raises ToolError: Yosys failed
    """
    with tempfile.TemporaryDirectory(prefix="prefixrl-") as scratch:
        Path(scratch, "design.v").write_text(rtl, encoding="utf-8")
        passes = ("read_verilog design.v", f"hierarchy -check -top {module}", "proc", "flatten", "opt", "aigmap")
        run_yosys("\n".join((*passes, "write_aiger -symbols design.aig")), cwd=scratch, timeout_s=AIGER_TIMEOUT_S)
        return Path(scratch, "design.aig").read_bytes()


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


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
        for name, content in contents.items():
            atomic_write(folder / name, content)
    except BaseException:
        for name in contents:
            (folder / name).unlink(missing_ok=True)
        raise
