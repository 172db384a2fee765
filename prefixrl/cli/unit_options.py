"""Options of the `prefixrl unit` commands: a unit's parameters, and the structures of its prefix circuits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefixrl.errors import InputError
from prefixrl.files import is_file

if TYPE_CHECKING:
    from prefixrl.graphs import PrefixGraph
    from prefixrl.units.parameters import Parameters
    from prefixrl.units.prefixes import PrefixPlan
    from prefixrl.units.registry import Built

PickOption = Annotated[
    str,
    typer.Option(
        "--pick", help="Of a front: knee (default), min-delay, min-area, delay<=NS, area<=UM2 or a design's ID."
    ),
]
AdderOption = Annotated[
    str | None,
    typer.Option(
        "--adder", help="The main adder: a structure's name, operator, a graph file, a run, or a published front."
    ),
]


@dataclass(frozen=True)
class UnitOptions:
    """Parameters; each unit takes some of them."""

    format: Annotated[str | None, typer.Option("--format", help="Of the operands, or of a block's elements.")] = None
    b_format: Annotated[str | None, typer.Option("--b-format", help="Of the second operand.")] = None
    c_format: Annotated[str | None, typer.Option("--c-format", help="Of the addend or accumulator.")] = None
    out_format: Annotated[str | None, typer.Option("--out-format", help="Of the result.")] = None
    rounding: Annotated[str, typer.Option("--rounding", help="nearest-even or toward-zero.")] = "nearest-even"
    saturate: Annotated[
        bool, typer.Option("--saturate/--no-saturate", help="Overflow gives the largest number, else infinity or NaN.")
    ] = True
    block: Annotated[int | None, typer.Option("--block", "-k", help="Products, or elements of a block.")] = None
    width: Annotated[
        int | None, typer.Option("--width", "-n", help="Bits of a block's operands, or of the final adder.")
    ] = None
    rule: Annotated[str, typer.Option("--rule", help="Scale rule: floor, ceil, rceil or even.")] = "floor"
    stages: Annotated[int, typer.Option("--stages", help="Pipeline stages; 1: combinational.")] = 1

    def parameters(self) -> Parameters:
        """The parameters."""
        from prefixrl.units.parameters import Parameters

        return Parameters(
            format=self.format,
            b_format=self.b_format,
            c_format=self.c_format,
            out_format=self.out_format,
            rounding=self.rounding,
            saturate=self.saturate,
            block=self.block,
            width=self.width,
            rule=self.rule,
            stages=self.stages,
        )


@dataclass(frozen=True)
class PlanOptions:
    """Structures."""

    structure: Annotated[
        str, typer.Option("--structure", help="Of all prefix circuits: a structure's name, or operator.")
    ] = "sklansky"
    adder: AdderOption = None
    pick: PickOption = ""
    prefix: Annotated[
        list[str] | None,
        typer.Option("--prefix", help="ROLE=CHOICE for one place, as --adder has it (see unit list NAME); repeatable."),
    ] = None

    def plan(self) -> PrefixPlan:
        """The plan.

        :raises InputError: a choice that is none
        """
        from prefixrl.units.prefixes import FINAL, PrefixPlan

        roles: dict[str, str | PrefixGraph] = {}
        for text in self.prefix or ():
            role, separator, choice = text.partition("=")
            if not separator:
                raise InputError(f"a prefix circuit is given as ROLE=CHOICE: {text!r}")
            roles[role] = load_choice(choice, self.pick)
        if self.adder is not None:
            roles[FINAL] = load_choice(self.adder, self.pick)
        return PrefixPlan(self.structure, roles)


def build(name: str, options: UnitOptions, plans: PlanOptions, module: str | None = None) -> Built:
    """The unit that is asked for."""
    from prefixrl.units.registry import build_unit

    return build_unit(name, options.parameters(), plans.plan(), module)


def load_choice(text: str, wish: str) -> str | PrefixGraph:
    """A structure's name or `operator` as it is; the graph of a file; the design of a front that `wish` asks for.

    :param wish: a pick; empty for the front's own (`published:NAME:PICK`), or the knee
    :raises InputError: none of these
    """
    from prefixrl.designs.source import is_source, open_source
    from prefixrl.graphs.structures import is_structure_name
    from prefixrl.units.prefixes import OPERATOR, check_choice

    if text == OPERATOR or is_structure_name(text):
        return text
    if is_source(text):
        return open_source(text).pick(wish).graph
    if is_file(text):
        from prefixrl.graphs.files import read_graph

        return read_graph(Path(text))
    return check_choice(text)
