"""Programs that misbehave are ended, with everything they started, in time, and nothing is left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from prefixrl.errors import ToolError
from prefixrl.tools import ScratchFile, run_tool
from prefixrl.tools import process as process_module

PYTHON = [sys.executable, "-I", "-S", "-c"]


def wait_until_gone(pid: int, limit_s: float = 5.0) -> bool:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_output_and_status_come_back() -> None:
    done = run_tool(
        [*PYTHON, "import sys; print(sys.stdin.read()); sys.exit(3)"], timeout_s=20, stdin="hi", check=False
    )
    assert (done.stdout, done.status) == ("hi\n", 3)


def test_large_input_and_output_do_not_block_each_other() -> None:
    text = "x" * 3_000_000
    done = run_tool([*PYTHON, "import sys; sys.stdout.write(sys.stdin.read())"], timeout_s=30, stdin=text)
    assert done.stdout == text


def test_exit_status_is_an_error_that_shows_the_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(ToolError, match="exit status 7") as caught:
        run_tool([*PYTHON, "import sys; print('a'); print('the reason'); sys.exit(7)"], timeout_s=20, log_path=log)
    assert caught.value.status == 7
    assert caught.value.tail.endswith("the reason")
    assert log.read_text() == "a\nthe reason\n"


def test_signal_is_reported_as_one() -> None:
    with pytest.raises(ToolError, match="signal 11"):
        run_tool([*PYTHON, "import os; os.kill(os.getpid(), 11)"], timeout_s=20)


def test_program_that_cannot_be_started() -> None:
    with pytest.raises(ToolError, match="exit status 127"):
        run_tool(["/nonexistent/program"], timeout_s=20)


@pytest.mark.parametrize(
    "script",
    [
        "import time; time.sleep(60)",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)",
        "while True: pass",
        "import os, time; os.fork(); time.sleep(60)",
    ],
    ids=["sleeps", "ignores SIGTERM", "spins", "forks"],
)
def test_hanging_program_is_ended_within_the_timeout_and_two_seconds(script: str) -> None:
    begin = time.monotonic()
    with pytest.raises(ToolError, match=r"no end within 0\.5 s"):
        run_tool([*PYTHON, script], timeout_s=0.5)
    assert time.monotonic() - begin < 2.5


def test_grandchild_that_left_the_tree_is_ended_too(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        f"        open({str(pid_file)!r}, 'w').write(str(os.getpid()))\n"
        "        time.sleep(60)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "time.sleep(0.3)\n"
    )
    begin = time.monotonic()
    run_tool([*PYTHON, script], timeout_s=20)
    assert time.monotonic() - begin < 10
    assert wait_until_gone(int(pid_file.read_text()))


def test_endless_output_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "MAXIMUM_OUTPUT_BYTES", 2**20)
    with pytest.raises(ToolError, match="printed more than 1 MiB"):
        run_tool([*PYTHON, "while True: print('x' * 10000)"], timeout_s=30)


def test_memory_is_capped() -> None:
    with pytest.raises(ToolError, match="exit status 1"):
        run_tool([*PYTHON, "x = bytearray(400 * 2**20)"], timeout_s=20, memory_mib=200)
    run_tool([*PYTHON, "x = bytearray(400 * 2**20)"], timeout_s=20, memory_mib=1000)


def test_no_shell_reads_the_arguments(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    arguments = ["; touch " + str(trap), f"$(touch {trap})", f"`touch {trap}`", "a\nb", "'\""]
    done = run_tool([*PYTHON, "import sys; print(sys.argv[1:])", *arguments], timeout_s=20)
    assert done.stdout.strip() == str(arguments)
    assert not trap.exists()


def test_scratch_file_is_read_and_written_by_a_child_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with ScratchFile("first") as source, ScratchFile() as target:
        for text in ("longer than before", "short"):
            source.write(text)
            target.write("")
            script = "import sys; open(sys.argv[2], 'w').write(open(sys.argv[1]).read() + '!')"
            descriptors = [source.descriptor, target.descriptor]
            run_tool([*PYTHON, script, source.path, target.path], timeout_s=20, pass_fds=descriptors)
            assert target.read() == text + "!"
        assert not list(tmp_path.iterdir())


def test_tools_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    child = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    script = (
        f"import sys; from prefixrl.tools import run_tool; run_tool([sys.executable, '-c', {child!r}], timeout_s=90)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    try:
        deadline = time.monotonic() + 20
        while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        tool = int(pid_file.read_text())
        assert psutil.pid_exists(tool)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert wait_until_gone(tool)
    finally:
        parent.kill()
        parent.wait()
