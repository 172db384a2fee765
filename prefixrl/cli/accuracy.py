"""`prefixrl accuracy formats|widths`: what number formats and narrow adders cost on small real models."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefixrl.cli.common import evaluate_circuits, output_console, print_json
from prefixrl.cli.common import progress as tell
from prefixrl.cli.options import EffortOption, JsonOption, LibraryOptions, PdkOption, PoolOptions, grouped
from prefixrl.errors import InputError
from prefixrl.hints import near_miss

if TYPE_CHECKING:
    from rich.table import Table

    from prefixrl.accuracy.progress import Progress
    from prefixrl.accuracy.study import FormatResult
    from prefixrl.accuracy.widths import AdderFigures, UnitFigures, WidthResult
    from prefixrl.synthesis.pdk import Pdk

EXAMPLE = "Example: prefixrl accuracy formats --model g2p; prefixrl accuracy widths --format e4m3 --width 12 --width 16"

app = typer.Typer(
    help="What number formats and narrow adders cost in accuracy, on small real models.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

SamplesOption = Annotated[int | None, typer.Option("--samples", help="Samples a model is judged on.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Draws the samples.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="Write the study into this folder.")]
FormatsOption = Annotated[list[str] | None, typer.Option("--format", help="A format; repeatable. Default: all.")]


@app.command("formats", epilog="Example: prefixrl accuracy formats --model g2p --format e4m3 --format int8")
def formats_command(
    model: Annotated[list[str] | None, typer.Option("--model", help="g2p, magika, digits; repeatable.")] = None,
    format: FormatsOption = None,
    scaling: Annotated[
        list[str] | None,
        typer.Option("--scaling", help="static, dynamic (by channel); floor, ceil, rceil, even (MX blocks)."),
    ] = None,
    samples: SamplesOption = None,
    seed: SeedOption = 0,
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """Quantise models after training, in every format and by every scaling: a loss of 1 % or less passes."""
    from prefixrl.accuracy.arithmetic import Scaling
    from prefixrl.accuracy.judging import Judge
    from prefixrl.accuracy.models import load_model, model_names
    from prefixrl.accuracy.progress import Progress
    from prefixrl.accuracy.reports import check_folder, model_document, provenance, write_study
    from prefixrl.accuracy.study import STUDIED_FORMATS, schemes, study_formats

    chosen = [Scaling(each) for each in _checked("scaling", scaling, [each.value for each in Scaling])]
    wanted = list(schemes(format or STUDIED_FORMATS, chosen))
    if out is not None:
        check_folder(out, ["formats.json"])
    made = provenance(seed)
    models, results, unfinished = [], [], []
    for name in model or model_names():
        loaded = load_model(name, samples, seed)
        judge = Judge(loaded)
        models.append(model_document(loaded, judge.reference_accuracy))
        progress = Progress(None if out is None else out / f"{name}.unfinished", {**made, **models[-1]})
        unfinished.append(progress)
        for result in study_formats(loaded, judge, wanted, progress):
            results.append(result)
            tell(f"{name} {result.scheme.fmt.name} {result.scheme.scaling.value}: {result.verdict.accuracy:.1%}")
    command = ["prefixrl", *sys.argv[1:]]
    document = {"command": command, **made, "models": models, "results": [each.to_json() for each in results]}
    if out is not None:
        write_study(out / "formats.json", document)
        for each in unfinished:
            each.finish()
        tell(f"wrote {out / 'formats.json'}")
    if json:
        print_json(document)
    else:
        _print_formats(models, results)


def _checked(what: str, given: list[str] | None, known: Sequence[str]) -> list[str]:
    for each in given or ():
        if each not in known:
            hint = near_miss(each, known) or f" (known: {', '.join(known)})"
            raise InputError(f"unknown {what}{hint}, got {each!r}")
    return given or list(known)


def _print_formats(models: Sequence[dict[str, Any]], results: Sequence[FormatResult]) -> None:
    from rich.table import Table

    console = output_console()
    for document in models:
        own = [each for each in results if each.model == document["model"]]
        console.print(
            f"{document['title']}; {document['samples']} samples, FP32 {document['accuracy_fp32']:.1%} right",
            highlight=False,
            markup=False,
        )
        columns = list(dict.fromkeys((each.scheme.scaling.value, each.scheme.inputs) for each in own))
        table = Table(box=None, pad_edge=False)
        table.add_column("format")
        for name, inputs in columns:
            table.add_column(name if inputs else f"{name}, weights", justify="right")
        for fmt in dict.fromkeys(each.scheme.fmt.name for each in own):
            row = [each for each in own if each.scheme.fmt.name == fmt]
            table.add_row(fmt, *(f"{each.verdict.accuracy:.1%} {_mark(each.verdict.passed)}" for each in row))
        console.print(table)
    typer.echo("+ within 1 % of FP32, - not; static and dynamic by channel, the others in MX blocks of 32")


def _mark(passed: bool) -> str:
    return "+" if passed else "-"


@app.command("widths", epilog="Example: prefixrl accuracy widths --format e4m3 --width 12 --width 16 --samples 200")
@grouped
def widths_command(
    library: LibraryOptions,
    model: Annotated[str, typer.Option("--model", help="g2p or digits.")] = "g2p",
    format: FormatsOption = None,
    width: Annotated[
        list[int] | None, typer.Option("--width", "-n", help="Bits of the adder, 8 to 53; repeatable. Default: 8-33.")
    ] = None,
    cut: Annotated[
        list[str] | None, typer.Option("--cut", help="toward-zero or floor; repeatable. Default: both.")
    ] = None,
    scaling: Annotated[str, typer.Option("--scaling", help="static or dynamic.")] = "static",
    samples: SamplesOption = None,
    seed: SeedOption = 0,
    unit: Annotated[
        bool, typer.Option("--unit", help="The whole tc_dot of 32 products beside its adder: half a minute each.")
    ] = False,
    unit_format: Annotated[
        list[str] | None, typer.Option("--unit-format", help="Of those, only these formats; repeatable.")
    ] = None,
    pdk: PdkOption = None,
    effort: EffortOption = "full",
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """Send a model's products through adders of W bits, as tensor cores do, beside the adders' area and delay."""
    from prefixrl.accuracy.arithmetic import Scaling
    from prefixrl.accuracy.judging import Judge
    from prefixrl.accuracy.models import load_model
    from prefixrl.accuracy.plots import check_plot, plot_widths
    from prefixrl.accuracy.progress import Progress
    from prefixrl.accuracy.reports import check_folder, model_document, provenance, write_study
    from prefixrl.accuracy.widths import STUDIED_FORMATS, STUDIED_WIDTHS, check_study, study_widths
    from prefixrl.formats import Cut

    cuts = [Cut(each) for each in _checked("cut", cut, [each.value for each in Cut])]
    _checked("scaling", [scaling], [Scaling.STATIC.value, Scaling.DYNAMIC.value])
    _checked("model", [model], ["g2p", "digits"])
    widths = sorted(set(width or STUDIED_WIDTHS))
    if out is not None:
        check_plot(out / "widths.png")
        check_folder(out, ["widths.json", "widths.png"])
    formats = format or list(STUDIED_FORMATS)
    check_study(formats, widths, Scaling(scaling))
    unit_formats = _checked("format of a unit", unit_format, formats) if unit or unit_format else []
    kit = library.load(pdk)
    adders = _adders(widths, kit, effort)
    loaded = load_model(model, samples, seed)
    judge = Judge(loaded)
    made = {**provenance(seed), **model_document(loaded, judge.reference_accuracy)}
    progress = Progress(None if out is None else out / "widths.unfinished", made)
    results = []
    for result in study_widths(loaded, judge, formats, widths, cuts, Scaling(scaling), progress):
        results.append(result)
        tell(f"{result.fmt} {result.cut.value} {result.width or 'exact'}: {result.verdict.accuracy:.1%}")
    units = _units(unit_formats, widths, kit, progress)
    document = {
        "command": ["prefixrl", *sys.argv[1:]],
        **made,
        "scaling": scaling,
        "results": [each.to_json() for each in results],
        "pdk": kit.name,
        "evaluator": f"native {effort}",
        "adders": [each.to_json() for each in adders],
        "units": [each.to_json() for each in units],
    }
    if out is not None:
        write_study(out / "widths.json", document)
        plot_widths(out / "widths.png", loaded.title, judge.reference_accuracy, results, adders, units)
        progress.finish()
        tell(f"wrote {out / 'widths.json'} and {out / 'widths.png'}")
    if json:
        print_json(document)
    else:
        _print_widths(loaded.title, judge.reference_accuracy, results, adders, units)


def _adders(widths: Sequence[int], kit: Any, effort: str) -> list[AdderFigures]:
    from prefixrl.accuracy.widths import adder_figures
    from prefixrl.synthesis.constraints import default_constraints
    from prefixrl.synthesis.work import EvaluatorSpec

    constraints = default_constraints(kit)
    spec = EvaluatorSpec("native", kit, {"effort": effort})
    return adder_figures(widths, lambda circuits: evaluate_circuits(circuits, spec, constraints, PoolOptions()))


def _units(formats: Sequence[str], widths: Sequence[int], kit: Pdk, progress: Progress) -> list[UnitFigures]:
    from prefixrl.accuracy.tensor_core import TERMS
    from prefixrl.accuracy.widths import unit_figures
    from prefixrl.units.width_curves import tensor_core_curve

    curves = {}
    for fmt in formats:
        for width in widths:
            key = {"unit": "tc_dot", "format": fmt, "width": width, "pdk": kit.content_hash}
            curves[fmt, width] = progress.finding(key, functools.partial(tensor_core_curve, fmt, width, TERMS, kit))
            tell(f"tc_dot {fmt}, {width} bits: least delay {curves[fmt, width][0][0]:.4f} ns")
    return unit_figures(curves) if curves else []


def _print_widths(
    title: str,
    reference: float,
    results: Sequence[WidthResult],
    adders: Sequence[AdderFigures],
    units: Sequence[UnitFigures],
) -> None:
    """What it takes, then how often the model is right, by the way to cut: one table would be wider than 80 columns."""
    console = output_console()
    console.print(f"{title}; FP32 {reference:.1%}", highlight=False, markup=False)
    whole = list(dict.fromkeys(each.fmt for each in units))
    table = _right_aligned(
        ["bits", "least ns", f"um2 at {adders[0].delay_ns:.3f} ns", *(f"{fmt} least ns" for fmt in whole)]
        + [f"{fmt} um2 at {units[0].delay_ns:.3f} ns" for fmt in whole]
    )
    figures = {(each.fmt, each.width): each for each in units}
    for adder in adders:
        own = [figures[fmt, adder.width] for fmt in whole]
        shown = [*(f"{each.fastest_ns:.3f}" for each in own), *(f"{each.area_um2:.0f}" for each in own)]
        table.add_row(str(adder.width), f"{adder.fastest_ns:.4f}", f"{adder.area_um2:.1f}", *shown)
    console.print(table)
    found = {(each.fmt, each.cut, each.width): each.verdict for each in results}
    formats = list(dict.fromkeys(each.fmt for each in results))
    for cut in dict.fromkeys(each.cut for each in results):
        typer.echo(f"\nright, in %, products cut {cut.value}; + within 1 % of FP32, - not")
        table = _right_aligned(["bits", *formats])
        for adder in adders:
            cells = [found[fmt, cut, adder.width] for fmt in formats]
            table.add_row(str(adder.width), *(f"{100 * each.accuracy:.1f} {_mark(each.passed)}" for each in cells))
        exact = [found.get((fmt, cut, None)) for fmt in formats]
        if any(exact):
            table.add_row("exact", *("" if each is None else f"{100 * each.accuracy:.1f}  " for each in exact))
        console.print(table)


def _right_aligned(headings: Sequence[str]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table
