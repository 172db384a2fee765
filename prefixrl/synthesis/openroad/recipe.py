"""How a point of the `openroad` evaluator was made, as text that leads to it again."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

from prefixrl.errors import EvaluationFailed

_TEXT = re.compile(
    r"(area|speed|level) c([1-9][0-9]{0,9}(?:\.[0-9])?|0\.[0-9])(?: u((?:[5-9]|[1-9][0-9])(?:\.[0-9]{1,3})?))?"
)


class Recipe(NamedTuple):
    """Starting netlist, clock, and the utilisation where it is not that of the settings: `area c310.5 u33.75`.

    :param polarity: one of `circuits.polarity.POLARITIES`
    :param clock_ps: to 0.1 ps
    :param utilization_percent: None for that of the settings
    """

    polarity: str
    clock_ps: float
    utilization_percent: float | None = None

    def __str__(self) -> str:
        room = "" if self.utilization_percent is None else f" u{self.utilization_percent:g}"
        return f"{self.polarity} c{f'{self.clock_ps:.1f}'.removesuffix('.0')}{room}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` of a recipe gives.

        :raises EvaluationFailed: the text is no recipe
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            raise EvaluationFailed(f"a recipe must be a polarity and a clock in ps such as c310.5: {text!r}")
        polarity, clock_ps, room = match.groups()
        return cls(polarity, float(clock_ps), None if room is None else float(room))
