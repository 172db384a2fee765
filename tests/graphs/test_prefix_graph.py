"""`PrefixGraph` as a value: construction, canonical form, metrics, parents and children."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from graph_strategies import legal_graphs
from hypothesis import given
from hypothesis import strategies as st

from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph, decode_action, encode_action, free_cell_count, free_cells, reference, structure


def test_ripple_carry_is_the_graph_without_free_nodes() -> None:
    graph = PrefixGraph(5)
    assert graph.nodes == ((1, 0), (2, 0), (3, 0), (4, 0))
    assert (graph.size, graph.depth, graph.max_fanout) == (4, 4, 1)
    assert graph.upper_parent(3, 0) == (3, 3)
    assert graph.lower_parent(3, 0) == (2, 0)


def test_a_small_graph_by_hand() -> None:
    graph = PrefixGraph(4, [(3, 2)])
    assert graph.nodes == ((1, 0), (2, 0), (3, 0), (3, 2))
    assert graph.levels.tolist() == [[0, -1, -1, -1], [1, 0, -1, -1], [2, -1, 0, -1], [2, -1, 1, 0]]
    assert graph.fanouts.tolist() == [[1, 0, 0, 0], [2, 1, 0, 0], [0, 0, 2, 0], [0, 0, 1, 1]]
    assert graph.minlist.tolist() == [[0] * 4, [0] * 4, [0] * 4, [0, 0, 1, 0]]
    assert graph.children(1, 0) == ((2, 0), (3, 0))
    assert graph.children(2, 2) == ((2, 0), (3, 2))
    assert graph.children(3, 1) == ()
    assert graph.topological_order() == ((1, 0), (2, 0), (3, 2), (3, 0))


@pytest.mark.parametrize("width", [1, 0, -3, 257, 1000, 8.0, "8", None, True, pytest.param(10**5000, id="huge")])
def test_width_out_of_range_is_refused(width: object) -> None:
    with pytest.raises(InputError, match="width must be an integer from 2 to 256, got"):
        PrefixGraph(width)  # type: ignore[arg-type]


@pytest.mark.parametrize("node", [(8, 0), (3, 4), (-1, 0), (3, -1), pytest.param((10**5000, 0), id="huge")])
def test_a_node_outside_the_triangle_is_refused(node: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=r"a node needs 8 > msb >= lsb >= 0, got"):
        PrefixGraph(8, [node])


@pytest.mark.parametrize("node", [3, "31x", (1,), (3, 2, 1), (3.0, 2), (True, False), None, ("3", "2")])
def test_what_is_not_a_pair_of_integers_is_refused(node: object) -> None:
    with pytest.raises(InputError, match=r"a node is a pair of integers \(msb, lsb\), got"):
        PrefixGraph(8, [node])  # type: ignore[list-item]


def test_a_missing_lower_parent_is_named_and_mended_on_request() -> None:
    with pytest.raises(InputError, match=r"node \(7, 2\) lacks \(6, 2\)$"):
        PrefixGraph(8, [(7, 2)])
    mended = PrefixGraph(8, [(7, 2)], legalize=True)
    assert {(6, 2), (5, 2), (4, 2), (3, 2)} <= set(mended.nodes)


def test_numpy_integers_are_integers() -> None:
    assert PrefixGraph(np.int64(4), np.array([[3, 2]])) == PrefixGraph(4, [(3, 2)])  # type: ignore[arg-type]


def test_it_cannot_be_changed() -> None:
    graph = PrefixGraph(4)
    with pytest.raises(AttributeError, match="cannot be changed"):
        graph.width = 5  # type: ignore[misc]
    with pytest.raises(AttributeError, match="cannot be changed"):
        del graph._rows
    for array in (graph.grid, graph.levels, graph.fanouts, graph.minlist):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1


def test_equality_hash_and_key_go_by_width_and_nodes() -> None:
    first, second = PrefixGraph(6, [(5, 4), (3, 2)]), PrefixGraph(6, [(3, 2), (5, 4), (5, 4), (5, 0), (2, 2)])
    assert first == second
    assert hash(first) == hash(second)
    assert first.key == second.key
    assert first != PrefixGraph(6, [(3, 2)])
    assert PrefixGraph(4) != PrefixGraph(5)
    assert first != "graph"
    assert len({PrefixGraph(width).key for width in range(2, 40)}) == 38


def test_the_key_is_the_same_on_every_machine() -> None:
    """Caches and stores are keyed by it: a change of the canonical form must be a decision."""
    assert structure("sklansky", 16).key == "2e6607b275e06157ebbdd001ad24b1625592e66f17ebca6452e7ae99a7c38969"


@given(legal_graphs())
def test_round_trips_through_bytes_grid_nodes_and_pickle(graph: PrefixGraph) -> None:
    assert PrefixGraph.from_bytes(graph.width, graph.to_bytes()) == graph
    assert PrefixGraph.from_grid(graph.grid) == graph
    assert PrefixGraph.from_legal_grid(graph.grid) == graph
    assert PrefixGraph(graph.width, graph.nodes) == graph
    assert pickle.loads(pickle.dumps(graph)) == graph
    assert len(graph.to_bytes()) == (free_cell_count(graph.width) + 7) // 8


@given(legal_graphs())
def test_it_agrees_with_the_reference(graph: PrefixGraph) -> None:
    width = graph.width
    nodes = set(graph.nodes) | reference.ends(width)
    assert reference.is_legal(width, nodes)
    assert (graph.size, graph.depth, graph.max_fanout) == reference.features(width, nodes)
    levels, fanouts = reference.levels(width, nodes), reference.fanouts(nodes)
    for msb in range(width):
        for lsb in range(width):
            node = (msb, lsb)
            assert graph.grid[node] == (node in nodes) == (node in graph)
            assert graph.levels[node] == levels.get(node, -1)
            assert graph.fanouts[node] == fanouts.get(node, 0) == len(graph.children(*node))
            assert graph.minlist[node] == (node in reference.minlist(width, nodes))
    for node in graph.nodes:
        assert graph.upper_parent(*node) == reference.upper_parent(nodes, node)
        assert graph.lower_parent(*node) == reference.lower_parent(nodes, node)


@given(legal_graphs())
def test_parents_come_first_in_topological_order(graph: PrefixGraph) -> None:
    seen = {(i, i) for i in range(graph.width)}
    for node in graph.topological_order():
        assert graph.upper_parent(*node) in seen
        assert graph.lower_parent(*node) in seen
        seen.add(node)
    assert seen == set(graph.nodes) | {(i, i) for i in range(graph.width)}


@given(legal_graphs())
def test_no_graph_is_below_snirs_bound(graph: PrefixGraph) -> None:
    assert graph.size + graph.depth >= 2 * graph.width - 2


@given(legal_graphs())
def test_the_minimal_list_says_all(graph: PrefixGraph) -> None:
    minlist = [(int(msb), int(lsb)) for msb, lsb in np.argwhere(graph.minlist)]
    assert PrefixGraph(graph.width, minlist, legalize=True) == graph


@given(legal_graphs(), st.data())
def test_nothing_of_the_minimal_list_can_be_left_out(graph: PrefixGraph, data: st.DataObject) -> None:
    minlist = [(int(msb), int(lsb)) for msb, lsb in np.argwhere(graph.minlist)]
    if minlist:
        minlist.remove(data.draw(st.sampled_from(minlist)))
        assert PrefixGraph(graph.width, minlist, legalize=True) != graph


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (np.zeros((3, 4)), "a grid is square"),
        (np.zeros(4), "a grid is square"),
        (np.zeros((1, 1)), "width must be"),
        (np.full((4, 4), 2), "a grid holds 0 and 1 only, got 2"),
        (np.full((4, 4), np.nan), "a grid holds 0 and 1 only, got nan"),
        (np.eye(4)[::-1], r"zero above the diagonal \(row = msb, column = lsb\), got \(0, 3\)"),
    ],
)
def test_bad_grids_are_refused(grid: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PrefixGraph.from_grid(grid)


@pytest.mark.parametrize(
    ("width", "data", "message"),
    [(8, b"", "has 3 bytes, got 0"), (8, b"\0\0\xff", "has 21 bits, got a bit at 23"), (8, b"\0\0\2", "lacks")],
)
def test_bad_bytes_are_refused(width: int, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PrefixGraph.from_bytes(width, data)


def test_only_inner_nodes_have_parents() -> None:
    for node in [(3, 3), (3, 1), (9, 0)]:
        with pytest.raises(InputError, match="only a node that is not an input has parents"):
            PrefixGraph(4).lower_parent(*node)


@pytest.mark.parametrize("width", [2, 3, 4, 9, 33])
def test_actions_number_the_free_cells(width: int) -> None:
    cells = [(msb, lsb) for msb in range(width) for lsb in range(1, msb)]
    assert [tuple(cell) for cell in free_cells(width).tolist()] == cells
    assert free_cell_count(width) == len(cells)
    for number, cell in enumerate(cells):
        assert encode_action(width, "add", *cell) == number
        assert encode_action(width, "delete", *cell) == number + len(cells)
        assert decode_action(width, number) == ("add", *cell)
        assert decode_action(width, number + len(cells)) == ("delete", *cell)


def test_bad_actions_are_refused() -> None:
    for call in (
        lambda: encode_action(8, "move", 3, 2),
        lambda: encode_action(8, "add", 3, 0),
        lambda: encode_action(8, "add", 3, 3),
        lambda: encode_action(8, "add", 8, 3),
        lambda: decode_action(8, 42),
        lambda: decode_action(8, -1),
        lambda: decode_action(2, 0),
    ):
        with pytest.raises(InputError, match=r"got"):
            call()
