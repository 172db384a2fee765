"""Wires of a circuit that is laid out as a datapath: columns are bits, rows are levels of gates.

The core is a square that the smallest netlist fills to the utilisation of the `openroad` evaluator; every bit has its
column in it and every level of gates its row. A net's wire is half the perimeter of the box around its gates, times a
detour that was fitted to placement.
"""

from __future__ import annotations

import math

import numpy as np

from prefixrl.errors import InputError
from prefixrl.synthesis.native.netlists import NODES, Net
from prefixrl.synthesis.pdk import Pdk

WIRES = ("none", "datapath")
UTILISATION = 0.45
# Fitted to by how much placement delays the smallest netlists of Sklansky, Kogge-Stone and Brent-Kung at 16 and 32 bits
# on Nangate45 in a current OpenROAD with free pins: 29 to 81 ps, met to within 14 ps (root mean square; the model has
# Sklansky's 32 bits at 55 ps instead of 29, the others within 16).
DETOUR = 1.9


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


def wires_of(net: Net, area_um2: float, rc: tuple[float, float], detour: float = DETOUR) -> np.ndarray:
    """The `wire` of `netlists.Surroundings` for a netlist of smallest cells.

    :param area_um2: its area
    :param rc: see `wire_rc`
    """
    nodes = int(net.size[NODES])
    side_um = math.sqrt(area_um2 / UTILISATION)
    columns = max(1.0, float(net.column[:nodes].max()) + 1.0)
    rows = max(1.0, float(net.row[:nodes].max()))
    return np.array([detour * side_um / columns, detour * side_um / rows, rc[1], rc[0]])
