"""Sign-off timing with the real OpenSTA, and with stand-ins for it that lie."""

from __future__ import annotations

import dataclasses
import gzip
import math
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from signoff_samples import CIRCUIT, CONSTRAINTS, LIBRARY, NETLIST, PDK, mutated_netlists, write_liar

from prefixrl.circuits import KINDS, Circuit
from prefixrl.circuits.cells import Cell, CellLibrary
from prefixrl.circuits.mapping import map_structure
from prefixrl.circuits.netlist import Gate, Netlist
from prefixrl.errors import InputError, ToolError
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.liberty import read_liberty_text
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.signoff import SignoffTimer, _checked, without_default_wire_load
from prefixrl.synthesis.signoff_benchmark import bench_signoff
from prefixrl.synthesis.sizer import AbcSizer
from prefixrl.synthesis.yosys import YosysEvaluator
from prefixrl.tools import find_tool, run_tool

DATA = Path(__file__).parent / "data" / "opensta"

no_sta = pytest.mark.skipif(find_tool("sta") is None, reason="OpenSTA is not installed (program sta; Debian: opensta)")


def needs_sta(test: Callable[..., None]) -> Callable[..., None]:
    """Marks a test that needs the real OpenSTA; those with stand-ins need nothing."""
    return pytest.mark.tools(no_sta(test))


@pytest.fixture(scope="module")
def timer() -> Iterator[SignoffTimer]:
    with SignoffTimer(PDK) as made:
        yield made


@pytest.fixture(scope="module")
def sizer() -> Iterator[AbcSizer]:
    made = AbcSizer(PDK, LIBRARY)
    yield made
    made.close()


@needs_sta
@pytest.mark.parametrize("name", ["sklansky", "kogge-stone", "brent-kung"])
def test_agrees_with_abc_on_adders(name: str, timer: SignoffTimer, sizer: AbcSizer) -> None:
    circuit = Circuit("adder", structure(name, 16))
    netlist = map_structure(circuit, LIBRARY, "adder")
    sizer.load(netlist, CONSTRAINTS)
    abc_ns = sizer.restart().delay_ns
    timing = timer.time(netlist, circuit, CONSTRAINTS)
    assert timing.delay_ns == pytest.approx(abc_ns, rel=0.01)
    assert timing.delay_ns == pytest.approx(timing.arrival_ns, abs=2e-6)
    assert timing.slack_ns == pytest.approx(1 - timing.arrival_ns, abs=2e-6)
    assert f"Endpoint: {timing.output} (output port" in timing.path
    assert "data arrival time" in timing.path


@needs_sta
def test_agrees_with_a_fresh_opensta_that_reads_the_files_by_itself(timer: SignoffTimer, tmp_path: Path) -> None:
    timing = timer.time(NETLIST, CIRCUIT, CONSTRAINTS)
    (tmp_path / "l.lib").write_text(re.sub(r".*default_wire_load :.*", "", read_liberty_text(PDK.liberty[0])))
    (tmp_path / "n.v").write_text(NETLIST.to_verilog())
    (tmp_path / "n.sdc").write_text(CONSTRAINTS.to_sdc(CIRCUIT))
    script = "read_liberty l.lib\nread_verilog n.v\nlink_design adder\nread_sdc n.sdc\nreport_checks -digits 6\nexit\n"
    (tmp_path / "n.tcl").write_text(script)
    tool = find_tool("sta")
    assert tool is not None
    output = run_tool([*tool.argv, "-no_init", "-no_splash", "-exit", "n.tcl"], timeout_s=30, cwd=tmp_path).stdout
    arrival = re.search(r"([\d.]+)\s+data arrival time", output)
    assert arrival is not None
    assert float(arrival.group(1)) == pytest.approx(timing.delay_ns, abs=2e-6)


@needs_sta
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_circuit_and_the_same_figures_again(kind: str, timer: SignoffTimer) -> None:
    circuit = Circuit(kind, structure("sklansky", 9))
    netlist = map_structure(circuit, LIBRARY, circuit.default_module)
    first = timer.time(netlist, circuit, CONSTRAINTS)
    assert 0.02 < first.delay_ns < 1
    timer.time(NETLIST, CIRCUIT, CONSTRAINTS)
    assert timer.time(netlist, circuit, CONSTRAINTS) == first


@needs_sta
def test_load_and_driving_cell_count(timer: SignoffTimer) -> None:
    usual = timer.time(NETLIST, CIRCUIT, CONSTRAINTS).delay_ns
    loaded = timer.time(NETLIST, CIRCUIT, dataclasses.replace(CONSTRAINTS, output_load_ff=60.0)).delay_ns
    driven = timer.time(NETLIST, CIRCUIT, dataclasses.replace(CONSTRAINTS, driving_cell="INV_X32")).delay_ns
    assert loaded > 1.2 * usual
    assert driven != usual
    with pytest.raises(InputError, match="driving cell must be a cell of nangate45: 'NONE_X1'"):
        timer.time(NETLIST, CIRCUIT, dataclasses.replace(CONSTRAINTS, driving_cell="NONE_X1"))


