"""The files of an export, by format: what each is called and what is in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from prefixrl.circuits import Circuit
from prefixrl.circuits.cocotb_test import to_cocotb
from prefixrl.circuits.fusesoc import to_core
from prefixrl.circuits.netlist import Netlist
from prefixrl.circuits.testbench import to_testbench
from prefixrl.circuits.vhdl import to_vhdl
from prefixrl.circuits.yosys_choice import FILE_NAME as CHOICE_FILE
from prefixrl.designs.anatomy import timing_of
from prefixrl.errors import InputError, ProofFailed
from prefixrl.graphs.dot import draw as draw_dot
from prefixrl.graphs.files import graph_to_json
from prefixrl.graphs.shading import Shading
from prefixrl.graphs.svg import draw as draw_svg
from prefixrl.hints import near_miss
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.pdk import Pdk
from prefixrl.tools.yosys import run_yosys

AIGER_TIMEOUT_S = 120.0

_FILES = {
    "rtl": "{}.v",
    "vhdl": "{}.vhd",
    "netlist": "{}.netlist.v",
    "blif": "{}.blif",
    "aiger": "{}.aig",
    "json": "{}.json",
    "svg": "{}.svg",
    "png": "{}.png",
    "dot": "{}.dot",
    "testbench": "{}_tb.v",
    "cocotb": "test_{}.py",
    "fusesoc": "{}.core",
    "placement": "{}.def",
    "yosys-choice": CHOICE_FILE,
    "wrapper": "{}.v",
    "sdc": "{}.sdc",
}
FORMATS = tuple(each for each in _FILES if each != "sdc")
DEFAULT_FORMATS = ("rtl", "netlist", "json", "svg", "testbench")
PIPELINE_FORMATS = ("rtl", "json", "svg", "testbench")
COMBINATIONAL = ("netlist", "blif", "aiger", "placement")
"""Formats that a pipeline cannot have: its registers are the flow's that it goes into."""
_NEED_RTL = ("testbench", "cocotb", "fusesoc", "wrapper")


def check_formats(formats: Iterable[str] | None, stages: int = 0) -> tuple[str, ...]:
    """The formats asked for, each once, in the order of `FORMATS`; RTL comes with what is of no use without it.

    :param formats: None for the default ones
    :param stages: of a pipeline; 0 for none
    :raises InputError: there is none, one is unknown, or one that a pipeline cannot have
    """
    if formats is None:
        formats = PIPELINE_FORMATS if stages else DEFAULT_FORMATS
    asked = [each.strip() for each in formats if each.strip()]
    for each in asked:
        if each not in FORMATS:
            raise InputError(f"a format must be one of {', '.join(FORMATS)}{near_miss(each, FORMATS)}: {each}")
        if stages and each in COMBINATIONAL:
            raise InputError(f"a pipeline is written as RTL, it has no {', '.join(COMBINATIONAL)}: {each}")
    if not asked:
        raise InputError(f"an export needs at least one format of {', '.join(FORMATS)}: none")
    wanted = {*asked, *(("rtl",) if any(each in _NEED_RTL for each in asked) else ())}
    return tuple(known for known in FORMATS if known in wanted)


def file_name(wanted: str, module: str) -> str:
    """The name of a format's file."""
    return _FILES[wanted].format(module)


def content(
    wanted: str, circuit: Circuit, netlist: Netlist, rtl: str, shading: Shading | None, stages: int, title: str
) -> str | bytes:
    """What is in a format's file.

    :param rtl: the Verilog text of the module that `netlist` has the name of
    :param title: one line over drawings
    """
    module, graph = netlist.module, circuit.graph
    match wanted:
        case "rtl":
            return rtl
        case "vhdl":
            return to_vhdl(circuit, module, stages)
        case "netlist":
            return netlist.to_verilog()
        case "blif":
            return checked_blif(netlist)
        case "aiger":
            return aiger(rtl, module)
        case "json":
            return graph_to_json(graph)
        case "svg":
            return draw_svg(graph, title, shading)
        case "png":
            from prefixrl.graphs.png import render

            return render(graph, title, shading)
        case "dot":
            return draw_dot(graph)
        case "testbench":
            return to_testbench(circuit, module, stages)
        case "cocotb":
            return to_cocotb(circuit, module, stages)
    raise AssertionError(wanted)


def core_file(module: str, title: str, names: Mapping[str, str]) -> str:
    """The FuseSoC core of a design.

    :param names: file by format, of those that are written
    """
    return to_core(module, title, [names["rtl"]], names.get("testbench", ""), names.get("vhdl", ""))


def shading_of(netlist: Netlist, circuit: Circuit, constraints: Constraints, pdk: Pdk) -> Shading | None:
    """Slack and critical path for drawings; None where the library cannot be timed natively."""
    try:
        timing = timing_of(netlist, circuit, constraints, pdk)
    except InputError:
        return None
    return Shading(timing.slack_ns, timing.nodes)


def checked_blif(netlist: Netlist) -> str:
    """The netlist as mapped BLIF that reads back as the same netlist.

    :raises ProofFailed: it does not
    """
    text = netlist.to_blif()
    if sorted(Netlist.from_blif(text, netlist).gates) != sorted(netlist.gates):
        raise ProofFailed(f"a BLIF file must read back as the netlist that it was written from: {netlist.module}")
    return text


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
