"""`prefixrl bench`: the project's own benchmarks. Every figure is a ratio of two things measured in turn in one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from prefixrl.cli.common import output_console, print_json
from prefixrl.cli.options import JsonOption, LibraryOptions, PdkOption, grouped
from prefixrl.errors import InputError

EXAMPLE = "Example: prefixrl bench env; prefixrl bench evaluators --width 32 --json"

app = typer.Typer(help="Measure ratios side by side on this machine.", no_args_is_help=True, rich_markup_mode=None)


@app.command("env", epilog="Example: prefixrl bench env --width 64 --batch 64")
def env_command(
    width: Annotated[int, typer.Option("--width", "-n", help="Bits.")] = 64,
    batch: Annotated[int, typer.Option("--batch", help="Graphs edited side by side.")] = 64,
    json: JsonOption = False,
) -> None:
    """Time an environment step (edit, levels, fanouts, masks, observation) against the plain-Python oracle."""
    from prefixrl.graphs.benchmark import bench_env_kernels

    _print(f"environment step, {width} bits, batch of {batch}", bench_env_kernels(width, batch), json)


@app.command("evaluators", epilog="Example: prefixrl bench evaluators --width 32 --graphs 20")
@grouped
def evaluators_command(
    library: LibraryOptions,
    width: Annotated[int, typer.Option("--width", "-n", help="Bits.")] = 32,
    graphs: Annotated[int, typer.Option("--graphs", help="Random graphs that every evaluator judges.")] = 100,
    seconds: Annotated[float, typer.Option("--seconds", help="What each evaluator may take for them.")] = 900,
    rounds: Annotated[int, typer.Option("--rounds", help="How often each classical structure is evaluated.")] = 1,
    pdk: PdkOption = None,
    json: JsonOption = False,
) -> None:
    """Time whole area-delay curves: kept-alive tools against fresh ones, then every evaluator; do they rank alike?"""
    from prefixrl.synthesis.benchmark import bench_evaluators
    from prefixrl.synthesis.rank_benchmark import compare_evaluators

    kit = library.load(pdk)
    figures = bench_evaluators(width, pdk=kit, rounds=rounds)
    figures |= compare_evaluators(width, graphs, kit, seconds)
    _print(
        f"area-delay curves, {width} bits: classical structures kept alive and fresh, then random graphs", figures, json
    )


@app.command("reports", epilog="Example: prefixrl bench reports --designs 100000")
def reports_command(
    designs: Annotated[int, typer.Option("--designs", min=100, help="Designs of the run that is reported.")] = 100_000,
    width: Annotated[int, typer.Option("--width", "-n", help="Bits of its adders.")] = 32,
    json: JsonOption = False,
) -> None:
    """Time pareto, its report page, status and export on a large run, and weigh its store."""
    from prefixrl.designs.report_benchmark import bench_reports

    _print(f"reports of a run of {designs} designs of {width} bits", bench_reports(designs, width), json)


@app.command("curves", epilog="Example: prefixrl bench curves --json")
def curves_command(json: JsonOption = False) -> None:
    """Compare the few points of the fast effort's curves with the dense sweeps of the full effort."""
    from prefixrl.synthesis.curve_benchmark import bench_curves

    _print("curves of the fast effort against dense sweeps", bench_curves(), json)


@app.command("pool", epilog="Example: prefixrl bench pool --seconds 30")
def pool_command(
    seconds: Annotated[float, typer.Option("--seconds", help="How long workers are killed for, every 2 s.")] = 60,
    json: JsonOption = False,
) -> None:
    """Time one worker process against two, then kill workers and tools for a while: is every result there, once?"""
    from prefixrl.synthesis.pool_benchmark import bench_pool

    _print("pool of worker processes", bench_pool(seconds), json)


