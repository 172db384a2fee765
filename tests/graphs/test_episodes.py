"""Episodes: every step is one legal edit of the one before, and the last graph is the goal."""

from __future__ import annotations

import pytest
from graph_strategies import legal_graphs
from hypothesis import given

from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph, structure
from prefixrl.graphs.episodes import edits_between, episode
from prefixrl.graphs.shading import STOPS, Shading, colour_at


@given(legal_graphs(most=12))
def test_from_any_graph_to_the_classical_ones_and_back(graph: PrefixGraph) -> None:
    for goal in (structure("sklansky", graph.width), structure("ripple-carry", graph.width)):
        for start, end in ((graph, goal), (goal, graph)):
            before = start
            for edit in edits_between(start, end):
                after = before.add(*edit.node, "keep") if edit.kind == "add" else before.delete(*edit.node, "keep")
                assert after == edit.graph
                before = after
            assert before == end


def test_an_episode_goes_through_all_graphs() -> None:
    graphs = [structure(name, 8) for name in ("ripple-carry", "kogge-stone", "brent-kung")]
    steps = episode(graphs)
    assert steps[0].kind == "start"
    visited = [step.graph for step in steps]
    assert [graph in visited for graph in graphs] == [True] * 3
    assert visited[-1] == graphs[-1]


def test_widths_must_agree() -> None:
    with pytest.raises(InputError, match="8 bits: 9"):
        episode([structure("sklansky", 8), structure("sklansky", 9)])
    with pytest.raises(InputError, match="none"):
        episode([])


def test_colours_of_slack() -> None:
    shading = Shading({(3, 0): 0.0, (2, 0): 0.1, (1, 0): -0.01})
    first, last = ("#" + "".join(f"{part:02x}" for part in STOPS[place][1]) for place in (0, -1))
    assert (shading.colour((3, 0)), shading.colour((1, 0)), shading.colour((2, 0))) == (first, first, last)
    assert shading.colour((9, 9)) is None
    assert Shading({(3, 0): 0.0}).colour((3, 0)) == first
    assert colour_at(2.0) == last
