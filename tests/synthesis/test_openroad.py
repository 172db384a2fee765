"""The openroad evaluator against a program that replays real logs, and goes wrong in every way that it can."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from openroad_stand_in import clocks_called, write_stand_in

from prefixrl.circuits import Circuit
from prefixrl.circuits.mapping import map_structure
from prefixrl.circuits.proof import prove_netlist
from prefixrl.errors import EvaluationFailed, InputError, ToolError, ToolMissing
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.cache import EvaluationCache
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.curve import CurvePoint
from prefixrl.synthesis.evaluator import Evaluator, evaluation_key, make_evaluator
from prefixrl.synthesis.openroad import OpenroadEvaluator
from prefixrl.synthesis.openroad.recipe import Recipe
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.service import EvaluationService

PDK = load_pdk()
LIBRARY = PDK.library()
CONSTRAINTS = default_constraints(PDK)
CIRCUIT = Circuit("adder", structure("sklansky", 8))

Make = Callable[..., OpenroadEvaluator]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes evaluators whose OpenROAD is a stand-in in tmp_path/tool; their temporary folder is tmp_path/temporary."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    def made(fault: str = "", scenario: dict[str, object] | None = None, **options: object) -> OpenroadEvaluator:
        folder = tmp_path / "tool"
        monkeypatch.setenv("OPENROAD_EXE", str(write_stand_in(folder, fault, **(scenario or {}))))
        evaluator = make_evaluator("openroad", PDK, **options)
        assert isinstance(evaluator, OpenroadEvaluator)
        return evaluator

    return made


def test_a_curve_of_placed_netlists(make: Make, tmp_path: Path) -> None:
    evaluator = make()
    assert isinstance(evaluator, Evaluator)
    curve = evaluator.evaluate(CIRCUIT, CONSTRAINTS)
    clocks = clocks_called(tmp_path / "tool")
    assert len(clocks) == 7
    assert clocks[0] == 10.0
    assert clocks[1] == pytest.approx(0.9 * 0.4993, abs=1e-4)
    assert len(curve.points) >= 5
    assert curve.smallest.delay_ns == pytest.approx(0.4993)
    assert curve.fastest.delay_ns < 0.35
    assert {point.recipe for point in curve.points} <= {str(run.recipe) for run in evaluator.runs}
    assert not list((tmp_path / "temporary").iterdir())


def test_every_point_can_be_realised_and_proven(make: Make) -> None:
    evaluator = make(runs=4)
    gates = len(map_structure(CIRCUIT, LIBRARY).gates)
    for point in evaluator.evaluate(CIRCUIT, CONSTRAINTS).points:
        netlist = evaluator.realize(CIRCUIT, CONSTRAINTS, point, "chosen_name")
        assert netlist.module == "chosen_name"
        assert netlist.area_um2(LIBRARY) == pytest.approx(point.area_um2, abs=1e-6)
        assert len(netlist.gates) == gates + 1, "the buffer that was put in"
        prove_netlist(netlist, CIRCUIT, LIBRARY, PDK.plain_liberty())


def test_a_point_of_another_circuit_or_build_is_refused(make: Make) -> None:
    evaluator = make(runs=1)
    point = evaluator.evaluate(CIRCUIT, CONSTRAINTS).fastest
    with pytest.raises(EvaluationFailed, match=r"the recipe 'area c10000' must give"):
        evaluator.realize(CIRCUIT, CONSTRAINTS, dataclasses.replace(point, area_um2=1.0), "adder")
    for recipe in ("", "area", "area c", "area c1 [exec x]", "area b4 q10", "diagonal c300", "area c-1", "area c1 u4"):
        with pytest.raises(EvaluationFailed, match="a recipe must be"):
            evaluator.realize(CIRCUIT, CONSTRAINTS, CurvePoint(1.0, 1.0, recipe), "adder")


def test_clocks_and_starting_netlists_can_be_chosen(make: Make, tmp_path: Path) -> None:
    evaluator = make(clocks_ns=[0.4, 0.3012], polarities=["area", "level"])
    evaluator.evaluate(CIRCUIT, CONSTRAINTS)
    assert clocks_called(tmp_path / "tool") == [0.4, 0.3012, 0.4, 0.3012]
    assert [str(run.recipe) for run in evaluator.runs] == ["area c400", "area c301.2", "level c400", "level c301.2"]


def test_the_key_follows_settings_and_tool_but_not_limits(make: Make) -> None:
    def key(scenario: dict[str, object] | None = None, **options: object) -> str:
        return evaluation_key(CIRCUIT, CONSTRAINTS, make(scenario=scenario, **options))

    first = key()
    assert first == key(timeout_s=17, memory_mib=4096)
    others = [key(utilization_percent=40), key(pin_order="free"), key(runs=5), key(clocks_ns=(0.5,))]
    assert len({first, *others}) == 5


def test_the_version_has_the_tools_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = []
    for number, version in enumerate(("v2.0-15000-gabc", "26Q3-1-gdef")):
        monkeypatch.setenv("OPENROAD_EXE", str(write_stand_in(tmp_path / str(number), version=version)))
        versions.append(OpenroadEvaluator(PDK).version)
        assert versions[-1].endswith(f"OpenROAD {version}")


def test_the_work_folder_tells_everything(make: Make, tmp_path: Path) -> None:
    evaluator = make(runs=2, work_folder=tmp_path / "work")
    evaluator.evaluate(CIRCUIT, CONSTRAINTS)
    folders = sorted((tmp_path / "work").iterdir())
    assert [folder.name.rsplit("-", 1)[0] for folder in folders] == ["adder8-area-c10000", "adder8-area-c449.4"]
    names = {path.name for path in folders[0].iterdir()}
    steps = {f"{step}.tcl" for step in ("run", "load", "floorplan", "pins", "place", "repair", "report")}
    libraries = {"geometry0.lef", "geometry1.lef", "timing0.lib"}
    others = {"netlist.v", "constraints.sdc", "repaired.v", "command.txt", "openroad.log", "metrics.json", "about.json"}
    assert names == steps | libraries | others
    metrics = json.loads((folders[0] / "metrics.json").read_text())
    assert metrics["delay_ns"] == evaluator.runs[0].point.delay_ns
    assert metrics["exit_status"] == 0
    assert "-no_init -threads 1 run.tcl" in (folders[0] / "command.txt").read_text()


@pytest.mark.parametrize("status", [0, 1])
@pytest.mark.parametrize("quiet", [False, True])
def test_too_tight_a_clock_is_a_recorded_failure_of_that_point(status: int, quiet: bool, make: Make) -> None:
    scenario = {"overfull_below_ns": 0.37, "error_status": status, "quiet_error": quiet}
    evaluator = make(scenario=scenario)
    curve = evaluator.evaluate(CIRCUIT, CONSTRAINTS)
    failed = [run for run in evaluator.runs if run.failure]
    assert len(failed) == 1, "lower clocks are not asked for after one that failed"
    assert failed[0].failure == (
        "OpenROAD failed at step repair: DPL-0038 Utilization greater than 100%, impossible to legalize"
    )
    assert len(curve.points) >= 3
    assert [(loss.recipe, loss.reason, loss.passing) for loss in curve.losses] == [
        (str(failed[0].recipe), failed[0].failure, False)
    ]
    assert curve.lasting, "OpenROAD would refuse it again"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("hang", "no end within 1 s"),
        ("crash", "signal 11"),
        ("no memory", "bad_alloc"),
        ("garbage", "without a result"),
    ],
)
def test_a_lost_clock_does_not_lose_the_others(fault: str, reason: str, make: Make, tmp_path: Path) -> None:
    scenario: dict[str, object] = {"faulty_below_ns": 0.4}
    options: dict[str, object] = {"clocks_ns": (10.0, 0.5, 0.44, 0.3), "timeout_s": 1.0}
    evaluator = make(fault, scenario, **options)
    cache = EvaluationCache(tmp_path / "cache.sqlite")
    with EvaluationService(lambda: evaluator, CONSTRAINTS, cache) as service:
        found = service.evaluate(CIRCUIT)
    assert found.curve is not None
    (loss,) = found.curve.losses
    assert (loss.recipe, loss.passing) == ("area c300", True)
    assert reason in loss.reason
    assert {point.recipe for point in found.curve.points} <= {"area c10000", "area c500", "area c440"}
    assert not found.curve.lasting
    # Another run of the program has another chance, and what it finds is kept.
    for cached in (False, True):
        with EvaluationService(lambda: make("", **options), CONSTRAINTS, cache) as service:
            again = service.evaluate(CIRCUIT)
        assert again.key == found.key
        assert again.cached is cached
        assert again.curve is not None
        assert again.curve.losses == ()
        assert again.curve.fastest.recipe == "area c300"
    cache.close()


def test_too_few_results_are_a_failure_that_is_not_kept(make: Make, tmp_path: Path) -> None:
    scenario: dict[str, object] = {"faulty_below_ns": 1.0}
    evaluator = make("crash", scenario)
    with pytest.raises(ToolError, match=r"openroad failed: .*signal 11.*\(1 of 2 clocks had a result\)$"):
        evaluator.evaluate(CIRCUIT, CONSTRAINTS)
    assert len(make("crash", scenario, least_runs=1).evaluate(CIRCUIT, CONSTRAINTS).points) == 1
    cache = EvaluationCache(tmp_path / "cache.sqlite")
    with EvaluationService(lambda: evaluator, CONSTRAINTS, cache) as service:
        assert service.evaluate(CIRCUIT).failure is not None
        assert service.evaluate(CIRCUIT).cached, "within a run, it is an outcome like any other"
    assert len(cache) == 0
    cache.close()


def test_the_time_of_an_evaluation_ends_its_clocks_and_keeps_what_there_is(make: Make, tmp_path: Path) -> None:
    scenario: dict[str, object] = {"faulty_below_ns": 0.4}
    evaluator = make("hang", scenario, runs=5)
    with EvaluationService(lambda: evaluator, CONSTRAINTS, timeout_s=3.0) as service:
        begin = time.monotonic()
        found = service.evaluate(CIRCUIT)
    assert time.monotonic() - begin < 3 + 2
    assert found.curve is not None
    assert len(found.curve.losses) == 1
    assert len(found.curve.points) >= 2


@pytest.mark.parametrize(("fits_percent", "recipe"), [(34.0, "area c320 u33.75"), (23.0, "area c320 u22.5")])
def test_cells_that_do_not_fit_are_given_more_room(fits_percent: float, recipe: str, make: Make) -> None:
    scenario = {"overfull_below_ns": 0.37, "overfull_above_percent": fits_percent}
    evaluator = make(scenario=scenario, clocks_ns=(0.5, 0.32))
    points = evaluator.evaluate(CIRCUIT, CONSTRAINTS).points
    assert [point.recipe for point in points] == [recipe, "area c500"]
    netlist = evaluator.realize(CIRCUIT, CONSTRAINTS, points[0], "adder")
    assert netlist.area_um2(LIBRARY) == pytest.approx(points[0].area_um2, abs=1e-6)


@pytest.mark.parametrize("clock_ns", [1e-4, 0.3105, 123.4567, 1e6])
def test_recipes_lead_to_the_same_clock(clock_ns: float) -> None:
    for recipe in (Recipe("area", round(1000 * clock_ns, 1)), Recipe("level", round(1000 * clock_ns, 1), 33.75)):
        assert Recipe.parse(str(recipe)) == recipe


def test_all_clocks_failing_is_a_failure_with_the_reason(make: Make) -> None:
    evaluator = make(scenario={"overfull_below_ns": 99.0})
    with pytest.raises(EvaluationFailed, match=r"DPL-0038 Utilization greater than 100%") as caught:
        evaluator.evaluate(CIRCUIT, CONSTRAINTS)
    assert "\n" not in caught.value.reason
    with EvaluationService(lambda: evaluator, CONSTRAINTS) as service:
        evaluation = service.evaluate(CIRCUIT)
    assert evaluation.curve is None
    assert evaluation.failure is not None


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("silence", "ended without a result at step start"),
        ("garbage", "ended without a result at step start"),
        ("crash", r"ended without a result at step place \(signal 11"),
        ("no end", "ended without a result at step report"),
        ("no netlist", "wrote no netlist"),
        ("utf-16", "wrote no netlist that can be read"),
        ("cut", "a netlist that is none: "),
        ("cell", "EVIL_X1"),
        ("ports", "must keep the ports of module adder"),
        ("function", "a netlist of another function"),
        ("nan", "a slack must be a finite number: 'nan'"),
        ("inf", "the slack of 1e.30 ns must be that of the worst path"),
        ("lie", "must be that of the worst path"),
        ("no area", "an area must be"),
        ("nan area", "an area must be"),
        ("area", "but reported"),
    ],
)
def test_what_cannot_be_believed_is_an_error(fault: str, reason: str, make: Make, tmp_path: Path) -> None:
    evaluator = make(fault)
    with pytest.raises(ToolError, match=reason) as caught:
        evaluator.evaluate(CIRCUIT, CONSTRAINTS)
    assert "\n" not in str(caught.value)
    assert len(clocks_called(tmp_path / "tool")) == 2, "tried once more, then given up"
    assert not list((tmp_path / "temporary").iterdir())


def test_a_crash_that_does_not_come_again_does_no_harm(make: Make) -> None:
    evaluator = make("crash once", runs=3)
    evaluator.evaluate(CIRCUIT, CONSTRAINTS)
    assert all(run.failure is None for run in evaluator.runs)


def test_a_crash_after_all_is_done_does_no_harm(make: Make) -> None:
    assert len(make("crash at exit", runs=2).evaluate(CIRCUIT, CONSTRAINTS).points) == 2


def test_a_build_that_cannot_tell_the_slack_has_it_in_the_worst_path(make: Make) -> None:
    assert make("unknown", runs=1).evaluate(CIRCUIT, CONSTRAINTS).fastest.delay_ns == pytest.approx(0.4993)


def test_a_hanging_tool_is_ended_with_its_children(make: Make, tmp_path: Path) -> None:
    evaluator = make("hang", timeout_s=1.0)
    begin = time.monotonic()
    with pytest.raises(ToolError, match="no end within 1 s"):
        evaluator.evaluate(CIRCUIT, CONSTRAINTS)
    assert time.monotonic() - begin < 3.0
    program = str(tmp_path / "tool" / "openroad")
    left = [each for each in psutil.process_iter() if each.pid != os.getpid() and program in _arguments(each)]
    assert not left
    assert not list((tmp_path / "temporary").iterdir())


def _arguments(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_tool_that_prints_without_end_is_ended(make: Make) -> None:
    with pytest.raises(ToolError, match="printed more than"):
        make("endless").evaluate(CIRCUIT, CONSTRAINTS)


def test_without_openroad(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPENROAD_EXE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match=r"set OPENROAD_EXE\): openroad$"):
        make_evaluator("openroad", PDK)


def test_without_geometry(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"needs a PDK with LEF files .*: 'stdcells'$"):
        make_evaluator("openroad", load_pdk(PDK.liberty[0]))
    missing = dataclasses.replace(PDK, lef=(tmp_path / "none.lef",))
    with pytest.raises(InputError, match="a LEF file must be readable"):
        make_evaluator("openroad", missing)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("utilization_percent", 0),
        ("utilization_percent", float("nan")),
        ("aspect_ratio", -1),
        ("density", "0.5"),
        ("pin_order", "random"),
        ("polarities", []),
        ("polarities", "area"),
        ("clocks_ns", [0.0]),
        ("runs", 0),
        ("timeout_s", 0),
        ("effort", "fast"),
    ],
)
def test_settings_are_checked(option: str, value: object, make: Make) -> None:
    with pytest.raises(InputError, match=": "):
        make(**{option: value})


def test_an_unwritable_work_folder(make: Make, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"the work folder must be writable .*file/work'$"):
        make(work_folder=tmp_path / "file" / "work").evaluate(CIRCUIT, CONSTRAINTS)


def test_the_starting_netlist_is_the_structural_one(make: Make, tmp_path: Path) -> None:
    make(runs=1, work_folder=tmp_path / "work").evaluate(CIRCUIT, CONSTRAINTS)
    (folder,) = (tmp_path / "work").iterdir()
    assert (folder / "netlist.v").read_text() == map_structure(CIRCUIT, LIBRARY).to_verilog()
    sdc = (folder / "constraints.sdc").read_text()
    assert "set_driving_cell -lib_cell BUF_X1" in sdc
    assert "set_load 3.898 " in sdc
