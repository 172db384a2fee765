"""What a prefix graph can become: the circuit kinds, their ports, and the value type that joins kind and graph."""

from __future__ import annotations

from dataclasses import dataclass

from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph

KINDS = ("adder", "incrementer", "priority_encoder", "leading_one", "gray_to_binary", "comparator")
CARRY_KINDS = ("adder", "incrementer")


@dataclass(frozen=True)
class Port:
    """A port of a module: a scalar when its width is 1, else a bus `[width-1:0]`."""

    name: str
    width: int

    def bits(self) -> tuple[str, ...]:
        """Net names of the port's bits, lowest first: `a[0]`, `a[1]`, ..., or the bare name of a scalar."""
        if self.width == 1:
            return (self.name,)
        return tuple(f"{self.name}[{bit}]" for bit in range(self.width))


@dataclass(frozen=True)
class Circuit:
    """A prefix graph put to a use. The graph's width is the circuit's width, with or without carry-in.

    | kind | inputs -> outputs | function |
    |---|---|---|
    | adder | a, b, [cin] -> sum, [cout] | {cout, sum} = a + b + cin |
    | incrementer | a, [cin] -> sum, [cout] | {cout, sum} = a + 1, or a + cin where there is a carry-in |
    | priority_encoder | request -> index, valid | index of the highest set bit, 0 when there is none |
    | leading_one | request -> grant, valid | the highest set bit alone |
    | gray_to_binary | gray -> binary | binary[i] = XOR of gray[n-1:i] |
    | comparator | a, b -> lt, eq, gt | unsigned |

    :param kind: one of `KINDS`
    :param graph: the prefix graph
    :param carry_in: adder and incrementer only
    :param carry_out: adder and incrementer only; it has no meaning, and no effect, for the other kinds
    :raises InputError: unknown kind, or a carry-in where the kind has none
    """

    kind: str
    graph: PrefixGraph
    carry_in: bool = False
    carry_out: bool = True

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"the circuit kind must be one of {', '.join(KINDS)}: {self.kind!r}")
        if self.kind not in CARRY_KINDS:
            if self.carry_in:
                raise InputError(f"only {' and '.join(CARRY_KINDS)} can have a carry-in: {self.kind!r}")
            object.__setattr__(self, "carry_out", False)

    @property
    def width(self) -> int:
        """Bits of the operands."""
        return self.graph.width

    @property
    def default_module(self) -> str:
        """The module's name unless the user gives one: the kind."""
        return self.kind

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Input ports in the order of the module's port list."""
        return input_ports(self.kind, self.width, self.carry_in)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """Output ports in the order of the module's port list."""
        return output_ports(self.kind, self.width, self.carry_out)

    @property
    def key(self) -> str:
        """Text that identifies function and structure, for cache keys."""
        carries = f"cin={int(self.carry_in)},cout={int(self.carry_out)}"
        return f"{self.kind},width={self.width},{carries},graph={self.graph.key}"


def input_ports(kind: str, width: int, carry_in: bool) -> tuple[Port, ...]:
    """Input ports of a kind of circuit."""
    names = {"adder": ("a", "b"), "comparator": ("a", "b"), "incrementer": ("a",), "gray_to_binary": ("gray",)}
    ports = tuple(Port(name, width) for name in names.get(kind, ("request",)))
    return (*ports, Port("cin", 1)) if carry_in else ports


def output_ports(kind: str, width: int, carry_out: bool) -> tuple[Port, ...]:
    """Output ports of a kind of circuit."""
    if kind in CARRY_KINDS:
        ports = (Port("sum", width),)
        return (*ports, Port("cout", 1)) if carry_out else ports
    if kind == "priority_encoder":
        return (Port("index", index_width(width)), Port("valid", 1))
    if kind == "leading_one":
        return (Port("grant", width), Port("valid", 1))
    if kind == "gray_to_binary":
        return (Port("binary", width),)
    return (Port("lt", 1), Port("eq", 1), Port("gt", 1))


def index_width(width: int) -> int:
    """Bits of a priority encoder's index: enough for width - 1."""
    return max(1, (width - 1).bit_length())
