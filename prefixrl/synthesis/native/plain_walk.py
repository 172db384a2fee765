"""The walk of any netlist, an adder's or not: sizes, pins and buffers move, the kind of propagates does not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prefixrl.synthesis.native.library import NativeLibrary
from prefixrl.synthesis.native.netlists import Net, Surroundings
from prefixrl.synthesis.native.sweep import Plan, Special, room_for, sweep


def walk_plainly(native: NativeLibrary, net: Net, around: Surroundings, plan: Plan, last: int) -> NDArray[np.float64]:
    """The curve of a `sweep`, float64 [steps + 1, 3].

    :param net: what it is after step `last` in the end
    :param last: the step to stop after
    """
    curve = np.zeros((plan.steps + 1, 3))
    halves = np.zeros((0, 4), dtype=np.int32)
    special = Special(native.roles.get("BUF", -1), np.full(2, -1, dtype=np.int32))
    sweep(native.tables, net, around, room_for(net), halves, special, plan, curve, last)
    return curve
