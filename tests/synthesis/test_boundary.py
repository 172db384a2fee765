"""Arrival and required times and limits in the `yosys` evaluator, against OpenSTA where this machine has it."""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path

import pytest

from prefixrl.circuits import Circuit
from prefixrl.circuits.mapping import map_structure
from prefixrl.circuits.netlist import Netlist
from prefixrl.circuits.proof import prove_netlist
from prefixrl.errors import EvaluationFailed, InputError
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.boundary import PREFIX, make_boundary
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.liberty import read_liberty_text
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.profiles import with_profile
from prefixrl.synthesis.yosys import YosysEvaluator
from prefixrl.tools import find_tool

PDK = load_pdk()
LIBRARY = PDK.library()
PLAIN = Constraints("BUF_X1", 3.898)


def adder(name: str, width: int) -> Circuit:
    return Circuit("adder", structure(name, width))


@pytest.fixture(scope="module")
def evaluator() -> YosysEvaluator:  # type: ignore[misc]
    made = YosysEvaluator(PDK)
    yield made
    made.close()


def random_times(width: int, seed: int) -> Constraints:
    rng = random.Random(seed)
    arrivals = {port: [round(rng.uniform(0, 0.3), 3) for _ in range(width)] for port in "ab"}
    return Constraints("BUF_X1", 3.898, arrivals, {"sum": [round(rng.uniform(0.1, 0.4), 3) for _ in range(width)]})


def test_wrapping_and_unwrapping_changes_nothing() -> None:
    netlist = map_structure(adder("brent-kung", 8), LIBRARY)
    boundary = make_boundary(netlist, random_times(8, 1), PDK.timed_cell("BUF_X1"), LIBRARY)
    wrapped = boundary.wrap(netlist)
    assert sum(gate.cell.startswith(PREFIX) for gate in wrapped.gates) == 16 + 9
    unwrapped = boundary.unwrap(wrapped)
    assert (unwrapped.inputs, unwrapped.outputs) == (netlist.inputs, netlist.outputs)
    assert unwrapped.to_blif() == netlist.to_blif()


def test_every_cell_at_the_edge_has_a_function_of_its_own() -> None:
    netlist = map_structure(adder("sklansky", 64), LIBRARY)
    boundary = make_boundary(netlist, random_times(64, 2), PDK.timed_cell("BUF_X1"), LIBRARY)
    functions = [cell.cell.truth_table for cell in boundary.cells.values()]
    assert len(functions) > 150
    assert len(set(functions)) == len(functions)


def test_a_constraint_that_says_nothing_new_gives_the_unsized_figures(evaluator: YosysEvaluator) -> None:
    """At the edge cells the driving cell is the same as ABC's own."""
    circuit = adder("sklansky", 16)
    plain = evaluator.evaluate(circuit, PLAIN).smallest
    edged = evaluator.evaluate(circuit, Constraints("BUF_X1", 3.898, {}, {"cout": [1.0]})).smallest
    assert (edged.delay_ns, edged.area_um2) == (pytest.approx(plain.delay_ns, abs=2e-5), plain.area_um2)


def test_all_inputs_later_is_all_points_later(evaluator: YosysEvaluator) -> None:
    circuit = adder("brent-kung", 8)
    later = Constraints("BUF_X1", 3.898, {"a": [0.5] * 8, "b": [0.5] * 8})
    plain = Constraints("BUF_X1", 3.898, {}, {"sum": [0.1] * 8, "cout": [0.1]})
    for early, late in zip(
        evaluator.evaluate(circuit, plain).points, evaluator.evaluate(circuit, later).points, strict=True
    ):
        assert late.area_um2 == early.area_um2
        assert late.delay_ns == pytest.approx(early.delay_ns + 0.5, abs=2e-4)


def test_sizing_works_for_the_late_bits(evaluator: YosysEvaluator) -> None:
    """Sized under the times, a netlist is smaller or faster under them than one that was sized without."""
    circuit = adder("sklansky", 16)
    timed = Constraints("BUF_X1", 3.898, {port: [0.0] * 15 + [0.3] for port in "ab"})
    aware = evaluator.evaluate(circuit, timed)
    blind = [evaluator.realize(circuit, PLAIN, point, "adder") for point in evaluator.evaluate(circuit, PLAIN).points]
    fastest = min((delay_under(evaluator, netlist, timed), netlist.area_um2(LIBRARY)) for netlist in blind)
    assert aware.fastest.delay_ns <= fastest[0] + 0.002
    assert aware.area_at(fastest[0] + 0.002) < 0.95 * fastest[1]


def delay_under(evaluator: YosysEvaluator, netlist: Netlist, constraints: Constraints) -> float:
    sizer = evaluator._sizer
    sizer.load(netlist, constraints)
    return sizer.restart().delay_ns


