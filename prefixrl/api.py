"""The Python API: what the commands do, in a call each. `docs/three-users.ipynb` shows it in use.

    from prefixrl import api

    front = api.open_front("published:demo-adder16")      # or a run directory, or a front.json
    point = front.pick("delay<=0.25")                     # as --pick
    api.export(front, "my_adder", pick="delay<=0.25")     # RTL, netlist, SDC, ...: proven first

Delays are in ns, areas in um2. Bad input raises `prefixrl.errors.InputError`, a design that is not what it should be
`prefixrl.errors.ProofFailed`. Nothing here needs torch but `train`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from prefixrl.circuits import Circuit
from prefixrl.designs.export import Export, Member, check_folder, check_formats, export_design, export_family
from prefixrl.designs.front import FrontPoint
from prefixrl.designs.maker import Maker, context_of, curve_points
from prefixrl.designs.methods import MethodReport, compare_methods, read_method
from prefixrl.designs.pick import pick as pick_point
from prefixrl.designs.source import FrontSource, graph_named, open_source, open_sources
from prefixrl.graphs import PrefixGraph
from prefixrl.synthesis.pdk import DEFAULT_PDK, Pdk, load_pdk
from prefixrl.synthesis.profiles import chosen_constraints

if TYPE_CHECKING:
    from prefixrl.agents.session import JobResult

__all__ = ["compare", "curve", "export", "export_graph", "export_widths", "open_front", "report", "search", "train"]

open_front = open_source
"""The front of a run directory, a `front.json` or `published:NAME`."""


def curve(
    graph: str | PrefixGraph,
    width: int | None = None,
    *,
    circuit: str = "adder",
    carry_in: bool = False,
    pdk: str | Pdk = DEFAULT_PDK,
    profile: str | None = None,
    evaluator: str = "native",
    effort: str = "full",
) -> list[FrontPoint]:
    """The area-delay curve of one graph, the cache of this machine first.

    :param graph: a structure's name (with a width), a graph file, `published:NAME:PICK`, or the graph itself
    :param circuit: what the graph becomes, one of `prefixrl.circuits.kinds.KINDS`
    :param pdk: a name, a Liberty file, or a loaded one
    :param profile: arrival times of the operands, by name or from a file, see `prefixrl.synthesis.profiles`
    :param effort: "full" or "fast"
    :raises InputError: anything that cannot be
    :raises EvaluationFailed: no netlist keeps the limits
    """
    with _maker(graph, width, circuit, carry_in, pdk, profile, evaluator) as (maker, made):
        (evaluation,) = maker.evaluate([made], effort)
        return curve_points(evaluation)


def export(
    front: str | Path | FrontSource,
    out: str | Path,
    *,
    pick: str = "",
    formats: Iterable[str] | None = None,
    module: str | None = None,
    stages: int = 0,
) -> Export:
    """Write a design of a front, proven equivalent first.

    :param out: new or empty
    :param pick: as `--pick`; the knee by default
    :param formats: some of `prefixrl.designs.export.FORMATS`
    :param stages: of a pipeline; 0 for none
    :raises InputError: nothing satisfies the pick, or the folder, a format or the name breaks a rule
    :raises ProofFailed: the design does not do what it should; nothing is written
    """
    source = front if isinstance(front, FrontSource) else open_source(front)
    check_folder(out)
    check_formats(formats, stages)
    with Maker(source.context) as maker:
        point = maker.remade(source.pick(pick))
        circuit = source.context.circuit_of(point.graph)
        return _written(out, maker.member(point, module or circuit.default_module), formats, stages)


def export_graph(
    graph: str | PrefixGraph,
    out: str | Path,
    width: int | None = None,
    *,
    pick: str = "knee",
    circuit: str = "adder",
    carry_in: bool = False,
    pdk: str | Pdk = DEFAULT_PDK,
    profile: str | None = None,
    formats: Iterable[str] | None = None,
    module: str | None = None,
    stages: int = 0,
) -> Export:
    """Write a netlist of one graph's curve, proven equivalent first; parameters as in `curve` and `export`."""
    check_folder(out)
    check_formats(formats, stages)
    with _maker(graph, width, circuit, carry_in, pdk, profile, "native") as (maker, made):
        (evaluation,) = maker.evaluate([made], "full")
        point = pick_point(curve_points(evaluation), pick)
        return _written(out, maker.member(point, module or circuit), formats, stages)


