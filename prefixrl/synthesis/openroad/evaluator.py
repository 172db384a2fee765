"""The `openroad` evaluator: every point of a curve is a placed and repaired netlist, measured with its wires."""

from __future__ import annotations

import json
import logging
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

from prefixrl.circuits import Circuit
from prefixrl.circuits.mapping import MAPPING_VERSION, map_structure
from prefixrl.circuits.netlist import Netlist
from prefixrl.errors import EvaluationFailed, InputError, ToolError
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint, Loss
from prefixrl.synthesis.openroad.flow import RunInputs, RunResult, run_flow
from prefixrl.synthesis.openroad.recipe import Recipe
from prefixrl.synthesis.openroad.report import Refused, Unbelievable
from prefixrl.synthesis.openroad.scripts import make_scripts
from prefixrl.synthesis.openroad.settings import MINIMUM_UTILIZATION_PERCENT, OpenroadSettings
from prefixrl.synthesis.openroad.targets import Outcome, next_clock
from prefixrl.synthesis.openroad.technology import technology_of
from prefixrl.synthesis.pdk import Pdk
from prefixrl.tools import require_tool
from prefixrl.tools.limits import limited_s

VERSION = 2
"""Rises whenever the curve of any circuit could change (scripts, targets, parsing); part of evaluation keys."""

OPTIONS = (*(field.name for field in fields(OpenroadSettings)), "work_folder")
"""What `make_evaluator("openroad", pdk, ...)` takes."""

# Where the repaired cells found no place, the run is done again in a core with so much of the utilisation.
_ROOMIER = (0.75, 0.5)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """One run of OpenROAD.

    :param recipe: how it was made; the last try, where there were several
    :param point: what came of it; None for a failure
    :param failure: one line; None for a success
    :param passing: whether it failed for a reason that may not come again: a crash, a time-out
    """

    recipe: Recipe
    point: CurvePoint | None
    failure: str | None
    passing: bool = False


