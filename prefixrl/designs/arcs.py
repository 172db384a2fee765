"""The delays of single arcs of a timed netlist, for whoever wants to know where time goes; plain numpy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from prefixrl.synthesis.native.library import Tables
from prefixrl.synthesis.native.netlists import INPUTS, NODES, Net
from prefixrl.synthesis.native.timing import Timing


def arc_delays(tables: Tables, net: Net, timing: Timing) -> Iterator[tuple[int, int, int, int, float]]:
    """(node, edge, source, edge at the source, delay in ns) of every arc, the wire behind the gate included.

    :param timing: what `propagate` filled in for this netlist
    """
    inputs, nodes = int(net.size[INPUTS]), int(net.size[NODES])
    for node in range(inputs, nodes):
        cell = int(net.cell[node])
        if cell < 0:
            continue
        slew_axis, load_axis = int(tables.slew_axis[cell]), int(tables.load_axis[cell])
        width = int(tables.axis_first[load_axis + 1] - tables.axis_first[load_axis]) - 1
        for arc in range(int(tables.arc_first[cell]), int(tables.arc_first[cell + 1])):
            operand, source_edge, edge, first = (int(value) for value in tables.arcs[arc])
            source = int(net.fanin[node, operand])
            slew, load = float(timing.slew[source, source_edge]), float(timing.load[node, edge])
            place = first + _interval(tables, slew_axis, slew) * width + _interval(tables, load_axis, load)
            c0, c1, c2, c3 = tables.patches[place, :4].tolist()
            delay = c0 + c1 * slew + load * (c2 + c3 * slew) + float(timing.wire[node])
            yield node, edge, source, source_edge, delay


def _interval(tables: Tables, axis: int, position: float) -> int:
    begin, end = int(tables.axis_first[axis]), int(tables.axis_first[axis + 1])
    return int(np.searchsorted(tables.knots[begin + 1 : end - 1], position, side="right"))
