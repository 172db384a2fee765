"""The one generator: a circuit (kind and prefix graph) becomes a logic network."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prefixrl.circuits.kinds import Circuit, index_width
from prefixrl.circuits.logic import AND, AO, HALF, OR, XOR, LogicNetwork
from prefixrl.circuits.operators import GenerateAndPropagate, Operator, Reduction, Value
from prefixrl.graphs import PrefixGraph

Span = tuple[int, int]


def logic_network(circuit: Circuit) -> LogicNetwork:
    """The circuit as a logic network that has only what its outputs depend on.

    Node names are the spans' (`g_5_2`); inputs come first, in the order of the circuit's ports.
    """
    network = LogicNetwork()
    inputs = {port.name: network.add_inputs(port.bits()) for port in circuit.inputs}
    _BUILDERS[circuit.kind](network, circuit, inputs)
    return network.pruned()


def spans(graph: PrefixGraph) -> Iterator[tuple[Span, Span, Span]]:
    """(node, upper parent, lower parent) of every non-input node, parents first.

    Within a row the upper parent of a node is the one before it by falling lsb, and lower parents lie in earlier rows.
    """
    row, upper_lsb = -1, -1
    for msb, lsb in sorted(graph.nodes, key=lambda node: (node[0], -node[1])):
        if msb != row:
            row, upper_lsb = msb, msb
        yield (msb, lsb), (msb, upper_lsb), (upper_lsb - 1, lsb)
        upper_lsb = lsb


def prefix_values(
    network: LogicNetwork, graph: PrefixGraph, leaves: list[Value], operator: Operator, top: int | None = None
) -> list[Value]:
    """Values of the spans (0, 0), (1, 0), ..., (n-1, 0).

    :param leaves: value of every (i, i), i rising
    :param top: rows above this one are not needed (their outputs come back as their leaves)
    """
    values: dict[Span, Value] = {(bit, bit): leaf for bit, leaf in enumerate(leaves)}
    for span, upper, lower in spans(graph):
        if top is None or span[0] <= top:
            values[span] = operator.combine(network, values[upper], values[lower], span)
    return [values.get((row, 0), leaves[row]) for row in range(graph.width)]


def _adder(network: LogicNetwork, circuit: Circuit, inputs: dict[str, list[int]]) -> None:
    leaves: list[Value] = []
    halves = []
    for bit, (a, b) in enumerate(zip(inputs["a"], inputs["b"], strict=True)):
        if bit == circuit.width - 1 and not circuit.carry_out:
            # Nobody asks whether the top bit generates a carry: a plain XOR is all there is of it.
            halves.append(network.add(XOR, a, b, name=("p", bit, bit)))
            leaves.append((halves[-1], None))
            continue
        generate = network.add(AND, a, b, name=("g", bit, bit))
        halves.append(network.add(HALF, a, b, generate, name=("p", bit, bit)))
        leaves.append((generate, halves[-1]))
    carry_in = inputs["cin"][0] if circuit.carry_in else None
    if carry_in is not None:
        leaves[0] = (network.add(AO, leaves[0][0], halves[0], carry_in, name=("c", 0, 0)), None)
    _sums(network, circuit, halves, leaves, GenerateAndPropagate(), carry_in)


def _incrementer(network: LogicNetwork, circuit: Circuit, inputs: dict[str, list[int]]) -> None:
    bits = inputs["a"]
    leaves: list[Value] = [(bit, None) for bit in bits]
    carry_in = inputs["cin"][0] if circuit.carry_in else None
    if carry_in is not None:
        leaves[0] = (network.add(AND, bits[0], carry_in, name=("c", 0, 0)), None)
    _sums(network, circuit, bits, leaves, Reduction(AND, "c"), carry_in, inverted_first=carry_in is None)


def _sums(
    network: LogicNetwork,
    circuit: Circuit,
    halves: list[int],
    leaves: list[Value],
    operator: Operator,
    carry_in: int | None,
    inverted_first: bool = False,
) -> None:
    """sum[i] = halves[i] XOR the carry into bit i; sum[0] without a carry-in is halves[0], or its complement."""
    top = None if circuit.carry_out else circuit.width - 2
    carries = prefix_values(network, circuit.graph, leaves, operator, top)
    for bit, half in enumerate(halves):
        carry = carry_in if bit == 0 else carries[bit - 1][0]
        if carry is None:
            network.add_output("sum[0]", half ^ int(inverted_first))
        else:
            network.add_output(f"sum[{bit}]", network.add(XOR, half, carry, name=("s", bit, bit)))
    if circuit.carry_out:
        network.add_output("cout", carries[-1][0])


def _thermometer(network: LogicNetwork, circuit: Circuit, request: list[int]) -> list[int]:
    """any[i] = OR of request[n-1:i]: an OR-scan from the top, so bit i is the graph's output n-1-i."""
    leaves: list[Value] = [(literal, None) for literal in reversed(request)]
    values = prefix_values(network, circuit.graph, leaves, Reduction(OR, "any"))
    return [value[0] for value in reversed(values)]


