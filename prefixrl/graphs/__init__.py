"""Prefix graphs: data structure, legal edits, classical structures, metrics, file formats, drawings.

Importing this package is cheap: numba comes in with `prefixrl.graphs.kernels`, networkx with
`prefixrl.graphs.networkx_io`, matplotlib with the first PNG.
"""

from prefixrl.graphs.actions import action_count, decode_action, encode_action, free_cell_count, free_cells
from prefixrl.graphs.drawing import draw_dot, draw_png, draw_svg, draw_text
from prefixrl.graphs.files import (
    graph_document,
    graph_from_cell_map,
    graph_from_document,
    graph_from_json,
    graph_to_cell_map,
    graph_to_json,
    load_graph,
    parse_graph,
    read_graph,
    write_graph,
)
from prefixrl.graphs.prefix_graph import MAX_WIDTH, MIN_WIDTH, RULES, Node, PrefixGraph, Rule
from prefixrl.graphs.shading import Shading
from prefixrl.graphs.structures import classical_structures, is_structure_name, structure, structure_names

__all__ = [
    "MAX_WIDTH",
    "MIN_WIDTH",
    "RULES",
    "Node",
    "PrefixGraph",
    "Rule",
    "Shading",
    "action_count",
    "classical_structures",
    "decode_action",
    "draw_dot",
    "draw_png",
    "draw_svg",
    "draw_text",
    "encode_action",
    "free_cell_count",
    "free_cells",
    "graph_document",
    "graph_from_cell_map",
    "graph_from_document",
    "graph_from_json",
    "graph_to_cell_map",
    "graph_to_json",
    "is_structure_name",
    "load_graph",
    "parse_graph",
    "read_graph",
    "structure",
    "structure_names",
    "write_graph",
]
