"""The run directory: made only where nothing is lost, opened only where there is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefixrl.designs.run import RunDirectory
from prefixrl.errors import InputError


def test_create_then_open(tmp_path: Path) -> None:
    made = RunDirectory.create(tmp_path / "runs" / "first", "width: 16\n")
    opened = RunDirectory.open(tmp_path / "runs" / "first")
    assert opened.read_config() == "width: 16\n"
    assert [entry.name for entry in made.path.iterdir()] == ["config.yaml"]
    assert made.checkpoints.is_dir()
    assert made.tensorboard.is_dir()
    assert made.store_path.name == "designs.sqlite"


def test_create_takes_an_empty_folder(tmp_path: Path) -> None:
    assert RunDirectory.create(tmp_path, "a: 1\n").config_path.is_file()


def test_create_refuses_a_folder_with_anything_in_it(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(InputError, match=rf"new or empty directory .*: {tmp_path}$"):
        RunDirectory.create(tmp_path, "a: 1\n")
    assert [entry.name for entry in tmp_path.iterdir()] == ["precious.txt"]


def test_create_refuses_files_and_what_cannot_be_made(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(InputError, match="new or empty directory"):
        RunDirectory.create(file, "a: 1\n")
    with pytest.raises(InputError, match=rf"must be writable .*: {file}/below$"):
        RunDirectory.create(file / "below", "a: 1\n")


def test_open_refuses_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"directory that exists: {tmp_path}/none$"):
        RunDirectory.open(tmp_path / "none")
    with pytest.raises(InputError, match=rf"must have a config.yaml.*: {tmp_path}$"):
        RunDirectory.open(tmp_path)


def test_config_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="readable text"):
        RunDirectory.open(tmp_path).read_config()


def test_front_is_replaced_whole(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, "a: 1\n")
    run.write_front({"points": [1, 2, 3]})
    before = run.front_path.read_text()
    with pytest.raises(ValueError, match="JSON compliant"):
        run.write_front({"points": [float("nan")]})
    assert run.front_path.read_text() == before
    assert json.loads(before) == {"points": [1, 2, 3]}
