"""The fewest nodes of a prefix graph at each width and depth, by dynamic programming over blocks of inputs.

A block of w neighbouring inputs s .. s+w-1 needs its outputs (m, o): what lies below it is known by then as a *stack of
carries*. Carry 0 ends at input s-1, each further one ends where the one above it begins, and the last one begins at o:

    inputs   s+w-1 ... s | s-1 ... o_0 | o_0 - 1 ... o_1 | ... o_(k-1) = o
                 block        carry 0       carry 1

Carry i is there at level t_i. All outputs must be there at level d; and where the block's own *group*, the node
(s+w-1, s), is wanted, at level g. The nodes are counted that give the outputs and the group; the block's topmost output
counts as one, and if it takes more (to be fast enough) whoever uses the group pays for them.

What a block of several inputs can do:

- *fold* two neighbouring carries into one. Free at the far end, where it gives an output that exists anyway, one node
  elsewhere;
- *peel* the last carry off: give all outputs with respect to the others one level earlier, and combine each with it;
- *split* into a lower and an upper block, the carry into the upper one being the lower group combined with carry 0;
- *push*: as split, but the lower group is a carry of its own on the upper block's stack, to be combined later.

Stacks of one carry give trees like Brent and Kung's; two give all graphs without deficiency (Snir; Zhu, Cheng, Graham),
Ladner and Fischer's, and nearly all published records; three give Sergeev's of least depth at 256 inputs. Graphs
outside of this family exist, so the counts are upper bounds; annealing (`annealing`) and all graphs of small widths
(`truth`) have shown none below them so far.

Letters: w inputs of the block, k carries on the stack, t their levels, g level of the group, d level of the outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prefixrl.compiling import compiled

UNREACHABLE = 30_000
"""Stands for: not possible at that depth."""

LEAF, GROUP, FOLD, PEEL, SPLIT, PUSH = range(6)

Tables = tuple[NDArray[np.int16], ...]
Choice = tuple[int, int, int, int]


def make_tables(width: int, depth: int, carries: int) -> Tables:
    """Node counts of all blocks: entry k-1 is int16 [w, g, code of t, d] for stacks of k carries.

    :param width: of the widest graph wanted, n; blocks have up to n-1 inputs
    :param depth: largest depth D; g = D+1 stands for a group that is not wanted
    :param carries: most carries on a stack; three find Sergeev's graphs, four take D times as long
    """
    tables = tuple(
        np.full((width, depth + 2, depth**k, depth + 1), UNREACHABLE, np.int16) for k in range(1, carries + 1)
    )
    _fill(tables, depth)
    return tables


def choose(tables: Tables, depth: int, w: int, g: int, stack: list[int], d: int) -> tuple[int, Choice]:
    """The node count of one block and the choice that leads to it: (kind, place or w1, g1, carries absorbed)."""
    levels = np.zeros(len(tables) + 1, np.int64)
    levels[: len(stack)] = stack
    count, *choice = _best(tables, len(stack), w, g, levels, d, depth)
    kind, place, g1, extra = choice
    return int(count), (int(kind), int(place), int(g1), int(extra))


@compiled
def absorbed(k, g, t, d, least):
    """How many carries of the stack the topmost output takes in one by one before the rest, known as one output.

    Each is a node more. The fewest, from `least` on, that make the output available at level d; UNREACHABLE for none.

    :param g: level of the group
    """
    rest = np.empty(k, np.int64)  # level of the output made of carries i .. k-1
    rest[k - 1] = t[k - 1]
    for i in range(k - 2, -1, -1):
        rest[i] = max(t[i], rest[i + 1]) + 1
    level = g
    for i in range(k):
        if i >= least and max(level, rest[i]) + 1 <= d:
            return i
        level = max(level, t[i]) + 1
    return UNREACHABLE


@compiled
def _code(t, k, depth):
    code = 0
    for i in range(k - 1, -1, -1):
        code = code * depth + t[i]
    return code


@compiled
def _look(tables, k, w, g, t, d, depth):
    """A table's entry; a carry that is later than the outputs makes it unreachable."""
    for i in range(k):
        if t[i] >= d:
            return UNREACHABLE
    return np.int64(tables[k - 1][w, g, _code(t, k, depth), d])


