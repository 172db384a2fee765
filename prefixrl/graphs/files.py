"""Graph files: JSON, and the 0/1 matrix text that other projects write ("cell map").

JSON: `{"format": "prefixrl-graph-1", "width": n, "nodes": [[msb, lsb], ...]}`. Inputs and outputs may be left out;
other keys are ignored. Cell map: one line per msb, one 0 or 1 per lsb, parted by blanks or commas, row 0 first; all is
zero above the diagonal; inputs and outputs may be left out.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from prefixrl.errors import InputError
from prefixrl.files import atomic_write
from prefixrl.graphs.prefix_graph import FORMAT, MAX_WIDTH, PrefixGraph, short_text
from prefixrl.graphs.structures import is_structure_name, structure, well_known_names
from prefixrl.hints import near_miss

MAX_FILE_BYTES = 4 * 1024 * 1024
"""No graph of 256 bits needs more: its JSON has at most 32,640 pairs, its cell map 65,536 digits."""

CELL_MAP_SUFFIXES = (".txt", ".map", ".log")


def load_graph(spec: str | Path, width: int | None = None, legalize: bool = False) -> PrefixGraph:
    """The graph that a user names: a classical structure with a width, or a graph file.

    :param spec: a structure's name, or the path of a file (`./sklansky` is a file, `sklansky` is the structure)
    :param width: needed with a structure's name; with a file it must agree with the file
    :param legalize: mend a file's graph that lacks nodes instead of refusing it
    :raises InputError: neither a structure nor a file, or the file or the width is at fault
    """
    name = str(spec)
    if isinstance(spec, str) and is_structure_name(spec):
        if width is None:
            raise InputError(f"a structure's name needs a width, got {short_text(name)} without one")
        return structure(spec, width)
    if not _exists(name):
        hint = near_miss(name, well_known_names())
        raise InputError(f"a graph is a structure's name or an existing file{hint}, got {short_text(name)}")
    graph = read_graph(Path(name), legalize=legalize)
    if width is not None and graph.width != width:
        raise InputError(f"the width asked for must be that of the file, {graph.width}, got {short_text(width)}")
    return graph


def read_graph(path_or_text: str | Path, legalize: bool = False) -> PrefixGraph:
    """Read JSON or a cell map.

    :param path_or_text: a Path is a file; a string is text when it has more than one line or begins like JSON,
        a file's name otherwise
    :param legalize: add missing lower parents instead of refusing the graph
    :raises InputError: unreadable, too large, malformed, or not legal (the message names the missing node)
    """
    if isinstance(path_or_text, str) and ("\n" in path_or_text or path_or_text.lstrip().startswith("{")):
        return parse_graph(path_or_text, legalize)
    path = Path(path_or_text)
    try:
        return parse_graph(_read_text(path), legalize)
    except InputError as error:
        raise InputError(f"graph file {_path_text(path)}: {error}") from None


def parse_graph(text: str, legalize: bool = False) -> PrefixGraph:
    """The graph in a text, JSON or cell map.

    :raises InputError: malformed, or not legal
    """
    start = text.lstrip()[:1]
    if not start:
        raise InputError("a graph file holds JSON or rows of 0 and 1, got nothing")
    return graph_from_json(text, legalize) if start in "{[" else graph_from_cell_map(text, legalize)


def write_graph(graph: PrefixGraph, path: str | Path) -> None:
    """Write a graph file: JSON for `.json`, a cell map for `.txt`, `.map` and `.log`.

    :raises InputError: another suffix
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".json":
        atomic_write(path, graph_to_json(graph))
    elif suffix in CELL_MAP_SUFFIXES:
        atomic_write(path, graph_to_cell_map(graph))
    else:
        known = ", ".join((".json", *CELL_MAP_SUFFIXES))
        raise InputError(f"a graph file's name must end in one of {known}, got {_path_text(path)}")


def graph_document(graph: PrefixGraph) -> dict[str, Any]:
    """The graph as plain JSON values, all nodes but the inputs spelled out."""
    return {"format": FORMAT, "width": graph.width, "nodes": [list(node) for node in graph.nodes]}


