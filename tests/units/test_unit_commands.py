"""The commands on units: what they write, and what they refuse in one line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from prefixrl.cli.main import run
from prefixrl.graphs import structure
from prefixrl.graphs.files import graph_document

sys.path.append(str(Path(__file__).parents[1] / "cli"))

from cli_samples import json_of, refused


def _circuit(manifest: Path, role: str) -> dict:
    return next(each for each in json.loads(manifest.read_text())["circuits"] if each["role"] == role)


@pytest.mark.parametrize(
    ("spec", "pick"),
    [("published:adder8", ""), ("published:adder8:min-area", ""), ("published:adder8", "min-delay")],
)
def test_published_front_in_a_unit(spec: str, pick: str, tmp_path: Path) -> None:
    arguments = ["unit", "build", "add", "-n", "8", "--adder", spec, "--no-verify", "--out", str(tmp_path / "out")]
    assert run([*arguments, *(["--pick", pick] if pick else [])]) == 0
    assert _circuit(tmp_path / "out" / "manifest.json", "final")["structure"].startswith("graph of size")


def test_graph_file_in_a_unit(tmp_path: Path) -> None:
    graph = structure("brent-kung", 7)
    file = tmp_path / "graph.json"
    file.write_text(json.dumps(graph_document(graph)))
    out = tmp_path / "out"
    assert run(["unit", "build", "fp8_mul", "--adder", str(file), "--out", str(out), "--stages", "2"]) == 0
    assert _circuit(out / "manifest.json", "final")["graph"] == graph_document(graph)
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["latency"], manifest["verified"]["patterns"]) == (1, 65536)
    assert "module fp8_mul_tb" in (out / "fp8_mul_tb.v").read_text()


def test_verify_all_variants_of_what_is_stated(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["unit", "verify", "fp8_mul", "--all", "--format", "e2m1", "--out-format", "fp16"]
    found = json_of(arguments, capsys)
    assert isinstance(found, dict)
    assert (found["variants"], found["patterns"]) == (4, 1024)
    assert {row["mode"] for row in found["rows"]} == {"exhaustive"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "fp_cvt", "--format", "int8"], "floating-point formats, got int8"),
        (["verify", "fp8_mul", "--patterns", "10", "--seed", "-1"], "seed is at least 0"),
        (["verify", "fp8_mul", "--format", "e4m4"], "did you mean e4m3"),
        (["verify", "fp8_mul", "--rounding", "stochastic"], "got stochastic"),
        (["verify", "mx_quant", "--out-format", "fp32"], "up to 8 bits, got fp32"),
        (["verify", "tc_dot", "--width", "4"], "at least 8 bits, got 4"),
        (["verify", "fp8_mul", "--all", "--block", "3"], "got block"),
        (["report", "fp8_mul", "--clock", "-1"], "a clock is a time above 0 ns"),
        (["report", "fp8_mul", "--classical", "nope"], "unknown structure"),
        (["report", "fp8_mul", "--ours", "published:adder16"], "has 7 bits"),
        (["report", "fp8_mul", "--stages", "2", "--no-int8"], "without pipeline registers"),
        (["task", "fp8_mul", "--out", "/nonexistent/task.yaml"], "a folder that exists"),
        (["build", "fp8_mul", "--adder", "published:nope", "--out", "nowhere"], "unknown published front"),
        (["build", "fp8_mul", "--adder", "published:adder8", "--out", "nowhere"], "has 7 bits"),
        (["build", "fp8_mul", "--prefix", "nope=sklansky", "--out", "nowhere"], "got 'nope'"),
    ],
)
def test_what_is_refused(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(["unit", *arguments], capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--unit", "nope"], "unknown unit"),
        (["--unit", "add", "--out", "/nonexistent/units.json"], "a folder that exists"),
    ],
)
def test_what_the_benchmark_refuses(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in refused(["bench", "units", *arguments], capsys)


def test_there_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A unit's task is searched, and the result goes into the unit."""
    task, found = tmp_path / "task.yaml", tmp_path / "run"
    assert run(["unit", "task", "abs", "-n", "6", "--out", str(task)]) == 0
    settings = ["budget={evaluations: 20, final_designs: 0}", "evaluator.effort=fast", "evaluator.workers=1"]
    options = [part for setting in [*settings, "evaluator.judge=none"] for part in ("--set", setting)]
    assert run(["search", "--config", str(task), "--method", "sa", *options, "--out", str(found)]) == 0
    out = tmp_path / "out"
    assert run(["unit", "build", "abs", "-n", "6", "--adder", str(found), "--pick", "min-area", "--out", str(out)]) == 0
    assert _circuit(out / "manifest.json", "final")["kind"] == "incrementer"
    capsys.readouterr()


def test_benchmark_of_one_unit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "units.json"
    arguments = ["bench", "units", "--unit", "abs", "--evaluations", "5", "--out", str(file)]
    assert run(arguments) == 0
    printed = capsys.readouterr().out
    assert "abs width=16" in printed
    found = json.loads(file.read_text())
    assert found["units"][0]["adder"]["kind"] == "incrementer"
    assert (found["seed"], found["evaluations"]) == (0, 5)
