"""How many registers stand between the inputs and the outputs of a pipelined design, counted in what Yosys reads."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefixrl.errors import ProofFailed, ToolError
from prefixrl.tools.yosys import run_yosys

TIMEOUT_S = 300.0
_REGISTER = "$_DFF_P_"
_NO_PATH = (float("inf"), float("-inf"))

Span = tuple[float, float]
"""Fewest and most registers on the paths from any input to a bit; the fewest is infinite where no input leads to it."""


def check_latency(text: str, module: str, stages: int) -> None:
    """Check that every path from an input to an output of a Verilog text passes exactly so many registers.

    :param module: its top module, a checked identifier
    :raises ProofFailed: a path has another number, there is a loop, or Yosys failed
    """
    with tempfile.TemporaryDirectory(prefix="prefixrl-latency-") as folder:
        Path(folder, "design.v").write_text(text)
        passes = ("read_verilog design.v", f"hierarchy -check -top {module}", "proc", "flatten", "techmap", "simplemap")
        try:
            run_yosys("\n".join((*passes, "write_json design.json")), cwd=folder, timeout_s=TIMEOUT_S)
        except ToolError as error:
            raise ProofFailed(f"module {module} could not be read: {error}") from error
        document = json.loads(Path(folder, "design.json").read_text())
    for name, (fewest, most) in output_latencies(document["modules"][module]).items():
        if (fewest, most) != _NO_PATH and (fewest, most) != (stages, stages):
            found = f"{fewest:g}" if fewest == most else f"{fewest:g} to {most:g}"
            raise ProofFailed(f"every path to output {name} of module {module} must pass {stages} registers: {found}")


def output_latencies(module: Mapping[str, Any]) -> dict[str, Span]:
    """Registers on the paths to each output bit of a flat module in Yosys's JSON, of single-bit cells.

    :raises ProofFailed: a loop
    """
    ports = module["ports"]
    drivers: dict[int, tuple[list[int], int]] = {}
    for cell in module["cells"].values():
        clocked = cell["type"] == _REGISTER
        pins = ("D",) if clocked else [pin for pin, way in cell["port_directions"].items() if way == "input"]
        sources = [bit for pin in pins for bit in cell["connections"][pin] if isinstance(bit, int)]
        outputs = [pin for pin, way in cell["port_directions"].items() if way == "output"]
        for bit in (bit for pin in outputs for bit in cell["connections"][pin]):
            drivers[bit] = (sources, int(clocked))
    known: dict[int, Span] = {
        bit: (0, 0) for port in ports.values() if port["direction"] == "input" for bit in port["bits"]
    }
    outputs = [(name, place, bit) for name, port in ports.items() for place, bit in enumerate(port["bits"])]
    wanted = [(f"{name}[{place}]", bit) for name, place, bit in outputs if ports[name]["direction"] == "output"]
    return {name: _latency(bit, drivers, known) if isinstance(bit, int) else _NO_PATH for name, bit in wanted}


def _latency(bit: int, drivers: Mapping[int, tuple[list[int], int]], known: dict[int, Span]) -> Span:
    """Depth first, with a stack of its own: carry chains are long."""
    stack, path = [bit], set()
    while stack:
        top = stack[-1]
        if top in known:
            stack.pop()
            continue
        sources, clocked = drivers.get(top, ([], 0))
        missing = [source for source in sources if source not in known]
        if missing:
            if top in path:
                raise ProofFailed(f"a pipeline must have no loop: bit {top}")
            path.add(top)
            stack.extend(missing)
            continue
        spans = [known[source] for source in sources]
        fewest = min((span[0] for span in spans), default=_NO_PATH[0])
        most = max((span[1] for span in spans), default=_NO_PATH[1])
        known[top] = (fewest + clocked, most + clocked)
        stack.pop()
    return known[bit]