@needs_sta
def test_the_default_wire_load_of_the_library_does_not_count(timer: SignoffTimer) -> None:
    text = read_liberty_text(PDK.liberty[0])
    plain = without_default_wire_load(text)
    assert "default_wire_load " in text
    assert "default_wire_load " not in plain
    assert text.count("\n") == plain.count("\n")
    with SignoffTimer(PDK) as wired:
        wired._libraries[0].write(text)
        # Builds from about 2.3 on know no wire loads.
        assert wired.time(NETLIST, CIRCUIT, CONSTRAINTS).delay_ns >= timer.time(NETLIST, CIRCUIT, CONSTRAINTS).delay_ns


@needs_sta
def test_units_of_the_library_are_honoured(tmp_path: Path, timer: SignoffTimer) -> None:
    """The same library told in pF: every capacitance is a thousandth, and so is the load that goes with it."""

    def thousandth(match: re.Match[str]) -> str:
        return f"{match.group(1)}{float(match.group(2)) / 1000!r}"

    text = without_default_wire_load(read_liberty_text(PDK.liberty[0]))
    text = re.sub(r"(capacitive_load_unit\s*)\(1,ff\)", r"\1(1,pf)", text)
    text = re.sub(r"(\w*capacitance\s*:\s*)([\d.]+)", thousandth, text)

    def scaled(match: re.Match[str]) -> str:
        figures = [repr(float(figure) / 1000) for figure in match.group(2).split(",")]
        return f'{match.group(1)}("{",".join(figures)}")'

    # In this library's tables index_2 is the load wherever there are two indexes.
    text = re.sub(r'(index_2 *)\("([\d., ]+)"\)', scaled, text)
    (tmp_path / "pico.lib.gz").write_bytes(gzip.compress(text.encode()))
    pdk = load_pdk(tmp_path / "pico.lib.gz", driving_cell=PDK.driving_cell, output_load_ff=PDK.output_load_ff)
    with SignoffTimer(pdk) as pico:
        delay_ns = pico.time(NETLIST, CIRCUIT, CONSTRAINTS).delay_ns
    assert delay_ns == pytest.approx(timer.time(NETLIST, CIRCUIT, CONSTRAINTS).delay_ns, rel=1e-3)


def test_outputs_that_are_constant_are_not_expected_to_have_a_path() -> None:
    cells = [
        Cell("TIE", 1.0, (), "Z", "0"),
        Cell("ND", 1.0, ("A", "B"), "Z", "!(A & B)"),
        Cell("IV", 1.0, ("A",), "Z", "!A"),
    ]
    gates = [
        Gate("TIE", (), "Z", "zero"),
        Gate("ND", (("A", "gray[0]"), ("B", "zero")), "Z", "binary[0]"),
        Gate("IV", (("A", "gray[1]"),), "Z", "binary[1]"),
    ]
    circuit = Circuit("gray_to_binary", structure("sklansky", 2))
    netlist = Netlist("m", circuit.inputs, circuit.outputs, tuple(gates))
    assert _checked(netlist, circuit, CellLibrary(cells)) == {"binary[1]"}


