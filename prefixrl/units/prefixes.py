"""Which prefix structure stands in which place of a unit.

A unit has prefix circuits in several roles (`final`: its main adder; `exponent`, `lzc`, `round`, ...). A plan says what
each is: a structure by name, at whatever width the place needs; `operator`, the behavioural description of the circuit
(a plain `+` for an adder), which leaves the choice to the synthesis tool; or one prefix graph, which fits one width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prefixrl.circuits import Circuit
from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import is_structure_name, structure, well_known_names
from prefixrl.hints import near_miss

OPERATOR = "operator"
DEFAULT_STRUCTURE = "sklansky"
FINAL = "final"

Choice = str | PrefixGraph


@dataclass(frozen=True)
class PrefixPlan:
    """The structures of a unit's prefix circuits.

    :param default: structure's name or `operator`, for every role that is not named
    :param roles: role -> structure's name, `operator`, or a graph
    :raises InputError: a name that is none
    """

    default: str = DEFAULT_STRUCTURE
    roles: Mapping[str, Choice] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for choice in (self.default, *self.roles.values()):
            if isinstance(choice, str):
                check_choice(choice)

    def choice(self, role: str) -> Choice:
        """What stands in a role."""
        return self.roles.get(role, self.default)

    def circuit(
        self, role: str, kind: str, width: int, *, carry_in: bool = False, carry_out: bool = True
    ) -> tuple[Circuit, bool]:
        """The circuit of a role, and whether it is to be described by its operator.

        :raises InputError: the role has a graph of another width
        """
        choice = self.choice(role)
        if isinstance(choice, PrefixGraph):
            if choice.width != width:
                raise InputError(
                    f"the {kind} in the role {role!r} has {width} bits and needs a graph of that width, "
                    f"got {choice.width}"
                )
            graph = choice
        else:
            graph = self._structure(role, choice, width)
        return Circuit(kind, graph, carry_in=carry_in, carry_out=carry_out), choice == OPERATOR

    def _structure(self, role: str, name: str, width: int) -> PrefixGraph:
        """The graph of a name; some structures have no narrow members, for which the default's name stands."""
        if name == OPERATOR:
            # Its circuit has a graph too, for its ports and for estimates of delay.
            return structure(DEFAULT_STRUCTURE, width)
        try:
            return structure(name, width)
        except InputError:
            if role in self.roles:
                raise
            return structure(DEFAULT_STRUCTURE, width)


def check_choice(name: str) -> str:
    """The name of a structure, or `operator`.

    :raises InputError: it is neither
    """
    if name != OPERATOR and not is_structure_name(name):
        hint = near_miss(name, [OPERATOR, *well_known_names()])
        raise InputError(f"a prefix circuit is a structure's name, operator, or a graph{hint}: {name[:80]!r}")
    return name
