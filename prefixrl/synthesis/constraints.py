"""What surrounds a circuit: who drives its inputs and what its outputs drive."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass

from prefixrl.circuits import Circuit
from prefixrl.errors import InputError
from prefixrl.synthesis.pdk import Pdk

_CELL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Constraints:
    """Constraints on a circuit; all inputs arrive at 0 ns.

    :param driving_cell: the library cell that drives every input
    :param output_load_ff: capacitance at every output
    :raises InputError: a name that is no identifier, a load that is negative or not finite
    """

    driving_cell: str
    output_load_ff: float

    def __post_init__(self) -> None:
        if _CELL_NAME.fullmatch(self.driving_cell) is None:
            raise InputError(f"the driving cell must be the name of a cell: {self.driving_cell!r}")
        if not (math.isfinite(self.output_load_ff) and self.output_load_ff >= 0):
            raise InputError(f"the output load must be a finite number of fF, at least 0: {self.output_load_ff!r}")

    @property
    def key(self) -> str:
        """Text that is the same for equal constraints only; it enters cache keys."""
        return json.dumps(asdict(self), sort_keys=True)

    def to_sdc(
        self,
        circuit: Circuit,
        delay_ns: float | None = None,
        *,
        time_unit_ns: float = 1.0,
        capacitance_unit_ff: float = 1.0,
    ) -> str:
        """The constraints as a Synopsys Design Constraints file, which timers read.

        Figures in such files are in the library's units, which therefore have to be told.

        :param delay_ns: the delay asked for: the period of the virtual clock; 1 ns where none is
        :param time_unit_ns: the library's time unit
        :param capacitance_unit_ff: the library's capacitance unit
        """
        period = (1.0 if delay_ns is None else delay_ns) / time_unit_ns
        units = f"time in {time_unit_ns:g} ns, capacitance in {capacitance_unit_ff:g} fF"
        lines = [
            f"# {circuit.kind}, {circuit.width} bits; {units}",
            f"create_clock -name clock -period {period:.6g}",
            "set_input_delay 0 -clock clock [all_inputs]",
            "set_output_delay 0 -clock clock [all_outputs]",
            f"set_driving_cell -lib_cell {self.driving_cell} [all_inputs]",
            f"set_load {self.output_load_ff / capacitance_unit_ff:.9g} [all_outputs]",
        ]
        return "\n".join(lines) + "\n"


def default_constraints(pdk: Pdk) -> Constraints:
    """The PDK's own driving cell and load."""
    return Constraints(pdk.driving_cell, pdk.output_load_ff)
