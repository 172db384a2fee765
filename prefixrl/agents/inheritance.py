"""What a job takes over from others: the graphs of their fronts, which it evaluates its own way before it proposes any.

So a search goes from a quick evaluator to a slow one: the graphs that `analytic` or a fast effort found are where the
next job begins. They are kept in the run directory, because the other run may grow or go.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from prefixrl.designs.source import open_source
from prefixrl.errors import InputError
from prefixrl.files import atomic_write
from prefixrl.graphs import PrefixGraph, graph_from_document
from prefixrl.graphs.files import graph_document

FILE = "inherited.json"


def inherited_graphs(specs: Iterable[str], width: int, kind: str) -> list[PrefixGraph]:
    """The graphs of fronts, each once, in the order of the fronts.

    :param specs: run directories, `front.json` files or `published:NAME`, whatever they were evaluated by
    :raises InputError: one is no front, or a front of another width or circuit
    """
    graphs: dict[PrefixGraph, None] = {}
    for spec in specs:
        source = open_source(spec)
        found = (source.context.circuit, source.context.width)
        if found != (kind, width):
            raise InputError(
                f"a front to begin from must be of a {width}-bit {kind}: {spec!r} has {found[1]} bits, {found[0]}"
            )
        graphs.update(dict.fromkeys(point.graph for point in source.front))
    return list(graphs)


def write_inherited(run: Path, graphs: Iterable[PrefixGraph]) -> None:
    """Keep graphs in a run directory; no file for none."""
    documents = [graph_document(graph) for graph in graphs]
    if documents:
        atomic_write(run / FILE, json.dumps(documents) + "\n")


def read_inherited(run: Path) -> list[PrefixGraph]:
    """The graphs that `write_inherited` kept.

    :raises InputError: the file is damaged
    """
    path = run / FILE
    if not path.exists():
        return []
    try:
        return [graph_from_document(document) for document in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, InputError) as error:
        raise InputError(f"the graphs that the job began from must be readable ({error}): {path}") from None
