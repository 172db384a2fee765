"""The notebook of the three users' ways runs as it stands, cell by cell, in a Python of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "three-users.ipynb"


def cells() -> list[str]:
    document = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in document["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_runs_and_says_what_it_promises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PREFIXRL_CACHE", str(tmp_path / "cache"))
    program = "\n".join(cells())
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=280, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    said = done.stdout
    assert "rtl ABC cec: Networks are equivalent" in said
    assert "netlist ABC cec: Networks are equivalent" in said
    assert "seed 1: 40 designs" in said
    assert "['adder.v', 'adder_16.sdc', 'adder_16.v', 'manifest.json', 'prefixrl_choice.v']" in said
    assert "11-bit incrementer" in said


def test_each_way_is_ten_lines_or_so() -> None:
    document = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert all(not cell.get("outputs") for cell in document["cells"])
    for cell in cells():
        assert len([line for line in cell.splitlines() if line.strip()]) <= 12
