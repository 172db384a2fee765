"""Whole command lines run in this process."""

from __future__ import annotations

import json

import pytest

from prefixrl.cli.main import run


def json_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> list[dict] | dict:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command is refused with."""
    capsys.readouterr()
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    return captured.err
