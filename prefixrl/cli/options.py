"""Options that several commands share, each written once.

An option alone is an `Annotated` type. Options that go together are a dataclass, a **group**: a command decorated with
`grouped` takes it as one parameter, and the command line gets all of its fields as options.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from prefixrl.errors import InputError

if TYPE_CHECKING:
    from prefixrl.circuits import Circuit
    from prefixrl.synthesis.constraints import Constraints
    from prefixrl.synthesis.pdk import Pdk

DEFAULT_WORKERS = 2

WidthOption = Annotated[
    int | None, typer.Option("--width", "-n", help="Bits, 2 to 256: needed where a structure is named.")
]
LegalizeOption = Annotated[bool, typer.Option("--legalize", help="Add the nodes that an illegal graph lacks.")]
PdkOption = Annotated[
    str | None,
    typer.Option("--pdk", help="A PDK's name (see 'prefixrl pdk list') or a Liberty file. Default: nangate45."),
]
EvaluatorOption = Annotated[str, typer.Option("--evaluator", help="native, yosys, openroad or analytic.")]
EffortOption = Annotated[
    str,
    typer.Option(
        "--effort", help="full: many delay targets; fast: the few that training looks at; native: also medium."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON alone on stdout.")]


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command have groups of options for parameters: on the command line their fields stand in their place.

    :param command: parameters whose type is a dataclass are groups; no two fields or parameters may share a name
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if is_dataclass(hint) and isinstance(hint, type)}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name in groups:
            parameters += _fields_as_parameters(groups[parameter.name])
        else:
            annotation = hints[parameter.name]
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=annotation))

    def call(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    call.__name__, call.__doc__, call.__module__ = command.__name__, command.__doc__, command.__module__
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return call


def _fields_as_parameters(group: type) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter(field.name, keyword, default=field.default, annotation=hints[field.name])
        for field in fields(group)
    ]


@dataclass(frozen=True)
class CircuitOptions:
    """What graphs become."""

    width: WidthOption = None
    circuit: Annotated[
        str,
        typer.Option(
            "--circuit", help="adder, incrementer, priority_encoder, leading_one, gray_to_binary or comparator."
        ),
    ] = "adder"
    carry_in: Annotated[bool, typer.Option("--carry-in/--no-carry-in", help="A carry-in port.")] = False
    carry_out: Annotated[bool, typer.Option("--carry-out/--no-carry-out", help="A carry-out port.")] = True
    legalize: LegalizeOption = False

    def load(self, spec: str) -> Circuit:
        """The circuit around the graph that `spec` (a structure's name, a graph file or `published:NAME`) names."""
        from prefixrl.circuits import Circuit
        from prefixrl.cli.common import named_graph

        graph = named_graph(spec, self.width, self.legalize)
        return Circuit(self.circuit, graph, carry_in=self.carry_in, carry_out=self.carry_out)


@dataclass(frozen=True)
class LibraryOptions:
    """Library files in place of a PDK by name, and what replaces or restricts the PDK's own settings."""

    liberty: Annotated[
        list[str] | None,
        typer.Option("--liberty", help="A Liberty file to use as the PDK, gzip'd or not; repeatable: one corner."),
    ] = None
    lef: Annotated[
        list[str] | None, typer.Option("--lef", help="A LEF file: technology first, then cells; repeatable.")
    ] = None
    dont_use: Annotated[
        list[str] | None, typer.Option("--dont-use", help="A cell not to use, or a pattern such as *_X32; repeatable.")
    ] = None
    constraints: Annotated[
        str | None,
        typer.Option(
            "--constraints", help="Driving cell and load by name: default; on nangate45 also paper, fitted to PrefixRL."
        ),
    ] = None
    driving_cell: Annotated[
        str | None, typer.Option("--driving-cell", help="The cell that drives every input. Default: the PDK's.")
    ] = None
    load_ff: Annotated[
        float | None, typer.Option("--load-ff", help="Capacitance on every output, in fF. Default: the PDK's.")
    ] = None

    def load(self, pdk: str | None) -> Pdk:
        """The PDK that is asked for.

        :param pdk: its name; None where the Liberty files are the PDK, or for the default
        :raises InputError: both, or as `load_pdk`
        """
        from prefixrl.synthesis.pdk import DEFAULT_PDK, load_pdk

        self.check_against(pdk)
        return load_pdk(
            self.liberty or pdk or DEFAULT_PDK,
            self.driving_cell,
            self.load_ff,
            lef=self.lef or (),
            dont_use=self.dont_use or (),
            constraints=self.constraints,
        )

    def check_against(self, pdk: str | None) -> None:
        """Check that there are not two PDKs.

        :raises InputError: there are
        """
        if pdk is not None and self.liberty:
            raise InputError(f"the PDK must be a name or Liberty files, {self.liberty[0]!r} stands beside: {pdk!r}")


@dataclass(frozen=True)
class ConstraintOptions:
    """When operands arrive and results are needed, and limits on every net."""

    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            help="Arrivals by name (multiplier-4x4, multiplier-8x8, int8-dot, fp8-ramp); or a file of arrival and "
            "required times in ns.",
        ),
    ] = None
    unit_delay: Annotated[
        float | None, typer.Option("--unit-delay", help="ns per unit of a profile by name. Default: 0.025.")
    ] = None
    max_fanout: Annotated[
        int | None, typer.Option("--max-fanout", help="Most pins and ports that one net may feed, 2 to 1000.")
    ] = None
    max_transition: Annotated[
        float | None, typer.Option("--max-transition", help="Longest slew that a net may have, in ns.")
    ] = None

    def load(self, pdk: Pdk, circuits: Sequence[Circuit]) -> Constraints:
        """The constraints on these circuits.

        :raises InputError: as `chosen_constraints`
        """
        from prefixrl.synthesis.profiles import chosen_constraints

        return chosen_constraints(
            pdk,
            circuits,
            profile=self.profile,
            unit_delay_ns=self.unit_delay,
            max_fanout=self.max_fanout,
            max_transition_ns=self.max_transition,
        )


