"""`prefixrl evaluate`: the area-delay curve of graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefixrl.cli.common import evaluate_circuits, graph_label, output_console, print_json
from prefixrl.cli.judging import Judge, PowerOption, SignoffOption, check_signoff
from prefixrl.cli.options import (
    CircuitOptions,
    ConstraintOptions,
    EffortOption,
    EvaluatorOption,
    EvaluatorOptions,
    JsonOption,
    LibraryOptions,
    PdkOption,
    PoolOptions,
    grouped,
)
from prefixrl.errors import InputError

if TYPE_CHECKING:
    from prefixrl.synthesis.constraints import Constraints
    from prefixrl.synthesis.service import Evaluation
    from prefixrl.synthesis.work import EvaluatorSpec

EXAMPLE = (
    "Example: prefixrl evaluate sklansky brent-kung --width 32; prefixrl evaluate my_graph.json --max-fanout 8 --json"
)


@grouped
def evaluate(
    graphs: Annotated[list[str], typer.Argument(help="Structures' names (with --width), graph files, or 'classical'.")],
    made: CircuitOptions,
    library: LibraryOptions,
    surroundings: ConstraintOptions,
    chosen: EvaluatorOptions,
    pooling: PoolOptions,
    pdk: PdkOption = None,
    evaluator: EvaluatorOption = "native",
    effort: EffortOption = "full",
    signoff: SignoffOption = None,
    power: PowerOption = False,
    json: JsonOption = False,
) -> None:
    """Print the area-delay curve of graphs: every point is a mapped, buffered and sized netlist."""
    from prefixrl.graphs import classical_structures
    from prefixrl.synthesis.evaluator import distinctive, effort_options
    from prefixrl.synthesis.work import EvaluatorSpec

    check_signoff(signoff)
    kit = library.load(pdk)
    names: list[str] = []
    for each in graphs:
        names.extend(classical_structures(_stated(made.width)) if each == "classical" else [each])
    circuits = [made.load(name) for name in names]
    constraints = surroundings.load(kit, circuits)
    spec = EvaluatorSpec(evaluator, kit, {**effort_options(evaluator, effort), **chosen.stated()})
    # Who wants the folders of the runs wants runs.
    evaluations = evaluate_circuits(circuits, spec, constraints, pooling, anew=chosen.work_folder is not None)
    documents = [_document(graph_label(name), each) for name, each in zip(names, evaluations, strict=True)]
    if signoff or power:
        _judge(documents, evaluations, spec, constraints, signoff, power)
    if json:
        setting = {
            "pdk": kit.name,
            "pdk_hash": kit.content_hash,
            "evaluator": evaluator,
            "effort": effort,
            "evaluator_options": distinctive(chosen.stated()),
        }
        print_json([{**document, **setting, "constraints": constraints.to_json()} for document in documents])
    else:
        _print_tables(documents)
    if any(each.curve is None for each in evaluations):
        raise typer.Exit(1)


def _stated(width: int | None) -> int:
    if width is None:
        raise InputError("the classical structures need --width: none given")
    return width


def _judge(
    documents: list[dict[str, Any]],
    evaluations: list[Evaluation],
    spec: EvaluatorSpec,
    constraints: Constraints,
    signoff: str | None,
    power: bool,
) -> None:
    """Add to every point of the documents what else is asked for."""
    from prefixrl.synthesis.evaluator import has_wires

    maker = spec()
    try:
        with Judge(spec.pdk, constraints, signoff, power, wires=has_wires(spec.name, spec.options)) as judge:
            for document, evaluation in zip(documents, evaluations, strict=True):
                circuit, curve = evaluation.circuit, evaluation.curve
                for row, point in zip(document["points"], [] if curve is None else curve.points, strict=True):
                    netlist = maker.realize(circuit, constraints, point, circuit.default_module)
                    row.update(judge.measure(netlist, circuit, point.delay_ns))
    finally:
        maker.close()


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
        "losses": [] if curve is None else [vars(loss) for loss in curve.losses],
        "seconds": evaluation.seconds,
        "cached": evaluation.cached,
        "points": [{"delay_ns": p.delay_ns, "area_um2": p.area_um2, "recipe": p.recipe} for p in points],
    }


def _print_tables(documents: list[dict[str, Any]]) -> None:
    from rich.table import Table

    console = output_console()
    for document in documents:
        figures = f"size {document['size']}, depth {document['depth']}, fanout {document['max_fanout']}"
        console.print(f"{document['graph']}, {document['width']} bits: {figures}", highlight=False, markup=False)
        if document["failure"] is not None:
            console.print(f"  failed: {document['failure']}", highlight=False, markup=False)
            continue
        rows = [_cells(point) for point in document["points"]]
        table = Table(box=None, pad_edge=False)
        for heading in rows[0]:
            table.add_column(heading, justify="right")
        for row in rows:
            table.add_row(*row.values())
        console.print(table)
        for loss in document["losses"]:
            console.print(f"  no netlist for {loss['recipe']}: {loss['reason']}", highlight=False, markup=False)


def _cells(point: dict[str, Any]) -> dict[str, str]:
    """A point's row, by column heading."""
    cells = {"delay ns": f"{point['delay_ns']:.4f}", "area um2": f"{point['area_um2']:.2f}"}
    if signoff := point.get("signoff"):
        if signoff["wires"]:
            cells[f"{signoff['timer']} ns, no wires"] = f"{signoff['delay_ns']:.4f}"
            cells["wires add"] = f"{signoff['wires_percent']:+.2f} %"
        else:
            cells[f"{signoff['timer']} ns"] = f"{signoff['delay_ns']:.4f}"
            cells["off by"] = f"{signoff['error_percent']:+.2f} %"
    if power := point.get("power"):
        leakage = power["leakage_nw"]
        cells["leakage nW"] = "-" if leakage is None else f"{leakage:.0f}"
        cells["fJ/operation"] = f"{power['energy_per_operation_fj']:.1f}"
    return cells
