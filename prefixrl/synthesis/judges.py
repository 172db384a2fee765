"""Judges: timers that had no part in making a front say what its netlists' delays are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from prefixrl.circuits import Circuit
from prefixrl.circuits.netlist import Netlist
from prefixrl.errors import InputError
from prefixrl.hints import near_miss
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import CurvePoint
from prefixrl.synthesis.evaluator import Evaluator, has_wires
from prefixrl.synthesis.pdk import Pdk
from prefixrl.synthesis.signoff import SignoffTimer
from prefixrl.synthesis.sizer import AbcSizer
from prefixrl.tools import find_tool, require_tool

JUDGE_NAMES = ("auto", "opensta", "yosys", "none")
"""auto: OpenSTA where it is found, else ABC's timer (out of the `yosys` evaluator)."""


@dataclass(frozen=True)
class Judgement:
    """What a judge says of a front.

    :param judge: its name
    :param version: of the judge
    :param points: netlists timed
    :param mean_error_percent: mean of by how much reported delays are off, whatever the sign
    :param worst_error_percent: the largest
    """

    judge: str
    version: str
    points: int
    mean_error_percent: float
    worst_error_percent: float

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))


class Judge(Protocol):
    """Times netlists; holds a program, so it has to be closed."""

    name: str

    @property
    def version(self) -> str:
        """Of the timer."""

    def delay_ns(self, netlist: Netlist, circuit: Circuit, constraints: Constraints) -> float:
        """The delay of a netlist under constraints.

        :raises ToolError: the timer refused, died, hung, or reported what cannot be
        """

    def close(self) -> None:
        """End the program."""


class _OpenSta:
    name = "opensta"

    def __init__(self, pdk: Pdk) -> None:
        self._timer = SignoffTimer(pdk)
        self.version = self._timer.version

    def delay_ns(self, netlist: Netlist, circuit: Circuit, constraints: Constraints) -> float:
        return self._timer.time(netlist, circuit, constraints).delay_ns

    def close(self) -> None:
        self._timer.close()


class _Abc:
    name = "yosys"

    def __init__(self, pdk: Pdk) -> None:
        self._sizer = AbcSizer(pdk, pdk.library())
        self.version = require_tool("yosys-abc").version

    def delay_ns(self, netlist: Netlist, circuit: Circuit, constraints: Constraints) -> float:
        self._sizer.load(netlist, constraints)
        return self._sizer.restart().delay_ns

    def close(self) -> None:
        self._sizer.close()


def check_judge(name: str) -> None:
    """Refuse a judge that there is not, before any work is done.

    :raises InputError: an unknown one
    :raises ToolMissing: a known one that this machine does not have
    """
    if name not in JUDGE_NAMES:
        hint = near_miss(name, JUDGE_NAMES)
        raise InputError(f"the judge must be one of {', '.join(JUDGE_NAMES)}{hint}: {name!r}")
    if name == "opensta":
        require_tool("sta")
    elif name == "auto":
        find_tool("sta")  # a variable that names no program is refused


def make_judge(name: str, pdk: Pdk, evaluator: str, options: Mapping[str, Any]) -> Judge | None:
    """A judge by its name; None for "none", and for evaluators without netlists that another timer can time.

    :param evaluator: name of the evaluator that is judged
    :param options: its options
    :raises InputError: as `check_judge`
    :raises ToolMissing: as `check_judge`
    """
    check_judge(name)
    # A judge of bare netlists knows nothing of the wires in a delay.
    if name == "none" or evaluator == "analytic" or has_wires(evaluator, options):
        return None
    if name == "auto":
        name = "opensta" if find_tool("sta") is not None else "yosys"
    return _OpenSta(pdk) if name == "opensta" else _Abc(pdk)


def judge_points(
    judge: Judge, evaluator: Evaluator, constraints: Constraints, points: Iterable[tuple[Circuit, CurvePoint]]
) -> Judgement | None:
    """Make the netlists behind points again and have them timed; None where there are no points.

    :raises EvaluationFailed: a point is not of its circuit and this evaluator
    :raises ToolError: the timer refused, died, hung, or reported what cannot be
    """
    errors = []
    for circuit, point in points:
        netlist = evaluator.realize(circuit, constraints, point, circuit.default_module)
        delay_ns = judge.delay_ns(netlist, circuit, constraints)
        errors.append(abs(100.0 * (point.delay_ns / delay_ns - 1.0)))
    if not errors:
        return None
    return Judgement(judge.name, judge.version, len(errors), sum(errors) / len(errors), max(errors))
