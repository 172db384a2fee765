"""Where the external programs are: what the user says first, then the wheels that pip brought, then the PATH."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import logging
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from prefixrl.errors import ToolError, ToolMissing
from prefixrl.tools.process import run_tool

_VERSION_TIMEOUT_S = 10.0
# The version is part of cache keys, so one run that was killed from outside must not make it unknown.
_VERSION_ATTEMPTS = 2
_PYOSYS_CHILD = str(Path(__file__).with_name("pyosys_child.py"))

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tool:
    """An external program that this machine has.

    :param name: one of `TOOL_NAMES`
    :param argv: the program and the arguments that always come first
    :param version: as the program or its package states it, one line; part of cache keys
    :param origin: where it was found, for people
    """

    name: str
    argv: tuple[str, ...]
    version: str
    origin: str

    @property
    def path(self) -> str:
        """The executable file."""
        return self.argv[0]


@dataclass(frozen=True)
class _Known:
    """What is known about a program before it is looked for."""

    variable: str
    executables: tuple[str, ...]
    version_arguments: tuple[str, ...]
    how_to_get: str


_KNOWN = {
    "yosys": _Known("PREFIXRL_YOSYS", ("yosys",), ("-V",), "pip install pyosys"),
    "yosys-abc": _Known(
        "PREFIXRL_ABC", ("yosys-abc", "berkeley-abc", "abc"), ("-s", "-q", "version"), "pip install pyosys"
    ),
    "sta": _Known("PREFIXRL_STA", ("sta", "opensta"), ("-version",), "Debian and Ubuntu: apt install opensta"),
    "openroad": _Known("OPENROAD_EXE", ("openroad",), ("-version",), "build OpenROAD or use an image that has it"),
    "iverilog": _Known("PREFIXRL_IVERILOG", ("iverilog",), ("-V",), "Debian and Ubuntu: apt install iverilog"),
    "ghdl": _Known("PREFIXRL_GHDL", ("ghdl",), ("--version",), "Debian and Ubuntu: apt install ghdl"),
}
TOOL_NAMES = tuple(_KNOWN)


def find_tool(name: str) -> Tool | None:
    """The program of that name, or None when this machine does not have it.

    An environment variable (PREFIXRL_YOSYS, PREFIXRL_ABC, PREFIXRL_STA, OPENROAD_EXE, PREFIXRL_IVERILOG,
    PREFIXRL_GHDL) overrides the search.

    A program on the PATH that hangs when it is asked for its version is passed over, with a warning.

    :raises ToolMissing: the variable is set to something that is not an executable file, or that hangs
    """
    assert name in _KNOWN, name
    found = _find(name, os.environ.get(_KNOWN[name].variable), os.environ.get("PATH", ""))
    if isinstance(found, str):
        raise ToolMissing(found)
    return found


def require_tool(name: str) -> Tool:
    """The program of that name.

    :raises ToolMissing: this machine does not have it; the message says how to get it
    """
    tool = find_tool(name)
    if tool is None:
        known = _KNOWN[name]
        raise ToolMissing(f"program not found ({known.how_to_get}, or set {known.variable}): {name}")
    return tool


def how_to_get(name: str) -> str:
    """How a person gets the program, one line."""
    return _KNOWN[name].how_to_get


@functools.lru_cache(maxsize=64)
def _find(name: str, override: str | None, path: str) -> Tool | str | None:
    """The search itself, or why what the user named is no such program. The outcome depends on nothing but the
    arguments, so it is kept."""
    known = _KNOWN[name]
    if override:
        executable = shutil.which(override, path=path)
        if executable is None:
            return f"{known.variable} must name an executable file: {override!r}"
        try:
            return _probed(name, os.path.abspath(executable), f"environment variable {known.variable}")
        except ToolError as error:
            return f"{known.variable} must name a program that tells its version ({error}): {override!r}"
    wheel = _from_wheel(name)
    if wheel is not None:
        return wheel
    for found in filter(None, (shutil.which(each, path=path) for each in known.executables)):
        try:
            return _probed(name, os.path.abspath(found), "PATH")
        except ToolError as error:
            logger.warning("%s is passed over, it does not tell its version: %s", found, error)
    return None


def _from_wheel(name: str) -> Tool | None:
    """Yosys and ABC out of the `pyosys` wheel, located without importing it (its import loads 60 MB of code)."""
    if name not in ("yosys", "yosys-abc"):
        return None
    specification = importlib.util.find_spec("pyosys")
    if specification is None or specification.origin is None:
        return None
    release = f"pyosys {importlib.metadata.version('pyosys')}"
    if name == "yosys":
        # -P: what lies in the working folder must not be imported in place of the wheel.
        return Tool(name, (sys.executable, "-P", _PYOSYS_CHILD), release, f"wheel {release}")
    executable = Path(specification.origin).with_name("yosys-abc")
    if not os.access(executable, os.X_OK):
        return None
    probed = _probed(name, str(executable), f"wheel {release}")
    return Tool(name, probed.argv, f"{release}, {probed.version}", probed.origin)


def _probed(name: str, executable: str, origin: str) -> Tool:
    """The tool with the version that it prints; "unknown version" where it prints none.

    :raises ToolError: it hangs, floods its output or cannot be run
    """
    lines: list[str] = []
    arguments = _KNOWN[name].version_arguments
    for _ in range(_VERSION_ATTEMPTS):
        done = run_tool([executable, *arguments], timeout_s=_VERSION_TIMEOUT_S, memory_mib=0, check=False)
        lines = [line.strip() for line in done.stdout.splitlines() if re.search(r"\d", line)]
        if done.status >= 0:
            break
    version = re.sub(r"[^\x20-\x7e]", "", lines[0])[:120] if lines else "unknown version"
    return Tool(name, (executable,), version, origin)
