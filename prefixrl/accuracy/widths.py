"""What a narrower adder in a tensor core costs in accuracy and saves in hardware.

Accuracy: every product of a model goes through dot products of 32 terms with an adder of W bits. Hardware: the adder
of W bits alone, the best of the classical structures as an evaluator sizes them, and the whole unit around it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from prefixrl.accuracy.arithmetic import Scaling, Scheme
from prefixrl.accuracy.judging import Judge, Verdict
from prefixrl.accuracy.models import Model
from prefixrl.accuracy.progress import Progress
from prefixrl.accuracy.tensor_core import TensorCore
from prefixrl.circuits import Circuit
from prefixrl.errors import EvaluationFailed, InputError
from prefixrl.formats import Cut, element_format
from prefixrl.graphs import classical_structures
from prefixrl.synthesis.service import Evaluation

# From the least that 32 products take, without any fraction bits, to 25 of those.
STUDIED_WIDTHS = tuple(range(8, 34))
# At its least delay an adder is at its largest, and a comparison there says little.
_SLACK = 1.1
STUDIED_FORMATS = ("e4m3", "e5m2", "e3m4fn", "e3m4ieee", "e3m2", "e2m3", "e2m1")


@dataclass(frozen=True)
class WidthResult:
    """One adder on one model.

    :param width: bits of the adder; None for the exact sum
    """

    model: str
    fmt: str
    cut: Cut
    width: int | None
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        return {"model": self.model, **_description(self.fmt, self.cut, self.width), **self.verdict.to_json()}


def _description(fmt: str, cut: Cut, width: int | None) -> dict[str, Any]:
    return {"format": fmt, "cut": cut.value, "width": width}


def check_study(formats: Iterable[str], widths: Iterable[int], scaling: Scaling) -> None:
    """Before the work is done: whether there are such products and adders.

    :raises InputError: no such format, or a width that 32 products do not fit
    """
    for name in formats:
        for width in widths:
            TensorCore(Scheme(element_format(name), scaling), {}, width)


def study_widths(
    model: Model,
    judge: Judge,
    formats: Iterable[str],
    widths: Sequence[int],
    cuts: Sequence[Cut],
    scaling: Scaling,
    progress: Progress | None = None,
) -> Iterator[WidthResult]:
    """For each format the exact sum (once, under the first cut) and the adders of each width.

    :param progress: what it knows is not made again
    :raises InputError: what `check_study` refuses
    """
    wanted = [Scheme(element_format(each), scaling) for each in formats]
    progress = progress or Progress(None, {})
    for scheme in wanted:
        runs: list[tuple[Cut, int | None]] = [(cuts[0], None), *((cut, width) for cut in cuts for width in widths)]
        for cut, bits in runs:
            arithmetic = TensorCore(scheme, judge.calibration, bits, cut)
            key = {**_description(scheme.fmt.name, cut, bits), "scaling": scaling.value}
            verdict = progress.verdict(key, functools.partial(judge.judge, arithmetic))
            yield WidthResult(model.name, scheme.fmt.name, cut, bits, verdict)


@dataclass(frozen=True)
class AdderFigures:
    """The adder of one width.

    :param fastest_ns: the least delay of all structures
    :param fastest_um2: its area
    :param structure: the structure that is smallest at the common delay
    :param area_um2: its area there
    :param delay_ns: the common delay
    """

    width: int
    fastest_ns: float
    fastest_um2: float
    structure: str
    area_um2: float
    delay_ns: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def adder_figures(
    widths: Sequence[int], evaluate: Callable[[Sequence[Circuit]], Sequence[Evaluation]], delay_ns: float | None = None
) -> list[AdderFigures]:
    """The adders of these widths, without carry-out: what they take at one delay, and how fast they get.

    :param evaluate: gives circuits their curves
    :param delay_ns: at which areas are compared; if None, a tenth more than the slowest width's least
    :raises InputError: a width does not reach the delay
    :raises EvaluationFailed: a structure could not be evaluated
    """
    graphs = {(width, name): graph for width in widths for name, graph in classical_structures(width).items()}
    evaluations = evaluate([Circuit("adder", graph, carry_out=False) for graph in graphs.values()])
    points: dict[int, list[tuple[float, float, str]]] = {width: [] for width in widths}
    for (width, name), evaluation in zip(graphs, evaluations, strict=True):
        if evaluation.curve is None:
            raise EvaluationFailed(f"{name} of {width} bits: {evaluation.failure}")
        points[width] += [(point.delay_ns, point.area_um2, name) for point in evaluation.curve.points]
    common = _common_ns(min(each)[0] for each in points.values()) if delay_ns is None else delay_ns
    return [_figures(width, each, common) for width, each in points.items()]


def _figures(width: int, points: Sequence[tuple[float, float, str]], delay_ns: float) -> AdderFigures:
    fastest = min(points)
    fitting = [point for point in points if point[0] <= delay_ns]
    if not fitting:
        raise InputError(f"an adder of {width} bits takes at least {fastest[0]:.4f} ns, got {delay_ns:g}")
    smallest = min(fitting, key=lambda point: (point[1], point[0]))
    return AdderFigures(width, fastest[0], fastest[1], smallest[2], smallest[1], delay_ns)


@dataclass(frozen=True)
class UnitFigures:
    """The whole dot product of 32 terms around an adder of one width.

    :param fmt: of the operands
    :param fastest_ns: its least delay
    :param area_um2: its least area at the common delay
    :param delay_ns: the common delay
    """

    fmt: str
    width: int
    fastest_ns: float
    area_um2: float
    delay_ns: float

    def to_json(self) -> dict[str, Any]:
        figures = asdict(self)
        return {"format": figures.pop("fmt"), **figures}


def unit_figures(curves: Mapping[tuple[str, int], Sequence[tuple[float, float]]]) -> list[UnitFigures]:
    """What units take at one delay for all of them: a tenth more than the slowest one's least.

    :param curves: (format, width) -> (ns, um2) of the unit's netlists, by rising delay
    """
    common = _common_ns(curve[0][0] for curve in curves.values())
    return [
        UnitFigures(fmt, width, curve[0][0], min(area for delay, area in curve if delay <= common), common)
        for (fmt, width), curve in curves.items()
    ]


def _common_ns(fastest: Iterable[float]) -> float:
    return _SLACK * max(fastest)
