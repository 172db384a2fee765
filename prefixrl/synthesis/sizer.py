"""Buffering and sizing of mapped netlists by a kept-alive ABC, with every figure checked."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass

from prefixrl.circuits.cells import CellLibrary
from prefixrl.circuits.netlist import Netlist
from prefixrl.errors import InputError, ToolError
from prefixrl.synthesis.boundary import Boundary, make_boundary
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.pdk import Pdk
from prefixrl.tools import AbcSession, ScratchFile

# A step on 64 bits takes 10 ms; what takes this long hangs.
STEP_TIMEOUT_S = 60.0
# Far above any circuit of this project; ABC prints 1e9 and the like when its tables are broken.
MAXIMUM_DELAY_PS = 1e6

_TIMING = re.compile(r"Gates =\s*(\d+).*?Area =\s*([\d.]+).*?Delay =\s*([\d.]+) ps")
_SLEW = re.compile(r" S =\s*([\d.]+) ps")
_GATE = re.compile(r"^(\S+)\s+Fanin =\s*\d+\s+Instance =\s*(\d+)\s", re.MULTILINE)


@dataclass(frozen=True)
class Figures:
    """What a netlist costs.

    :param delay_ns: worst arrival, as ABC prints it (to 0.01 ps)
    :param area_um2: sum of the cells' Liberty areas, exact to 1e-6
    :param violation: the limit on fanout or transition that it breaks, with the figure; None where it keeps all
    """

    delay_ns: float
    area_um2: float
    violation: str | None = None


class AbcSizer:
    """Holds one netlist at a time in ABC, buffers it, sizes it, measures it.

    :param pdk: its timing library; the cells not to use are kept from ABC
    :param library: the cells of the PDK
    :raises ToolMissing: this machine has no ABC
    """

    def __init__(self, pdk: Pdk, library: CellLibrary) -> None:
        self._pdk = pdk
        self._library = library
        self._boundary: Boundary | None = None
        self._boundaries: dict[object, Boundary] = {}
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

        :raises InputError: the library lacks the driving cell, or the constraints are for other ports
        """
        self.session.refresh()
        self._library.__getitem__(constraints.driving_cell)
        boundary = self._boundary_of(netlist, constraints)
        if constraints != self._constraints or _key(boundary) != _key(self._boundary):
            self._set_constraints(constraints, boundary)
        self._netlist = netlist
        self._input.write((boundary.wrap(netlist) if boundary else netlist).to_blif())

    def _boundary_of(self, netlist: Netlist, constraints: Constraints) -> Boundary | None:
        """Cells at the edge of the circuit, where the constraints are more than ABC's own driving cell and load."""
        if constraints.plain and not self._library.avoids(constraints.driving_cell):
            return None
        key = (constraints, netlist.inputs, netlist.outputs)
        if key not in self._boundaries:
            driver = self._pdk.timed_cell(constraints.driving_cell)
            self._boundaries = {key: make_boundary(netlist, constraints, driver, self._library)}
        return self._boundaries[key]

    def _set_constraints(self, constraints: Constraints, boundary: Boundary | None) -> None:
        if boundary is None:
            load_ff = f"{constraints.output_load_ff:.9g}"
            text = f"set_driving_cell {constraints.driving_cell}\nset_load {load_ff} [all_outputs]\n"
        else:
            text = ""
        self._constraint_file.write(text)
        if _key(boundary) != _key(self._boundary):
            # The library is another one now: ABC reads it, and forgets its constraints, when it starts anew.
            base = self._pdk.sizing_liberty()
            self._timing.write(f"{base[: base.rindex('}')]}{boundary.liberty}}}\n" if boundary else base)
            self.session.close()
        elif self.session.pid is not None:
            self.session.command(self._read_constraints)
        self._constraints, self._boundary = constraints, boundary

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
        if sum(counts.values()) != gates or any(name not in self._library for name in counts if not self._edge(name)):
            raise self._implausible(f"{gates} gates, but {sum(counts.values())} of known cells", output)
        counts = {name: number for name, number in counts.items() if not self._edge(name)}
        area_um2 = sum(self._library[name].area_um2 * count for name, count in counts.items())
        # ABC adds in single precision and prints two digits.
        if not math.isclose(area, area_um2, rel_tol=1e-5, abs_tol=0.0051):
            raise self._implausible(f"an area of {area} where the cells add up to {area_um2:.4f}", output)
        if not 0 <= delay_ps < MAXIMUM_DELAY_PS:
            raise self._implausible(f"a delay of {delay_ps} ps", output)
        return Figures(round(delay_ps / 1000, 5), round(area_um2, 6), self._violation())

    def _edge(self, cell: str) -> bool:
        return self._boundary is not None and cell in self._boundary.cells

    def _violation(self) -> str | None:
        """The limit that the netlist in ABC breaks."""
        assert self._constraints is not None
        limit, limit_ns = self._constraints.max_fanout, self._constraints.max_transition_ns
        if limit is not None and (widest := self._widest_fanout()) > limit:
            return f"a fanout of {widest} where {limit} is the most"
        if limit_ns is not None and (slowest_ns := self._slowest_transition_ns()) > limit_ns:
            return f"a transition of {slowest_ns:.4f} ns where {limit_ns:g} ns is the longest"
        return None

    def _widest_fanout(self) -> int:
        """Most readers of one net; an output port is one, by the cell at the edge."""
        self.session.command(f"write_blif {self._output.path}")
        readers: Counter[str] = Counter()
        for line in self._output.read().replace("\\\n", " ").splitlines():
            if line.startswith(".gate"):
                nets = [connection.partition("=")[2] for connection in line.split()[2:]]
                readers.update(nets[:-1])  # the last one is what it drives
        if not readers:
            raise self._implausible("a netlist without gates", self._output.read())
        return max(readers.values())

    def _slowest_transition_ns(self) -> float:
        output = self.session.command("stime -a")
        slews = [float(slew) for slew in _SLEW.findall(output)]
        if not slews or len(slews) != output.count(" Cin ="):
            raise self._implausible("a list of cells without their transitions", output)
        return max(slews) / 1000

    def netlist(self) -> Netlist:
        """The netlist in ABC, read back.

        :raises ToolError: ABC wrote something that is no netlist of the circuit
        """
        assert self._netlist is not None
        self.session.command(f"write_blif {self._output.path}")
        text = self._output.read()
        try:
            if self._boundary is None:
                netlist = Netlist.from_blif(text, self._netlist)
            else:
                netlist = self._boundary.unwrap(Netlist.from_blif(text, self._boundary.wrap(self._netlist)))
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


def _key(boundary: Boundary | None) -> str | None:
    return None if boundary is None else boundary.key
