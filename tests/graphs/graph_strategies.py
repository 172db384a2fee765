"""Random legal graphs and edits for the property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from prefixrl.graphs import PrefixGraph, action_count, free_cells


@st.composite
def legal_graphs(draw: st.DrawFn, least: int = 2, most: int = 24) -> PrefixGraph:
    """A graph with random free cells, made legal."""
    width = draw(st.integers(least, most))
    cells = [(int(msb), int(lsb)) for msb, lsb in free_cells(width)]
    chosen = draw(st.lists(st.sampled_from(cells), max_size=3 * width)) if cells else []
    return PrefixGraph(width, chosen, legalize=True)


@st.composite
def walks(draw: st.DrawFn, most: int = 14) -> tuple[int, list[int]]:
    """(width, actions), redundant ones and -1 among them."""
    width = draw(st.integers(2, most))
    actions = st.integers(-1, max(0, action_count(width) - 1))
    return width, draw(st.lists(actions, max_size=25))
