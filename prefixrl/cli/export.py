"""`prefixrl export`: the chosen design as files, proven equivalent first."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from prefixrl.cli.common import evaluate_circuits, print_json
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
from prefixrl.errors import EvaluationFailed, InputError

if TYPE_CHECKING:
    from prefixrl.circuits import Circuit
    from prefixrl.designs import FrontPoint
    from prefixrl.designs.export import Export
    from prefixrl.synthesis.constraints import Constraints
    from prefixrl.synthesis.pdk import Pdk
    from prefixrl.synthesis.work import EvaluatorSpec

EXAMPLE = (
    "Example: prefixrl export runs/demo --pick 'delay<=0.25' --out my_adder; prefixrl export sklansky -n 32 --out sk32"
)


@dataclass(frozen=True)
class Choice:
    """The design to write and everything that it was measured under."""

    circuit: Circuit
    point: FrontPoint
    pdk: Pdk
    constraints: Constraints
    evaluator: EvaluatorSpec


@grouped
def export(
    source: Annotated[str, typer.Argument(metavar="RUN_OR_GRAPH", help="A run, a graph file or a structure's name.")],
    out: Annotated[Path, typer.Option("--out", help="Directory to write into: new or empty.")],
    made: CircuitOptions,
    library: LibraryOptions,
    surroundings: ConstraintOptions,
    chosen: EvaluatorOptions,
    pick: Annotated[
        str, typer.Option("--pick", help="knee, min-delay, min-area, delay<=NS, area<=UM2 or a design's ID.")
    ] = "knee",
    formats: Annotated[
        str, typer.Option("--format", help="Some of rtl,netlist,blif,aiger,json,svg,testbench.")
    ] = "rtl,netlist,json,svg,testbench",
    module: Annotated[
        str | None, typer.Option("--module", help="The module's name. Default: the circuit's kind.")
    ] = None,
    pdk: PdkOption = None,
    evaluator: EvaluatorOption = "native",
    effort: EffortOption = "full",
    signoff: SignoffOption = None,
    power: PowerOption = False,
    json: JsonOption = False,
) -> None:
    """Write the chosen design: RTL, mapped netlist, SDC, drawing, testbench, manifest. Proven equivalent first.

    A run brings its own circuit, library and constraints; the options for these are for a graph.
    """
    from prefixrl.circuits.rtl import check_identifier
    from prefixrl.designs.export import check_folder, check_formats
    from prefixrl.synthesis.evaluator import effort_options
    from prefixrl.synthesis.work import EvaluatorSpec

    check_signoff(signoff)
    asked = check_formats(formats.split(","))
    check_folder(out)
    if module is not None:
        check_identifier(module)
    if Path(source).is_dir():
        own = (made, library, surroundings, replace(chosen, work_folder=None), pdk)
        if own != (CircuitOptions(), LibraryOptions(), ConstraintOptions(), EvaluatorOptions(), None):
            raise InputError(
                "a run brings its own circuit, library, constraints and evaluator, options cannot change them: "
                f"{source!r}"
            )
        choice = _from_run(Path(source), pick, chosen)
    else:
        kit, circuit = library.load(pdk), made.load(source)
        spec = EvaluatorSpec(evaluator, kit, {**effort_options(evaluator, effort), **chosen.stated()})
        choice = _from_graph(circuit, spec, surroundings.load(kit, [circuit]), pick)
    written = _write(choice, out, asked, module, signoff, power)
    if json:
        print_json({"folder": str(out), "manifest": dict(written.manifest)})
    else:
        _print(choice, written)


def _from_run(path: Path, wish: str, chosen: EvaluatorOptions) -> Choice:
    """A design of a run's front, under the run's own constraints; of the options only a work folder counts."""
    from prefixrl.designs import DesignStore, RunDirectory
    from prefixrl.designs import pick as pick_point
    from prefixrl.synthesis.constraints import Constraints
    from prefixrl.synthesis.pdk import load_pdk
    from prefixrl.synthesis.work import EvaluatorSpec

    run = RunDirectory.open(path)
    with DesignStore.open(run.store_path) as store:
        context = store.context
        point = pick_point(store.front(), wish)
    constraints = Constraints.from_json(context.constraints)
    files = context.library
    pdk = load_pdk(
        files.get("liberty") or context.pdk,
        constraints.driving_cell,
        constraints.output_load_ff,
        lef=files.get("lef", ()),
        dont_use=files.get("dont_use", ()),
    )
    if context.pdk_hash not in ("", pdk.content_hash):
        raise InputError(f"the library must be what it was when the run began: {pdk.origin!r}")
    evaluator = EvaluatorSpec(context.evaluator, pdk, {**context.evaluator_options, **chosen.stated()})
    return Choice(context.circuit_of(point.graph), point, pdk, constraints, evaluator)


def _from_graph(circuit: Circuit, evaluator: EvaluatorSpec, constraints: Constraints, wish: str) -> Choice:
    """A point of one graph's own curve."""
    from prefixrl.designs import pick as pick_point
    from prefixrl.designs.front import FrontPoint

    (evaluation,) = evaluate_circuits([circuit], evaluator, constraints, PoolOptions())
    if evaluation.curve is None:
        raise EvaluationFailed(evaluation.failure or "no reason given")
    graph = circuit.graph
    front = [
        FrontPoint(
            f"{evaluation.key[:12]}-{place}",
            point.delay_ns,
            point.area_um2,
            graph.size,
            graph.depth,
            graph.max_fanout,
            graph,
            point.recipe,
        )
        for place, point in enumerate(evaluation.curve.points)
    ]
    return Choice(circuit, pick_point(front, wish), evaluator.pdk, constraints, evaluator)


