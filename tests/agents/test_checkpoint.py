"""Checkpoints: whole or not there, damaged ones are skipped, nothing is ever unpickled."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from prefixrl.agents.checkpoint import check_same, latest_checkpoint, read_checkpoint, save_checkpoint
from prefixrl.errors import InputError


def _save(folder: Path, step: int, keep: int = 3) -> Path:
    parts = {
        "network": {"weight": np.full((2, 3), step, np.float32), "count": np.array(step), "empty": np.empty((0, 4))},
        "optimizer": {},
    }
    return save_checkpoint(folder, step, {"number": step}, parts, keep)


def test_what_is_saved_comes_back_with_shapes_and_types(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(_save(tmp_path, 7))
    assert (checkpoint.step, checkpoint.state) == (7, {"number": 7})
    network = checkpoint.parts["network"]
    assert network["weight"].dtype == np.float32
    assert (network["weight"] == 7).all()
    assert network["count"].shape == ()
    assert network["empty"].shape == (0, 4)
    assert checkpoint.parts["optimizer"] == {}


def test_the_newest_are_kept_and_nothing_else_is_left(tmp_path: Path) -> None:
    (tmp_path / ".writing-step-000000000000-1").mkdir()
    for step in (10, 9, 200, 1000, 3000):
        _save(tmp_path, step)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"step-{step:012d}" for step in (200, 1000, 3000)]


def test_the_same_step_may_be_saved_again(tmp_path: Path) -> None:
    _save(tmp_path, 5)
    assert read_checkpoint(_save(tmp_path, 5)).step == 5


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "json", "format", "escape"])
def test_a_damaged_newest_checkpoint_is_skipped_with_one_line(damage: str, tmp_path: Path) -> None:
    _save(tmp_path, 1)
    newest = _save(tmp_path, 2)
    weights, text = newest / "network.safetensors", newest / "state.json"
    if damage == "flip":
        data = bytearray(weights.read_bytes())
        data[-3] ^= 1
        weights.write_bytes(data)
    elif damage == "truncate":
        weights.write_bytes(weights.read_bytes()[:-5])
    elif damage == "remove":
        weights.unlink()
    elif damage == "json":
        text.write_text(text.read_text()[:-20])
    elif damage == "format":
        text.write_text(text.read_text().replace("checkpoint-1", "checkpoint-9"))
    else:
        text.write_text(text.read_text().replace("network.safetensors", "../network.safetensors"))
    lines: list[str] = []
    checkpoint = latest_checkpoint(tmp_path, lines.append)
    assert checkpoint is not None
    assert checkpoint.step == 1
    assert len(lines) == 1
    assert "\n" not in lines[0]


def test_all_damaged_is_an_error_and_none_is_none(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path, print) is None
    (_save(tmp_path, 1) / "state.json").unlink()
    with pytest.raises(InputError, match="damaged"):
        latest_checkpoint(tmp_path, lambda line: None)


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('unpickled')",)


def test_a_pickle_beside_or_in_a_checkpoint_is_never_loaded(tmp_path: Path) -> None:
    path = _save(tmp_path, 1)
    (path / "network.pt").write_bytes(pickle.dumps(_Bomb()))
    assert read_checkpoint(path).step == 1
    (path / "network.safetensors").write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(InputError):
        read_checkpoint(path)


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _save(tmp_path, 1)

    def fail(arrays: object, path: Path) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("prefixrl.agents.checkpoint.save_file", fail)
    with pytest.raises(OSError, match="No space"):
        _save(tmp_path, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000000001"]
    assert latest_checkpoint(tmp_path, print) is not None


def test_a_checkpoint_of_another_job_is_refused_with_what_differs() -> None:
    saved = {"circuit": {"width": 8}, "agent": {"channels": 16}}
    check_same(saved, saved, ("circuit", "agent.channels"))
    with pytest.raises(
        InputError, match=r"circuit\.width is 8 there and 16 here; agent\.channels is 16 there and 32 here"
    ):
        check_same(saved, {"circuit": {"width": 16}, "agent": {"channels": 32}}, ("circuit.width", "agent.channels"))
