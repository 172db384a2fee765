"""The fault list: tools that hang, fork, flood, leak and lie are ended in time, whole, and never believed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from stand_ins import END_BY_THEMSELVES, MISBEHAVIOURS, alive, resident_mib, stand_in, zombies

from prefixrl.errors import ToolError
from prefixrl.tools import AbcSession, run_abc, run_tool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

TIMEOUT_S = 0.5
# Those that end by themselves need no more than Python does to start, which is long on a busy machine.
PATIENCE_S = 30.0
MARGIN_S = 2.0
MEMORY_MIB = 256
# What we may keep of a gigabyte that a program prints: its output cap and a copy.
OWN_MEMORY_MIB = 200


def assert_nothing_left(path: Path) -> None:
    assert alive(path) == []
    assert zombies() == []


def run_once(path: Path, misbehaviour: str) -> float:
    """Run a stand-in to its end; returns the seconds by which it outlasted the time-out."""
    before = resident_mib()
    begin = time.monotonic()
    arguments = [str(path), "argument"]
    text = "input\n" * 1000
    if misbehaviour in END_BY_THEMSELVES:
        limit_s = PATIENCE_S
        assert run_tool(arguments, timeout_s=limit_s, memory_mib=MEMORY_MIB, stdin=text).status == 0
    else:
        limit_s = TIMEOUT_S
        with pytest.raises(ToolError) as caught:
            run_tool(arguments, timeout_s=limit_s, memory_mib=MEMORY_MIB, stdin=text)
        assert "\n" not in str(caught.value)
        assert len(caught.value.tail) < 100_000
        assert caught.value.command == tuple(arguments)
    late = time.monotonic() - begin - limit_s
    assert_nothing_left(path)
    assert resident_mib() - before < OWN_MEMORY_MIB
    return late


def converse_once(path: Path) -> float:
    """The same in place of a kept-alive ABC, which is never believed."""
    session = AbcSession(["read_lib a"], timeout_s=TIMEOUT_S, memory_mib=MEMORY_MIB)
    session.argv = (str(path), "-s")
    begin = time.monotonic()
    with session, pytest.raises(ToolError) as caught:
        session.command("print_stats")
    assert "\n" not in str(caught.value)
    late = time.monotonic() - begin - TIMEOUT_S
    assert_nothing_left(path)
    return late


@pytest.mark.parametrize("misbehaviour", MISBEHAVIOURS)
def test_run_is_ended_whole_and_in_time(misbehaviour: str, tmp_path: Path) -> None:
    assert run_once(stand_in(tmp_path, misbehaviour), misbehaviour) < MARGIN_S


@pytest.mark.parametrize("misbehaviour", MISBEHAVIOURS)
def test_session_is_ended_whole_and_in_time(misbehaviour: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert converse_once(stand_in(tmp_path, misbehaviour)) < MARGIN_S


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_times(tmp_path: Path) -> None:
    names = list(MISBEHAVIOURS)
    late = []
    for number in range(100):
        misbehaviour = names[number % len(names)]
        path = stand_in(tmp_path, misbehaviour)
        late.append(run_once(path, misbehaviour) if number // len(names) % 2 == 0 else converse_once(path))
    assert max(late) < MARGIN_S


def test_abc_that_exits_0_with_garbage_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFIXRL_ABC", str(stand_in(tmp_path, "exits 0 with garbage")))
    with pytest.raises(ToolError, match="ABC refused"):
        run_abc("print_stats")
    with AbcSession() as session, pytest.raises(ToolError, match="exit status 0"):
        session.command("print_stats")


def test_session_whose_preparation_fails_is_not_used(tmp_path: Path) -> None:
    with AbcSession([f"read_lib {tmp_path}/none.lib"], timeout_s=20) as session:
        for _ in range(2):
            with pytest.raises(ToolError):
                session.command("print_stats")
            assert session.pid is None


HOSTILE_NAMES = (
    "a b",
    "quote'\"",
    "semi;colon",
    "[exec touch TRAP]",
    "$(touch TRAP)",
    "`touch TRAP`",
    "; touch TRAP;",
    "| touch TRAP",
    "!touch TRAP",
    "x\ntouch TRAP\n",
    "{brace}",
    "#hash",
    "-option",
    "\\backslash",
    "${IFS}",
    "%s%n",
)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_folders_and_arguments_run_nothing(name: str, tmp_path: Path) -> None:
    trap = tmp_path / "TRAP"
    folder = tmp_path / name.replace("TRAP", "T")
    folder.mkdir(parents=True)
    script = "import os, sys; print(repr((os.getcwd(), sys.argv[1:])))"
    argument = name.replace("TRAP", str(trap))
    done = run_tool([sys.executable, "-c", script, argument], timeout_s=20, cwd=folder)
    assert done.stdout.strip() == repr((str(folder), [argument]))
    executable = folder / "tool"
    executable.write_text("#!/bin/sh\necho ran\n")
    executable.chmod(0o755)
    assert run_tool([str(executable)], timeout_s=20).stdout == "ran\n"
    assert not trap.exists()
    assert not (folder / "TRAP").exists()


def test_argument_that_no_program_can_get() -> None:
    with pytest.raises(ToolError, match="cannot start"):
        run_tool([sys.executable, "zero\0byte"], timeout_s=20)


def test_memory_of_the_whole_tree_is_capped(tmp_path: Path) -> None:
    """No child alone holds as much as is allowed."""
    path = stand_in(tmp_path, "leaks memory in children")
    with pytest.raises(ToolError, match="held more than 256 MiB"):
        run_tool([str(path)], timeout_s=30, memory_mib=MEMORY_MIB)
    session = AbcSession(timeout_s=30, memory_mib=MEMORY_MIB)
    session.argv = (str(path),)
    with session, pytest.raises(ToolError, match="held more than 256 MiB"):
        session.command("print_stats")
    assert_nothing_left(path)
