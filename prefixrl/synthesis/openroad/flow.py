"""One run of OpenROAD: a folder that a person can read, the program in it, and what came out, checked.

The folder holds the netlist, the constraints, links to the library files, one script per step, the exact command, the
whole log, the repaired netlist and the figures (`metrics.json`).
"""

from __future__ import annotations

import json
import math
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from prefixrl.circuits.cells import CellLibrary
from prefixrl.circuits.netlist import Netlist
from prefixrl.circuits.structural_verilog import netlist_from_verilog
from prefixrl.errors import InputError, ToolError
from prefixrl.synthesis.openroad import templates
from prefixrl.synthesis.openroad.equivalence import same_function
from prefixrl.synthesis.openroad.lef import LefLibrary
from prefixrl.synthesis.openroad.report import Refused, RunFigures, Unbelievable, read_report
from prefixrl.tools import Tool, run_tool
from prefixrl.tools.process import last_lines

LOG = "openroad.log"
COMMAND = "command.txt"
METRICS = "metrics.json"
MAXIMUM_NETLIST_BYTES = 64 * 2**20
# One thread: a run must give the same netlist every time, and the pool uses the other cores.
ARGUMENTS = ("-exit", "-no_splash", "-no_init", "-threads", "1", templates.SCRIPT)


@dataclass(frozen=True)
class RunInputs:
    """Everything that one run reads.

    :param netlist: what is placed
    :param sdc: its constraints, in ns and fF, with the clock in them
    :param clock_ns: that clock
    :param scripts: step -> Tcl, with the script that runs them under "run"
    :param links: plain file name -> library file
    """

    netlist: Netlist
    sdc: str
    clock_ns: float
    scripts: Mapping[str, str]
    links: Mapping[str, Path]


@dataclass(frozen=True)
class RunResult:
    """A repaired netlist with its figures; the area is that of the cells as Liberty states them."""

    netlist: Netlist
    area_um2: float
    delay_ns: float
    figures: RunFigures


def run_flow(
    tool: Tool,
    folder: Path,
    inputs: RunInputs,
    library: CellLibrary,
    lef: LefLibrary,
    *,
    timeout_s: float,
    memory_mib: int,
) -> RunResult:
    """Run OpenROAD in an empty folder.

    :raises Refused: OpenROAD reported an error
    :raises Unbelievable: it crashed, or what it reported or wrote is not a result
    :raises ToolError: it cannot be started, ran past the time-out, or printed without end
    """
    argv = [*tool.argv, *ARGUMENTS]
    _write_inputs(folder, inputs, argv)
    metrics: dict[str, object] = {"tool": tool.version, "clock_ns": inputs.clock_ns}
    try:
        done = run_tool(
            argv, timeout_s=timeout_s, memory_mib=memory_mib, cwd=folder, log_path=folder / LOG, check=False
        )
        metrics["exit_status"] = done.status
        try:
            result = _read_result(folder, done.stdout, inputs, library, lef)
        except Unbelievable as error:
            raise _with_status(error, done.status, done.stdout) from None
        metrics |= {"area_um2": result.area_um2, "delay_ns": result.delay_ns, "reported": asdict(result.figures)}
        return result
    except (Refused, Unbelievable, ToolError) as error:
        metrics["failure"] = str(error)
        raise
    finally:
        (folder / METRICS).write_text(json.dumps(metrics, indent=1) + "\n")


def _write_inputs(folder: Path, inputs: RunInputs, argv: list[str]) -> None:
    (folder / templates.NETLIST).write_text(inputs.netlist.to_verilog())
    (folder / templates.CONSTRAINTS).write_text(inputs.sdc)
    for step, text in inputs.scripts.items():
        (folder / f"{step}.tcl").write_text(text)
    for name, target in inputs.links.items():
        try:
            (folder / name).symlink_to(target.resolve())
        except OSError:
            shutil.copyfile(target, folder / name)
    (folder / COMMAND).write_text(f"cd {shlex.quote(str(folder.resolve()))} && {shlex.join(argv)}\n")


def _with_status(error: Unbelievable, status: int, log: str) -> Unbelievable:
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    last = last_lines(log, 1).strip()
    return Unbelievable(f"{error} ({how}{f'; last line {last[:160]!r}' if last else ''})")


def _read_result(folder: Path, log: str, inputs: RunInputs, library: CellLibrary, lef: LefLibrary) -> RunResult:
    figures = read_report(log, inputs.clock_ns)
    path = folder / templates.RESULT
    try:
        if path.is_symlink() or path.stat().st_size > MAXIMUM_NETLIST_BYTES:
            raise Unbelievable("OpenROAD wrote a netlist that cannot be one")
        text = path.read_text("utf-8", "strict")
        written = netlist_from_verilog(text, inputs.netlist, library)
        written.netlist.check(library)
    except (OSError, UnicodeDecodeError) as error:
        raise Unbelievable(f"OpenROAD wrote no netlist that can be read: {error}") from None
    except InputError as error:
        raise Unbelievable(f"OpenROAD wrote a netlist that is none: {error}") from None
    _check_area(figures.area_um2, written.cells, lef)
    if not same_function(written.netlist, inputs.netlist, library):
        raise Unbelievable("OpenROAD wrote a netlist of another function")
    area_um2 = round(written.netlist.area_um2(library), 6)
    return RunResult(written.netlist, area_um2, round(figures.delay_ns, 5), figures)


def _check_area(reported: float, cells: tuple[str, ...], lef: LefLibrary) -> None:
    """The area that OpenROAD reported must be that of the cells that it wrote."""
    missing = next((name for name in cells if name not in lef.macro_areas_um2), None)
    if missing is not None:
        raise Unbelievable(f"OpenROAD wrote a cell that the LEF does not have: {missing}")
    area = sum(lef.macro_areas_um2[name] for name in cells)
    if not math.isclose(area, reported, rel_tol=1e-4, abs_tol=1e-3):
        raise Unbelievable(f"OpenROAD wrote cells of {area:.4f} um2, but reported {reported:.4f}")
