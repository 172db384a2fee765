"""Finding programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefixrl.errors import ToolMissing
from prefixrl.tools import find_tool, require_tool


def test_wheel_brings_yosys_and_abc() -> None:
    for name in ("yosys", "yosys-abc"):
        tool = require_tool(name)
        assert "pyosys" in tool.origin
        assert any(character.isdigit() for character in tool.version)
    assert "ABC" in require_tool("yosys-abc").version


def test_variable_overrides_and_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in = tmp_path / "my sta"
    stand_in.write_text("#!/bin/sh\necho 'Stand-in 9.9'\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PREFIXRL_STA", str(stand_in))
    tool = require_tool("sta")
    assert (tool.path, tool.version) == (str(stand_in), "Stand-in 9.9")
    monkeypatch.setenv("PREFIXRL_STA", "/nonexistent/sta")
    with pytest.raises(ToolMissing, match="PREFIXRL_STA must name an executable file: '/nonexistent/sta'"):
        find_tool("sta")


def test_missing_program_is_named_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPENROAD_EXE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_tool("openroad") is None
    with pytest.raises(ToolMissing, match=r"OPENROAD_EXE.*: openroad$"):
        require_tool("openroad")


def test_version_that_was_killed_is_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "sta"
    tool.write_text(f"#!/bin/sh\n[ -e {tmp_path}/once ] && echo 2.7.0 && exit\ntouch {tmp_path}/once; kill -9 $$\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PREFIXRL_STA", str(tool))
    found = find_tool("sta")
    assert found is not None
    assert found.version == "2.7.0"


def test_program_that_hangs_when_asked_for_its_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("prefixrl.tools.finder._VERSION_TIMEOUT_S", 0.3)
    tool = tmp_path / "openroad"
    tool.write_text("#!/bin/sh\nexec sleep 60\n")
    tool.chmod(0o755)
    monkeypatch.delenv("OPENROAD_EXE", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert find_tool("openroad") is None, "on the PATH it is passed over"
    monkeypatch.setenv("OPENROAD_EXE", str(tool))
    for _ in range(2):
        with pytest.raises(ToolMissing, match=r"OPENROAD_EXE must name a program that tells its version \(.*no end"):
            find_tool("openroad")
