"""Options that several commands share, and how results are printed: JSON alone on stdout, the rest on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefixrl.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from prefixrl.circuits.kinds import Circuit
    from prefixrl.graphs import PrefixGraph
    from prefixrl.synthesis.constraints import Constraints
    from prefixrl.synthesis.pdk import Pdk
    from prefixrl.synthesis.service import Evaluation

WidthOption = Annotated[
    int | None, typer.Option("--width", "-n", help="Bits, 2 to 256: needed where a structure is named.")
]
CircuitOption = Annotated[
    str,
    typer.Option("--circuit", help="adder, incrementer, priority_encoder, leading_one, gray_to_binary or comparator."),
]
CarryInOption = Annotated[bool, typer.Option("--carry-in/--no-carry-in", help="A carry-in port.")]
CarryOutOption = Annotated[bool, typer.Option("--carry-out/--no-carry-out", help="A carry-out port.")]
PdkOption = Annotated[str, typer.Option("--pdk", help="A PDK's name (see 'prefixrl pdk list') or a Liberty file.")]
LibertyOption = Annotated[
    Path | None, typer.Option("--liberty", help="A Liberty file to use as the PDK, gzip'd or not.")
]
DrivingCellOption = Annotated[
    str | None, typer.Option("--driving-cell", help="The cell that drives every input. Default: the PDK's.")
]
LoadOption = Annotated[
    float | None, typer.Option("--load-ff", help="Capacitance on every output, in fF. Default: the PDK's.")
]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", help="Arrivals: multiplier-4x4, multiplier-8x8, int8-dot, fp8-ramp, or a file (ns)."),
]
EvaluatorOption = Annotated[str, typer.Option("--evaluator", help="yosys, openroad or analytic.")]
EffortOption = Annotated[
    str, typer.Option("--effort", help="full: many delay targets; fast: the few that training looks at.")
]
LegalizeOption = Annotated[bool, typer.Option("--legalize", help="Add the nodes that an illegal graph lacks.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON alone on stdout.")]


def print_json(value: Any) -> None:
    """Print one JSON document on stdout; figures that are not finite are refused rather than printed as NaN."""
    json.dump(value, sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def output_console() -> Console:
    """A console on stdout; 80 columns wide where the output is not a terminal, so that logs stay readable."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 80, soft_wrap=False)


def message(text: str) -> None:
    """One line for the person at the terminal, on stderr."""
    print(text, file=sys.stderr)


def graph_label(spec: str) -> str:
    """How a graph is called in tables: a structure's name as it is, a file by its name without the folder."""
    return Path(spec).name if "/" in spec else spec


def with_arrivals(constraints: Constraints, profile: str | None, circuits: Sequence[Circuit]) -> Constraints:
    """The constraints with the arrival times of a profile, which must fit every circuit.

    :raises InputError: no such profile, or one that does not fit; circuits of several widths under one profile
    """
    from prefixrl.synthesis.profiles import with_profile

    if profile is None:
        return constraints
    widths = sorted({circuit.width for circuit in circuits})
    if len(widths) > 1:
        raise InputError(f"circuits under one profile must have one width: {widths}")
    return with_profile(constraints, profile, circuits[0])


def evaluate_circuits(
    circuits: Sequence[Circuit], name: str, effort: str, pdk: Pdk, constraints: Constraints, workers: int = 1
) -> list[Evaluation]:
    """Evaluate circuits, the cache of this machine first."""
    from prefixrl.synthesis.cache import EvaluationCache
    from prefixrl.synthesis.evaluator import effort_options, make_evaluator
    from prefixrl.synthesis.service import EvaluationService

    options = effort_options(name, effort)
    service = EvaluationService(
        lambda: make_evaluator(name, pdk, **options), constraints, EvaluationCache(), workers=workers
    )
    try:
        return service.evaluate_many(circuits)
    finally:
        service.close()


def load_circuit(spec: str, width: int | None, kind: str, carry_in: bool, carry_out: bool, legalize: bool) -> Circuit:
    """The circuit around the graph that `spec` (a structure's name or a graph file) names."""
    from prefixrl.circuits import Circuit
    from prefixrl.graphs import load_graph

    graph: PrefixGraph = load_graph(spec, width, legalize=legalize)
    return Circuit(kind, graph, carry_in=carry_in, carry_out=carry_out)


def load_setting(
    pdk_name: str, liberty: Path | None, driving_cell: str | None, load_ff: float | None
) -> tuple[Pdk, Constraints]:
    """The PDK and the constraints that the options ask for."""
    from prefixrl.synthesis.constraints import default_constraints
    from prefixrl.synthesis.pdk import load_pdk

    pdk = load_pdk(str(liberty) if liberty else pdk_name, driving_cell=driving_cell, output_load_ff=load_ff)
    return pdk, default_constraints(pdk)
