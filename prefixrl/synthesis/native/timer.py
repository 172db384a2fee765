"""The native timer by itself: any netlist of the library's cells under any constraints, for tests and benchmarks."""

from __future__ import annotations

import numpy as np

from prefixrl.circuits.netlist import Netlist
from prefixrl.errors import InputError
from prefixrl.synthesis.constraints import Constraints, HasPorts
from prefixrl.synthesis.native.library import NativeLibrary
from prefixrl.synthesis.native.library_file import native_library_of
from prefixrl.synthesis.native.netlists import Net, Surroundings, net_of
from prefixrl.synthesis.native.timing import Timing, connect, empty_timing, propagate
from prefixrl.synthesis.pdk import Pdk


class NativeTimer:
    """Delays as `NativeEvaluator` works them out, of netlists that need not be its own.

    :param pdk: its usable cells are those that netlists may have
    :raises InputError: a library that cannot be timed
    """

    def __init__(self, pdk: Pdk) -> None:
        self.pdk = pdk
        self.library = native_library_of(pdk)

    def time(self, netlist: Netlist, circuit: HasPorts, constraints: Constraints) -> float:
        """The delay of a netlist, ns; see `Constraints` for what that is.

        :param circuit: what the netlist implements; the constraints refer to its ports
        :raises InputError: a cell that is not usable, or a loop
        """
        net = net_of(netlist, self.library)
        return self.time_arrays(net, surroundings(self.library, self.pdk.name, circuit, constraints))[0]

    def time_arrays(self, net: Net, around: Surroundings) -> tuple[float, Timing]:
        """The delay of a netlist in arrays, ns, and all arrivals, slews and loads.

        :raises InputError: a loop
        """
        timing = empty_timing(len(net.cell))
        if not connect(net):
            raise InputError("a netlist must be without loops")
        return float(propagate(self.library.tables, net, around, timing)), timing


def surroundings(library: NativeLibrary, name: str, circuit: HasPorts, constraints: Constraints) -> Surroundings:
    """Constraints as compiled code takes them, without wires.

    :param name: of the PDK, for messages
    :raises InputError: a driving cell that the library lacks, times of other ports than the circuit's
    """
    driver = library.number.get(constraints.driving_cell)
    if driver is None:
        raise InputError(f"the driving cell must be a cell of {name}: {constraints.driving_cell!r}")
    slew = np.inf if constraints.max_transition_ns is None else constraints.max_transition_ns
    readers = np.inf if constraints.max_fanout is None else constraints.max_fanout
    return Surroundings(
        np.array([driver], dtype=np.int32),
        np.array([constraints.output_load_ff, slew, readers]),
        np.array(list(constraints.arrivals(circuit).values())),
        np.array(list(constraints.margins(circuit).values())),
        np.zeros(4),
    )
