"""`prefixrl format`: names, codes and numbers."""

from __future__ import annotations

import json

import pytest

from prefixrl.cli.main import run
from prefixrl.formats import FORMATS


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> object:
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_all_formats_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    listed = _json(capsys, "format", "list")
    assert isinstance(listed, list)
    assert [each["name"] for each in listed] == list(FORMATS)
    assert run(["format", "list"]) == 0
    printed = capsys.readouterr().out
    assert "448" in printed
    assert "0x7F" in printed


def test_a_format_shows_its_codes(capsys: pytest.CaptureFixture[str]) -> None:
    shown = _json(capsys, "format", "show", "mxfp4")
    assert isinstance(shown, dict)
    assert shown["values"] == [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0]
    assert shown["aliases"][-1] == "ocp_e2m1"
    assert _json(capsys, "format", "show", "e4m3")["values"][127] == "nan"  # type: ignore[index]
    assert run(["format", "show", "fp32"]) == 0


def test_numbers_are_rounded(capsys: pytest.CaptureFixture[str]) -> None:
    rows = _json(capsys, "format", "quantise", "e4m3", "0.3", "1e9", "nan", "--no-saturate")
    assert rows == [
        {"number": "0.3", "code": "0x2A", "value": 0.3125},
        {"number": "1e9", "code": "0x7F", "value": "nan"},
        {"number": "nan", "code": "0x7F", "value": "nan"},
    ]
    assert run(["format", "quantise", "e4m3", "--rounding", "stochastic", "--", "-0.3"]) == 0
    assert "0xA" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["show", "e3m4"], ["quantise", "e4m3", "one"], ["quantise", "e2m1", "nan"], ["show", "e4m4"]]
)
def test_bad_input_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["format", *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