def _leading_one(network: LogicNetwork, circuit: Circuit, inputs: dict[str, list[int]]) -> None:
    request = inputs["request"]
    above = _thermometer(network, circuit, request)
    top = circuit.width - 1
    for bit in range(top):
        grant = network.add(AND, request[bit], above[bit + 1] ^ 1, name=("first", bit, bit))
        network.add_output(f"grant[{bit}]", grant)
    network.add_output(f"grant[{top}]", request[top])
    network.add_output("valid", above[0])


def _priority_encoder(network: LogicNetwork, circuit: Circuit, inputs: dict[str, list[int]]) -> None:
    """Index bit k is set where the highest set bit lies in an odd block of 2**k bits: the OR over the odd blocks of
    "some bit at or above the block's start, none above its end", which the scan's outputs give without any grants."""
    request = inputs["request"]
    above = _thermometer(network, circuit, request)
    width = circuit.width
    for place in range(index_width(width)):
        block = 1 << place
        terms = []
        for start in range(block, width, 2 * block):
            here, end = above[start], start + block
            if end < width:
                # The block of one bit asks for its request itself: same function, one level earlier.
                here = request[start] if block == 1 else here
                here = network.add(AND, here, above[end] ^ 1, name=(f"block{place}", end - 1, start))
            terms.append((here, start, min(end, width) - 1))
        literal = _or_tree(network, terms, f"index{place}")
        network.add_output(f"index[{place}]" if index_width(width) > 1 else "index", literal)
    network.add_output("valid", above[0])


def _or_tree(network: LogicNetwork, terms: list[tuple[int, int, int]], name: str) -> int:
    """A balanced OR of (literal, lowest bit, highest bit)."""
    while len(terms) > 1:
        pairs = [terms[place : place + 2] for place in range(0, len(terms), 2)]
        terms = [
            (network.add(OR, pair[1][0], pair[0][0], name=(name, pair[1][2], pair[0][1])), pair[0][1], pair[1][2])
            if len(pair) == 2
            else pair[0]
            for pair in pairs
        ]
    return terms[0][0]


def _gray_to_binary(network: LogicNetwork, circuit: Circuit, inputs: dict[str, list[int]]) -> None:
    leaves: list[Value] = [(literal, None) for literal in reversed(inputs["gray"])]
    values = prefix_values(network, circuit.graph, leaves, Reduction(XOR, "x"))
    for bit, value in enumerate(reversed(values)):
        network.add_output(f"binary[{bit}]", value[0])


def _comparator(network: LogicNetwork, circuit: Circuit, inputs: dict[str, list[int]]) -> None:
    """a < b where the highest bit that differs has b set: g = !a & b, and p = !a XOR b says that bits are equal."""
    leaves: list[Value] = []
    for bit, (a, b) in enumerate(zip(inputs["a"], inputs["b"], strict=True)):
        less = network.add(AND, a ^ 1, b, name=("g", bit, bit))
        leaves.append((less, network.add(HALF, a ^ 1, b, less, name=("p", bit, bit))))
    less_than, equal = prefix_values(network, circuit.graph, leaves, GenerateAndPropagate(whole_propagate=True))[-1]
    assert equal is not None
    greater = network.add(AND, less_than ^ 1, equal ^ 1, name=("gt", circuit.width - 1, 0))
    for net, literal in (("lt", less_than), ("eq", equal), ("gt", greater)):
        network.add_output(net, literal)


_BUILDERS: dict[str, Callable[[LogicNetwork, Circuit, dict[str, list[int]]], None]] = {
    "adder": _adder,
    "incrementer": _incrementer,
    "priority_encoder": _priority_encoder,
    "leading_one": _leading_one,
    "gray_to_binary": _gray_to_binary,
    "comparator": _comparator,
}
