"""What is left when this process is killed: nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stand_ins import alive, stand_in

from prefixrl.tools.limits import limited_memory_mib, limited_s, tool_limits
from prefixrl.tools.tree import tree_memory_bytes, tree_pids

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

PARENT = """
import sys
from pathlib import Path
from prefixrl.tools import AbcSession, run_tool
from prefixrl.tools.process import ToolProcess
from prefixrl.tools.tree import temporary_folder
(temporary_folder() / "scratch").write_text("left")
ToolProcess([sys.argv[1]])
print("started", flush=True)
sys.stdin.read()
"""


def gone(path: Path, limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if not alive(path):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("how", ["SIGKILL", "end of input", "SIGKILL of its whole group"])
def test_everything_ends_with_the_parent(how: str, tmp_path: Path) -> None:
    path = stand_in(tmp_path, "leaves grandchildren in sessions of their own")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(temporary)},
        start_new_session=True,
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    try:
        assert parent.stdout.readline() == b"started\n"
        deadline = time.monotonic() + 20
        while len(alive(path)) < 10 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(alive(path)) >= 9
        assert len(list(temporary.iterdir())) == 1
        if how == "SIGKILL":
            parent.kill()
        elif how.startswith("SIGKILL of"):
            os.killpg(parent.pid, signal.SIGKILL)
        parent.stdin.close()
        parent.wait(20)
        # Nothing of ours holds the pipes of the caller: whoever reads them sees the end.
        assert parent.stdout.read() == b""
        assert gone(path, 5)
        deadline = time.monotonic() + 5
        while list(temporary.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert list(temporary.iterdir()) == []
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()


def test_tree_and_its_memory() -> None:
    script = (
        "import os, sys; kept = bytearray(os.urandom(1 << 20) * 50); os.fork(); os.write(1, b'x'); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(2) == b"xx"
        assert tree_pids(process.pid)[0] == process.pid
        assert len(tree_pids(process.pid)) == 2
        assert 100 < tree_memory_bytes(process.pid) / 2**20 < 250
        assert set(tree_pids(process.pid)) < set(tree_pids(os.getpid()))
        process.communicate()
    assert tree_pids(process.pid) == []
    assert tree_memory_bytes(process.pid) == 0


def test_limits_only_tighten() -> None:
    assert (limited_s(5.0), limited_memory_mib(0)) == (5.0, 0)
    with tool_limits(timeout_s=100.0, memory_mib=50):
        assert (limited_s(5.0), limited_memory_mib(0), limited_memory_mib(20)) == (5.0, 50, 20)
        with tool_limits(timeout_s=1000.0, memory_mib=500):
            assert 99 < limited_s(500.0) <= 100
            assert limited_memory_mib(200) == 50
        with tool_limits(timeout_s=0.0):
            assert limited_s(5.0) == 0.0
    assert limited_s(500.0) == 500.0
