"""A FuseSoC core file (CAPI 2) for an exported module, with a simulation target where a testbench is there."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from prefixrl.circuits.identifiers import check_identifier

VENDOR = "prefixrl"


def to_core(
    module: str, description: str, sources: Sequence[str], testbench: str = "", vhdl: str = "", version: str = "1.0.0"
) -> str:
    """The text of `MODULE.core`.

    :param module: the top module
    :param sources: Verilog files, in order
    :param testbench: its file, whose top is `MODULE_tb`; empty for none
    :param vhdl: the file of the same module in VHDL; empty for none
    """
    check_identifier(module)
    filesets = {"rtl": {"files": list(sources), "file_type": "verilogSource"}}
    targets: dict[str, dict[str, object]] = {"default": {"filesets": ["rtl"], "toplevel": module}}
    if vhdl:
        filesets["vhdl"] = {"files": [vhdl], "file_type": "vhdlSource"}
        targets["vhdl"] = {"filesets": ["vhdl"], "toplevel": module}
    if testbench:
        filesets["tb"] = {"files": [testbench], "file_type": "verilogSource"}
        targets["sim"] = {
            "default_tool": "icarus",
            "filesets": ["rtl", "tb"],
            "toplevel": f"{module}_tb",
            "tools": {"icarus": {"iverilog_options": ["-g2005"]}},
        }
    targets["lint"] = {
        "default_tool": "verilator",
        "filesets": ["rtl"],
        "toplevel": module,
        "tools": {"verilator": {"mode": "lint-only"}},
    }
    core = {
        "name": f"{VENDOR}:arithmetic:{module}:{version}",
        "description": description,
        "filesets": filesets,
        "targets": targets,
    }
    return "CAPI=2:\n" + yaml.safe_dump(core, sort_keys=False, width=120)
