"""Prefix operators: what a node (m, l) computes. The operator is the parameter of the one circuit generator.

A span value is a pair (generate, propagate) for the adder's operator; AND, OR and XOR have one signal and no propagate.
`combine` is associative for every operator, which is all that a prefix graph asks for.
"""

from __future__ import annotations

from typing import Protocol

from prefixrl.circuits.logic import AND, AO, OR, XOR, LogicNetwork

Value = tuple[int, int | None]
"""(generate literal, propagate literal or None) of a span."""


class Operator(Protocol):
    """An associative operator over span values."""

    def combine(self, network: LogicNetwork, upper: Value, lower: Value, span: tuple[int, int]) -> Value:
        """The value of the span (m, l) from that of its upper parent (m, k) and its lower parent (k-1, l)."""


class GenerateAndPropagate:
    """(g, p) o (g', p') = (g + p g', p p'), the operator of carries and of comparison.

    :param whole_propagate: keep the propagate of spans that reach bit 0 (the comparator's `eq`); adders need g alone
    """

    def __init__(self, whole_propagate: bool = False) -> None:
        self._whole_propagate = whole_propagate

    def combine(self, network: LogicNetwork, upper: Value, lower: Value, span: tuple[int, int]) -> Value:
        generate, propagate = upper
        lower_generate, lower_propagate = lower
        assert propagate is not None, span
        combined = network.add(AO, generate, propagate, lower_generate, name=("g", *span))
        if lower_propagate is None or (span[1] == 0 and not self._whole_propagate):
            return combined, None
        return combined, network.add(AND, propagate, lower_propagate, name=("p", *span))


class Reduction:
    """A span value of one signal: the AND, OR or XOR of the span's inputs.

    :param operation: AND, OR or XOR of `prefixrl.circuits.logic`
    :param prefix: letter of the signals' names
    """

    def __init__(self, operation: int, prefix: str) -> None:
        assert operation in (AND, OR, XOR)
        self._operation = operation
        self._prefix = prefix

    def combine(self, network: LogicNetwork, upper: Value, lower: Value, span: tuple[int, int]) -> Value:
        return network.add(self._operation, upper[0], lower[0], name=(self._prefix, *span)), None
