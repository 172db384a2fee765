"""`prefixrl bench`: the project's own benchmarks. Every figure is a ratio of two things measured in turn in one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefixrl.cli.bench_units import units_command
from prefixrl.cli.common import output_console, print_json, progress
from prefixrl.cli.options import JsonOption, LibraryOptions, PdkOption, grouped
from prefixrl.errors import InputError

if TYPE_CHECKING:
    from prefixrl.designs import FrontPoint
    from prefixrl.synthesis.constraints import Constraints

EXAMPLE = "Example: prefixrl bench env; prefixrl bench evaluators --width 32 --json"

app = typer.Typer(help="Measure ratios side by side on this machine.", no_args_is_help=True, rich_markup_mode=None)


app.command("units", epilog="Example: prefixrl bench units --unit fp8_mul --unit int8_dot --json")(units_command)


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


RAY_SECTIONS = ("pools", "learner", "recovery", "kills", "plan", "soak")


@app.command("ray", epilog="Example: prefixrl bench ray; prefixrl bench ray --section soak --seconds 1800")
def ray_command(
    section: Annotated[
        list[str] | None,
        typer.Option("--section", help=f"{', '.join(RAY_SECTIONS)}; repeatable. Default: all but soak."),
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", help="How long the soak section runs.")] = 300,
    kills: Annotated[int, typer.Option("--kills", help="Drivers that the kills section kills.")] = 3,
    width: Annotated[int, typer.Option("--width", "-n", help="Bits of the adders of pools and plan.")] = 32,
    effort: Annotated[str, typer.Option("--effort", help="fast, medium or full, of the pools section.")] = "fast",
    evaluators: Annotated[int, typer.Option("--evaluators", min=1, help="What plan reckons with.")] = 1000,
    json: JsonOption = False,
) -> None:
    """Time evaluators on Ray against the other pools; kill roles and drivers of a job: how long, is anything lost?"""
    from prefixrl.synthesis.pool import require_pool

    sections = tuple(section or RAY_SECTIONS[:-1])
    unknown = next((name for name in sections if name not in RAY_SECTIONS), None)
    if unknown is not None:
        raise InputError(f"a section must be one of {', '.join(RAY_SECTIONS)}: {unknown!r}")
    if kills < 1 or seconds < 30:
        raise InputError(f"there must be at least 1 kill, and 30 seconds of soak: {kills}, {seconds:g}")
    require_pool("ray")
    from prefixrl.agents.distributed import benchmark
    from prefixrl.agents.distributed.plan import bench_plan
    from prefixrl.agents.distributed.soak import bench_soak
    from prefixrl.synthesis.ray_benchmark import bench_ray_pool

    measures = {
        "pools": lambda: bench_ray_pool(width=width, effort=effort),
        "learner": benchmark.bench_learner,
        "recovery": benchmark.bench_recovery,
        "kills": lambda: benchmark.bench_driver_kills(kills),
        "plan": lambda: bench_plan(evaluators, width),
        "soak": lambda: bench_soak(seconds),
    }
    _print("Ray", {name: measures[name]() for name in sections}, json)


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


@app.command("paper", epilog="Example: prefixrl bench paper published:paper-adder32 runs/mine")
def paper_command(
    fronts: Annotated[
        list[str] | None,
        typer.Argument(help="Runs, front.json files or published:NAME, under --constraints paper."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Compare with the fronts that PrefixRL (DAC 2021) published: the fit of the constraints, then each front."""
    from prefixrl.designs.paper import compare_with_paper, fit_residual
    from prefixrl.synthesis.constraints import default_constraints
    from prefixrl.synthesis.evaluator import make_evaluator
    from prefixrl.synthesis.pdk import load_pdk

    kit = load_pdk(constraints="paper")
    constraints = default_constraints(kit)
    found = {spec: _paper_front(spec, constraints) for spec in fronts or []}
    figures: dict[str, Any] = {"fit": fit_residual(make_evaluator("native", kit, effort="fast"), constraints)}
    figures |= {spec: compare_with_paper(*front) for spec, front in found.items()}
    _print("PrefixRL's published fronts", figures, json)
    if not json:
        for spec in found:
            _print_paper_rows(spec, figures[spec]["rows"])


def _paper_front(spec: str, constraints: Constraints) -> tuple[list[FrontPoint], int]:
    from prefixrl.designs import open_source

    source = open_source(spec)
    if source.context.circuit != "adder" or dict(source.context.constraints) != constraints.to_json():
        raise InputError(f"only adders under --constraints paper compare with the paper's: {spec!r}")
    return source.front, source.context.width


