"""A quick look whether two netlists compute the same: a safeguard in the loop; `circuits.proof` has the proofs."""

from __future__ import annotations

import numpy as np

from prefixrl.circuits.cells import CellLibrary
from prefixrl.circuits.netlist import Netlist

_WORDS = 16
_SEED = 20260822


def same_function(netlist: Netlist, other: Netlist, library: CellLibrary) -> bool:
    """Whether both agree on 1,024 patterns.

    A quarter of the patterns each has bits drawn evenly, mostly ones, mostly zeros, and equal bits in long stretches:
    evenly drawn bits alone hardly ever send a carry far.
    """
    generator = np.random.default_rng(_SEED)
    words = {}
    for port in netlist.inputs:
        rows = generator.integers(0, 2**64, (4, port.width, _WORDS), dtype=np.uint64)
        quarter = _WORDS // 4
        rare = rows[0] & rows[1] & rows[2]
        runs = np.bitwise_xor.accumulate(rare & rows[3], axis=0)
        kinds = (rows[3], ~rare, rare, runs)
        words[port.name] = np.concatenate([kind[:, :quarter] for kind in kinds], axis=1)
    ours, theirs = netlist.simulate(library, words), other.simulate(library, words)
    return all(np.array_equal(ours[port.name], theirs[port.name]) for port in netlist.outputs)
