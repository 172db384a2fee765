"""The manifest of an export: what the files are, what is claimed for them, and how that was measured."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata

from prefixrl.circuits import Circuit
from prefixrl.circuits.kinds import Port
from prefixrl.circuits.netlist import Netlist
from prefixrl.circuits.proof import Proof
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.pdk import Pdk
from prefixrl.tools.finder import find_tool

FORMAT = "prefixrl-export-1"
FAMILY_FORMAT = "prefixrl-export-family-1"
"""A manifest of several widths: `designs` has one of `FORMAT` for each."""


@dataclass(frozen=True)
class Figures:
    """What is claimed for a netlist, and by whom.

    :param delay_ns: the delay that the evaluator measured for this very netlist
    :param area_um2: the sum of its cells' areas
    :param evaluator: the evaluator's name
    :param evaluator_version: its version and those of its tools
    :param recipe: what makes the evaluator produce this netlist again
    :param design_id: ID in the run it was picked from, empty for a graph that comes from no run
    :param evaluator_options: what was chosen of it beside the effort, as plain JSON values
    :param others: further figures as plain JSON values, such as `signoff` and `power`
    """

    delay_ns: float
    area_um2: float
    evaluator: str
    evaluator_version: str = ""
    recipe: str = ""
    design_id: str = ""
    evaluator_options: Mapping[str, object] = field(default_factory=dict)
    others: Mapping[str, object] = field(default_factory=dict)


def manifest_document(
    circuit: Circuit,
    netlist: Netlist,
    figures: Figures,
    constraints: Constraints,
    pdk: Pdk,
    *,
    proofs: Mapping[str, Proof],
    digests: Mapping[str, str],
    stages: int = 0,
    command: str = "",
) -> dict[str, object]:
    """The manifest as plain JSON values.

    :param digests: SHA-256 in hexadecimal by file name
    :param stages: of the RTL's pipeline; the figures are those of the combinational netlist all the same
    """
    graph = circuit.graph
    shape = {"size": graph.size, "depth": graph.depth, "max_fanout": graph.max_fanout}
    return {
        "format": FORMAT,
        "module": netlist.module,
        "design": figures.design_id,
        "circuit": {
            "kind": circuit.kind,
            "width": circuit.width,
            "carry_in": circuit.carry_in,
            "carry_out": circuit.carry_out,
            "graph": graph.key,
            **shape,
        },
        **({"pipeline": {"stages": stages, "figures": "of the combinational netlist"}} if stages else {}),
        "ports": [*_ports("input", circuit.inputs), *_ports("output", circuit.outputs)],
        "figures": {
            "delay_ns": figures.delay_ns,
            "area_um2": figures.area_um2,
            "cells": dict(sorted(netlist.cell_counts().items())),
            **figures.others,
        },
        "evaluator": {
            "name": figures.evaluator,
            "options": dict(figures.evaluator_options),
            "version": figures.evaluator_version,
            "recipe": figures.recipe,
        },
        "pdk": {
            "name": pdk.name,
            "content_hash": pdk.content_hash,
            "liberty": [path.name for path in pdk.liberty],
            "dont_use": list(pdk.dont_use),
        },
        "constraints": constraints.to_json(),
        "proofs": {name: proof.to_json() for name, proof in proofs.items()},
        "prefixrl": metadata.version("prefixrl"),
        "python": platform.python_version(),
        "tools": {name: tool.version for name in _tools(proofs) if (tool := find_tool(name)) is not None},
        "command": command,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "files": dict(digests),
    }


def _tools(proofs: Mapping[str, Proof]) -> tuple[str, ...]:
    """The programs that took part: GHDL only where it read something."""
    read = any("GHDL" in proof.detail for proof in proofs.values())
    return ("yosys", "yosys-abc", *(("ghdl",) if read else ()))


def _ports(direction: str, ports: Iterable[Port]) -> list[dict[str, object]]:
    return [{"name": port.name, "direction": direction, "width": port.width} for port in ports]