@dataclass(frozen=True)
class EvaluatorOptions:
    """What only some evaluators can be told; each refuses what it does not have."""

    wires: Annotated[
        str | None,
        typer.Option("--wires", help="native: none, or datapath: delays with the wires of a datapath layout."),
    ] = None
    wire_detour: Annotated[
        float | None,
        typer.Option("--wire-detour", help="native: length of wires, as `pdk calibrate` finds it. Default: the PDK's."),
    ] = None
    utilization: Annotated[
        float | None,
        typer.Option("--utilization", help="openroad: cell area over core area before repair, 5 to 95 %. Default: 45."),
    ] = None
    aspect_ratio: Annotated[
        float | None, typer.Option("--aspect-ratio", help="openroad: height of the core over its width. Default: 1.")
    ] = None
    density: Annotated[
        float | None,
        typer.Option("--density", help="openroad: target density of global placement, 0.05 to 1. Default: 0.55."),
    ] = None
    pin_order: Annotated[
        str | None,
        typer.Option("--pin-order", help="openroad: datapath (bit i beside bit i) or free. Default: datapath."),
    ] = None
    runs: Annotated[int | None, typer.Option("--runs", help="openroad: clocks tried per graph. Default: 7.")] = None
    clocks_ns: Annotated[
        list[float] | None,
        typer.Option("--clock-ns", help="openroad: a clock to try in place of chosen ones, in ns; repeatable."),
    ] = None
    last_gasp: Annotated[
        bool | None,
        typer.Option(
            "--last-gasp/--no-last-gasp", help="openroad: the last, slow phase of repair_timing. Default: without."
        ),
    ] = None
    work_folder: Annotated[
        Path | None,
        typer.Option(
            "--work-folder",
            help="openroad: where every run leaves a folder with scripts, exact command, log and netlist.",
        ),
    ] = None

    def stated(self) -> dict[str, Any]:
        """What is stated, by the names that `make_evaluator` and job descriptions have for it."""
        everything = {
            "wires": self.wires,
            "wire_detour": self.wire_detour,
            "utilization_percent": self.utilization,
            "aspect_ratio": self.aspect_ratio,
            "density": self.density,
            "pin_order": self.pin_order,
            "runs": self.runs,
            "clocks_ns": self.clocks_ns or None,
            "last_gasp": self.last_gasp,
            "work_folder": None if self.work_folder is None else str(self.work_folder.absolute()),
        }
        return {name: value for name, value in everything.items() if value is not None}


@dataclass(frozen=True)
class PoolOptions:
    """Who evaluates, and within which limits."""

    pool: Annotated[
        str | None,
        typer.Option("--pool", help="Workers: in-process (threads), processes or ray. Default: in-process."),
    ] = None
    workers: Annotated[
        int | None, typer.Option("--workers", help=f"Evaluations at a time. Default: {DEFAULT_WORKERS}.")
    ] = None
    timeout_s: Annotated[float | None, typer.Option("--timeout-s", help="Seconds that one evaluation may take.")] = None
    memory_mib: Annotated[
        int | None, typer.Option("--memory-mib", help="Memory that one evaluation may take, in MiB.")
    ] = None
