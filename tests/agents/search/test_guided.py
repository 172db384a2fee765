"""The guided agent on a landscape that can be learnt: it finds the edits that pay, and more often than chance does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from prefixrl.agents.job import load_job
from prefixrl.agents.live import LiveView
from prefixrl.agents.search import search
from prefixrl.circuits import Circuit
from prefixrl.cli.main import run
from prefixrl.designs import DesignStore
from prefixrl.errors import ToolMissing
from prefixrl.synthesis.analytic import AnalyticEvaluator
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint


def _rewarding(self: AnalyticEvaluator, circuit: Circuit, constraints: Constraints) -> AreaDelayCurve:
    """A node of span 4 makes a graph smaller, every other one larger: few edits pay."""
    rows, columns = np.nonzero(circuit.graph.grid)
    spans = rows - columns + 1
    return AreaDelayCurve((CurvePoint(1.0, float(200.0 + (spans > 1).sum() - 5.0 * (spans == 4).sum()), "made up"),))


def _areas(folder: Path, method: str) -> list[float]:
    """Areas of the designs that a method asked for, in its order."""
    with DesignStore.open(folder / "designs.sqlite") as store:
        designs = sorted(store.designs(source=f"search:{method}"), key=lambda design: design.step)
        return [design.points[0].area_um2 for design in designs]


def test_edits_that_pay_are_found_sooner_than_by_chance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AnalyticEvaluator, "evaluate", _rewarding)
    best, hits = {}, {}
    for method in ("guided", "sa"):
        overrides = [f"method={method}", "circuit.width=20", "budget.steps=null", "budget.evaluations=300", "seed=1"]
        search(load_job("tiny", overrides=overrides), tmp_path / method, LiveView(quiet=True))
        areas = _areas(tmp_path / method, method)
        best[method] = min(areas)
        hits[method] = float(np.mean(np.array(areas[100:]) < min(areas[:100])))
    assert best["guided"] < best["sa"]
    assert hits["guided"] > 1.5 * hits["sa"] > 0


def test_without_torch_it_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefixrl.agents.search.job.find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match="torch"):
        search(load_job("guided16"), tmp_path / "run", LiveView(quiet=True))
    assert not (tmp_path / "run").exists()


def test_it_is_trained_and_resumed_by_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    begin = ["train", "--preset", "guided16", "-n", "8", "--evaluator", "analytic", "--judge", "none", "--quiet"]
    assert run([*begin, "--evaluations", "70", "--out", str(folder)]) == 0
    assert run(["train", "--resume", str(folder), "--evaluations", "90", "--quiet"]) == 0
    assert len(_areas(folder, "guided")) == 90
    assert run([*begin, "--evaluations", "90", "--out", str(tmp_path / "whole")]) == 0
    searched = tmp_path / "searched"
    begin = ["search", "--method", "guided", "--config", str(tmp_path / "whole" / "config.yaml"), "--quiet"]
    assert run([*begin, "--out", str(searched)]) == 0
    assert sorted(_areas(searched, "guided")) == sorted(_areas(tmp_path / "whole", "guided"))
    capsys.readouterr()
    assert (
        run(["search", "--method", "sa", "--preset", "tiny", "-q", "--evaluations", "9", "--out", str(tmp_path / "sa")])
        == 0
    )
    assert run(["train", "--resume", str(tmp_path / "sa")]) == 2
    assert "prefixrl search" in capsys.readouterr().err
