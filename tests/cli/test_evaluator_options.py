"""What only some evaluators can be told, from the command line and in jobs: what it changes, where it is recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from cli_samples import json_of, refused
from openroad_stand_in import clocks_called, write_stand_in

from prefixrl.cli.main import run
from prefixrl.tools import find_tool

FAST = ["-n", "8", "--effort", "fast"]
needs_opensta = pytest.mark.skipif(find_tool("sta") is None, reason="OpenSTA is not installed")


@pytest.fixture
def openroad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a program that passes for OpenROAD."""
    monkeypatch.setenv("OPENROAD_EXE", str(write_stand_in(tmp_path / "tool")))
    return tmp_path / "tool"


def test_wires_are_in_the_delay_and_in_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", "kogge-stone", *FAST]
    (bare,) = json_of(command, capsys)
    (said,) = json_of([*command, "--wires", "none"], capsys)
    (wired,) = json_of([*command, "--wires", "datapath"], capsys)
    assert said["cached"]
    assert said["points"] == bare["points"]
    assert (bare["evaluator_options"], wired["evaluator_options"]) == ({}, {"wires": "datapath"})
    assert wired["points"][0]["delay_ns"] > 1.05 * bare["points"][0]["delay_ns"]


@needs_opensta
def test_a_delay_with_wires_is_not_called_off_by_them(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = [*FAST, "--signoff", "opensta"]
    (bare,) = json_of(["evaluate", "sklansky", *command], capsys)
    (wired,) = json_of(["evaluate", "sklansky", *command, "--wires", "datapath"], capsys)
    for point in bare["points"]:
        assert abs(point["signoff"]["error_percent"]) < 0.01
        assert (point["signoff"]["wires"], point["signoff"]["wires_percent"]) == (False, None)
    for point in wired["points"]:
        assert point["signoff"]["error_percent"] is None
        assert 2 < point["signoff"]["wires_percent"] < 20
    assert run(["evaluate", "sklansky", *command, "--wires", "datapath"]) == 0
    table = capsys.readouterr().out
    assert "opensta ns, no wires" in table
    assert "off by" not in table
    assert run(["export", "sklansky", *command, "--wires", "datapath", "--out", str(tmp_path / "out")]) == 0
    assert "without wires, which add +" in capsys.readouterr().out
    assert "without wires" not in (tmp_path / "out" / "adder.sdc").read_text()


def test_settings_of_openroad(openroad: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = ["evaluate", "sklansky", "-n", "8", "--evaluator", "openroad", "--runs", "2"]
    (plain,) = json_of(command, capsys)
    assert len(clocks_called(openroad)) == 2
    assert plain["evaluator_options"] == {"runs": 2}
    work = tmp_path / "kept [exec x]"
    chosen = ["--utilization", "30", "--pin-order", "free", "--work-folder", str(work)]
    (other,) = json_of([*command, *chosen], capsys)
    assert not other["cached"]
    assert other["evaluator_options"] == {"utilization_percent": 30.0, "pin_order": "free", "runs": 2}
    folders = sorted(work.iterdir())
    assert len(folders) == 2
    assert "-utilization 30" in (folders[0] / "floorplan.tcl").read_text()
    assert not any("set_io_pin_constraint" in path.read_text() for path in folders[0].glob("pins.tcl"))
    # The folders were asked for, so the runs are made again.
    json_of([*command, *chosen], capsys)
    assert len(list(work.iterdir())) == 4
    (again,) = json_of([*command, *chosen[:4]], capsys)
    assert not again["cached"], "who asks for folders neither reads the cache nor fills it"


def test_clocks_core_and_density_of_openroad(
    openroad: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command = ["evaluate", "sklansky", "-n", "8", "--evaluator", "openroad"]
    chosen = ["--clock-ns", "0.5", "--clock-ns", "0.31", "--aspect-ratio", "2", "--density", "0.7", "--last-gasp"]
    work = tmp_path / "work"
    (result,) = json_of([*command, *chosen, "--work-folder", str(work)], capsys)
    assert sorted(clocks_called(openroad)) == [0.31, 0.5]
    assert result["evaluator_options"] == {
        "aspect_ratio": 2.0,
        "density": 0.7,
        "clocks_ns": [0.5, 0.31],
        "last_gasp": True,
    }
    for folder in work.iterdir():
        assert "-aspect_ratio 2" in (folder / "floorplan.tcl").read_text()
        assert "0.7" in (folder / "place.tcl").read_text()
        assert "if {0 && [prefixrl_knows repair_timing -skip_last_gasp]}" in (folder / "repair.tcl").read_text()


def test_an_export_realises_with_the_settings(
    openroad: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    chosen = ["--evaluator", "openroad", "--runs", "1", "--utilization", "25"]
    out = tmp_path / "out"
    written = json_of(["export", "sklansky", "-n", "8", *chosen, "--out", str(out)], capsys)
    assert isinstance(written, dict)
    assert written["manifest"]["evaluator"]["options"] == {"runs": 1, "utilization_percent": 25.0}
    assert "without wires" not in (out / "adder.sdc").read_text()


def test_a_job_keeps_its_settings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "run"
    budget = ["--evaluations", "4", "--set", "budget.final_designs=2", "--quiet"]
    command = ["search", "-n", "8", *budget, "--wires", "datapath", "--out", str(out)]
    result = json_of(command, capsys)
    assert isinstance(result, dict)
    assert result["judge"] is None, "a judge of bare netlists says nothing of delays with wires"
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert config["evaluator"]["wires"] == "datapath"
    assert "datapath wires" in config["versions"]["evaluator"]
    assert json.loads((out / "front.json").read_text())["evaluator_options"] == {"wires": "datapath"}
    written = json_of(["export", str(out), "--out", str(tmp_path / "exported")], capsys)
    assert isinstance(written, dict)
    assert written["manifest"]["evaluator"]["options"] == {"wires": "datapath"}
    assert "bring" in refused(["export", str(out), "--wires", "none", "--out", str(tmp_path / "other")], capsys)
    message = refused(["search", "--resume", str(out), "--evaluations", "9", "--wires", "none", "--quiet"], capsys)
    assert "evaluator_options is the same" in message


def test_a_job_on_openroad_keeps_its_work_folder(
    openroad: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = ["--evaluator", "openroad", "--runs", "1", "--pin-order", "free", "--work-folder", "work"]
    budget = ["--evaluations", "1", "--set", "search.starts=[sklansky]", "--quiet"]
    json_of(["search", "-n", "4", *settings, *budget, "--out", "run"], capsys)
    config = yaml.safe_load(Path("run/config.yaml").read_text())["evaluator"]
    assert (config["pin_order"], config["runs"], config["work_folder"]) == ("free", 1, str(tmp_path / "work"))
    assert config["clocks_ns"] is None
    assert list(Path("work").iterdir())
    assert json.loads(Path("run/front.json").read_text())["evaluator_options"] == {"pin_order": "free", "runs": 1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--wires", "long"], "'long'"),
        (["--wires", "datapath", "--evaluator", "yosys"], "'wires'"),
        (["--utilization", "40"], "'utilization_percent'"),
        (["--work-folder", "w"], "'work_folder'"),
        (["--runs", "3", "--evaluator", "analytic"], "'runs'"),
        (["--utilization", "nan", "--evaluator", "openroad"], "nan"),
        (["--utilization", "96", "--evaluator", "openroad"], "96"),
        (["--pin-order", "random", "--evaluator", "openroad"], "'random'"),
        (["--runs", "0", "--evaluator", "openroad"], "0"),
        (["--clock-ns", "0.4"], "'clocks_ns'"),
        (["--clock-ns", "-0.4", "--evaluator", "openroad"], "-0.4"),
        (["--density", "1.5", "--evaluator", "openroad"], "1.5"),
        (["--aspect-ratio", "0", "--evaluator", "openroad"], "0"),
        (["--last-gasp", "--evaluator", "yosys"], "'last_gasp'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_an_evaluator_does_not_have_is_refused(
    openroad: Path,
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for command in (["evaluate", "sklansky", *FAST], ["search", "-n", "8", "--evaluations", "2", "--out", "run"]):
        assert said in refused([*command, *arguments], capsys).replace("NaN", "nan")
    assert not list(folder.iterdir())
