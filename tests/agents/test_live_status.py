"""The status of a job, read while it runs and after."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefixrl.agents.job import load_job
from prefixrl.agents.live import LiveView, Snapshot
from prefixrl.agents.status import read_status
from prefixrl.agents.training import train
from prefixrl.cli.main import run
from prefixrl.errors import InputError


class _Looking(LiveView):
    """Reads the job's status file while the job runs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(quiet=True)
        self.folder = folder
        self.seen: set[str] = set()

    def show(self, snapshot: Snapshot, force: bool = False) -> None:
        told, age_s = read_status(self.folder)
        assert told.evaluations <= snapshot.evaluations
        assert age_s < 60
        self.seen.add(told.phase)


def test_a_job_tells_where_it_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    view = _Looking(tmp_path / "run")
    result = train(load_job("tiny", overrides=["circuit.width=6", "budget.steps=160"]), tmp_path / "run", view)
    assert view.seen == {"classical structures", "learning", "done"}
    told, _ = read_status(tmp_path / "run")
    assert (told.evaluations, told.steps, told.front_size) == (result.evaluations, 160, len(result.front))
    assert told.areas[0].area_um2 is not None
    assert run(["status", str(tmp_path / "run"), "--json"]) == 0
    (printed,) = json.loads(capsys.readouterr().out)
    assert (printed["live"]["phase"], printed["live"]["steps"]) == ("done", 160)
    assert run(["status", str(tmp_path / "run")]) == 0
    assert "done, " in capsys.readouterr().out


def test_what_is_no_status_is_refused_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    train(load_job("tiny", overrides=["circuit.width=6", "budget.steps=16"]), folder)
    capsys.readouterr()
    for text in ("", "{}", "[1]", '{"written_at": 1, "areas": [], "colour": 3}', '{"written_at": "x"}'):
        (folder / "status.json").write_text(text)
        assert run(["status", str(folder)]) == 2, text
        with pytest.raises(InputError, match=r"status\.json"):
            read_status(folder)
    assert len(capsys.readouterr().err.splitlines()) == 5
    (folder / "status.json").unlink()
    assert run(["status", str(folder)]) == 0
