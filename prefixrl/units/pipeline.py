"""Where pipeline registers go: every node of a unit gets a stage, so that the slowest stage is as quick as may be.

Whatever is read in a later stage than it was made in passes a register for every stage between, inputs are of the first
stage and outputs are delivered in the last: every path has the same number of registers.
"""

from __future__ import annotations

from dataclasses import dataclass

from prefixrl.units.words import CONSTANT, INPUT, UnitModule

_SEARCH_STEPS = 24
MAXIMUM_STAGES = 16


@dataclass(frozen=True)
class Schedule:
    """The stage of every node.

    :param stages: number of stages
    :param stage: by node; a constant's is 0 and does not matter
    :param slowest: unit delays of the slowest stage
    """

    stages: int
    stage: tuple[int, ...]
    slowest: float


def schedule(module: UnitModule, stages: int) -> Schedule:
    """Nodes in `stages` stages; a prefix circuit is never cut."""
    delays = [module.own_delay(node) for node in range(len(module.nodes))]
    if stages == 1:
        return Schedule(1, (0,) * len(delays), _staged(module, delays, float("inf"))[1])
    low, high = max(delays, default=0.0), sum(delays) + 1.0
    for _ in range(_SEARCH_STEPS):
        middle = (low + high) / 2
        if max(_staged(module, delays, middle)[0], default=0) < stages:
            high = middle
        else:
            low = middle
    found, slowest = _staged(module, delays, high)
    return Schedule(stages, tuple(found), slowest)


def _staged(module: UnitModule, delays: list[float], budget: float) -> tuple[list[int], float]:
    """As soon as possible, with no more than `budget` in a stage; and the longest stage that came of it."""
    stage: list[int] = []
    ends: list[float] = []
    for node, delay in zip(module.nodes, delays, strict=True):
        operands = [each for each in node.operands if module.nodes[each].kind != CONSTANT]
        if node.kind in (INPUT, CONSTANT) or not operands:
            stage.append(0)
            ends.append(0.0)
            continue
        last = max(stage[each] for each in operands)
        start = max(ends[each] for each in operands if stage[each] == last)
        late = start + delay > budget + 1e-9
        stage.append(last + 1 if late else last)
        ends.append(delay if late else start + delay)
    return stage, max(ends, default=0.0)
