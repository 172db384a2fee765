"""Recipes: what was done to a circuit's structural netlist to arrive at one point of its curve, as a short text.

    area b12 q450 q380 d400

is: the mapping of least area; buffer trees for more than 12 readers; size for 450 ps, then for 380 ps; give back
area up to 400 ps. The steps are exactly what ABC is told, so the text is enough to make the identical netlist again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from prefixrl.circuits.polarity import POLARITIES
from prefixrl.errors import EvaluationFailed

_STEP = re.compile(r"(b|q|w|d)([1-9][0-9]{0,6})")

# `buffer -c -N n`: at most n readers per net. `upsize`: faster until the target is met (1 ps: as fast as it goes).
# `dnsize`: smaller while the target, or else the present delay, is kept. q gives up sooner than w (-J: steps without
# success, 50 by default) and takes larger steps (-R: percent of the critical gates at once, 10 by default): on 24
# graphs of 16 to 64 bits, two thirds of the time for the same mean area.
_COMMANDS = {
    "b": "buffer -c -N {0}; topo",
    "q": "upsize -J 20 -R 30 -D {0}; dnsize -D {0}",
    "w": "upsize -D {0}; dnsize -D {0}",
    "d": "dnsize -D {0}",
}


@dataclass(frozen=True)
class Recipe:
    """A mapping and the steps that follow it.

    :param polarity: policy of the structural mapping, one of `circuits.polarity.POLARITIES`
    :param steps: a letter with a number: b buffers, q and w (quicker, more thorough) size for a delay in ps, d recovers
        area at a delay in ps
    """

    polarity: str
    steps: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.polarity, *self.steps))

    def then(self, *steps: str) -> Recipe:
        """This recipe with further steps."""
        return Recipe(self.polarity, (*self.steps, *steps))


def parse_recipe(text: str) -> Recipe:
    """The recipe that a text stands for.

    :raises EvaluationFailed: it is no recipe
    """
    polarity, *steps = text.split(" ")
    if polarity not in POLARITIES or not all(_STEP.fullmatch(step) for step in steps):
        raise EvaluationFailed(f"a recipe must be a polarity and steps such as b12, q450, d400: {text!r}")
    return Recipe(polarity, tuple(steps))


def step_command(step: str) -> str:
    """The ABC command of one step."""
    match = _STEP.fullmatch(step)
    assert match is not None, step
    return _COMMANDS[match.group(1)].format(match.group(2))
