"""A user's whole way: search, look at the front, export, and have the result checked by programs that are not ours."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from prefixrl.cli.main import run
from prefixrl.synthesis.pdk import load_pdk

WIDTH = 8
# The library names a default wire load, which OpenSTA would add; the evaluators here know no wires.
WIRE_LOAD = re.compile(r"^\s*default_wire_load\s*:.*$", re.MULTILINE)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("journey") / "run"
    budget = ["--evaluations", "60", "--set", "budget.final_designs=8"]
    assert run(["search", "--method", "sa", "-n", str(WIDTH), *budget, "--quiet", "--out", str(out)]) == 0
    return out


def _json_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_front_has_the_agreed_fields_and_is_a_front(searched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    front = _json_of(["pareto", str(searched)], capsys)
    agreed = {"circuit", "width", "pdk", "evaluator", "constraints", "reference_point", "hypervolume", "points"}
    assert agreed <= set(front)
    points = front["points"]
    assert {"id", "delay_ns", "area_um2", "size", "depth", "max_fanout", "graph"} <= set(points[0])
    delays = [point["delay_ns"] for point in points]
    areas = [point["area_um2"] for point in points]
    assert delays == sorted(set(delays))
    assert areas == sorted(set(areas), reverse=True)
    assert json.loads((searched / "front.json").read_text()) == front


def test_terminal_report_fits_80_columns(searched: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plot = tmp_path / "front.png"
    assert run(["pareto", str(searched), "--plot", str(plot)]) == 0
    output = capsys.readouterr().out
    assert "hypervolume" in output
    assert max(len(line) for line in output.splitlines() if str(tmp_path) not in line) <= 80
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_export_is_what_the_front_promised(searched: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    front = _json_of(["pareto", str(searched)], capsys)
    for number, point in enumerate(front["points"][:: max(1, len(front["points"]) // 3)]):
        out = tmp_path / f"export{number}"
        formats = "rtl,netlist,blif,aiger,json,svg,testbench"
        written = _json_of(
            ["export", str(searched), "--pick", point["id"], "--format", formats, "--out", str(out)], capsys
        )
        names = {"adder.v", "adder.netlist.v", "adder.sdc", "adder.blif", "adder.aig", "adder.json", "adder.svg"}
        assert {path.name for path in out.iterdir()} == names | {"adder_tb.v", "manifest.json"}
        figures = written["manifest"]["figures"]
        assert figures["delay_ns"] == point["delay_ns"]
        assert figures["area_um2"] == point["area_um2"]
        assert _area_of(out / "adder.netlist.v") == pytest.approx(point["area_um2"], abs=1e-6)
        assert json.loads((out / "adder.json").read_text()) == point["graph"]
        shown = _json_of(["show", str(out / "adder.json")], capsys)
        assert (shown["size"], shown["depth"]) == (point["size"], point["depth"])


@pytest.mark.tools
def test_opensta_agrees_with_the_exported_figures(
    searched: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if shutil.which("sta") is None:
        pytest.skip("OpenSTA is not installed (Debian: apt install opensta)")
    front = _json_of(["pareto", str(searched)], capsys)
    for point in (front["points"][0], front["points"][-1]):
        out = tmp_path / point["id"]
        assert run(["export", str(searched), "--pick", point["id"], "--out", str(out)]) == 0
        assert _opensta_delay_ns(out, tmp_path) == pytest.approx(point["delay_ns"], rel=0.02)
        (no_wires,) = re.findall(r"^#.*: (set_load .*)$", (out / "adder.sdc").read_text(), re.MULTILINE)
        assert _opensta_delay_ns(out, tmp_path, no_wires) == pytest.approx(point["delay_ns"], rel=0.02)


@pytest.mark.tools
def test_icarus_runs_the_exported_testbench(searched: Path, tmp_path: Path) -> None:
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed (Debian: apt install iverilog)")
    out = tmp_path / "export"
    assert run(["export", str(searched), "--pick", "min-delay", "--out", str(out)]) == 0
    models = [str(path) for path in load_pdk().verilog]
    for sources in (["adder.v"], ["adder.netlist.v", *models]):
        program = tmp_path / "simulation"
        compiled = ["iverilog", "-g2005", "-o", str(program), *sources, "adder_tb.v"]
        subprocess.run(compiled, cwd=out, check=True, capture_output=True)
        done = subprocess.run(["vvp", "-n", str(program)], capture_output=True, text=True, check=True, timeout=120)
        assert "PASS" in done.stdout
        assert "FAIL" not in done.stdout


def test_killed_job_loses_no_evaluated_design_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    quick = ["--quiet", "--set", "budget.final_designs=0"]
    command = [sys.executable, "-m", "prefixrl", "search", "-n", str(WIDTH), "--evaluations", "400", "--seed", "7"]
    process = subprocess.Popen([*command, *quick, "--out", str(out)], stderr=subprocess.PIPE)
    try:
        before = _wait_for_designs(out / "designs.sqlite", 30, process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    survived = _keys(out / "designs.sqlite")
    assert before <= survived
    assert run(["search", "--resume", str(out), "--evaluations", str(len(survived) + 20), *quick]) == 0
    capsys.readouterr()
    assert survived < _keys(out / "designs.sqlite")
    assert (out / "front.json").is_file()


def _wait_for_designs(store: Path, count: int, process: subprocess.Popen) -> set[bytes]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        keys = _keys(store) if store.is_file() else set()
        if len(keys) >= count:
            return keys
        time.sleep(0.05)
    raise AssertionError(f"the job did not get far enough to be killed: {process.poll()}")


def _keys(store: Path) -> set[bytes]:
    connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    try:
        return {row[0] for row in connection.execute("SELECT key FROM designs")}
    except sqlite3.OperationalError:
        return set()
    finally:
        connection.close()


def _area_of(netlist: Path) -> float:
    library = load_pdk().library()
    names = re.findall(r"^\s*(\w+)\s+\w+\s*\(\.", netlist.read_text(), re.MULTILINE)
    return sum(library[name].area_um2 for name in names)


def _opensta_delay_ns(folder: Path, scratch: Path, no_wires: str | None = None) -> float:
    """What OpenSTA says, with a library without wire load, or with the command that takes the wires out."""
    (liberty,) = load_pdk().liberty
    if no_wires is None:
        plain = scratch / "no_wires.lib"
        plain.write_text(WIRE_LOAD.sub("", liberty.read_text()))
        liberty = plain
    script = scratch / "time.tcl"
    script.write_text(
        f"read_liberty {liberty}\nread_verilog {folder}/adder.netlist.v\nlink_design adder\n"
        f"read_sdc {folder}/adder.sdc\n{no_wires or ''}\nreport_checks -path_delay max -digits 5\n"
    )
    done = subprocess.run(["sta", "-no_splash", "-exit", str(script)], capture_output=True, text=True, check=True)
    arrival = re.search(r"([\d.]+)\s+data arrival time", done.stdout)
    assert arrival, done.stdout + done.stderr
    return float(arrival[1])
