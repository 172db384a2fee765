"""Methods beside each other: each a name and the fronts of its runs, over one or several problems."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prefixrl.designs.comparison import (
    Estimate,
    FrontComparison,
    compare_fronts,
    interquartile_mean,
    pooled,
    probability_of_improvement,
)
from prefixrl.designs.front import FrontPoint, hypervolume
from prefixrl.designs.run import RunDirectory
from prefixrl.designs.source import FrontSource, common_classical, common_reference, is_source, open_source
from prefixrl.errors import InputError
from prefixrl.files import is_file

Problem = tuple[str, int, bool, bool]
"""Circuit kind, width, carry-in, carry-out: what must be the same where figures are set beside each other."""


@dataclass(frozen=True)
class Method:
    """A name and what it found.

    :param sources: one for each run; several of one problem are its seeds
    """

    name: str
    sources: tuple[FrontSource, ...]

    def of(self, problem: Problem) -> list[FrontSource]:
        """The runs of one problem."""
        return [source for source in self.sources if problem_of(source) == problem]


@dataclass(frozen=True)
class Standing:
    """One method at one problem.

    :param hypervolumes: of its runs
    :param against: its front (of all runs together) beside the first method's; None for the first one
    """

    method: str
    runs: int
    hypervolumes: list[float]
    hypervolume: Estimate
    against: FrontComparison | None


@dataclass(frozen=True)
class ProblemReport:
    """All methods at one problem.

    :param differing: what differs between the runs besides the method, such as the evaluator: then each judged itself
    """

    problem: Problem
    reference: tuple[float, float]
    differing: list[str]
    standings: list[Standing]


@dataclass(frozen=True)
class MethodReport:
    """Methods over all problems.

    :param overall: by method, hypervolume over that of the first method's runs in mean, and the probability that a run
        of it beats one of the first method's; empty where there is one problem and one run each
    """

    problems: list[ProblemReport]
    overall: dict[str, tuple[Estimate, float]]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "problems": [_plain_problem(report) for report in self.problems],
            "overall": {
                name: {**asdict(estimate), "probability_of_improvement": probability}
                for name, (estimate, probability) in self.overall.items()
            },
        }


def _plain_problem(report: ProblemReport) -> dict[str, Any]:
    kind, width, carry_in, carry_out = report.problem
    return {
        "circuit": kind,
        "width": width,
        "carry_in": carry_in,
        "carry_out": carry_out,
        "reference_point": {"delay_ns": report.reference[0], "area_um2": report.reference[1]},
        "differing": report.differing,
        "methods": [asdict(standing) for standing in report.standings],
    }


def problem_of(source: FrontSource) -> Problem:
    """What a source is a front of."""
    context = source.context
    return context.circuit, context.width, context.carry_in, context.carry_out


def read_method(text: str) -> Method:
    """The method that a user names: `SOURCE`, `NAME=SOURCE,SOURCE...`, or a folder of run directories.

    :raises InputError: there is no front, or it cannot be read
    """
    name, given, rest = text.partition("=")
    if not given or is_source(text):
        name, rest = "", text
    specs = [spec for each in rest.split(",") for spec in _expanded(each)]
    sources = tuple(open_source(spec) for spec in specs)
    return Method(name or (sources[0].label if len(sources) == 1 else Path(rest).name or rest), sources)


def _expanded(spec: str) -> list[str]:
    """A folder that is no run itself stands for the runs in it."""
    path = Path(spec)
    run = RunDirectory(path)
    alone = is_file(run.config_path) or is_file(run.front_path)
    if alone or not path.is_dir():
        return [spec]
    within = sorted(each for each in path.iterdir() if is_file(each / "config.yaml") or is_file(each / "front.json"))
    return [str(each) for each in within] or [spec]


def compare_methods(methods: Sequence[Method], reference: tuple[float, float] | None = None) -> MethodReport:
    """Compare methods at every problem that all of them have.

    :param methods: two at least; the first one is what the others are compared with
    :param reference: (delay_ns, area_um2) for all problems; by default each problem's own
    :raises InputError: fewer than two, two of one name, no common problem, or an empty front
    """
    if len(methods) < 2:
        raise InputError(
            f"a comparison needs at least two fronts: {', '.join(each.name for each in methods) or 'none'}"
        )
    names = [method.name for method in methods]
    if len(set(names)) < len(names):
        raise InputError(f"methods need names of their own, as in NAME=RUN: {', '.join(names)}")
    problems = [p for p in _problems(methods[0]) if all(method.of(p) for method in methods)]
    if not problems:
        found = "; ".join(f"{name}: {_listed(_problems(each))}" for name, each in zip(names, methods, strict=True))
        raise InputError(f"fronts can be compared where circuit, width and carries are the same: {found}")
    reports = [_report(problem, methods, reference) for problem in problems]
    return MethodReport(reports, _overall(names, reports))


def _problems(method: Method) -> list[Problem]:
    return sorted({problem_of(source) for source in method.sources})


def _listed(problems: Iterable[Problem]) -> str:
    return ", ".join(f"{kind} of {width} bits" for kind, width, _, _ in problems)


def _report(problem: Problem, methods: Sequence[Method], stated: tuple[float, float] | None) -> ProblemReport:
    sources = [source for method in methods for source in method.of(problem)]
    empty = next((source for source in sources if not source.front), None)
    if empty is not None:
        raise InputError(f"a front must have a design to be compared, there is none: {empty.path}")
    reference = common_reference(sources, common_classical(sources), stated)
    fronts = [pooled([source.front for source in method.of(problem)]) for method in methods]
    standings = [
        _standing(method, problem, reference, front, None if place == 0 else fronts[0])
        for place, (method, front) in enumerate(zip(methods, fronts, strict=True))
    ]
    return ProblemReport(problem, reference, _differing(sources), standings)


def _standing(
    method: Method,
    problem: Problem,
    reference: tuple[float, float],
    front: Sequence[FrontPoint],
    first: Sequence[FrontPoint] | None,
) -> Standing:
    volumes = [hypervolume(source.front, reference) for source in method.of(problem)]
    against = None if first is None else compare_fronts(front, first, reference)
    return Standing(method.name, len(volumes), volumes, interquartile_mean([volumes]), against)


def _differing(sources: Sequence[FrontSource]) -> list[str]:
    first = sources[0].context
    return [
        name
        for name in ("pdk", "evaluator", "constraints")
        if any(getattr(source.context, name) != getattr(first, name) for source in sources)
    ]


def _overall(names: Sequence[str], reports: Sequence[ProblemReport]) -> dict[str, tuple[Estimate, float]]:
    if len(reports) == 1 and all(standing.runs == 1 for standing in reports[0].standings):
        return {}
    scores: dict[str, list[list[float]]] = {name: [] for name in names}
    for report in reports:
        volumes = report.standings[0].hypervolumes
        unit = sum(volumes) / len(volumes) or 1.0
        for standing in report.standings:
            scores[standing.method].append([volume / unit for volume in standing.hypervolumes])
    first = scores[names[0]]
    return {name: (interquartile_mean(each), probability_of_improvement(each, first)) for name, each in scores.items()}
