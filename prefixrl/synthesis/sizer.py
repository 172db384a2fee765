"""Buffering and sizing of mapped netlists by a kept-alive ABC, with every figure checked."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from prefixrl.circuits.cells import CellLibrary
from prefixrl.circuits.netlist import Netlist
from prefixrl.errors import InputError, ToolError
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.pdk import Pdk
from prefixrl.tools import AbcSession, ScratchFile

# A step on 64 bits takes 10 ms; what takes this long hangs.
STEP_TIMEOUT_S = 60.0
# Far above any circuit of this project; ABC prints 1e9 and the like when its tables are broken.
MAXIMUM_DELAY_PS = 1e6

_TIMING = re.compile(r"Gates =\s*(\d+).*?Area =\s*([\d.]+).*?Delay =\s*([\d.]+) ps")
_GATE = re.compile(r"^(\S+)\s+Fanin =\s*\d+\s+Instance =\s*(\d+)\s", re.MULTILINE)


@dataclass(frozen=True)
class Figures:
    """What a netlist costs.

    :param delay_ns: worst arrival, as ABC prints it (to 0.01 ps)
    :param area_um2: sum of the cells' Liberty areas, exact to 1e-6
    """

    delay_ns: float
    area_um2: float


class AbcSizer:
    """Holds one netlist at a time in ABC, buffers it, sizes it, measures it.

    :param pdk: its timing library; the cells not to use are kept from ABC
    :param library: the cells of the PDK
    :raises ToolMissing: this machine has no ABC
    """

    def __init__(self, pdk: Pdk, library: CellLibrary) -> None:
        self._library = library
        self._netlist: Netlist | None = None
        self._constraints: Constraints | None = None
        # Passed as a descriptor: a path may hold what ABC's command line would misread.
        self._timing = ScratchFile(pdk.sizing_liberty())
        self._constraint_file, self._input, self._output = ScratchFile(), ScratchFile(), ScratchFile()
        self._read_constraints = f"read_constr {self._constraint_file.path}"
        self.session = AbcSession(
            [f"read_lib -w {self._timing.path}", self._read_constraints],
            timeout_s=STEP_TIMEOUT_S,
            pass_fds=[file.descriptor for file in self._files()],
        )

    def _files(self) -> list[ScratchFile]:
        return [self._timing, self._constraint_file, self._input, self._output]

    def load(self, netlist: Netlist, constraints: Constraints) -> None:
        """Take a netlist; `restart` begins with it, again and again.

        :raises InputError: the library lacks the driving cell
        """
        self.session.refresh()
        if constraints != self._constraints:
            driver = self._library[constraints.driving_cell].name
            load_ff = f"{constraints.output_load_ff:.9g}"
            self._constraint_file.write(f"set_driving_cell {driver}\nset_load {load_ff} [all_outputs]\n")
            self._constraints = constraints
            if self.session.pid is not None:
                self.session.command(self._read_constraints)
        self._netlist = netlist
        self._input.write(netlist.to_blif())

    def restart(self) -> Figures:
        """Back to the loaded netlist as it is; returns its figures."""
        return self.run(f"read_blif {self._input.path}; topo")

    def run(self, command: str) -> Figures:
        """Run commands on the netlist in ABC and measure what came of it.

        :raises ToolError: a command failed, ABC's report is not one, or its area is not the sum of the cells
        """
        output = self.session.command(f"{command}; stime; print_gates")
        output = output[output.rfind("WireLoad") :]
        timing = _TIMING.search(output)
        if timing is None:
            raise self._implausible("no timing report", output)
        gates, area, delay_ps = int(timing.group(1)), float(timing.group(2)), float(timing.group(3))
        counts = {name: int(count) for name, count in _GATE.findall(output) if name != "TOTAL"}
        if sum(counts.values()) != gates or any(name not in self._library for name in counts):
            raise self._implausible(f"{gates} gates, but {sum(counts.values())} of known cells", output)
        area_um2 = sum(self._library[name].area_um2 * count for name, count in counts.items())
        # ABC adds in single precision and prints two digits.
        if not math.isclose(area, area_um2, rel_tol=1e-5, abs_tol=0.0051):
            raise self._implausible(f"an area of {area} where the cells add up to {area_um2:.4f}", output)
        if not 0 <= delay_ps < MAXIMUM_DELAY_PS:
            raise self._implausible(f"a delay of {delay_ps} ps", output)
        return Figures(round(delay_ps / 1000, 5), round(area_um2, 6))

    def netlist(self) -> Netlist:
        """The netlist in ABC, read back.

        :raises ToolError: ABC wrote something that is no netlist of the circuit
        """
        assert self._netlist is not None
        self._output.write("")
        self.session.command(f"write_blif {self._output.path}")
        text = self._output.read()
        try:
            netlist = Netlist.from_blif(text, self._netlist)
            netlist.check(self._library)
        except InputError as error:
            raise self._implausible(f"a netlist that is none: {error}", text) from error
        return netlist

    def _implausible(self, reason: str, output: str) -> ToolError:
        return ToolError(f"ABC reported {reason}", command=self.session.argv, tail=output[-2000:])

    def close(self) -> None:
        """End ABC."""
        self.session.close()
        for file in self._files():
            file.close()