@needs_sta
@pytest.mark.parametrize("name", mutated_netlists())
def test_wrong_netlists_are_refused_and_nothing_is_run(
    name: str, timer: SignoffTimer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        timer.time(mutated_netlists()[name], CIRCUIT, CONSTRAINTS)
    assert len(str(caught.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())


@needs_sta
def test_a_killed_opensta_is_replaced_with_the_library_read_again(timer: SignoffTimer) -> None:
    before = timer.time(NETLIST, CIRCUIT, CONSTRAINTS)
    assert timer.session.pid is not None
    os.kill(timer.session.pid, 9)
    psutil.wait_procs([psutil.Process(timer.session.pid)], timeout=5)
    assert timer.time(NETLIST, CIRCUIT, CONSTRAINTS) == before


@needs_sta
def test_a_library_that_opensta_reads_in_part_is_an_error(timer: SignoffTimer) -> None:
    text = read_liberty_text(PDK.liberty[0])
    middle = text.index("cell (NAND2_X1)")
    with SignoffTimer(PDK) as damaged:
        for cut in (text[:middle], "", "garbage", text.replace("cell (NAND2_X1)", "cell (NAND2_X9)")):
            damaged.session.close()
            damaged._libraries[0].write(cut)
            with pytest.raises(ToolError):
                damaged.time(NETLIST, CIRCUIT, CONSTRAINTS)


def _answer(cells: object = len(NETLIST.gates), slack: str = "9.000000e-01", arrival: str = "0.100000") -> str:
    """What OpenSTA prints for the sample netlist, with figures to choose."""
    ends = [f"@end {net} {slack} {arrival}" for net in NETLIST.output_nets]
    path = [f"   {arrival}   data arrival time", "   0.900000   slack (MET)"]
    return "\n".join([f"@cells {cells}", *ends, "@path", *path, "@done"])


LIES = {
    "nothing": "",
    "garbage": "@cells x\n@end\n@path\n\x00\xff",
    "no gates": _answer(cells=0),
    "other gates": _answer(cells=len(NETLIST.gates) - 1),
    "endless slack": _answer(slack="1e+39", arrival="1e+39"),
    "OpenSTA's infinity": _answer(slack="1e30"),
    "INF": _answer(slack="INF"),
    "nan": _answer(slack="nan"),
    "no time at all": _answer(slack="1.000000", arrival="0.000000"),
    "negative arrival": _answer(arrival="-0.100000"),
    "words": _answer(slack="MET"),
    "an output without path": _answer().replace("@end sum[0] 9.000000e-01 0.100000\n", ""),
    "an output that is none": _answer().replace("sum[0]", "sum[9]"),
    "no report": _answer()[: _answer().index("@path")],
    "empty report": _answer()[: _answer().index("@path")] + "@path\n@done",
    "cut report": _answer()[:-5],
    "a report of another path": _answer().replace("0.900000   slack", "0.800000   slack"),
    "No paths found": _answer()[: _answer().index("@path")] + "@path\nNo paths found.\n@done",
    "black box": "Warning: module NAND2_X1 not found. Creating black box for u0.\n" + _answer(),
    "error": "Error: something\n" + _answer(),
}


@pytest.mark.parametrize("name", LIES)
def test_what_cannot_be_is_never_a_figure(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFIXRL_STA", str(write_liar(tmp_path, sys.executable, LIES[name])))
    with SignoffTimer(PDK, timeout_s=5) as liar, pytest.raises(ToolError) as caught:
        liar.time(NETLIST, CIRCUIT, CONSTRAINTS)
    assert len(str(caught.value).splitlines()) == 1


def test_the_lies_are_lies_by_one_thing_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFIXRL_STA", str(write_liar(tmp_path, sys.executable, _answer())))
    with SignoffTimer(PDK, timeout_s=5) as honest:
        assert math.isclose(honest.time(NETLIST, CIRCUIT, CONSTRAINTS).delay_ns, 0.1)


@pytest.mark.parametrize("version", ["2.0.17", "3.1.0"])
def test_what_old_and_new_builds_print_is_read(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded from Debian's build of 2019 and from one of August 2026: slacks and arrivals are printed otherwise."""
    answer = (DATA / f"sklansky4-{version}.txt").read_text()
    monkeypatch.setenv("PREFIXRL_STA", str(write_liar(tmp_path, sys.executable, answer)))
    with SignoffTimer(PDK, timeout_s=5) as replayed:
        timing = replayed.time(NETLIST, CIRCUIT, CONSTRAINTS)
    assert (timing.delay_ns, timing.slack_ns, timing.output) == (0.192532, pytest.approx(0.807468, abs=1e-6), "sum[3]")
    assert timing.path.count("data arrival time") == 2


@needs_sta
def test_the_recorded_figures_are_still_those_of_this_build(timer: SignoffTimer) -> None:
    assert timer.time(NETLIST, CIRCUIT, CONSTRAINTS).delay_ns == pytest.approx(0.192532, rel=1e-5)


@needs_sta
def test_points_of_a_curve_are_signed_off_by_their_own_netlists(timer: SignoffTimer) -> None:
    evaluator = YosysEvaluator(PDK)
    try:
        curve = evaluator.evaluate(CIRCUIT, CONSTRAINTS)
        signed = timer.sign(evaluator, CIRCUIT, CONSTRAINTS, curve.points)
    finally:
        evaluator.close()
    assert [each.point for each in signed] == list(curve.points)
    assert all(abs(each.error_percent) < 2 for each in signed)
    assert len({each.timing.delay_ns for each in signed}) > 1


@needs_sta
def test_the_benchmark_finds_our_adders_within_2_percent_and_their_area_exact() -> None:
    result = bench_signoff(12, 3, widths=(8, 12))
    assert set(KINDS) < set(result)
    assert result["adder"]["netlists"] == 12
    assert 0 <= result["adder"]["mean_error_percent"] <= result["adder"]["worst_error_percent"] < 2
    assert all(result[kind]["area_mismatches"] == 0 for kind in KINDS)
    with pytest.raises(InputError, match="at least one netlist: 0"):
        bench_signoff(0)
