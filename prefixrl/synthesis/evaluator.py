"""What every evaluator is: a circuit and its constraints in, an area-delay curve out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol, runtime_checkable

from prefixrl.circuits import Circuit
from prefixrl.circuits.netlist import Netlist
from prefixrl.errors import InputError
from prefixrl.hints import near_miss
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint
from prefixrl.synthesis.pdk import Pdk

EVALUATOR_NAMES = ("native", "yosys", "openroad", "analytic")


@runtime_checkable
class Evaluator(Protocol):
    """Gives circuits their area-delay curves; the same curve for the same `evaluation_key`, always.

    One evaluator serves one thread at a time; it may keep programs alive, so it has to be closed.
    """

    @property
    def name(self) -> str:
        """What `--evaluator` takes."""

    @property
    def pdk(self) -> Pdk:
        """What it synthesises to."""

    @property
    def version(self) -> str:
        """Changes whenever results could: own version, effort, versions of the tools."""

    def evaluate(self, circuit: Circuit, constraints: Constraints) -> AreaDelayCurve:
        """The area-delay curve.

        :raises EvaluationFailed: the circuit cannot be evaluated; trying again would not help
        :raises ToolError: a tool crashed or hung; trying again may help
        """

    def realize(self, circuit: Circuit, constraints: Constraints, point: CurvePoint, module: str) -> Netlist:
        """The netlist behind a point of the circuit's curve.

        :raises EvaluationFailed: the evaluator has no netlists, or the point is not of this circuit and evaluator
        """

    def close(self) -> None:
        """End what the evaluator keeps alive."""


WITHOUT_EFFORT = ("analytic", "openroad")
"""Evaluators that know no effort: one evaluation says all."""

CHOICES = (
    "wires",
    "wire_detour",
    "utilization_percent",
    "aspect_ratio",
    "density",
    "pin_order",
    "runs",
    "clocks_ns",
    "last_gasp",
    "work_folder",
)
"""Options beside the effort that the command line and job descriptions have; no evaluator takes all of them."""


def efforts(name: str) -> tuple[str, ...]:
    """The efforts that an evaluator knows, `""` alone where it knows none."""
    if name in WITHOUT_EFFORT:
        return ("",)
    return ("fast", "medium", "full") if name == "native" else ("fast", "full")


def effort_options(name: str, effort: str) -> dict[str, str]:
    """What `make_evaluator` is told of an effort; nothing where the evaluator knows none."""
    return {} if name in WITHOUT_EFFORT else {"effort": effort}


def has_wires(name: str, options: Mapping[str, Any]) -> bool:
    """Whether the delays of an evaluator have wires in them.

    :param options: as `make_evaluator` takes them
    """
    return name == "openroad" or options.get("wires", "none") != "none"


def distinctive(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options without those that change no result: a folder, and what is the default anyway."""
    from prefixrl.synthesis.openroad.settings import OpenroadSettings

    defaults = {"wires": "none", **asdict(OpenroadSettings())}
    return {key: value for key, value in options.items() if key != "work_folder" and value != defaults.get(key)}


def make_evaluator(name: str, pdk: Pdk, **options: Any) -> Evaluator:
    """An evaluator by its name.

    :param options: `effort` for "native" and "yosys" (see `efforts`), `wires` and `wire_detour` for
        "native", `check_rtl` for "yosys"; the fields of `OpenroadSettings` and `work_folder` for "openroad"; none for
        "analytic"
    :raises InputError: no evaluator of that name, or an option that it does not have
    :raises ToolMissing: a program that it needs was not found
    """
    from prefixrl.synthesis.analytic import AnalyticEvaluator
    from prefixrl.synthesis.native import NativeEvaluator
    from prefixrl.synthesis.openroad import OPTIONS, OpenroadEvaluator
    from prefixrl.synthesis.yosys import YosysEvaluator

    if name not in EVALUATOR_NAMES:
        hint = near_miss(name, EVALUATOR_NAMES)
        raise InputError(f"the evaluator must be one of {', '.join(EVALUATOR_NAMES)}{hint}: {name!r}")
    own = {"native": ("effort", "wires", "wire_detour"), "yosys": ("effort", "check_rtl"), "openroad": OPTIONS}
    allowed = own.get(name, ())
    unknown = next((option for option in options if option not in allowed), None)
    if unknown is not None:
        known = ", ".join(allowed) or "none"
        raise InputError(f"an option of the {name} evaluator must be one of {known}: {unknown!r}")
    if name == "openroad":
        return OpenroadEvaluator(pdk, **options)
    if name == "native":
        return NativeEvaluator(pdk, **options)
    return AnalyticEvaluator(pdk) if name == "analytic" else YosysEvaluator(pdk, **options)


def evaluation_key(circuit: Circuit, constraints: Constraints, evaluator: Evaluator) -> str:
    """SHA-256 (hex) of everything that a result depends on; the key of caches and stores."""
    parts = [circuit.key, evaluator.pdk.content_hash, constraints.key, evaluator.name, evaluator.version]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
