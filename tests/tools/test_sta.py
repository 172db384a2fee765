"""OpenSTA kept alive, with the real program; and stand-ins for it that crash, hang and lie."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from prefixrl.errors import ToolError
from prefixrl.tools import ScratchFile, StaSession, find_tool
from prefixrl.tools import sta as sta_module

no_sta = pytest.mark.skipif(find_tool("sta") is None, reason="OpenSTA is not installed (program sta; Debian: opensta)")


def needs_sta(test: Callable[..., None]) -> Callable[..., None]:
    """Marks a test that needs the real OpenSTA; those with stand-ins need nothing."""
    return pytest.mark.tools(no_sta(test))


@pytest.fixture
def sta() -> Iterator[StaSession]:
    session = StaSession(["set greeting hello"], timeout_s=20)
    yield session
    session.discard()


@needs_sta
def test_a_script_of_many_lines_prints_what_it_puts_and_nothing_else(sta: StaSession) -> None:
    assert sta.command("foreach each {1 2} {\n  puts $each\n}\nputs ä\n") == "1\n2\nä\n"
    assert sta.command("puts $greeting") == "hello\n"
    assert sta.starts == 1


@needs_sta
@pytest.mark.parametrize("script", ["error {of mine}", "no_such_command", "set unknown", "foreach", "return 5"])
def test_a_tcl_error_is_seen_and_the_session_goes_on(sta: StaSession, script: str) -> None:
    with pytest.raises(ToolError, match="OpenSTA refused"):
        sta.command(script)
    assert sta.command("puts on") == "on\n"
    assert sta.starts == 1


@needs_sta
def test_a_script_that_is_not_complete_is_an_error_at_once(sta: StaSession) -> None:
    begin = time.monotonic()
    with pytest.raises(ToolError, match="missing close-brace"):
        sta.command("puts {never closed\n")
    assert time.monotonic() - begin < 10


@needs_sta
def test_a_death_within_a_script_is_an_error_and_the_next_script_starts_it_anew(sta: StaSession) -> None:
    with pytest.raises(ToolError, match="signal 9"):
        sta.command("exec kill -9 [pid]; after 5000")
    assert sta.command("puts $greeting") == "hello\n"
    assert sta.starts == 2


@needs_sta
def test_a_stopped_process_is_ended_and_replaced(sta: StaSession) -> None:
    sta.command("puts on")
    pid = sta.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(ToolError, match=r"no answer within 0\.5 s"):
        sta.command("puts on", timeout_s=0.5)
    assert not psutil.pid_exists(pid)
    assert sta.command("puts $greeting") == "hello\n"


@needs_sta
def test_it_is_started_anew_when_it_grows(sta: StaSession, monkeypatch: pytest.MonkeyPatch) -> None:
    sta.command("puts on")
    sta.refresh()
    assert sta.pid is not None
    monkeypatch.setattr(sta_module, "RECYCLE_MIB", 1)
    sta.refresh()
    assert sta.pid is None
    assert sta.command("puts $greeting") == "hello\n"


@needs_sta
def test_files_with_odd_names_come_by_descriptor(tmp_path: Path) -> None:
    odd = tmp_path / "a b;[exec touch x] $(touch y).txt"
    odd.write_text("content")
    with ScratchFile(odd.read_text()) as file, StaSession(pass_fds=[file.descriptor]) as session:
        assert session.command(f"set stream [open {file.path}]\nputs [read $stream]") == "content\n"
    assert [each.name for each in tmp_path.iterdir()] == [odd.name]


STAND_INS = {
    "exits at once with 0": ("exit 0", "exit status 0"),
    "crashes": ("kill -SEGV $$", "signal 11"),
    "dies after a line": ("read line; exit 3", "exit status 3"),
    "sleeps": ("trap '' TERM; sleep 60 & wait", "no answer"),
    "repeats its input": ("exec cat", "no answer"),
    "garbage": ("head -c 4096 /dev/urandom; exit 0", "exit status 0"),
    "prints without end": ("exec yes", "printed more than|no answer"),
}


@pytest.mark.parametrize("name", STAND_INS)
def test_stand_ins_that_do_not_answer_are_ended_in_time(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, reason = STAND_INS[name]
    stand_in = tmp_path / "sta"
    stand_in.write_text(f'#!/bin/sh\n[ "$1" = -version ] && {{ echo 9.9; exit 0; }}\n{body}\n')
    stand_in.chmod(0o755)
    monkeypatch.setenv("PREFIXRL_STA", str(stand_in))
    session = StaSession(timeout_s=1)
    begin = time.monotonic()
    with pytest.raises(ToolError, match=reason):
        session.command("puts on")
    assert time.monotonic() - begin < 3
    session.discard()
    assert not [each for each in psutil.process_iter(["cmdline"]) if str(stand_in) in (each.info["cmdline"] or [])]