@compiled
def _best(tables, k, w, g, t, d, depth):
    """(count, kind, place, g1, extra) of the best choice of a block."""
    unwanted = depth + 1
    if w == 1:
        extra = 0 if g != unwanted else absorbed(k, 0, t, d, 0)
        return min(1 + extra, UNREACHABLE), LEAF, 0, 0, extra
    best = (UNREACHABLE, LEAF, 0, 0, 0)
    if g == unwanted:
        best = _best_group(tables, k, w, t, d, depth, best)
    if k > 1:
        best = _best_fold(tables, k, w, g, t, d, depth, best)
    return _best_split(tables, k, w, g, t, d, depth, best)


@compiled
def _best_group(tables, k, w, t, d, depth, best):
    """Make a group that nobody wants, for the topmost output's sake."""
    for g1 in range(d):
        extra = absorbed(k, g1, t, d, 0)
        count = _look(tables, k, w, g1, t, d, depth) + extra
        if count < best[0]:
            best = (count, GROUP, 0, g1, extra)
    return best


@compiled
def _best_fold(tables, k, w, g, t, d, depth, best):
    """Fold carries i and i+1, or peel the last one."""
    folded = np.zeros(k, np.int64)
    for i in range(k - 1):
        for j in range(k - 1):
            folded[j] = t[j] if j < i else t[j + 1]
        folded[i] = max(t[i], t[i + 1]) + 1
        count = _look(tables, k - 1, w, g, folded, d, depth) + (0 if i == k - 2 else 1)
        if count < best[0]:
            best = (count, FOLD, i, 0, 0)
    if t[k - 1] < d:
        count = _look(tables, k - 1, w, g, t, d - 1, depth) + (w if g == depth + 1 else w - 1)
        if count < best[0]:
            best = (count, PEEL, 0, 0, 0)
    return best


@compiled
def _best_split(tables, k, w, g, t, d, depth, best):
    """Split or push: every width of the lower block and every level of its group."""
    unwanted = depth + 1
    upper_g = unwanted if g == unwanted else g - 1
    own = 0 if g == unwanted else 1
    below = _code(t, k, depth)
    moved = t.copy()
    pushed = np.zeros(k + 1, np.int64)
    pushed[1:] = t[:k]
    for g1 in range(d if g == unwanted else min(g, d)):
        moved[0] = max(g1, t[0]) + 1
        pushed[0] = g1
        # With several carries the carry into the upper block is a node beside the lower block's topmost output.
        split_extra = absorbed(k, g1, t, d, min(1, k - 1)) if moved[0] < d else UNREACHABLE
        push_extra = absorbed(k, g1, t, d, 0) if k < len(tables) else UNREACHABLE
        moved_code = _code(moved, k, depth)
        pushed_code = _code(pushed, k + 1, depth)
        for w1 in range(1, w):
            lower = own + np.int64(tables[k - 1][w1, g1, below, d])
            if lower >= best[0]:
                continue
            if split_extra < UNREACHABLE:
                count = lower + split_extra + np.int64(tables[k - 1][w - w1, upper_g, moved_code, d])
                if count < best[0]:
                    best = (count, SPLIT, w1, g1, split_extra)
            if push_extra < UNREACHABLE:
                count = lower + push_extra + np.int64(tables[k][w - w1, upper_g, pushed_code, d])
                if count < best[0]:
                    best = (count, PUSH, w1, g1, push_extra)
    return best


@compiled
def _fill(tables, depth):
    t = np.zeros(len(tables) + 1, np.int64)
    for w in range(1, tables[0].shape[0]):
        for k in range(1, len(tables) + 1):
            for code in range(depth**k):
                rest, latest = code, 0
                for i in range(k):
                    t[i] = rest % depth
                    rest //= depth
                    latest = max(latest, t[i])
                for d in range(latest + 1, depth + 1):
                    for g in range(depth + 2):
                        tables[k - 1][w, g, code, d] = min(_best(tables, k, w, g, t, d, depth)[0], UNREACHABLE)
    return 0


def entry(tables: Tables, depth: int, w: int, d: int) -> int | None:
    """Nodes of the smallest graph of w+1 inputs at depth d; None where there is none."""
    count: Any = tables[0][w, depth + 1, 0, d]
    return None if count >= UNREACHABLE else int(count)