@app.command("signoff", epilog="Example: prefixrl bench signoff --netlists 50")
@grouped
def signoff_command(
    library: LibraryOptions,
    netlists: Annotated[int, typer.Option("--netlists", help="Adders that are timed.")] = 200,
    others: Annotated[int, typer.Option("--others", help="Netlists of each other kind of circuit.")] = 20,
    pdk: PdkOption = None,
    json: JsonOption = False,
) -> None:
    """Compare reported delays with OpenSTA's, and reported areas with the Liberty text, on many netlists."""
    from prefixrl.cli.judging import check_signoff
    from prefixrl.synthesis.signoff_benchmark import bench_signoff

    check_signoff("opensta")
    _print("reported delay against OpenSTA", bench_signoff(netlists, others, library.load(pdk)), json)


NATIVE_SECTIONS = ("truth", "speed", "quality", "memory")


@app.command("native", epilog="Example: prefixrl bench native --section truth --netlists 100")
def native_command(
    section: Annotated[
        list[str] | None, typer.Option("--section", help="truth, speed, quality or memory; repeatable. Default: all.")
    ] = None,
    netlists: Annotated[int, typer.Option("--netlists", help="Netlists of the truth section.")] = 1000,
    prove: Annotated[bool, typer.Option("--prove/--no-prove", help="Prove each of them equivalent.")] = True,
    rounds: Annotated[int, typer.Option("--rounds", help="How often the speed section evaluates a graph.")] = 3,
    reference: Annotated[
        Path | None,
        typer.Option("--reference", help="For quality: OpenROAD's netlists, as CSV (structure, width, ...)."),
    ] = None,
    graphs: Annotated[int, typer.Option("--graphs", help="Random graphs of the quality section; 0 for none.")] = 200,
    pdk: Annotated[str, typer.Option("--pdk", help="A PDK's name or a Liberty file.")] = "nangate45",
    json: JsonOption = False,
) -> None:
    """Is the native evaluator true to OpenSTA, how fast, how good against OpenROAD and ABC, and how large?"""
    sections = tuple(section or NATIVE_SECTIONS)
    unknown = next((name for name in sections if name not in NATIVE_SECTIONS), None)
    if unknown is not None:
        raise InputError(f"a section must be one of {', '.join(NATIVE_SECTIONS)}: {unknown!r}")
    figures: dict[str, Any] = {}
    if "truth" in sections:
        figures["truth"] = _native_truth(netlists, pdk, prove)
    if "speed" in sections:
        figures["speed"] = _native_speed(rounds, pdk)
    if "quality" in sections:
        figures["quality"] = _native_quality(reference, graphs, pdk)
    if "memory" in sections:
        from prefixrl.synthesis.native.benchmark import bench_memory

        figures["memory"] = bench_memory(pdk)
    _print("native evaluator", figures, json)


def _native_truth(netlists: int, pdk: str, prove: bool) -> dict[str, Any]:
    from prefixrl.cli.judging import check_signoff
    from prefixrl.synthesis.native.benchmark import bench_truth
    from prefixrl.synthesis.pdk import load_pdk

    check_signoff("opensta")
    return bench_truth(netlists, load_pdk(pdk), prove=prove)


def _native_speed(rounds: int, pdk: str) -> dict[str, Any]:
    from prefixrl.synthesis.native.benchmark import bench_speed
    from prefixrl.synthesis.pdk import load_pdk

    return bench_speed(rounds=rounds, pdk=load_pdk(pdk))


def _native_quality(reference: Path | None, graphs: int, pdk: str) -> dict[str, Any]:
    from prefixrl.cli.judging import check_signoff
    from prefixrl.synthesis.native.quality_benchmark import bench_random, bench_reference
    from prefixrl.synthesis.pdk import load_pdk

    check_signoff("opensta")
    if reference is None and graphs < 1:
        raise InputError(f"the quality section needs a reference or random graphs: {graphs}")
    found: dict[str, Any] = {}
    if reference is not None:
        found["reference"] = bench_reference(reference, load_pdk(pdk))
    if graphs > 0:
        found["random"] = bench_random(graphs, load_pdk(pdk))
    return found


def _print(title: str, figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(figures)
        return
    from rich.table import Table

    typer.echo(title)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in _flat(figures):
        table.add_row(name.replace("_", " "), f"{value:.4g}" if isinstance(value, float) else str(value))
    output_console().print(table)


def _flat(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Figures with those of nested groups, under the groups' names."""
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}: ")
        elif name != "rows":  # too many for people
            yield prefix + name, value