class OpenroadEvaluator:
    """Area-delay curves by floorplan, placement and timing repair in OpenROAD, one process per clock.

    :param pdk: what is synthesised to; it needs LEF files
    :param work_folder: where every run leaves a folder with its inputs, scripts, exact command, log and figures;
        None for temporary folders that are removed
    :param settings: fields of `OpenroadSettings`
    :raises InputError: a setting out of its range, or a PDK without the geometry
    :raises ToolMissing: this machine has no OpenROAD

    After `evaluate`, `runs` has all runs of that evaluation, failed ones too.
    """

    name = "openroad"

    def __init__(self, pdk: Pdk, *, work_folder: str | Path | None = None, **settings: object) -> None:
        self.pdk = pdk
        self.settings = OpenroadSettings(**settings)  # type: ignore[arg-type]
        self.work_folder = None if work_folder is None else Path(work_folder)
        self.runs: tuple[Run, ...] = ()
        self._library = pdk.library()
        self._technology = technology_of(pdk)
        self._tool = require_tool("openroad")

    @property
    def version(self) -> str:
        """Own version, that of the mapping, the settings, the geometry, and OpenROAD's version."""
        parts = (f"{VERSION}, mapping {MAPPING_VERSION}", self.settings.key, self._technology.digest[:16])
        return ", ".join((*parts, f"OpenROAD {self._tool.version}"))

    def evaluate(self, circuit: Circuit, constraints: Constraints) -> AreaDelayCurve:
        """The area-delay curve. A clock that OpenROAD cannot reach gives the point that it did reach; one at which it
        fails gives none, and is in `runs` and among the curve's losses.

        :raises EvaluationFailed: OpenROAD refused every run
        :raises ToolError: crashes and time-outs left fewer results than `OpenroadSettings.least_runs`
        """
        runs: list[Run] = []
        for polarity in self.settings.polarities:
            netlist = map_structure(circuit, self._library, polarity=polarity)
            for clock_ps in self._clocks(runs, polarity):
                runs.append(self._point(circuit, constraints, netlist, Recipe(polarity, clock_ps)))
        self.runs = tuple(runs)
        points = tuple(run.point for run in runs if run.point is not None)
        losses = tuple(Loss(str(run.recipe), run.failure, run.passing) for run in runs if run.failure is not None)
        passing = next((loss for loss in losses if loss.passing), None)
        if passing is not None and len(points) < min(self.settings.least_runs, len(runs)):
            left = f" ({len(points)} of {len(runs)} clocks had a result)" if points else ""
            raise ToolError(f"openroad failed: {passing.reason}{left}", command=self._tool.argv)
        if not points:
            raise EvaluationFailed(losses[0].reason if losses else "no runs")
        return AreaDelayCurve(points, losses)

    def realize(self, circuit: Circuit, constraints: Constraints, point: CurvePoint, module: str) -> Netlist:
        """The repaired netlist behind a point, made again and measured again.

        :raises EvaluationFailed: the recipe is none, or does not lead to the point's figures (another version made it)
        :raises InputError: the module's name is not an identifier
        :raises ToolError: OpenROAD ran past the time-out or crashed
        """
        recipe = Recipe.parse(point.recipe)
        named = map_structure(circuit, self._library, module, recipe.polarity)
        structural = replace(named, module=circuit.default_module)
        try:
            result = self._run(circuit, constraints, structural, recipe)
        except Refused as error:
            raise EvaluationFailed(str(error)) from error
        except Unbelievable as error:
            raise ToolError(f"openroad failed: {error}", command=self._tool.argv) from error
        if (result.delay_ns, result.area_um2) != (point.delay_ns, point.area_um2):
            found = f"{result.delay_ns} ns, {result.area_um2} um2"
            raise EvaluationFailed(
                f"the recipe {point.recipe!r} must give {point.delay_ns} ns, {point.area_um2} um2: {found}"
            )
        return replace(result.netlist, module=module)

    def close(self) -> None:
        """Nothing is kept alive."""

    def _clocks(self, runs: list[Run], polarity: str) -> Iterator[float]:
        """The clocks in ps of one starting netlist; looks at what came of the former ones."""
        begin = len(runs)
        if self.settings.clocks_ns:
            yield from (round(1000 * clock_ns, 1) for clock_ns in self.settings.clocks_ns)
            return
        while len(runs) - begin < self.settings.runs and limited_s(1.0) > 0:
            clock_ps = next_clock([_outcome(run) for run in runs[begin:]])
            if clock_ps is None:
                return
            yield clock_ps

    def _point(self, circuit: Circuit, constraints: Constraints, netlist: Netlist, recipe: Recipe) -> Run:
        """One clock whose failure is a result; cells that do not fit are given more room."""
        run, lacks_room = self._try(circuit, constraints, netlist, recipe)
        for share in _ROOMIER:
            if not lacks_room:
                break
            percent = max(round(share * self.settings.utilization_percent, 3), MINIMUM_UTILIZATION_PERCENT)
            roomier = recipe._replace(utilization_percent=percent)
            run, lacks_room = self._try(circuit, constraints, netlist, roomier)
        return run

    def _try(self, circuit: Circuit, constraints: Constraints, netlist: Netlist, recipe: Recipe) -> tuple[Run, bool]:
        """One run, and whether it failed for want of room; a crash is tried once more, a time-out is not."""
        failure, lacks_room, passing = "", False, True
        for _ in range(2):
            try:
                result = self._run(circuit, constraints, netlist, recipe)
            except Refused as error:
                failure, lacks_room, passing = str(error), error.lacks_room, False
                break
            except Unbelievable as error:
                failure = str(error)
            except ToolError as error:
                failure = str(error).splitlines()[0]
                break
            else:
                return Run(recipe, CurvePoint(result.delay_ns, result.area_um2, str(recipe)), None), False
        logger.info("openroad: no point for %s of %s bits at %s: %s", circuit.kind, circuit.width, recipe, failure)
        return Run(recipe, None, failure, passing), lacks_room

    def _run(self, circuit: Circuit, constraints: Constraints, netlist: Netlist, recipe: Recipe) -> RunResult:
        clock_ns = recipe.clock_ps / 1000
        area_um2 = netlist.area_um2(self._library)
        settings = self.settings
        if recipe.utilization_percent is not None:
            settings = replace(settings, utilization_percent=recipe.utilization_percent)
        scripts, links = make_scripts(circuit, netlist, self.pdk, self._technology, settings, area_um2)
        inputs = RunInputs(netlist, constraints.to_sdc(circuit, clock_ns), clock_ns, scripts, links)
        with self._folder(circuit, constraints, recipe) as folder:
            return run_flow(
                self._tool,
                folder,
                inputs,
                self._library,
                self._technology.lef,
                timeout_s=self.settings.timeout_s,
                memory_mib=self.settings.memory_mib,
            )

    @contextmanager
    def _folder(self, circuit: Circuit, constraints: Constraints, recipe: Recipe) -> Iterator[Path]:
        """A new folder for one run."""
        if self.work_folder is None:
            with tempfile.TemporaryDirectory(prefix="prefixrl-openroad-", ignore_cleanup_errors=True) as name:
                yield Path(name)
            return
        label = f"{circuit.kind}{circuit.width}-{str(recipe).replace(' ', '-')}"
        try:
            self.work_folder.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=f"{label}-", dir=self.work_folder))
            folder.chmod(0o755)
            about = {"circuit": circuit.key, "constraints": constraints.key, "evaluator": self.version}
            (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n")
        except OSError as error:
            raise InputError(
                f"the work folder must be writable ({error.strerror}): {str(self.work_folder)!r}"
            ) from None
        yield folder


def _outcome(run: Run) -> Outcome:
    clock_ps = run.recipe.clock_ps
    if run.point is None:
        return Outcome(clock_ps, None, None)
    assert math.isfinite(run.point.delay_ns)
    return Outcome(clock_ps, 1000 * run.point.delay_ns, run.point.area_um2)
