"""Boolean functions in Liberty syntax: a small parser, truth tables, and bit-parallel evaluation.

The syntax is that of the Liberty user guide's `function` attribute: `!x` and `x'` invert, `^` is exclusive or, `*`, `&`
and mere adjacency are AND, `+` and `|` are OR, with parentheses and the constants 0 and 1. Inversion binds strongest,
then XOR, then AND, then OR.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prefixrl.errors import InputError

Expression = tuple[Any, ...]
"""("0",), ("1",), ("pin", name), ("not", x), or ("and" | "or" | "xor", x, y)."""

_TOKEN = re.compile(r"\s*(?:([A-Za-z_][A-Za-z0-9_\[\]]*)|([01])|([!'&*+|^()]))")
_MAX_INPUTS = 16


def parse_function(text: str) -> Expression:
    """Parse a Liberty function string such as `!((A1 & A2) | B)`.

    :raises InputError: the text is not a Boolean expression
    """
    parser = _Parser(text)
    expression = parser.disjunction()
    if parser.token is not None:
        raise InputError(f"a Liberty function must be one Boolean expression: {text!r}")
    return expression


def function_pins(expression: Expression) -> tuple[str, ...]:
    """The pins that an expression names, each once, in the order of their appearance."""
    if expression[0] == "pin":
        return (expression[1],)
    found: dict[str, None] = {}
    for operand in expression[1:]:
        found.update(dict.fromkeys(function_pins(operand)))
    return tuple(found)


def evaluate(expression: Expression, values: Mapping[str, Any], ones: Any) -> Any:
    """Evaluate an expression on integers or integer arrays, all bits in parallel.

    :param values: pin name -> integer or numpy array of integers; every bit is one pattern
    :param ones: the value that has a one in every pattern's place
    """
    operator = expression[0]
    if operator == "pin":
        return values[expression[1]]
    if operator in ("0", "1"):
        return ones if operator == "1" else ones ^ ones
    operands = [evaluate(operand, values, ones) for operand in expression[1:]]
    return _EVALUATORS[operator](operands, ones)


_EVALUATORS: dict[str, Callable[[list[Any], Any], Any]] = {
    "not": lambda operands, ones: operands[0] ^ ones,
    "and": lambda operands, ones: operands[0] & operands[1],
    "or": lambda operands, ones: operands[0] | operands[1],
    "xor": lambda operands, ones: operands[0] ^ operands[1],
}


def truth_table(expression: Expression, inputs: Sequence[str]) -> int:
    """The truth table as an integer: bit i is the value where input j equals bit j of i.

    :param inputs: every pin of the expression, the first one varying fastest
    :raises InputError: more than 16 inputs, or a pin that is not among them
    """
    if len(inputs) > _MAX_INPUTS:
        raise InputError(f"a cell function may have at most {_MAX_INPUTS} inputs: {len(inputs)}")
    strangers = [pin for pin in function_pins(expression) if pin not in inputs]
    if strangers:
        raise InputError(f"a cell function may use the cell's input pins only: {strangers[0]!r}")
    patterns = 1 << len(inputs)
    ones = (1 << patterns) - 1
    columns = {name: input_column(position, len(inputs)) for position, name in enumerate(inputs)}
    return int(evaluate(expression, columns, ones))


def input_column(position: int, count: int) -> int:
    """The truth table of the input at `position` alone, among `count` inputs."""
    block = ((1 << (1 << position)) - 1) << (1 << position)
    period = 2 << position
    column = 0
    for start in range(0, 1 << count, period):
        column |= block << start
    return column


class _Parser:
    """Recursive descent over the tokens of one function string."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split(text)
        self._place = 0

    @staticmethod
    def _split(text: str) -> list[str]:
        tokens = []
        place = 0
        stripped = text.rstrip()
        while place < len(stripped):
            match = _TOKEN.match(stripped, place)
            if match is None:
                raise InputError(f"a Liberty function has only pin names, 0, 1 and ! ' & * + | ^ ( ): {text!r}")
            tokens.append(match.group().strip())
            place = match.end()
        return tokens

    @property
    def token(self) -> str | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _take(self) -> str | None:
        token = self.token
        self._place += 1
        return token

    def disjunction(self) -> Expression:
        left = self._conjunction()
        while self.token in ("+", "|"):
            self._take()
            left = ("or", left, self._conjunction())
        return left

    def _conjunction(self) -> Expression:
        left = self._exclusive()
        while self.token is not None and self.token not in ("+", "|", ")"):
            if self.token in ("&", "*"):
                self._take()
            left = ("and", left, self._exclusive())
        return left

    def _exclusive(self) -> Expression:
        left = self._inversion()
        while self.token == "^":
            self._take()
            left = ("xor", left, self._inversion())
        return left

    def _inversion(self) -> Expression:
        if self.token == "!":
            self._take()
            return ("not", self._inversion())
        operand = self._atom()
        while self.token == "'":
            self._take()
            operand = ("not", operand)
        return operand

    def _atom(self) -> Expression:
        token = self._take()
        if token == "(":
            inner = self.disjunction()
            if self._take() != ")":
                raise InputError(f"a Liberty function must close its parentheses: {self._text!r}")
            return inner
        if token in ("0", "1"):
            return (token,)
        if token is None or not (token[0].isalpha() or token[0] == "_"):
            raise InputError(f"a Liberty function must be one Boolean expression: {self._text!r}")
        return ("pin", token)