def _write(
    choice: Choice, out: Path, formats: tuple[str, ...], module: str | None, signoff: str | None, power: bool
) -> Export:
    from prefixrl.designs.export import export_design
    from prefixrl.designs.manifest import Figures
    from prefixrl.synthesis.curve import CurvePoint
    from prefixrl.synthesis.evaluator import distinctive, has_wires

    spec = choice.evaluator
    name = module or choice.circuit.default_module
    point = CurvePoint(choice.point.delay_ns, choice.point.area_um2, choice.point.recipe)
    evaluator = spec()
    try:
        netlist = evaluator.realize(choice.circuit, choice.constraints, point, name)
        version = evaluator.version
    finally:
        evaluator.close()
    wires = has_wires(spec.name, spec.options)
    with Judge(choice.pdk, choice.constraints, signoff, power, wires=wires) as judge:
        others = judge.measure(netlist, choice.circuit, point.delay_ns)
    figures = Figures(
        delay_ns=point.delay_ns,
        area_um2=point.area_um2,
        evaluator=spec.name,
        evaluator_version=version,
        recipe=point.recipe,
        design_id=choice.point.id,
        evaluator_options={key: value for key, value in distinctive(spec.options).items() if key != "effort"},
        others=others,
    )
    return export_design(
        out,
        choice.circuit,
        netlist,
        choice.constraints,
        choice.pdk,
        figures,
        formats=formats,
        module=name,
        command=shlex.join(["prefixrl", *sys.argv[1:]]),
    )


def _print(choice: Choice, written: Export) -> None:
    point = choice.point
    what = f"{choice.circuit.width}-bit {choice.circuit.kind} {point.id}"
    typer.echo(f"{what}: {point.delay_ns:.4f} ns, {point.area_um2:.2f} um2")
    figures = cast("dict[str, Any]", written.manifest["figures"])
    if timed := figures.get("signoff"):
        told = (
            f"without wires, which add {timed['wires_percent']:+.2f} %"
            if timed["wires"]
            else f"we are off by {timed['error_percent']:+.2f} %"
        )
        typer.echo(f"  {timed['timer']}: {timed['delay_ns']:.4f} ns, {told}")
    if used := figures.get("power"):
        leakage = "" if used["leakage_nw"] is None else f"leakage {used['leakage_nw']:.0f} nW, "
        typer.echo(f"  {leakage}{used['energy_per_operation_fj']:.1f} fJ per operation under random inputs")
    for what, proof in written.proofs.items():
        typer.echo(f"  {what} proven equivalent: {proof.detail}")
    for path in (*written.files.values(), written.folder / "manifest.json"):
        typer.echo(f"  {path}")