def export_widths(
    fronts: Sequence[str | Path | FrontSource],
    out: str | Path,
    *,
    pick: str = "",
    formats: Iterable[str] = ("rtl", "wrapper", "yosys-choice"),
    module: str = "adder",
) -> Export:
    """Write designs of several widths and one module with a parameter WIDTH in front of them.

    :param fronts: one for each width
    :raises InputError: as `export`; or they do not go together
    """
    from prefixrl.circuits.wrapper import member_name

    check_folder(out)
    members: list[Member] = []
    for front in fronts:
        source = front if isinstance(front, FrontSource) else open_source(front)
        with Maker(source.context) as maker:
            point = maker.remade(source.pick(pick))
            members.append(maker.member(point, member_name(module, source.context.width)))
    return export_family(out, members, module, formats=formats)


def report(fronts: Sequence[str | Path] | str | Path, path: str | Path) -> None:
    """Write the interactive report of one or more fronts of one problem as one HTML page.

    :raises InputError: fronts of different problems, no design, or a place that cannot be written
    """
    from prefixrl.designs.page import write_page
    from prefixrl.designs.source import common_classical, common_reference

    sources = open_sources([fronts] if isinstance(fronts, str | Path) else fronts)
    write_page(path, sources, reference=common_reference(sources, common_classical(sources)), command="prefixrl.api")


def compare(*methods: str) -> MethodReport:
    """Fronts beside the first one, as `prefixrl compare`: `RUN`, or `NAME=RUN,RUN` for several seeds.

    :raises InputError: as `compare_methods`
    """
    return compare_methods([read_method(text) for text in methods])


def train(out: str | Path, preset: str | None = None, **settings: object) -> JobResult:
    """Run a training job; `settings` are keys of the job with `__` for the dot: `budget__time_s=60`, `seed=1`.

    :param out: new or empty
    :raises InputError: as `prefixrl.agents.job.load_job`
    """
    from prefixrl.agents import training
    from prefixrl.agents.job import load_job
    from prefixrl.agents.live import LiveView

    return training.train(load_job(preset, overrides=_overrides(settings)), Path(out), LiveView(quiet=True))


def search(out: str | Path, method: str = "sa", preset: str | None = None, **settings: object) -> JobResult:
    """Run the same job by a baseline of `prefixrl search`; `settings` as in `train`."""
    from prefixrl.agents import search as baselines
    from prefixrl.agents.job import load_job
    from prefixrl.agents.live import LiveView

    job = load_job(preset, overrides=[f"method={method}", *_overrides(settings)])
    return baselines.search(job, Path(out), LiveView(quiet=True))


def _overrides(settings: dict[str, object]) -> list[str]:
    return [f"{name.replace('__', '.')}={json.dumps(value)}" for name, value in settings.items()]


@contextmanager
def _maker(
    graph: str | PrefixGraph,
    width: int | None,
    circuit: str,
    carry_in: bool,
    pdk: str | Pdk,
    profile: str | None,
    evaluator: str,
) -> Iterator[tuple[Maker, PrefixGraph]]:
    """A maker for one graph, and the graph."""
    drawn = graph if isinstance(graph, PrefixGraph) else graph_named(graph, width)
    kit = pdk if isinstance(pdk, Pdk) else load_pdk(pdk)
    made = Circuit(circuit, drawn, carry_in=carry_in)
    constraints = chosen_constraints(kit, [made], profile=profile)
    with Maker(context_of(made, kit, constraints, evaluator), kit) as maker:
        yield maker, drawn


def _written(out: str | Path, member: Member, formats: Iterable[str] | None, stages: int) -> Export:
    return export_design(
        out,
        member.circuit,
        member.netlist,
        member.constraints,
        member.pdk,
        member.figures,
        formats=formats,
        module=member.netlist.module,
        stages=stages,
        command="prefixrl.api",
    )
