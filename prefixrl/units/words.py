"""Units are described here, word by word; `verilog` writes the description out.

A `UnitModule` holds a graph of word-level nodes; a `Word` is a handle of one. Operators on words make nodes: bitwise
`& | ^ ~` between words of equal width, slices `word[low:high]` (bits low to high - 1, as Python has it, bit 0 lowest),
`mux`, `cat` (highest part first, as Verilog has it), reductions, equality, full adders, and instances of prefix
circuits. Every node knows which of its bits are zero for certain, and when its bits arrive (`arrivals`).

Nothing is ever wider or narrower than it says: there are no implicit extensions, so the rules of Verilog for the
widths of expressions never come into play.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from prefixrl.circuits import Circuit, Port
from prefixrl.circuits.identifiers import check_identifier
from prefixrl.units import arrivals
from prefixrl.units.arrivals import Times, circuit_arrivals, reduced, reduction_delay
from prefixrl.units.prefixes import PrefixPlan

INPUT, CONSTANT, NOT, AND, OR, XOR, MUX, CAT, SLICE = (
    "input",
    "constant",
    "not",
    "and",
    "or",
    "xor",
    "mux",
    "cat",
    "slice",
)
ANY, ALL, PARITY, EQUAL, MAJORITY, INSTANCE, OUTPUT_OF = "any", "all", "parity", "equal", "majority", "instance", "port"

# What is only wiring, or as good as.
FREE_KINDS = (INPUT, CONSTANT, NOT, CAT, SLICE, OUTPUT_OF)


class Node(NamedTuple):
    """One word.

    :param kind: one of the constants above
    :param width: bits; 0 for an instance, whose outputs are nodes of their own
    :param operands: nodes
    :param value: a constant's value, a slice's lowest bit, an input's or output's port name, an instance's number
    """

    kind: str
    width: int
    operands: tuple[int, ...]
    value: int | str = 0


@dataclass(frozen=True)
class Instance:
    """A prefix circuit in a unit.

    :param role: what it does there
    :param circuit: kind and graph
    :param behavioural: described by its operator, the graph being only an estimate
    :param ports: input ports in the order of the node's operands
    """

    role: str
    circuit: Circuit
    behavioural: bool
    ports: tuple[str, ...]


class Word:
    """A handle of a node; see the module."""

    __slots__ = ("module", "node")

    def __init__(self, module: UnitModule, node: int) -> None:
        self.module = module
        self.node = node

    @property
    def width(self) -> int:
        """Bits."""
        return self.module.nodes[self.node].width

    @property
    def zeros(self) -> int:
        """A mask of the bits that are zero for certain."""
        return self.module.zeros[self.node]

    @property
    def times(self) -> Times:
        """When the bits arrive, in unit delays."""
        return self.module.times[self.node]

    @property
    def constant(self) -> int | None:
        """The value, where it is one."""
        node = self.module.nodes[self.node]
        return int(node.value) if node.kind == CONSTANT else None

    def __and__(self, other: Word) -> Word:
        return self.module.bitwise(AND, self, other)

    def __or__(self, other: Word) -> Word:
        return self.module.bitwise(OR, self, other)

    def __xor__(self, other: Word) -> Word:
        return self.module.bitwise(XOR, self, other)

    def __invert__(self) -> Word:
        return self.module.invert(self)

    def __getitem__(self, place: int | slice) -> Word:
        if isinstance(place, slice):
            low, high, step = place.indices(self.width)
            assert step == 1
            return self.module.part(self, low, high)
        bit = place + self.width if place < 0 else place
        return self.module.part(self, bit, bit + 1)

    def bits(self) -> list[Word]:
        """The bits, lowest first."""
        return [self[bit] for bit in range(self.width)]

    def any(self) -> Word:
        """Whether any bit is set."""
        return self.module.reduction(ANY, self)

    def all(self) -> Word:
        """Whether all bits are set."""
        return self.module.reduction(ALL, self)

    def equals(self, value: int) -> Word:
        """Whether the word is a certain number."""
        return self.module.equals(self, value)

    def extended(self, width: int) -> Word:
        """With zeros above, to `width` bits."""
        assert width >= self.width, (width, self.width)
        return self if width == self.width else self.module.cat(self.module.constant(0, width - self.width), self)

    def raised(self, bits: int) -> Word:
        """With `bits` zeros below."""
        return self if bits == 0 else self.module.cat(self, self.module.constant(0, bits))

    def repeated(self, count: int) -> Word:
        """A bit, `count` times."""
        assert self.width == 1
        return self.module.cat(*(self,) * count)


class UnitModule:
    """A unit under construction.

    :param name: of the Verilog module
    :param plan: which structure each prefix circuit has
    """

    def __init__(self, name: str, plan: PrefixPlan) -> None:
        self.name = check_identifier(name)
        self.plan = plan
        self.nodes: list[Node] = []
        self.zeros: list[int] = []
        self.times: list[Times] = []
        self.names: dict[int, str] = {}
        self.inputs: dict[str, int] = {}
        self.outputs: dict[str, int] = {}
        self.instances: list[Instance] = []
        self._known: dict[Node, int] = {}

    def input(self, name: str, width: int) -> Word:
        """An input port."""
        word = self._add(Node(INPUT, width, (), check_identifier(name)), 0, (0.0,) * width)
        self.inputs[name] = word.node
        return word

    def output(self, name: str, word: Word) -> None:
        """An output port, driven by a word."""
        self.outputs[check_identifier(name)] = word.node

    def named(self, name: str, word: Word) -> Word:
        """The same word; the Verilog calls it so, or like it where the name is taken."""
        self.names.setdefault(word.node, name)
        return word

    @property
    def input_ports(self) -> tuple[Port, ...]:
        """Input ports, without a clock."""
        return tuple(Port(name, self.nodes[node].width) for name, node in self.inputs.items())

    @property
    def output_ports(self) -> tuple[Port, ...]:
        """Output ports."""
        return tuple(Port(name, self.nodes[node].width) for name, node in self.outputs.items())

    def constant(self, value: int, width: int) -> Word:
        """A number; negative ones in two's complement."""
        value &= (1 << width) - 1
        return self._add(Node(CONSTANT, width, (), value), ~value & ((1 << width) - 1), (0.0,) * width)

    def cat(self, *parts: Word) -> Word:
        """Words side by side, the highest first."""
        flat: list[Word] = []
        for part in parts:
            node = self.nodes[part.node]
            inner = [Word(self, each) for each in node.operands] if node.kind == CAT else [part]
            flat += [each for each in inner if each.width]
        merged: list[Word] = []
        for part in flat:
            merged = [*merged[:-1], both] if merged and (both := self._joined(merged[-1], part)) else [*merged, part]
        if len(merged) == 1:
            return merged[0]
        zeros, width = 0, 0
        times: Times = ()
        for part in reversed(merged):
            zeros |= part.zeros << width
            times, width = (*times, *part.times), width + part.width
        return self._add(Node(CAT, width, tuple(part.node for part in merged)), zeros, times)

    def _joined(self, high: Word, low: Word) -> Word | None:
        """Two neighbours of a concatenation as one word, where they are constants or parts of one word."""
        if high.constant is not None and low.constant is not None:
            return self.constant(high.constant << low.width | low.constant, high.width + low.width)
        upper, lower = self.nodes[high.node], self.nodes[low.node]
        if upper.kind == lower.kind == SLICE and upper.operands == lower.operands:
            start = int(lower.value)
            if start + lower.width == int(upper.value):
                return self.part(Word(self, lower.operands[0]), start, start + lower.width + upper.width)
        return None

    def part(self, word: Word, low: int, high: int) -> Word:
        """Bits low to high - 1."""
        assert 0 <= low <= high <= word.width, (low, high, word.width)
        if (low, high) == (0, word.width):
            return word
        node = self.nodes[word.node]
        mask = (1 << (high - low)) - 1
        if word.zeros >> low & mask == mask:
            return self.constant(0, high - low)
        if node.kind == CONSTANT:
            return self.constant(int(node.value) >> low, high - low)
        if node.kind == SLICE:
            return self.part(Word(self, node.operands[0]), int(node.value) + low, int(node.value) + high)
        if node.kind == NOT:
            return ~self.part(Word(self, node.operands[0]), low, high)
        if node.kind == CAT:
            return self._part_of_cat(node, low, high)
        return self._add(Node(SLICE, high - low, (word.node,), low), word.zeros >> low & mask, word.times[low:high])

    def _part_of_cat(self, node: Node, low: int, high: int) -> Word:
        pieces, start = [], 0
        for operand in reversed(node.operands):
            piece = Word(self, operand)
            first, last = max(low - start, 0), min(high - start, piece.width)
            if first < last:
                pieces.append(self.part(piece, first, last))
            start += piece.width
        return self.cat(*reversed(pieces))

    def invert(self, word: Word) -> Word:
        """The complement."""
        node = self.nodes[word.node]
        if node.kind == CONSTANT:
            return self.constant(~int(node.value), word.width)
        if node.kind == NOT:
            return Word(self, node.operands[0])
        return self._add(Node(NOT, word.width, (word.node,)), 0, word.times)

    def bitwise(self, kind: str, one: Word, other: Word) -> Word:
        """AND, OR or XOR of words of equal width."""
        assert one.width == other.width, (kind, one.width, other.width)
        ones = (1 << one.width) - 1
        for x, y in ((one, other), (other, one)):
            if x.constant == 0:
                return x if kind == AND else y
            if x.constant == ones:
                return y if kind == AND else x if kind == OR else ~y
        zeros = one.zeros | other.zeros if kind == AND else one.zeros & other.zeros
        gate = arrivals.EXCLUSIVE if kind == XOR else arrivals.GATE
        times = tuple(max(pair) + gate for pair in zip(one.times, other.times, strict=True))
        return self._add(Node(kind, one.width, (one.node, other.node)), zeros, times)

    def mux(self, select: Word, one: Word, zero: Word) -> Word:
        """`one` where the bit `select` is set, else `zero`."""
        assert select.width == 1
        assert one.width == zero.width, (one.width, zero.width)
        if select.constant is not None:
            return one if select.constant else zero
        if one.node == zero.node:
            return one
        if zero.constant == 0:
            return one & select.repeated(one.width)
        start = select.times[0]
        times = tuple(max(start, *pair) + arrivals.SELECT for pair in zip(one.times, zero.times, strict=True))
        operands = (select.node, one.node, zero.node)
        return self._add(Node(MUX, one.width, operands), one.zeros & zero.zeros, times)

    def reduction(self, kind: str, word: Word) -> Word:
        """OR (`ANY`), AND (`ALL`) or XOR (`PARITY`) of a word's bits."""
        if word.width == 1:
            return word
        if word.constant is not None:
            ones = (1 << word.width) - 1
            value = {ANY: word.constant != 0, ALL: word.constant == ones}.get(kind, word.constant.bit_count() % 2)
            return self.constant(int(value), 1)
        gate = arrivals.EXCLUSIVE if kind == PARITY else arrivals.GATE
        return self._add(Node(kind, 1, (word.node,)), 0, (reduced(word.times, gate),))

    def equals(self, word: Word, value: int) -> Word:
        """Whether a word is a certain number."""
        if value >> word.width:
            return self.constant(0, 1)
        if word.width == 1:
            return word if value else ~word
        if word.constant is not None:
            return self.constant(int(word.constant == value), 1)
        return self._add(Node(EQUAL, 1, (word.node,), value), 0, (reduced(word.times, arrivals.GATE),))

    def any_of(self, bits: Iterable[Word]) -> Word:
        """Whether any of some bits is set."""
        return self._of_bits(ANY, [bit for bit in bits if bit.constant != 0])

    def all_of(self, bits: Iterable[Word]) -> Word:
        """Whether all of some bits are set."""
        return self._of_bits(ALL, [bit for bit in bits if bit.constant != 1])

    def _of_bits(self, kind: str, bits: list[Word]) -> Word:
        return self.reduction(kind, self.cat(*bits)) if bits else self.constant(int(kind == ALL), 1)

    def full_adder(self, a: Word, b: Word, c: Word) -> tuple[Word, Word]:
        """Sum and carry of three bits; the last one should be the one that comes last."""
        carry_times = tuple(
            max(max(pair) + arrivals.GATE, last) + arrivals.MAJORITY
            for pair, last in zip(zip(a.times, b.times, strict=True), c.times, strict=True)
        )
        carry = self._add(Node(MAJORITY, a.width, (a.node, b.node, c.node)), 0, carry_times)
        return (a ^ b) ^ c, carry

    def half_adder(self, a: Word, b: Word) -> tuple[Word, Word]:
        """Sum and carry of two bits."""
        return a ^ b, a & b

    def prefix(self, role: str, kind: str, inputs: Mapping[str, Word], *, carry_out: bool = False) -> dict[str, Word]:
        """An instance of a prefix circuit, with the structure that the plan has for its role.

        :param kind: as `Circuit` has it
        :param inputs: input port -> word; a `cin` gives it a carry-in
        :returns: output port -> word
        """
        first = next(iter(inputs.values()))
        circuit, behavioural = self.plan.circuit(role, kind, first.width, carry_in="cin" in inputs, carry_out=carry_out)
        ports = tuple(port.name for port in circuit.inputs)
        self.instances.append(Instance(role, circuit, behavioural, ports))
        operands = tuple(inputs[name].node for name in ports)
        body = self._add(Node(INSTANCE, 0, operands, len(self.instances) - 1), 0, ())
        found = circuit_arrivals(circuit, {name: inputs[name].times for name in ports})
        return {
            port.name: self._add(Node(OUTPUT_OF, port.width, (body.node,), port.name), 0, found[port.name])
            for port in circuit.outputs
        }

    def own_delay(self, node: int) -> float:
        """How long after its last operand a node's last bit comes, in unit delays."""
        kind, _, operands, _ = self.nodes[node]
        if kind in FREE_KINDS:
            return 0.0
        if kind == INSTANCE:
            instance = self.instances[int(self.nodes[node].value)]
            ports = {port.name: (0.0,) * port.width for port in instance.circuit.inputs}
            return max(max(times) for times in circuit_arrivals(instance.circuit, ports).values())
        width = self.nodes[operands[0]].width
        if kind in (ANY, ALL, EQUAL):
            return reduction_delay(width, arrivals.GATE)
        if kind == PARITY:
            return reduction_delay(width, arrivals.EXCLUSIVE)
        return {MUX: arrivals.SELECT, XOR: arrivals.EXCLUSIVE, MAJORITY: 1.5}.get(kind, arrivals.GATE)

    def _add(self, node: Node, zeros: int, times: Times) -> Word:
        known = self._known.get(node)
        if known is not None:
            return Word(self, known)
        self.nodes.append(node)
        self.zeros.append(zeros)
        self.times.append(times)
        self._known[node] = len(self.nodes) - 1
        return Word(self, len(self.nodes) - 1)


def sum_of_bits(words: Sequence[Word]) -> int:
    """Bits of some words together."""
    return sum(word.width for word in words)
