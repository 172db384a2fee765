"""The classical parallel-prefix structures, for every width.

A regular structure is defined on n = 2^k inputs; for other widths the next larger one is built and its rows beyond the
width are cut off, which leaves a legal graph because no node needs a higher row. No structure here has overlapping
spans: each is a proper prefix graph, so it also serves operators that are not idempotent (such as XOR).

Letters: N width, n = 2^k the next power of two, t = 1 .. k the levels, msb row, lsb column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from prefixrl.errors import InputError
from prefixrl.graphs.prefix_graph import Node, PrefixGraph, check_width, short_text
from prefixrl.graphs.rows import lower_parents, ripple_rows
from prefixrl.hints import near_miss

Block = tuple[int, int]  # (highest input, lowest input) of neighbouring inputs that are combined already


def structure(name: str, width: int) -> PrefixGraph:
    """The classical structure of that name.

    :param name: `ripple-carry`, `sklansky`, `kogge-stone`, `brent-kung`, `han-carlson`; `ladner-fischer-K` (K extra
        levels; without number K = 0); `knowles-F1-F2-...` (largest fanout of the shared wires of each level, inputs
        first: all 1 is Kogge-Stone, 1-2-4-... is Sklansky); `sparse-NAME-S` (structure NAME over groups of S inputs)
    :param width: 2 to 256
    :raises InputError: unknown name, parameters that the family does not have at this width, or width out of range
    """
    width = check_width(width)
    if name in _PLAIN:
        return PrefixGraph(width, _cut(width, _PLAIN[name](_levels(width))))
    for pattern, build in _FAMILIES:
        if (match := re.fullmatch(pattern, name)) is not None:
            return PrefixGraph(width, build(width, match))
    raise InputError(f"unknown structure{_hint(name)}, got {short_text(name)}")


def is_structure_name(name: str) -> bool:
    """Whether `name` has the form of a structure's name (its parameters may still not suit a width)."""
    return name in _PLAIN or any(re.fullmatch(pattern, name) for pattern, _ in _FAMILIES)


def structure_names(width: int) -> list[str]:
    """Names of the structures compared against, simplest first; names that give an earlier one's graph are left out.

    The families have further members that `structure` knows by name.

    :raises InputError: width out of range
    """
    return list(classical_structures(width))


def classical_structures(width: int) -> dict[str, PrefixGraph]:
    """The structures compared against, all different, by name.

    :raises InputError: width out of range
    """
    distinct: dict[PrefixGraph, str] = {}
    for name in _candidate_names(check_width(width)):
        distinct.setdefault(structure(name, width), name)
    return {name: graph for graph, name in distinct.items()}


def _candidate_names(width: int) -> Iterator[str]:
    levels = _levels(width)
    yield from _PLAIN
    yield from (f"ladner-fischer-{extra}" for extra in range(levels))
    for widest in range(1, levels - 1):
        yield "knowles-" + "-".join(str(1 << min(level, widest)) for level in range(levels))
    if levels >= 3:
        yield "knowles-" + "-".join(["1"] * (levels - 1) + ["2"])
    for group in (2, 4, 8):
        if 2 * group <= width:
            yield from (f"sparse-{base}-{group}" for base in ("kogge-stone", "sklansky", "brent-kung"))


def _levels(width: int) -> int:
    return (width - 1).bit_length()


def _cut(width: int, nodes: Iterable[Node]) -> list[Node]:
    return [(msb, lsb) for msb, lsb in nodes if msb < width]


def _ripple_carry(levels: int) -> Iterator[Node]:
    """Only the outputs: n - 1 nodes in a chain."""
    return iter(())


def _sklansky(levels: int) -> Iterator[Node]:
    """Divide and conquer (Sklansky 1960): n/2 log2 n nodes, least depth, fanout up to n/2."""
    for msb in range(1 << levels):
        yield from ((msb, msb >> level << level) for level in range(1, levels + 1))


def _kogge_stone(levels: int) -> Iterator[Node]:
    """Recursive doubling in every column (Kogge, Stone 1973): n log2 n - n + 1 nodes, least depth, fanout 2."""
    for msb in range(1 << levels):
        yield from ((msb, max(0, msb + 1 - (1 << level))) for level in range(1, levels + 1))


def _brent_kung(levels: int) -> Iterator[Node]:
    """A tree up and a tree down (Brent, Kung 1982): 2n - 2 - log2 n nodes at depth 2 log2 n - 2."""
    for msb in range(1 << levels):
        for level in range(1, levels + 1):
            if (msb + 1) % (1 << level) == 0:
                yield msb, msb + 1 - (1 << level)
    # What is left is the tree down: outputs, each with an upper parent in the tree up.


def _han_carlson(levels: int) -> Iterator[Node]:
    """Kogge-Stone on the odd columns, one more level for the even ones (Han, Carlson 1987): n/2 log2 n nodes."""
    for msb in range(1, 1 << levels, 2):
        yield from ((msb, max(0, msb + 1 - (1 << level))) for level in range(1, levels + 1))


_PLAIN: dict[str, Callable[[int], Iterator[Node]]] = {
    "ripple-carry": _ripple_carry,
    "sklansky": _sklansky,
    "kogge-stone": _kogge_stone,
    "brent-kung": _brent_kung,
    "han-carlson": _han_carlson,
}


