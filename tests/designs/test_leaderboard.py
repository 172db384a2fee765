"""The published fronts hold, and one that was tampered with does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from page_samples import make_run

from prefixrl.cli.main import run
from prefixrl.designs import published as published_module
from prefixrl.designs.leaderboard import few, rows, verify


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one small front, as file alone, without recipes."""
    folder = tmp_path / "published" / "adder8"
    folder.mkdir(parents=True)
    document = json.loads((make_run(tmp_path / "run") / "front.json").read_text())
    for point in document["points"]:
        del point["recipe"]
    (folder / "front.json").write_text(json.dumps(document))
    shutil.copy(tmp_path / "run" / "config.yaml", folder)
    monkeypatch.setattr(published_module, "published_folder", lambda: tmp_path / "published")
    return folder / "front.json"


def test_every_point_comes_out_again_and_is_proven(published: Path) -> None:
    (row,) = rows()
    assert (row.name, row.width, row.origin.seed) == ("adder8", 8, "0")
    told: list[str] = []
    result = verify("adder8", told.append)
    assert result.holds
    assert result.points == result.reproduced == result.proven > 3
    assert result.saved_mean_percent is not None
    assert "evaluating" in told[0]


@pytest.mark.parametrize("what", ["area", "hypervolume", "dominated"])
def test_what_was_tampered_with_does_not_hold(published: Path, what: str) -> None:
    document = json.loads(published.read_text())
    document["points"] = document["points"][:3]
    if what == "area":
        document["points"][1]["area_um2"] -= 0.266
    elif what == "hypervolume":
        document["hypervolume"] = 99.0
    else:
        document["points"].append({**document["points"][0], "area_um2": document["points"][0]["area_um2"] + 9})
    published.write_text(json.dumps(document))
    result = verify("adder8")
    assert not result.holds
    assert result.complaints


def test_long_lists_are_cut() -> None:
    assert few(["a"] * 3) == ["a"] * 3
    assert few(list("abcdefgh"))[-1] == "and 3 more"


def test_a_front_of_a_library_that_is_not_here_is_passed_over(
    published: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = published.parent.parent / "sky130hd-adder8" / "front.json"
    other.parent.mkdir()
    other.write_text(json.dumps({**json.loads(published.read_text()), "pdk": "sky130hd", "classical": {}}))
    for variable in ("PDK_ROOT", "ORFS_ROOT", "FLOW_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run(["leaderboard", "--verify"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("adder8 holds") for line in lines)
    assert any(line.startswith("sky130hd-adder8 is not verified: the files of this PDK are missing") for line in lines)
    assert run(["leaderboard", "sky130hd-adder8", "--verify"]) == 1
