"""Wires of a circuit that is laid out as a datapath: columns are bits, rows are levels of gates.

The core is a square that the smallest netlist fills to the utilisation of the `openroad` evaluator; every bit has its
column in it and every level of gates its row. A net's wire is half the perimeter of the box around its gates, times a
detour that `wire_calibration` fits to placement.
"""

from __future__ import annotations

import math

import numpy as np

from prefixrl.errors import InputError
from prefixrl.synthesis.native.netlists import NODES, Net
from prefixrl.synthesis.pdk import Pdk

WIRES = ("none", "datapath")
UTILISATION = 0.45
DETOUR = 1.64
"""That of Nangate45 (`prefixrl pdk calibrate`), for libraries that nobody calibrated."""


def wire_rc(pdk: Pdk) -> tuple[float, float]:
    """Resistance and capacitance of signal wires, kohm per um and fF per um.

    :raises InputError: the PDK's description states none
    """
    rc = pdk.signal_rc or pdk.layer_rc.get(pdk.signal_layer or "")
    if rc is None:
        raise InputError(
            f"wires need the resistance and capacitance of the PDK's layers, which are not known: {pdk.name!r}"
        )
    return rc.kohm_per_um, rc.ff_per_um


def wires_of(net: Net, area_um2: float, rc: tuple[float, float], detour: float) -> np.ndarray:
    """The `wire` of `netlists.Surroundings` for a netlist of smallest cells.

    :param area_um2: its area
    :param rc: see `wire_rc`
    :param detour: length over half the perimeter
    """
    nodes = int(net.size[NODES])
    side_um = math.sqrt(area_um2 / UTILISATION)
    columns = max(1.0, float(net.column[:nodes].max()) + 1.0)
    rows = max(1.0, float(net.row[:nodes].max()))
    return np.array([detour * side_um / columns, detour * side_um / rows, rc[1], rc[0]])