def _print_paper_rows(title: str, rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for name in ("ns", "paper um2", "ours um2", "saved %"):
        table.add_column(name, justify="right")
    for row in rows:
        own = (
            ("none as fast", "") if row["own_um2"] is None else (f"{row['own_um2']:.2f}", f"{row['saved_percent']:.1f}")
        )
        table.add_row(f"{row['delay_ns']:.4f}", f"{row['paper_um2']:.1f}", *own)
    output_console().print(table)


@app.command(
    "agents", epilog="Example: prefixrl bench agents --method guided --method sa --budget 500 --plot agents.png"
)
def agents_command(
    method: Annotated[
        list[str] | None, typer.Option("--method", help="qlearning or a baseline; repeatable. Default: guided, sa.")
    ] = None,
    width: Annotated[list[int] | None, typer.Option("--width", "-n", help="Bits; repeatable. Default: 16.")] = None,
    budget: Annotated[
        list[int] | None, typer.Option("--budget", help="Unique evaluations; repeatable. Default: 250, 500.")
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Runs of each.")] = 3,
    first_seed: Annotated[int, typer.Option("--first-seed", min=0, help="The others follow it.")] = 0,
    against: Annotated[
        str, typer.Option("--against", help="By whose hypervolume evaluations are counted; takes part always.")
    ] = "sa",
    preset: Annotated[str, typer.Option("--preset", help="What all jobs begin from.")] = "small",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key.sub=value, any key of the jobs; repeatable.")
    ] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Hypervolume against evaluations, PNG or SVG.")] = None,
    json: JsonOption = False,
) -> None:
    """Compare agents and searches at equal numbers of unique evaluations: which front after how many?"""
    from prefixrl.agents.benchmark import Contest, bench_agents
    from prefixrl.agents.benchmark_plot import check_plot, plot_contest

    methods = list(dict.fromkeys([*(method or ["guided"]), against]))
    chosen_seeds = range(first_seed, first_seed + seeds)
    contest = Contest(methods, width or [16], budget or [250, 500], chosen_seeds, against, preset, settings or [])
    if plot is not None:
        check_plot(plot)
    figures = bench_agents(contest, progress)
    if plot is not None:
        plot_contest(plot, figures)
    if json:
        print_json(figures)
    else:
        _print_contest(figures)


def _print_contest(figures: dict[str, Any]) -> None:
    from rich.table import Table

    against = figures["against"]
    typer.echo(f"hypervolume (ns um2): interquartile mean and 95 % interval over seeds {figures['seeds']}")
    typer.echo(f"equal at: evaluations until the hypervolume was that of {against} in the same row's budget")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("bits", "method", "budget", "hypervolume", "interval", "saved", "equal at", "seconds"):
        table.add_column(heading, justify="left" if heading == "method" else "right", no_wrap=True)
    for row in figures["rows"]:
        needed = row["evaluations_needed"]
        table.add_row(
            str(row["width"]),
            row["method"],
            f"{row['evaluations']:,}",
            f"{row['hypervolume']:.3f}",
            f"{row['low']:.3f}-{row['high']:.3f}",
            f"{row['saved_percent']:.2f} %",
            "-" if needed is None else f"{needed:,.0f}",
            f"{row['seconds']:.0f}",
        )
    output_console().print(table)


MAPPING_FRONT_GRAPHS = 8
"""Of every published front."""

NATIVE_SECTIONS = ("truth", "speed", "quality", "methods", "mapping", "memory")


@app.command("native", epilog="Example: prefixrl bench native --section truth --netlists 100")
def native_command(
    section: Annotated[
        list[str] | None,
        typer.Option("--section", help="truth, speed, quality, methods, mapping or memory; repeatable. Default: all."),
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
    if "methods" in sections:
        from prefixrl.synthesis.native.methods_benchmark import bench_methods
        from prefixrl.synthesis.pdk import load_pdk

        figures["methods"] = bench_methods(pdk=load_pdk(pdk))
    if "mapping" in sections:
        figures["mapping"] = _native_mapping(pdk)
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


def _native_mapping(pdk: str) -> dict[str, Any]:
    """The common graphs, and some from one end to the other of the published fronts of the same widths."""
    from prefixrl.designs.source import open_source
    from prefixrl.synthesis.native.mapping_benchmark import WIDTHS, bench_mapping, common_graphs
    from prefixrl.synthesis.pdk import load_pdk

    fronts = {}
    for width in WIDTHS:
        front = open_source(f"published:adder{width}").front
        for place in range(MAPPING_FRONT_GRAPHS):
            point = front[place * (len(front) - 1) // (MAPPING_FRONT_GRAPHS - 1)]
            fronts[f"front {width} at {point.delay_ns} ns"] = point.graph
    return bench_mapping({**common_graphs(), "fronts": fronts}, load_pdk(pdk))


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
