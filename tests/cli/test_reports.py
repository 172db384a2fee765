"""Commands that read fronts: what they print stays within 80 columns, and a published adder is had without training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefixrl.cli.main import run
from prefixrl.designs.published import published_path

FRONT = "published:demo-adder16"


@pytest.mark.parametrize(
    "command",
    [
        ["pareto", FRONT],
        ["leaderboard"],
        ["compare", f"annealed-with-a-long-name={FRONT}", f"learned={FRONT},{FRONT},{FRONT}"],
    ],
    ids=lambda command: command[0],
)
def test_output_fits_80_columns(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command) == 0
    output = capsys.readouterr().out
    assert max(map(len, output.splitlines())) <= 80
    assert "demo-adder16" in output or "learned" in output


def test_json_of_comparisons_and_the_leaderboard(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", f"a={FRONT}", f"b={FRONT},{FRONT}", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    second = report["problems"][0]["methods"][1]
    assert second["against"]["hypervolume_ratio"] == 1.0
    assert second["against"]["saved"]["mean_percent"] == 0.0
    assert report["overall"]["b"]["probability_of_improvement"] == 0.5
    assert run(["leaderboard", "demo-adder16", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["width"] == 16
    assert row["origin"]["commit"]


def test_a_front_file_prints_what_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pareto", FRONT, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    held = json.loads((published_path("demo-adder16") / "front.json").read_text())
    assert printed == held


def test_a_published_adder_is_taken_and_put_into_plain_yosys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["export", FRONT, "--pick", "delay<=0.25", "--format", "netlist,wrapper,yosys-choice", "--out", str(out)]
    assert run([*command, "--json"]) == 0
    manifest = json.loads(capsys.readouterr().out)["manifest"]
    (design,) = manifest["designs"]
    assert design["figures"]["delay_ns"] <= 0.25
    held = json.loads((published_path("demo-adder16") / "front.json").read_text())["points"]
    best = min((point for point in held if point["delay_ns"] <= 0.25), key=lambda point: point["area_um2"])
    assert (design["design"], design["figures"]["area_um2"]) == (best["id"], best["area_um2"])
    assert {path.name for path in out.iterdir()} == {
        *("adder.v", "adder_16.v", "adder_16.netlist.v", "adder_16.sdc", "prefixrl_choice.v", "manifest.json"),
    }


def test_drawings_and_animations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", f"{FRONT}:min-area", "--svg", str(tmp_path / "a.svg"), "--dot", str(tmp_path / "a.dot")]) == 0
    assert (tmp_path / "a.dot").read_text().startswith("digraph")
    page = tmp_path / "episode.html"
    assert run(["animate", "ripple-carry", "sklansky", "-n", "6", "--no-figures", "--out", str(page)]) == 0
    assert "edits" in capsys.readouterr().out
    assert page.stat().st_size > 10_000
