"""The `yosys` evaluator: Yosys checks the RTL, ABC buffers and sizes the netlist; every point is a real netlist."""

from __future__ import annotations

from functools import cached_property

from prefixrl.circuits import Circuit
from prefixrl.circuits.mapping import MAPPING_VERSION, map_structure
from prefixrl.circuits.netlist import Netlist
from prefixrl.circuits.rtl import to_verilog
from prefixrl.errors import EvaluationFailed, ToolError
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint
from prefixrl.synthesis.pdk import Pdk
from prefixrl.synthesis.recipes import parse_recipe, step_command
from prefixrl.synthesis.sizer import AbcSizer
from prefixrl.synthesis.sweeps import run_sweeps, sweeps_of
from prefixrl.tools import ScratchFile, YosysSession, require_tool

VERSION = 2
"""Rises whenever the curve of any circuit could change (sweeps, steps, parsing); part of evaluation keys."""

_RTL_MODULE = "checked"


class YosysEvaluator:
    """Area-delay curves by a kept-alive ABC with the library loaded once.

    One evaluator serves one thread at a time. Its tools are restarted when they die or hang.

    :param pdk: what is synthesised to
    :param effort: "fast" (a dozen points, for the loop) or "full" (hundreds, for reports)
    :param check_rtl: whether Yosys reads and checks the RTL of every circuit too; by default at full effort only, since
        the RTL and the netlist come out of one generator and the check tells nothing about area and delay
    :raises InputError: unknown effort, or a library that cannot be mapped to
    :raises ToolMissing: this machine has no Yosys or ABC
    """

    name = "yosys"

    def __init__(self, pdk: Pdk, effort: str = "fast", check_rtl: bool | None = None) -> None:
        self.pdk = pdk
        self.effort = effort
        self.check_rtl = effort == "full" if check_rtl is None else check_rtl
        self._sweeps = sweeps_of(effort)
        self._library = pdk.library()
        self._sizer = AbcSizer(pdk, self._library)
        self._rtl = ScratchFile()
        self._yosys = YosysSession(pass_fds=[self._rtl.descriptor])

    @cached_property
    def version(self) -> str:
        """Own version, that of the mapping, effort, and the tools' versions."""
        tools = "; ".join(require_tool(name).version for name in ("yosys", "yosys-abc"))
        return f"{VERSION}, mapping {MAPPING_VERSION}, {self.effort}, {tools}"

    def evaluate(self, circuit: Circuit, constraints: Constraints) -> AreaDelayCurve:
        """The area-delay curve; every point of it is a netlist that `realize` makes.

        :raises EvaluationFailed: Yosys refuses the RTL
        :raises ToolError: a tool crashed, hung, or reported what cannot be
        """
        if self.check_rtl:
            self._check_rtl(circuit)
        polarities = dict.fromkeys(sweep.polarity for sweep in self._sweeps)
        netlists = {polarity: map_structure(circuit, self._library, polarity=polarity) for polarity in polarities}
        return AreaDelayCurve(tuple(run_sweeps(self._sizer, netlists, constraints, self._sweeps)))

    def realize(self, circuit: Circuit, constraints: Constraints, point: CurvePoint, module: str) -> Netlist:
        """The netlist behind a point, made again by its recipe and measured again.

        :raises EvaluationFailed: the recipe is none, or does not lead to the point's figures (another version made it)
        :raises InputError: the module's name is not an identifier
        :raises ToolError: a tool crashed, hung, or reported what cannot be
        """
        recipe = parse_recipe(point.recipe)
        structural = map_structure(circuit, self._library, module, recipe.polarity)
        self._sizer.load(structural, constraints)
        figures = self._sizer.restart()
        for step in recipe.steps:
            figures = self._sizer.run(step_command(step))
        if (figures.delay_ns, figures.area_um2) != (point.delay_ns, point.area_um2):
            found = f"{figures.delay_ns} ns, {figures.area_um2} um2"
            raise EvaluationFailed(
                f"the recipe {point.recipe!r} must give {point.delay_ns} ns, {point.area_um2} um2: {found}"
            )
        netlist = self._sizer.netlist()
        area_um2 = round(netlist.area_um2(self._library), 6)
        if area_um2 != point.area_um2:
            raise ToolError(f"ABC wrote a netlist of another area than it reported: {area_um2} um2")
        return netlist

    def _check_rtl(self, circuit: Circuit) -> None:
        """Have Yosys read the RTL and look for loops, double drivers and undriven nets.

        :raises EvaluationFailed: it found something
        """
        self._yosys.refresh()
        self._rtl.write(to_verilog(circuit, _RTL_MODULE))
        passes = ["design -reset", f"read_verilog {self._rtl.path}", f"hierarchy -check -top {_RTL_MODULE}"]
        try:
            self._yosys.command("; ".join([*passes, "proc", "check -assert"]))
        except ToolError as error:
            if "Yosys refused" in str(error):
                raise EvaluationFailed(str(error)) from error
            raise

    def close(self) -> None:
        """End the tools."""
        self._sizer.close()
        self._yosys.close()
        self._rtl.close()
