"""A unit on disk: its Verilog, a testbench, the graphs of its prefix circuits in a manifest."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from prefixrl import __version__
from prefixrl.errors import InputError
from prefixrl.files import atomic_write
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.files import graph_document
from prefixrl.units.prefixes import OPERATOR
from prefixrl.units.registry import Built
from prefixrl.units.testbench import unit_testbench

FORMAT = "prefixrl-unit-1"


def describe_unit(built: Built) -> dict[str, Any]:
    """A unit as plain JSON values: parameters, ports, prefix circuits."""
    module = built.module
    return {
        "unit": built.unit.name,
        "module": built.written.name,
        "description": built.description,
        "parameters": built.parameters.changed,
        "inputs": {port.name: port.width for port in module.input_ports},
        "outputs": {port.name: port.width for port in module.output_ports},
        "latency": built.written.latency,
        "circuits": _circuits(built),
    }


def _circuits(built: Built) -> list[dict[str, Any]]:
    counts = Counter((each.role, each.circuit, each.behavioural) for each in built.module.instances)
    rows = []
    for (role, circuit, behavioural), count in counts.items():
        choice = built.module.plan.choice(role)
        graph = circuit.graph
        rows.append(
            {
                "role": role,
                "kind": circuit.kind,
                "width": circuit.width,
                "carry_in": circuit.carry_in,
                "carry_out": circuit.carry_out,
                "count": count,
                "structure": f"graph of size {graph.size}, depth {graph.depth}"
                if isinstance(choice, PrefixGraph)
                else OPERATOR
                if behavioural
                else choice,
                "graph": None if behavioural else graph_document(graph),
            }
        )
    return rows


def write_files(built: Built, folder: Path, verified: dict[str, Any] | None) -> list[Path]:
    """Write a unit into a new or empty folder: `NAME.v`, `NAME_tb.v`, `manifest.json` last.

    :param verified: what is known of its verification, None where it was not verified
    :returns: the files
    :raises InputError: the folder cannot be written
    """
    name = built.written.name
    texts = {f"{name}.v": built.written.text, f"{name}_tb.v": unit_testbench(built)}
    manifest = {
        "format": FORMAT,
        "prefixrl": __version__,
        **describe_unit(built),
        "verified": verified,
        "files": {file: hashlib.sha256(text.encode()).hexdigest() for file, text in texts.items()},
    }
    texts["manifest.json"] = json.dumps(manifest, indent=1, allow_nan=False) + "\n"
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            atomic_write(folder / file, text)
            written.append(folder / file)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise InputError(f"a unit needs a writable directory ({error.strerror}): {folder}") from None
    return written
