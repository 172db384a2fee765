"""`prefixrl evaluate`: the area-delay curve of graphs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefixrl.cli.common import (
    CarryInOption,
    CarryOutOption,
    CircuitOption,
    DrivingCellOption,
    EffortOption,
    EvaluatorOption,
    JsonOption,
    LegalizeOption,
    LibertyOption,
    LoadOption,
    PdkOption,
    WidthOption,
    graph_label,
    load_circuit,
    load_setting,
    output_console,
    print_json,
)
from prefixrl.errors import InputError

if TYPE_CHECKING:
    from prefixrl.circuits import Circuit
    from prefixrl.synthesis.service import Evaluation

EXAMPLE = "Example: prefixrl evaluate sklansky brent-kung --width 32; prefixrl evaluate my_graph.json --json"


def evaluate(
    graphs: Annotated[list[str], typer.Argument(help="Structures' names (with --width), graph files, or 'classical'.")],
    width: WidthOption = None,
    circuit: CircuitOption = "adder",
    carry_in: CarryInOption = False,
    carry_out: CarryOutOption = True,
    pdk: PdkOption = "nangate45",
    liberty: LibertyOption = None,
    driving_cell: DrivingCellOption = None,
    load_ff: LoadOption = None,
    evaluator: EvaluatorOption = "yosys",
    effort: EffortOption = "full",
    workers: Annotated[int, typer.Option("--workers", help="Evaluations at a time.")] = 2,
    legalize: LegalizeOption = False,
    json: JsonOption = False,
) -> None:
    """Print the area-delay curve of graphs: every point is a mapped, buffered and sized netlist."""
    from prefixrl.graphs import classical_structures

    kit, constraints = load_setting(pdk, liberty, driving_cell, load_ff)
    specs: list[str] = []
    for each in graphs:
        specs.extend(classical_structures(_stated(width)) if each == "classical" else [each])
    circuits = [load_circuit(spec, width, circuit, carry_in, carry_out, legalize) for spec in specs]
    evaluations = _evaluate_all(circuits, evaluator, effort, kit, constraints, workers)
    labelled = list(zip(map(graph_label, specs), evaluations, strict=True))
    if json:
        setting = {"pdk": kit.name, "evaluator": evaluator, "effort": effort, "constraints": asdict(constraints)}
        print_json([{**_document(label, each), **setting} for label, each in labelled])
    else:
        _print_tables(labelled)
    if any(each.curve is None for each in evaluations):
        raise typer.Exit(1)


def _stated(width: int | None) -> int:
    if width is None:
        raise InputError("the classical structures need --width: none given")
    return width


def _evaluate_all(
    circuits: list[Circuit], name: str, effort: str, pdk: Any, constraints: Any, workers: int
) -> list[Evaluation]:
    from prefixrl.synthesis.cache import EvaluationCache
    from prefixrl.synthesis.evaluator import make_evaluator
    from prefixrl.synthesis.service import EvaluationService

    options = {} if name == "analytic" else {"effort": effort}
    service = EvaluationService(
        lambda: make_evaluator(name, pdk, **options), constraints, EvaluationCache(), workers=workers
    )
    try:
        return service.evaluate_many(circuits)
    finally:
        service.close()


def _document(label: str, evaluation: Evaluation) -> dict[str, Any]:
    circuit, curve = evaluation.circuit, evaluation.curve
    points = [] if curve is None else curve.points
    return {
        "graph": label,
        "circuit": circuit.kind,
        "width": circuit.width,
        "size": circuit.graph.size,
        "depth": circuit.graph.depth,
        "max_fanout": circuit.graph.max_fanout,
        "failure": evaluation.failure,
        "seconds": evaluation.seconds,
        "cached": evaluation.cached,
        "points": [{"delay_ns": p.delay_ns, "area_um2": p.area_um2, "recipe": p.recipe} for p in points],
    }


def _print_tables(labelled: list[tuple[str, Evaluation]]) -> None:
    from rich.table import Table

    console = output_console()
    for label, evaluation in labelled:
        graph = evaluation.circuit.graph
        title = f"{label}, {graph.width} bits: size {graph.size}, depth {graph.depth}, fanout {graph.max_fanout}"
        console.print(title, highlight=False)
        if evaluation.curve is None:
            console.print(f"  failed: {evaluation.failure}", highlight=False, markup=False)
            continue
        table = Table(box=None, pad_edge=False)
        table.add_column("delay ns", justify="right")
        table.add_column("area um2", justify="right")
        for point in evaluation.curve.points:
            table.add_row(f"{point.delay_ns:.4f}", f"{point.area_um2:.2f}")
        console.print(table)
