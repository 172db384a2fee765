"""The placement behind a design that OpenROAD evaluated: DEF, the block's LEF, and the netlist with the same names.

The evaluator keeps no placement. Its run is done again by its own scripts, which leave a netlist that is checked
against the design, and then once more in the same folder with commands at the end that write the rest.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path

from prefixrl.circuits import Circuit
from prefixrl.circuits.netlist import Netlist
from prefixrl.circuits.structural_verilog import netlist_from_verilog
from prefixrl.errors import EvaluationFailed, ToolError
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import CurvePoint
from prefixrl.synthesis.openroad.evaluator import OpenroadEvaluator
from prefixrl.synthesis.openroad.flow import ARGUMENTS
from prefixrl.synthesis.openroad.templates import RESULT
from prefixrl.synthesis.pdk import Pdk
from prefixrl.tools.finder import require_tool
from prefixrl.tools.process import run_tool

DEF, LEF = "placed.def", "placed.lef"
# Older builds cannot write a block's LEF; DEF they all can.
_WRITE = f"\nwrite_def {DEF}\ncatch {{write_abstract_lef {LEF}}}\n"
_LAST_STEP = "report.tcl"
_DESIGN = re.compile(r"^DESIGN (\S+) ;$", re.MULTILINE)
_COMPONENTS = re.compile(r"^COMPONENTS (\d+) ;$", re.MULTILINE)
_PLACED = re.compile(r"^\s*(?:-.*?)?\+ (?:PLACED|FIXED) \(", re.MULTILINE)


def placement_of(
    circuit: Circuit, constraints: Constraints, point: CurvePoint, pdk: Pdk, module: str
) -> dict[str, str]:
    """The files of a placement by their endings: `.def`, `.placed.v`, and `.lef` where OpenROAD writes one.

    :param point: of OpenROAD's curve, with its recipe
    :param module: the name that the design gets
    :raises EvaluationFailed: OpenROAD does not make this point again
    :raises ToolError: it failed, or what it wrote is no placement of this design
    """
    with tempfile.TemporaryDirectory(prefix="prefixrl-placement-") as scratch:
        evaluator = OpenroadEvaluator(pdk, work_folder=scratch)
        netlist = evaluator.realize(circuit, constraints, point, module)
        folder = max(Path(scratch).iterdir(), key=lambda path: path.stat().st_mtime)
        step = folder / _LAST_STEP
        step.write_text(step.read_text() + _WRITE)
        settings = evaluator.settings
        argv = [*require_tool("openroad").argv, *ARGUMENTS]
        run_tool(argv, timeout_s=settings.timeout_s, memory_mib=settings.memory_mib, cwd=folder)
        files = {".def": _text(folder / DEF), ".placed.v": _text(folder / RESULT)}
        if (folder / LEF).is_file():
            files[".lef"] = _text(folder / LEF)
    _check_netlist(files[".placed.v"], netlist, circuit, pdk)
    _check_def(files[".def"], len(netlist.gates), circuit.default_module)
    return _renamed(files, circuit.default_module, module)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ToolError(f"openroad must leave {path.name}: {error}") from None


def _check_netlist(text: str, netlist: Netlist, circuit: Circuit, pdk: Pdk) -> None:
    """The placed netlist must be the design's: the second run did what the first one did."""
    template = replace(netlist, module=circuit.default_module)
    written = netlist_from_verilog(text, template, pdk.library()).netlist
    if sorted(written.gates) != sorted(netlist.gates):
        raise EvaluationFailed("openroad must do the same again: its second netlist is another")


def _check_def(text: str, cells: int, design: str) -> None:
    found, count = _DESIGN.search(text), _COMPONENTS.search(text)
    if found is None or found[1] != design or count is None or not text.rstrip().endswith("END DESIGN"):
        raise ToolError(f"openroad must write a whole DEF of {design}: {text[:200]!r}")
    components = text[count.end() : text.index("END COMPONENTS")]
    placed = len(_PLACED.findall(components))
    if int(count[1]) < cells or placed != int(count[1]):
        raise ToolError(f"a placement must place {cells} cells: {placed} of {count[1]}")


def _renamed(files: dict[str, str], old: str, new: str) -> dict[str, str]:
    """The design under another name, in the places where the formats say it."""
    patterns = {
        ".def": rf"^DESIGN {old} ;$",
        ".placed.v": rf"^(\s*)module {old}\b",
        ".lef": rf"^(\s*)(MACRO|END) {old}$",
    }
    replacements = {".def": f"DESIGN {new} ;", ".placed.v": rf"\1module {new}", ".lef": rf"\1\2 {new}"}
    return {
        ending: re.sub(patterns[ending], replacements[ending], text, flags=re.MULTILINE)
        for ending, text in files.items()
    }