def graph_to_json(graph: PrefixGraph) -> str:
    """The JSON text, one line for each row of the grid; equal graphs give equal text."""
    rows = [", ".join(f"[{msb}, {lsb}]" for msb, lsb in graph.nodes if msb == row) for row in range(1, graph.width)]
    nodes = ",\n    ".join(rows)
    return f'{{\n  "format": "{FORMAT}",\n  "width": {graph.width},\n  "nodes": [\n    {nodes}\n  ]\n}}\n'


def graph_from_json(text: str, legalize: bool = False) -> PrefixGraph:
    """Read the JSON text.

    :raises InputError: not JSON, wrong format, or a graph that breaks a rule
    """
    try:
        document = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except InputError:
        raise
    except json.JSONDecodeError as error:
        raise InputError(f"not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"not valid JSON: {short_text(str(error))}") from None
    return graph_from_document(document, legalize)


def graph_from_document(document: object, legalize: bool = False) -> PrefixGraph:
    """The inverse of `graph_document`.

    :raises InputError: wrong format, or a graph that breaks a rule
    """
    if not isinstance(document, dict):
        raise InputError(f"a graph is a JSON object, got {short_text(document)}")
    for key in ("format", "width", "nodes"):
        if key not in document:
            raise InputError(f'a graph needs "format", "width" and "nodes"; missing: "{key}"')
    if document["format"] != FORMAT:
        raise InputError(f'"format" must be "{FORMAT}", got {short_text(document["format"])}')
    nodes = document["nodes"]
    if not isinstance(nodes, list | tuple):
        raise InputError(f'"nodes" must be a list of [msb, lsb], got {short_text(nodes)}')
    return PrefixGraph(document["width"], nodes, legalize=legalize)


def graph_to_cell_map(graph: PrefixGraph) -> str:
    """The grid as text: one line per msb, one 0 or 1 per lsb, row 0 first."""
    return "".join(" ".join(map(str, row)) + "\n" for row in graph.grid.tolist())


def graph_from_cell_map(text: str, legalize: bool = False) -> PrefixGraph:
    """Read a cell map.

    :raises InputError: not square, other values than 0 and 1, a 1 above the diagonal, or not legal
    """
    lines = [line.replace(",", " ").split() for line in text.splitlines()]
    if sum(map(bool, lines)) > MAX_WIDTH:
        raise InputError(f"a cell map has at most {MAX_WIDTH} rows, got {sum(map(bool, lines))}")
    rows = [[_digit(cell) for cell in line] for line in lines if line]
    for number, row in enumerate(rows):
        if len(row) != len(rows):
            raise InputError(f"a cell map is square; row {number} of {len(rows)} has another length, got {len(row)}")
    return PrefixGraph.from_grid(np.array(rows, np.uint8), legalize)


def _path_text(path: str | Path) -> str:
    """A path on one short line; of a long one the end, which tells files apart."""
    text = " ".join(repr(str(path)).split())
    return text if len(text) <= 80 else f"'...{text[-76:]}"


def _digit(cell: str) -> int:
    if cell in ("0", "1"):
        return int(cell)
    try:
        value = float(cell)  # numpy.savetxt writes 1.000000000000000000e+00
    except ValueError:
        value = math.nan
    if value not in (0.0, 1.0):
        raise InputError(f"a cell map holds 0 and 1 only, got {short_text(cell)}")
    return int(value)


def _read_text(path: Path) -> str:
    try:
        if path.is_dir():
            raise InputError("is a folder, not a file")
        if not path.is_file():
            raise InputError("is not an existing plain file")
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > MAX_FILE_BYTES:
        raise InputError(f"a graph file has at most {MAX_FILE_BYTES} bytes, got more")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"a graph file is UTF-8 text, got byte {data[error.start]:#04x} at {error.start}") from None
    if "\0" in text:
        raise InputError(f"a graph file is text, got a zero byte at {text.index(chr(0))}")
    return text


def _exists(name: str) -> bool:
    try:
        return os.path.lexists(name)
    except ValueError:  # a zero byte in the name
        return False


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key that is given twice must have the same value: which of two graphs was meant cannot be known."""
    document: dict[str, Any] = {}
    for key, value in pairs:
        if key in document and document[key] != value:
            raise InputError(f"a key is given twice with different values, got {short_text(key)}")
        document[key] = value
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise InputError(f"numbers must be integers, got {name}")
