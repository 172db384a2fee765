"""`prefixrl export`: chosen designs as files, proven equivalent first."""

from __future__ import annotations

import shlex
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from prefixrl.cli.common import print_json
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
    grouped,
)
from prefixrl.errors import InputError

if TYPE_CHECKING:
    from prefixrl.circuits import Circuit
    from prefixrl.designs import FrontPoint
    from prefixrl.designs.export import Export, Member
    from prefixrl.designs.maker import Maker

EXAMPLE = (
    "Example: prefixrl export runs/demo --pick 'delay<=0.25' --out my_adder; "
    "prefixrl export sklansky -n 32 --out sk32; "
    "prefixrl export published:adder8 published:adder16 --format rtl,wrapper,yosys-choice --out adders"
)


@dataclass(frozen=True)
class Choice:
    """The design to write, and the maker that makes its netlist."""

    maker: Maker
    point: FrontPoint


@grouped
def export(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN_OR_GRAPH...",
            help="A run, a front.json, published:NAME, a graph file or a structure's name; several for several widths.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Directory to write into: new or empty.")],
    made: CircuitOptions,
    library: LibraryOptions,
    surroundings: ConstraintOptions,
    chosen: EvaluatorOptions,
    pick: Annotated[
        str | None,
        typer.Option("--pick", help="knee, min-delay, min-area, delay<=NS, area<=UM2 or a design's ID. Default: knee."),
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Some of rtl,vhdl,netlist,blif,aiger,json,svg,png,dot,testbench,cocotb,fusesoc,placement,"
            "yosys-choice,wrapper. "
            "Default: rtl,netlist,json,svg,testbench.",
        ),
    ] = None,
    module: Annotated[
        str | None, typer.Option("--module", help="The module's name. Default: the circuit's kind.")
    ] = None,
    pipeline: Annotated[
        int, typer.Option("--pipeline", help="Write RTL of so many stages, each ending in registers; 0 for none.")
    ] = 0,
    pdk: PdkOption = None,
    evaluator: EvaluatorOption = "native",
    effort: EffortOption = "full",
    signoff: SignoffOption = None,
    power: PowerOption = False,
    json: JsonOption = False,
) -> None:
    """Write the chosen design: RTL, mapped netlist, SDC, drawing, testbench, manifest. Proven equivalent first.

    A run brings its own circuit, library and constraints; the options for these are for a graph. Several sources, or
    the format wrapper, give modules NAME_WIDTH and one NAME with a parameter WIDTH in front of them.
    """
    from prefixrl.circuits.identifiers import check_identifier
    from prefixrl.circuits.rtl_body import rtl_body
    from prefixrl.designs.export import check_folder, check_formats
    from prefixrl.designs.maker import Maker, context_of
    from prefixrl.designs.source import is_source

    check_signoff(signoff)
    asked = check_formats(formats.split(",") if formats is not None else None, pipeline)
    check_folder(out)
    if module is not None:
        check_identifier(module)
    stated = (made, library, surroundings, replace(chosen, work_folder=None), pdk)
    own = stated == (CircuitOptions(), LibraryOptions(), ConstraintOptions(), EvaluatorOptions(), None)
    with ExitStack() as stack:
        choices = []
        for source in sources:
            if is_source(source):
                if not own:
                    raise InputError(
                        "a run brings its own circuit, library, constraints and evaluator, options cannot change them: "
                        f"{source!r}"
                    )
                maker, point = _from_front(source, chosen, pick or "")
            else:
                kit, circuit = library.load(pdk), made.load(source)
                constraints = surroundings.load(kit, [circuit])
                context = context_of(circuit, kit, constraints, evaluator, chosen.stated())
                maker = Maker(context, kit, chosen.stated())
                point = _of_graph(maker, circuit, effort, pick or "knee")
            choices.append(Choice(stack.enter_context(maker), point))
        rtl_body(choices[0].maker.context.circuit_of(choices[0].point.graph), pipeline)
        written = _write(choices, out, asked, module, pipeline, signoff, power)
    if json:
        print_json({"folder": str(out), "manifest": dict(written.manifest)})
    else:
        _print(choices, written)


def _from_front(spec: str, options: EvaluatorOptions, wish: str) -> tuple[Maker, FrontPoint]:
    """A design of a front, under the front's own constraints; of the options only a work folder counts."""
    from prefixrl.designs import open_source
    from prefixrl.designs.maker import Maker

    source = open_source(spec)
    chosen = source.pick(wish)
    maker = Maker(source.context, options=options.stated())
    if chosen.recipe:
        return maker, chosen
    point = maker.remade(chosen)
    if (point.delay_ns, point.area_um2) != (chosen.delay_ns, chosen.area_um2):
        typer.echo(
            f"{chosen.id} had {chosen.delay_ns:.4f} ns, {chosen.area_um2:.2f} um2; "
            f"this version makes {point.delay_ns:.4f} ns, {point.area_um2:.2f} um2 of its graph",
            err=True,
        )
        return maker, point
    return maker, replace(point, id=chosen.id)


def _of_graph(maker: Maker, circuit: Circuit, effort: str, wish: str) -> FrontPoint:
    """A point of one graph's own curve."""
    from prefixrl.designs import pick
    from prefixrl.designs.maker import curve_points

    (evaluation,) = maker.evaluate([circuit.graph], effort)
    return pick(curve_points(evaluation), wish)


def _write(
    choices: list[Choice],
    out: Path,
    formats: tuple[str, ...],
    module: str | None,
    stages: int,
    signoff: str | None,
    power: bool,
) -> Export:
    from prefixrl.circuits.wrapper import check_family, member_name
    from prefixrl.designs.export import export_design, export_family

    circuits = [choice.maker.context.circuit_of(choice.point.graph) for choice in choices]
    family = len(choices) > 1 or "wrapper" in formats
    if family:
        check_family(circuits)
    base = module or circuits[0].default_module
    names = [member_name(base, circuit.width) if family else base for circuit in circuits]
    members = [_member(choice, name, signoff, power) for choice, name in zip(choices, names, strict=True)]
    command = shlex.join(["prefixrl", *sys.argv[1:]])
    if family:
        return export_family(out, members, base, formats=formats, stages=stages, command=command)
    (only,) = members
    return export_design(
        out,
        only.circuit,
        only.netlist,
        only.constraints,
        only.pdk,
        only.figures,
        formats=formats,
        module=base,
        stages=stages,
        command=command,
    )


def _member(choice: Choice, name: str, signoff: str | None, power: bool) -> Member:
    from prefixrl.synthesis.evaluator import has_wires

    member = choice.maker.member(choice.point, name)
    context = choice.maker.context
    wires = has_wires(context.evaluator, context.evaluator_options)
    with Judge(member.pdk, member.constraints, signoff, power, wires=wires) as judge:
        others = judge.measure(member.netlist, member.circuit, choice.point.delay_ns)
    return replace(member, figures=replace(member.figures, others=others))


def _print(choices: list[Choice], written: Export) -> None:
    manifests = cast("list[dict[str, Any]]", written.manifest.get("designs") or [written.manifest])
    for choice, manifest in zip(choices, manifests, strict=True):
        point, circuit = choice.point, manifest["circuit"]
        typer.echo(
            f"{circuit['width']}-bit {circuit['kind']} {point.id}: {point.delay_ns:.4f} ns, {point.area_um2:.2f} um2"
        )
        figures = manifest["figures"]
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
