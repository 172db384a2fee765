"""The theory board: the smallest graphs found, by width and depth, against bounds and published records.

A graph on the board is a graph file (`WIDTH-dDEPTH.json`) that also says how it was made; reading one verifies it.
"""

from __future__ import annotations

import json
import platform
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from prefixrl import __version__
from prefixrl.errors import InputError
from prefixrl.files import atomic_write
from prefixrl.graphs import PrefixGraph, graph_document, graph_from_document
from prefixrl.theory.annealing import anneal
from prefixrl.theory.construction import CARRIES, SmallestGraphs, least_depth
from prefixrl.theory.records import Record, lower_bound, published_records

WIDTHS = (8, 16, 24, 32, 48, 64, 128)
DEPTHS = 3
"""Depths shown for each width where nothing else is asked for, from the least on."""

Standing = Literal["optimal", "beats the record", "meets the record", "short of the record", "no record"]


@dataclass(frozen=True)
class Entry:
    """One width and depth of the board."""

    graph: PrefixGraph
    depth: int

    @property
    def record(self) -> Record | None:
        """The published one, where there is one."""
        return published_records().get((self.graph.width, self.depth))

    @property
    def bound(self) -> int:
        """No graph has fewer nodes."""
        return lower_bound(self.graph.width, self.depth)

    @property
    def standing(self) -> Standing:
        """How the graph stands against theory and the record."""
        size, record = self.graph.size, self.record
        if size == self.bound or (record is not None and record.optimal and size == record.size):
            return "optimal"
        if record is None:
            return "no record"
        names: tuple[Standing, Standing, Standing] = ("beats the record", "meets the record", "short of the record")
        return names[(size >= record.size) + (size > record.size)]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a report."""
        record = self.record
        return {
            "width": self.graph.width,
            "depth": self.depth,
            "size": self.graph.size,
            "lower_bound": self.bound,
            "record": None if record is None else record.size,
            "record_is_optimal": record is not None and record.optimal,
            "source": None if record is None else record.source,
            "standing": self.standing,
            "max_fanout": self.graph.max_fanout,
            "key": self.graph.key,
        }


def wanted_depths(width: int) -> list[int]:
    """The depths shown for a width: the first ones, and those that have a published record."""
    recorded = {depth for w, depth in published_records() if w == width}
    first = least_depth(width)
    return sorted(recorded | {depth for depth in range(first, first + DEPTHS) if depth < width})


def make_board(widths: Sequence[int], carries: int = CARRIES, anneal_steps: int = 0, seed: int = 0) -> list[Entry]:
    """Build the smallest graphs by dynamic programming, and anneal those that are not proven optimal.

    :param carries: see `tables.make_tables`
    :param anneal_steps: edits tried on each graph that may not be optimal; 0 for none
    :raises InputError: a width out of range
    """
    pairs = [(width, depth) for width in sorted(set(widths)) for depth in wanted_depths(width)]
    if not pairs:
        raise InputError(f"a board needs at least one width: {list(widths)}")
    graphs = SmallestGraphs(max(w for w, _ in pairs), max(d for _, d in pairs), carries)
    entries = [Entry(graphs.graph(width, depth), depth) for width, depth in pairs]
    if not anneal_steps:
        return entries
    return [e if e.standing == "optimal" else _annealed(e, anneal_steps, seed) for e in entries]


def write_board(entries: Iterable[Entry], folder: str | Path, command: Sequence[str], seed: int) -> list[Path]:
    """Write one graph file per entry, unless the one that is there is smaller already.

    :param command: the command line that made them
    :raises InputError: the folder has a file that is no graph of the board, or cannot be written to
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder of the board cannot be made ({error.strerror}): {str(folder)!r}") from None
    written = []
    for entry in entries:
        path = folder / f"{entry.graph.width}-d{entry.depth}.json"
        if path.exists() and read_entry(path).graph.size <= entry.graph.size:
            continue
        atomic_write(path, json.dumps(_document(entry, command, seed)) + "\n")
        written.append(path)
    return written


def read_board(folder: str | Path) -> list[Entry]:
    """Every graph of a folder, verified, by width and depth.

    :raises InputError: no graphs there, or one that is not legal, not as small or not as shallow as its file says
    """
    paths = sorted(Path(folder).glob("*-d*.json"))
    if not paths:
        raise InputError(f"a board is a folder of files WIDTH-dDEPTH.json, there is none: {str(folder)!r}")
    return sorted((read_entry(path) for path in paths), key=lambda entry: (entry.graph.width, entry.depth))


def read_entry(path: Path) -> Entry:
    """One graph of the board, verified.

    :raises InputError: see `read_board`
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        graph, made = graph_from_document(document), document["board"]
        size, depth = int(made["size"]), int(made["depth"])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"a file of the board is a graph with its size, depth and origin ({error!r}): {path}"
        ) from None
    if path.name != f"{graph.width}-d{depth}.json" or graph.size != size or graph.depth > depth:
        found = f"width {graph.width}, size {graph.size}, depth {graph.depth}"
        raise InputError(f"{path} must be what its name and its entry say, size {size} at depth {depth}: {found}")
    return Entry(graph, depth)


def _annealed(entry: Entry, steps: int, seed: int) -> Entry:
    return Entry(anneal(entry.graph, entry.depth, steps, seed), entry.depth)


def _document(entry: Entry, command: Sequence[str], seed: int) -> dict[str, Any]:
    versions = {"prefixrl": __version__, "python": platform.python_version()}
    versions |= {name: version(name) for name in ("numpy", "numba")}
    made = {"size": entry.graph.size, "depth": entry.depth, "command": shlex.join(command), "seed": seed}
    return graph_document(entry.graph) | {"board": made | {"versions": versions}}