def test_netlists_are_real_and_proven(evaluator: YosysEvaluator) -> None:
    circuit, constraints = adder("sklansky", 8), random_times(8, 3)
    curve = evaluator.evaluate(circuit, constraints)
    assert curve == evaluator.evaluate(circuit, constraints)
    assert evaluator.evaluate(circuit, PLAIN) == YosysEvaluator(PDK).evaluate(circuit, PLAIN), "no trace of the times"
    for point in curve.points:
        netlist = evaluator.realize(circuit, constraints, point, "adder")
        assert not any(gate.cell.startswith(PREFIX) for gate in netlist.gates)
        assert netlist.inputs == circuit.inputs
        prove_netlist(netlist, circuit, LIBRARY, PDK.plain_liberty())


def test_fanout_limit_holds_on_every_net(evaluator: YosysEvaluator) -> None:
    circuit, limit = adder("sklansky", 16), 4
    curve = evaluator.evaluate(circuit, Constraints("BUF_X1", 3.898, max_fanout=limit))
    assert widest(map_structure(circuit, LIBRARY)) > limit, "else nothing is tested"
    for point in curve.points:
        constraints = Constraints("BUF_X1", 3.898, max_fanout=limit)
        assert widest(evaluator.realize(circuit, constraints, point, "adder")) <= limit


def widest(netlist: Netlist) -> int:
    nets = [net for gate in netlist.gates for _, net in gate.inputs] + list(netlist.output_nets)
    return max(nets.count(net) for net in nets)


def test_transition_limit_drops_points_and_refuses_the_impossible(evaluator: YosysEvaluator) -> None:
    circuit = adder("sklansky", 16)
    free = evaluator.evaluate(circuit, PLAIN)
    limited = evaluator.evaluate(circuit, Constraints("BUF_X1", 3.898, max_transition_ns=0.06))
    assert limited.smallest.area_um2 > free.smallest.area_um2
    with pytest.raises(EvaluationFailed, match=r"a transition of 0\.0\d+ ns where 0\.005 ns is the longest"):
        evaluator.evaluate(circuit, Constraints("BUF_X1", 3.898, max_transition_ns=0.005))


def test_times_for_other_ports_are_refused(evaluator: YosysEvaluator) -> None:
    with pytest.raises(InputError, match="one per bit: 4"):
        evaluator.evaluate(adder("sklansky", 8), Constraints("BUF_X1", 3.898, {"a": [0.1] * 4}))


@pytest.mark.tools
@pytest.mark.skipif(find_tool("sta") is None, reason="OpenSTA is not installed (Debian: apt install opensta)")
def test_delays_agree_with_opensta(evaluator: YosysEvaluator, tmp_path: Path) -> None:
    liberty = tmp_path / "timing.lib"
    liberty.write_text(re.sub(r"default_wire_load\s*:[^;]*;", "", read_liberty_text(PDK.liberty[0])))
    for circuit in (adder("sklansky", 16), adder("kogge-stone", 16), adder("brent-kung", 32)):
        for constraints in (
            random_times(circuit.width, circuit.width),
            with_profile(PLAIN, "multiplier-8x8", circuit),
            Constraints("BUF_X1", 3.898, max_fanout=4, max_transition_ns=0.08),
        ):
            curve = evaluator.evaluate(circuit, constraints)
            for point in (curve.fastest, curve.smallest):
                netlist = evaluator.realize(circuit, constraints, point, "adder")
                found = opensta(tmp_path, liberty, netlist, constraints.to_sdc(circuit, 2.0))
                assert 2.0 - slack(found) == pytest.approx(point.delay_ns, rel=0.02)
                assert "VIOLATED" not in found.partition("limits")[2]


def opensta(folder: Path, liberty: Path, netlist: Netlist, sdc: str) -> str:
    (folder / "adder.v").write_text(netlist.to_verilog())
    (folder / "adder.sdc").write_text(sdc)
    script = f"read_liberty {liberty}\nread_verilog {folder}/adder.v\nlink_design adder\nsource {folder}/adder.sdc\n"
    # Older builds say transition, newer ones slew.
    script += "report_checks -path_delay max -digits 5\nputs limits\n"
    script += "if {[catch {report_check_types -max_transition}]} {report_check_types -max_slew}\n"
    (folder / "sta.tcl").write_text(script)
    tool = find_tool("sta")
    assert tool is not None
    done = subprocess.run(
        [*tool.argv, "-no_splash", "-exit", str(folder / "sta.tcl")], capture_output=True, text=True, timeout=60
    )
    assert "Error" not in done.stdout + done.stderr, done.stdout + done.stderr
    return done.stdout


def slack(report: str) -> float:
    match = re.search(r"(-?[\d.]+)\s+slack", report)
    assert match is not None, report
    return float(match.group(1))
