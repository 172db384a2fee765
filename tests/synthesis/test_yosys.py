"""The `yosys` evaluator with the real Yosys and ABC: real netlists, exact areas, the same result every time."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from prefixrl.circuits import KINDS, Circuit
from prefixrl.circuits.netlist import Netlist
from prefixrl.circuits.proof import prove_netlist
from prefixrl.errors import EvaluationFailed, InputError, ToolError
from prefixrl.graphs.structures import structure
from prefixrl.synthesis import sizer as sizer_module
from prefixrl.synthesis import yosys as yosys_module
from prefixrl.synthesis.benchmark import bench_evaluators
from prefixrl.synthesis.constraints import Constraints, default_constraints
from prefixrl.synthesis.curve import CurvePoint
from prefixrl.synthesis.evaluator import Evaluator, make_evaluator
from prefixrl.synthesis.liberty import read_liberty_text
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.recipes import Recipe, parse_recipe
from prefixrl.synthesis.yosys import YosysEvaluator
from prefixrl.tools import find_tool, run_tool

PDK = load_pdk()
LIBRARY = PDK.library()
CONSTRAINTS = default_constraints(PDK)

# Area in um2 that the fast effort needs at a delay in ns, for 16-bit adders. When a change of sweeps or mapping moves
# these, raise `VERSION` (or `MAPPING_VERSION`) and note the new figures here.
GOLDEN = {
    "sklansky": {0.265: 136.2, 0.280: 121.3, 0.310: 108.8, 0.340: 108.0},
    "kogge-stone": {0.262: 149.5, 0.268: 137.8, 0.282: 136.2},
    "brent-kung": {0.300: 113.8, 0.320: 103.5, 0.384: 93.4},
}


@pytest.fixture(scope="module")
def evaluator() -> Iterator[YosysEvaluator]:
    made = YosysEvaluator(PDK)
    yield made
    made.close()


def adder(name: str, width: int) -> Circuit:
    return Circuit("adder", structure(name, width))


def test_evaluator_keeps_the_protocol(evaluator: YosysEvaluator) -> None:
    assert isinstance(evaluator, Evaluator)
    assert "pyosys" in evaluator.version
    assert "ABC" in evaluator.version


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_areas(name: str, evaluator: YosysEvaluator) -> None:
    curve = evaluator.evaluate(adder(name, 16), CONSTRAINTS)
    assert len(curve.points) >= 4
    for delay_ns, area_um2 in GOLDEN[name].items():
        reached = min(point.area_um2 for point in curve.points if point.delay_ns <= delay_ns)
        assert reached == pytest.approx(area_um2, rel=0.01), (delay_ns, reached)


def test_same_curve_from_another_process_in_another_order(evaluator: YosysEvaluator) -> None:
    circuits = [adder("sklansky", 12), adder("brent-kung", 12), Circuit("comparator", structure("sklansky", 9))]
    there = [evaluator.evaluate(circuit, CONSTRAINTS) for circuit in circuits]
    again = YosysEvaluator(PDK)
    try:
        assert [again.evaluate(circuit, CONSTRAINTS) for circuit in reversed(circuits)] == there[::-1]
    finally:
        again.close()


@pytest.mark.parametrize("kind", KINDS)
def test_every_point_is_a_netlist_of_the_circuit(kind: str, evaluator: YosysEvaluator) -> None:
    circuit = Circuit(kind, structure("sklansky", 7))
    curve = evaluator.evaluate(circuit, CONSTRAINTS)
    for point in curve.points:
        netlist = evaluator.realize(circuit, CONSTRAINTS, point, "chosen_name")
        assert netlist.module == "chosen_name"
        assert netlist.area_um2(LIBRARY) == pytest.approx(point.area_um2, abs=1e-6)
        assert not {"AOI211_X1", "OAI211_X1"} & set(netlist.cell_counts())
        prove_netlist(netlist, circuit, LIBRARY, PDK.plain_liberty())


def test_realising_twice_gives_the_identical_netlist(evaluator: YosysEvaluator) -> None:
    circuit = adder("brent-kung", 16)
    point = evaluator.evaluate(circuit, CONSTRAINTS).fastest
    first = evaluator.realize(circuit, CONSTRAINTS, point, "adder")
    evaluator.evaluate(adder("sklansky", 8), CONSTRAINTS)
    assert evaluator.realize(circuit, CONSTRAINTS, point, "adder") == first


def test_a_point_of_another_circuit_or_version_is_refused(evaluator: YosysEvaluator) -> None:
    circuit = adder("sklansky", 8)
    point = evaluator.evaluate(circuit, CONSTRAINTS).fastest
    for wrong in (
        dataclasses.replace(point, area_um2=point.area_um2 - 0.266),
        dataclasses.replace(point, delay_ns=point.delay_ns - 0.00001),
    ):
        with pytest.raises(EvaluationFailed, match=r"the recipe .* must give"):
            evaluator.realize(circuit, CONSTRAINTS, wrong, "adder")
    with pytest.raises(EvaluationFailed, match=r"the recipe .* must give"):
        evaluator.realize(adder("kogge-stone", 8), CONSTRAINTS, point, "adder")


@pytest.mark.parametrize(
    "text", ["", "area b0", "area w1; !touch x", "diagonal b4", "area  b4", "area b4\nw1", "area x1"]
)
def test_nothing_but_a_recipe_reaches_abc(text: str, evaluator: YosysEvaluator) -> None:
    with pytest.raises(EvaluationFailed, match="a recipe must be"):
        evaluator.realize(adder("sklansky", 8), CONSTRAINTS, CurvePoint(1.0, 1.0, text), "adder")


def test_recipe_text_round_trip() -> None:
    recipe = Recipe("level").then("b12").then("q450", "w400", "d420")
    assert str(recipe) == "level b12 q450 w400 d420"
    assert parse_recipe(str(recipe)) == recipe


def test_constraints_matter_and_are_checked(evaluator: YosysEvaluator) -> None:
    circuit = adder("sklansky", 8)
    normal = evaluator.evaluate(circuit, CONSTRAINTS)
    heavy = evaluator.evaluate(circuit, Constraints("BUF_X1", 30.0))
    weak = evaluator.evaluate(circuit, Constraints("INV_X1", 3.898))
    assert heavy.fastest.delay_ns > normal.fastest.delay_ns + 0.01
    assert weak.smallest.delay_ns != normal.smallest.delay_ns
    assert evaluator.evaluate(circuit, CONSTRAINTS) == normal
    with pytest.raises(InputError, match="BUF_X77"):
        evaluator.evaluate(circuit, Constraints("BUF_X77", 3.898))
    with pytest.raises(InputError, match="name of a cell"):
        Constraints("BUF_X1; !touch x", 1.0)


def test_abc_that_dies_is_a_tool_error_and_the_next_evaluation_works(evaluator: YosysEvaluator) -> None:
    circuit = adder("sklansky", 8)
    before = evaluator.evaluate(circuit, CONSTRAINTS)
    session = evaluator._sizer.session
    assert session.pid is not None
    os.kill(session.pid, signal.SIGKILL)
    outcomes = []
    for _ in range(2):
        try:
            outcomes.append(evaluator.evaluate(circuit, CONSTRAINTS))
        except ToolError:
            continue
    assert outcomes
    assert all(outcome == before for outcome in outcomes)


def test_report_that_lies_about_the_area_is_an_error(
    evaluator: YosysEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = evaluator._sizer.session.command

    def answers(change: str, to: str) -> None:
        monkeypatch.setattr(
            evaluator._sizer.session, "command", lambda text: re.sub(change, to, real(text), flags=re.DOTALL)
        )

    for change, to in (
        (r"Area =\s+(\d)", r"Area = 9\1"),
        (r"Delay =\s+[\d.]+", "Delay = 1e9"),
        (r"Delay =\s+[\d.]+", "Delay = nan"),
        (r"NAND2_X1", "NAND2_X9"),
        (r"Gates =\s+\d+", "Gates = 1"),
        (r".*", ""),
    ):
        answers(change, to)
        with pytest.raises(ToolError, match="ABC reported"):
            evaluator.evaluate(adder("sklansky", 8), CONSTRAINTS)
    monkeypatch.undo()
    evaluator.evaluate(adder("sklansky", 8), CONSTRAINTS)


def test_yosys_checks_the_rtl(monkeypatch: pytest.MonkeyPatch) -> None:
    checking = make_evaluator("yosys", PDK, check_rtl=True)
    try:
        circuit = adder("sklansky", 5)
        curve = checking.evaluate(circuit, CONSTRAINTS)
        real = yosys_module.to_verilog
        for change, to in (("assign sum", "assign sums"), (");", ")"), ("endmodule", "assign a = 1; endmodule")):
            monkeypatch.setattr(
                yosys_module,
                "to_verilog",
                lambda circuit, module, change=change, to=to: real(circuit, module).replace(change, to),
            )
            with pytest.raises(EvaluationFailed, match="Yosys refused"):
                checking.evaluate(circuit, CONSTRAINTS)
        monkeypatch.undo()
        assert checking.evaluate(circuit, CONSTRAINTS) == curve
    finally:
        checking.close()


def test_bad_names_and_options_are_refused() -> None:
    with pytest.raises(InputError, match=r"'vivado'$"):
        make_evaluator("vivado", PDK)
    with pytest.raises(InputError, match=r"'speed'$"):
        make_evaluator("yosys", PDK, speed=9)
    with pytest.raises(InputError, match=r"'medium'$"):
        make_evaluator("yosys", PDK, effort="medium")


def test_full_effort_is_never_worse() -> None:
    fast, full = make_evaluator("yosys", PDK), make_evaluator("yosys", PDK, effort="full", check_rtl=False)
    try:
        circuit = adder("brent-kung", 8)
        quick, thorough = fast.evaluate(circuit, CONSTRAINTS), full.evaluate(circuit, CONSTRAINTS)
        assert thorough.fastest.delay_ns <= quick.fastest.delay_ns
        for point in quick.points:
            best = min(other.area_um2 for other in thorough.points if other.delay_ns <= point.delay_ns)
            assert best <= point.area_um2 * 1.02
        full.realize(circuit, CONSTRAINTS, thorough.fastest, "adder")
    finally:
        fast.close()
        full.close()


def test_library_in_a_folder_with_an_unpleasant_name(tmp_path: Path) -> None:
    folder = tmp_path / "a b; !touch x $(touch y) \"'"
    folder.mkdir()
    path = folder / "my lib.lib"
    path.write_text(read_liberty_text(PDK.liberty[0]))
    made = make_evaluator("yosys", load_pdk(path))
    try:
        assert made.evaluate(adder("sklansky", 8), CONSTRAINTS).points
    finally:
        made.close()
    assert [entry.name for entry in tmp_path.iterdir()] == [folder.name]


def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = make_evaluator("yosys", PDK, check_rtl=True)
    made.evaluate(adder("sklansky", 8), CONSTRAINTS)
    assert not list(tmp_path.iterdir()), "nothing to leave behind even if this process were killed now"
    made.close()
    assert not list(tmp_path.iterdir())


def test_sizer_takes_the_delay_limit_seriously(evaluator: YosysEvaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizer_module, "MAXIMUM_DELAY_PS", 10.0)
    with pytest.raises(ToolError, match="a delay of"):
        evaluator.evaluate(adder("sklansky", 8), CONSTRAINTS)


def test_benchmark_reports_a_ratio() -> None:
    report = bench_evaluators(8, [structure("sklansky", 8)], rounds=1)
    assert report["ratio"] == pytest.approx(report["kept_alive_curves_per_s"] / report["fresh_curves_per_s"])
    assert report["curves"] == 1


def arrivals_ns(netlists: list[Netlist], circuit: Circuit, folder: Path) -> list[float]:
    """Worst arrivals by OpenSTA, without the wire load that the library would put on every net by default."""
    liberty = re.sub(r"default_wire_load\s*:[^;]*;", "", read_liberty_text(PDK.liberty[0]))
    (folder / "cells.lib").write_text(liberty)
    (folder / "c.sdc").write_text(CONSTRAINTS.to_sdc(circuit))
    script = ["read_liberty cells.lib"]
    for number, netlist in enumerate(netlists):
        (folder / f"{number}.v").write_text(netlist.to_verilog())
        script += [f"read_verilog {number}.v", f"link_design {netlist.module}", "read_sdc c.sdc"]
        script += ["report_checks -path_delay max -digits 5"]
    (folder / "run.tcl").write_text("\n".join(script) + "\n")
    sta = find_tool("sta")
    assert sta is not None
    output = run_tool([*sta.argv, "-no_splash", "-exit", "run.tcl"], timeout_s=60, cwd=folder).stdout
    return [float(found) for found in re.findall(r"(?<!-)\b([\d.]+)\s+data arrival time", output)][::2]


@pytest.mark.tools
@pytest.mark.skipif(find_tool("sta") is None, reason="OpenSTA is not installed (program sta; Debian: opensta)")
@pytest.mark.parametrize(
    ("kind", "name", "width"),
    [
        ("adder", "sklansky", 32),
        ("adder", "brent-kung", 16),
        ("comparator", "kogge-stone", 16),
        ("priority_encoder", "sklansky", 24),
    ],
)
def test_delays_agree_with_opensta(kind: str, name: str, width: int, evaluator: YosysEvaluator, tmp_path: Path) -> None:
    circuit = Circuit(kind, structure(name, width))
    points = evaluator.evaluate(circuit, CONSTRAINTS).points
    netlists = [evaluator.realize(circuit, CONSTRAINTS, point, "m") for point in points]
    reference = np.array(arrivals_ns(netlists, circuit, tmp_path))
    assert len(reference) == len(points)
    error = np.abs(np.array([point.delay_ns for point in points]) / reference - 1)
    assert error.max() < 0.02
