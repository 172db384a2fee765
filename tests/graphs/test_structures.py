"""Classical structures: known sizes, depths and fanouts, every width, names."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph, classical_structures, structure, structure_names

POWERS = [2, 4, 8, 16, 32, 64, 128, 256]
PLAIN = ["ripple-carry", "sklansky", "kogge-stone", "brent-kung", "han-carlson"]


@pytest.mark.parametrize("n", POWERS)
def test_known_sizes_and_depths(n: int) -> None:
    log = n.bit_length() - 1
    expected = {
        "ripple-carry": (n - 1, n - 1),
        "sklansky": (n // 2 * log, log),
        "kogge-stone": (n * log - n + 1, log),
        "brent-kung": (2 * n - 2 - log, max(2 * log - 2, 1)),
        "han-carlson": (n // 2 * log, log + 1 if n > 4 else log),
    }
    assert {name: (structure(name, n).size, structure(name, n).depth) for name in PLAIN} == expected


@pytest.mark.parametrize("n", [4, 8, 16, 32, 64, 128, 256])
def test_known_fanouts(n: int) -> None:
    assert structure("sklansky", n).max_fanout == n // 2
    graph = structure("kogge-stone", n)
    assert graph.fanouts[:, 1:].max() == 2  # the outputs of the low columns serve more, one child per level


@pytest.mark.parametrize(("n", "size"), [(8, 12), (16, 31), (32, 74), (64, 168)])
def test_ladner_fischer_of_least_depth(n: int, size: int) -> None:
    """The recurrence of the 1980 paper, by hand: |P_0(2n)| = |P_0(n)| + |P_1(n)| + n, |P_1(2n)| = |P_0(n)| + 2n - 1."""

    def count(extra: int, inputs: int) -> int:
        if inputs == 1:
            return 0
        half = inputs // 2
        return count(0, half) + count(1, half) + half if extra == 0 else count(0, half) + inputs - 1

    assert count(0, n) == size == structure("ladner-fischer-0", n).size == structure("ladner-fischer", n).size
    assert count(1, n) == structure("ladner-fischer-1", n).size


@pytest.mark.parametrize("n", [8, 32, 128, 13, 100])
def test_ladner_fischer_trades_depth_for_size(n: int) -> None:
    levels = (n - 1).bit_length()
    family = [structure(f"ladner-fischer-{extra}", n) for extra in range(levels)]
    assert all(graph.depth <= levels + extra for extra, graph in enumerate(family))
    assert all(first.size >= second.size for first, second in pairwise(family))


def knowles_fanouts(levels: int) -> list[list[int]]:
    """All lists of the family: powers of two, at most 2^(t-1) at level t, never falling."""
    lists: list[list[int]] = [[]]
    for level in range(levels):
        lists = [[*head, 1 << i] for head in lists for i in range(level + 1) if not head or 1 << i >= head[-1]]
    return lists


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5])
def test_knowles_family_has_least_depth_and_distinct_members(levels: int) -> None:
    lists = knowles_fanouts(levels)
    family = {structure("knowles-" + "-".join(map(str, fanouts)), 1 << levels) for fanouts in lists}
    assert len(family) == len(lists) == math.comb(2 * levels, levels) // (levels + 1)
    assert {graph.depth for graph in family} == {levels}


@pytest.mark.parametrize("n", [2, 5, 8, 32, 100, 256])
def test_the_ends_of_the_knowles_family(n: int) -> None:
    levels = (n - 1).bit_length()
    assert structure("knowles-" + "-".join(["1"] * levels), n) == structure("kogge-stone", n)
    assert structure("knowles-" + "-".join(str(1 << t) for t in range(levels)), n) == structure("sklansky", n)


def test_a_knowles_adder_shares_its_last_wires() -> None:
    """16 bits, fanouts 1 1 1 2: rows 14 and 15 take their lower parent from row 7, 12 and 13 from row 5, ..."""
    graph = structure("knowles-1-1-1-2", 16)
    sources = [graph.lower_parent(msb, 0)[0] for msb in range(8, 16)]
    assert sources == [1, 1, 3, 3, 5, 5, 7, 7]
    assert graph.depth == 4


@pytest.mark.parametrize("n", [8, 16, 64, 256])
def test_sparse_structures(n: int) -> None:
    assert structure("sparse-kogge-stone-2", n) == structure("han-carlson", n)
    assert structure("sparse-brent-kung-2", n) == structure("brent-kung", n)
    graph = structure("sparse-kogge-stone-4", n)
    assert graph.depth == n.bit_length() - 1 + (1 if n > 8 else 0)
    over = structure("kogge-stone", n // 4)
    assert graph.size == over.size + n // 4 * 4 + 3 * (n // 4 - 1)


@pytest.mark.parametrize("name", [*PLAIN, "ladner-fischer-1", "sparse-kogge-stone-2"])
def test_a_narrower_structure_is_the_wider_one_cut_off(name: str) -> None:
    wide = set(structure(name, 16).nodes)
    for n in range(9, 16):
        assert set(structure(name, n).nodes) == {node for node in wide if node[0] < n}


@pytest.mark.parametrize("n", [*range(2, 41), 48, 63, 64, 65, 96, 100, 127, 128, 129, 192, 255, 256])
def test_every_width_has_its_structures(n: int) -> None:
    structures = classical_structures(n)
    assert list(structures) == structure_names(n)
    assert len(set(structures.values())) == len(structures)
    assert "ripple-carry" in structures
    for name, graph in structures.items():
        assert graph.width == n
        assert graph == structure(name, n)
        assert PrefixGraph(n, graph.nodes) == graph  # legal
        assert graph.depth >= (n - 1).bit_length()
        assert graph.size + graph.depth >= 2 * n - 2
    best = {graph.depth for graph in structures.values()}
    assert min(best) == (n - 1).bit_length()


@pytest.mark.parametrize("name", ["ripple-carry", "sklansky", "kogge-stone", "brent-kung"])
@pytest.mark.parametrize("n", [3, 8, 13, 16])
def test_against_pptrees(name: str, n: int) -> None:
    """An independent generator makes a tree for every sum bit; shared, their spans are our nodes."""
    forest = pytest.importorskip("pptrees.AdderForest").AdderForest(n + 1, alias=name)
    spans = set()
    for tree in forest:
        todo = [tree.root]
        while todo:
            node = todo.pop()
            todo += [child for child in node.children if child is not None]
            if len(node.children) == 2 and node.parent is not None:  # the root is the sum's gate
                spans.add((node.leafs.bit_length() - 1, (node.leafs & -node.leafs).bit_length() - 1))
    assert spans == set(structure(name, n).nodes)


@pytest.mark.parametrize(
    ("name", "width", "message"),
    [
        ("skalnsky", 8, r"did you mean sklansky\?\), got 'skalnsky'"),
        ("Sklansky", 8, r"did you mean sklansky"),
        ("", 8, "unknown structure"),
        ("x" * 999, 8, "unknown structure"),
        ("sklansky", 1, "width must be an integer from 2 to 256, got 1"),
        ("sklansky", 1000, "got 1000"),
        ("ladner-fischer-3", 8, "K from 0 to 2 at width 8, got 3"),
        ("knowles-1-1", 8, "needs 3 fanouts"),
        ("knowles-1-4-4", 8, "power of two, at most"),
        ("knowles-1-1-3", 8, "power of two, at most"),
        ("knowles-1-2-1", 8, "never fall"),
        ("knowles-1-1-1-1-1-16", 64, "overlapping spans"),
        ("sparse-sklansky-3", 8, "S a power of two"),
        ("sparse-sklansky-8", 8, "half the width 8"),
        ("sparse-nothing-2", 8, "unknown structure"),
    ],
)
def test_bad_names_are_refused_with_a_reason(name: str, width: int, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        structure(name, width)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
