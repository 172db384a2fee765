"""Folders, files and names that would be commands to a shell, to Tcl or to Yosys: used as they are, and never run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from prefixrl.cli.main import run
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.tools import find_tool

NAMES = (
    "a b",
    "quote'\"",
    "[exec touch TRAP]",
    "$(touch TRAP)",
    "`touch TRAP`",
    "; touch TRAP;",
    "; !touch TRAP; #",
    "| touch TRAP",
    "x\ntouch TRAP\n",
    "{brace",
    "$env(HOME)",
    "\\",
    "-X",
    "%s%n",
    "é",
)
FAST = ["-n", "4", "--effort", "fast", "--driving-cell", "BUF_X1", "--load-ff", "3.898"]


@pytest.fixture(params=[NAMES[:8], NAMES[8:]], ids=["first", "second"])
def names(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return request.param


@pytest.fixture
def folder(names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder below folders with the names; what a command would touch comes into the folder beside it."""
    made = tmp_path.joinpath("deep", *names)
    made.mkdir(parents=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return made


def ran(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict | list:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == 0, capsys.readouterr().err
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return json.loads(captured.out)


def test_files_and_folders_are_used_as_they_are(
    names: tuple[str, ...],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pdk = load_pdk()
    library: list[str] = []
    for option, paths in (("--liberty", pdk.liberty), ("--lef", pdk.lef)):
        for number, path in enumerate(paths):
            copy = folder / f"{names[-1]}{number}{path.suffix}"
            shutil.copy(path, copy)
            library += [option, str(copy)]
    monkeypatch.setenv("PREFIXRL_CACHE", str(folder / "cache"))
    judged = ["--power", *(["--signoff", "opensta"] if find_tool("sta") else [])]
    expected = ran(["evaluate", "sklansky", *FAST], capsys)
    for evaluator in ("native", "yosys"):
        (found,) = ran(["evaluate", "sklansky", *FAST, *library, "--evaluator", evaluator, *judged], capsys)
        if evaluator == "native":
            points = [[point["delay_ns"], point["area_um2"]] for point in found["points"]]
            assert points == [[point["delay_ns"], point["area_um2"]] for point in expected[0]["points"]]
    assert ran(["pdk", "check", *library, *FAST[-4:]], capsys)["failure"] is None
    out = folder / names[0]
    formats = ["--format", "rtl,netlist,blif,aiger,json,svg,testbench"]
    written = ran(["export", "sklansky", *FAST, *library, *formats, "--out", str(out), *judged], capsys)
    assert len(written["manifest"]["files"]) == 8
    assert (out / "adder.netlist.v").is_file()
    assert (folder / "cache" / "evaluations.sqlite").is_file()
    assert list((tmp_path / "here").iterdir()) == []
    assert not list(tmp_path.rglob("TRAP"))


@pytest.mark.parametrize("name", [*NAMES, "..", "../adder", "", "adder ", "nul\0", "a" * 5000])
def test_module_that_is_more_than_a_name_is_refused(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["export", "sklansky", *FAST, "--module", name, "--out", "out"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("out", ["nul\0", "file/below", "", "a" * 300], ids=["nul", "file", "empty", "long"])
def test_out_that_can_be_no_folder_is_refused_in_one_line(
    out: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("a file")
    for command in (["export", "sklansky", *FAST], ["search", "-n", "4", "--evaluations", "1", "--quiet"]):
        assert run([*command, "--out", out]) == 2, command
        captured = capsys.readouterr()
        assert len(captured.err.splitlines()) == 1
        assert "Traceback" not in captured.err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PREFIXRL_CACHE_MIB", "$(touch TRAP)"),
        ("PREFIXRL_CACHE_MIB", "-1"),
        ("PREFIXRL_ABC", "; touch TRAP"),
        ("PREFIXRL_ABC", "touch TRAP"),
        ("PREFIXRL_ABC", "/bin/sh -c 'touch TRAP'"),
        ("PREFIXRL_STA", "$(touch TRAP)"),
        ("PREFIXRL_STA", "../nowhere"),
    ],
)
def test_variable_that_names_nothing_is_refused(
    variable: str, value: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, value)
    assert run(["evaluate", "sklansky", *FAST, "--evaluator", "yosys", "--signoff", "opensta"]) == 2
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["/proc/none", "/dev/null", "file", "\n; touch TRAP"])
def test_cache_folder_that_cannot_be_used_is_passed_by(
    value: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("a file")
    monkeypatch.setenv("PREFIXRL_CACHE", value)
    ran(["evaluate", "sklansky", *FAST], capsys)
    assert not (tmp_path / "TRAP").exists()
    assert (tmp_path / "file").read_text() == "a file"