def _ladner_fischer(blocks: list[Block], extra: int) -> Iterator[Node]:
    """The recursive construction P_extra of Ladner and Fischer (1980): depth at most log2 n + extra.

    P_0 does the lower half by P_1 (whose last output is as early as in P_0), the upper half by P_0, and combines every
    block of the upper half with the whole lower half. P_k pairs neighbours, does the pairs by P_(k-1), and adds the
    single blocks between.
    """
    count = len(blocks)
    if count == 1:
        return
    bottom = blocks[0][1]
    if extra == 0:
        lower, upper = blocks[: (count + 1) // 2], blocks[(count + 1) // 2 :]
        yield from _ladner_fischer(lower, 1)
        yield from _ladner_fischer(upper, 0)
        yield from ((high, bottom) for high, _ in upper)
        return
    pairs = [(blocks[i + 1][0], blocks[i][1]) for i in range(0, count - 1, 2)]
    yield from pairs
    yield from _ladner_fischer(pairs + blocks[len(pairs) * 2 :], extra - 1)
    yield from ((blocks[i][0], bottom) for i in range(2, count, 2))


def _build_ladner_fischer(width: int, match: re.Match[str]) -> list[Node]:
    extra = int(match["extra"] or 0)
    highest = max(_levels(width) - 1, 0)
    if extra > highest:
        raise InputError(f"ladner-fischer-K needs K from 0 to {highest} at width {width}, got {short_text(extra)}")
    blocks = [(i, i) for i in range(1 << _levels(width))]
    return _cut(width, _ladner_fischer(blocks, extra))


def _knowles_row(msb: int, row: int, fanouts: list[int]) -> int:
    """The bits of one row, given the bits that higher rows need as lower parents.

    Class t of a row are the nodes with spans of 2^(t-1) + 1 to 2^t inputs: least depth allows one node of each class,
    at level t, whose upper parent is short enough for the lower parent to be at level t - 1 (hence the bounds).

    :param row: bits of the nodes that are needed, input and output included
    :param fanouts: F_1, F_2, ...
    """
    needed = {(msb - lsb).bit_length(): lsb for lsb in range(msb) if row >> lsb & 1}
    below = 0
    for t in range(msb.bit_length() - 1, 0, -1):
        if t in needed:
            below = needed[t]
            continue
        shared, reach = fanouts[t], 1 << t
        if msb - below + 1 <= reach:
            continue
        longest = reach
        if t - 1 in needed and t > 1:
            longest = min(longest, msb - needed[t - 1] + 1 + reach // 2)
        shortest = max(msb - below + 1 - reach, 1)
        wanted = msb + 1 - ((msb // shared + 1) * shared - reach)
        below = msb + 1 - max(min(wanted, longest), shortest)
        if below == msb:  # the input itself is the upper parent: nothing is left to split
            break
        row |= 1 << below
    return row


def _build_knowles(width: int, match: re.Match[str]) -> list[Node]:
    """Row msb takes its lower parent of level t from a row that the whole group of F_t rows around msb shares.

    Knowles (1999) lets the spans of a node's parents overlap, which an idempotent operator allows. Here the upper
    parent's span ends where the lower parent's begins, so that a row has the same wires but spans of its own.
    """
    levels = _levels(width)
    fanouts = [int(number) for number in match["fanouts"].split("-")]
    name = short_text(match[0])
    if len(fanouts) != levels:
        raise InputError(f"knowles at width {width} needs {levels} fanouts, one per level, got {name}")
    if any(f not in {1 << i for i in range(level + 1)} for level, f in enumerate(fanouts)):
        raise InputError(f"a knowles fanout is a power of two, at most 2^(t-1) at level t = 1, 2, ..., got {name}")
    if fanouts != sorted(fanouts):
        raise InputError(f"knowles fanouts never fall from the inputs to the outputs, got {name}")
    rows = ripple_rows(1 << levels)
    for msb in range(len(rows) - 1, 0, -1):
        rows[msb] = _knowles_row(msb, rows[msb], fanouts)
        for row, _, bit in lower_parents(rows[msb]):
            rows[row] |= bit
    nodes = [(msb, lsb) for msb, bits in enumerate(rows) for lsb in range(msb) if bits >> lsb & 1]
    if PrefixGraph(len(rows), nodes).depth > levels:  # happens from 64 inputs on
        raise InputError(
            f"these knowles fanouts need overlapping spans for depth {levels} at width {width}, got {name}"
        )
    return _cut(width, nodes)


def _build_sparse(width: int, match: re.Match[str]) -> list[Node]:
    """The base structure over groups of S inputs, Sklansky inside the groups, one last level to fill the groups in."""
    group = int(match["group"])
    base = match["base"]
    if group not in (2, 4, 8, 16, 32, 64, 128) or 2 * group > max(width, 4):
        raise InputError(f"sparse-NAME-S needs S a power of two from 2 to half the width {width}, got {match[0]}")
    groups = -(-width // group)
    inside = [(msb, msb >> level << level) for msb in range(width) for level in range(1, group.bit_length())]
    if groups < 2:
        return inside
    over = [(group * msb + group - 1, group * lsb) for msb, lsb in structure(base, groups).nodes]
    return inside + _cut(width, over)


_NUMBER = "[0-9]{1,4}"
_FAMILIES: tuple[tuple[str, Callable[[int, re.Match[str]], Iterable[Node]]], ...] = (
    (rf"ladner-fischer(?:-(?P<extra>{_NUMBER}))?", _build_ladner_fischer),
    (rf"knowles-(?P<fanouts>{_NUMBER}(?:-{_NUMBER}){{0,15}})", _build_knowles),
    (rf"sparse-(?P<base>[a-z][a-z0-9-]{{0,80}})-(?P<group>{_NUMBER})", _build_sparse),
)


def well_known_names() -> list[str]:
    """The plain names and one name of each family, for hints."""
    return [*_PLAIN, "ladner-fischer", "ladner-fischer-1", "knowles-1-1-2", "sparse-kogge-stone-2", "sparse-sklansky-4"]


def _hint(name: str) -> str:
    return near_miss(name, well_known_names()) or f" (known: {', '.join(_PLAIN)}, families ladner-fischer-K, ...)"
