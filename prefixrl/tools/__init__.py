"""External programs: found, started, watched, believed only after a check, and ended with everything they started."""

from prefixrl.tools.abc import AbcSession, run_abc
from prefixrl.tools.finder import TOOL_NAMES, Tool, find_tool, require_tool
from prefixrl.tools.process import CompletedTool, run_tool
from prefixrl.tools.scratch import ScratchFile
from prefixrl.tools.sta import StaSession
from prefixrl.tools.yosys import YosysSession, run_yosys

__all__ = [
    "TOOL_NAMES",
    "AbcSession",
    "CompletedTool",
    "ScratchFile",
    "StaSession",
    "Tool",
    "YosysSession",
    "find_tool",
    "require_tool",
    "run_abc",
    "run_tool",
    "run_yosys",
]
