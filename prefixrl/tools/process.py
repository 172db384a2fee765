"""Starting an external program and getting rid of it again: time-out, memory cap, output cap, whole process tree.

Nothing here uses a shell. Every program is started through `launcher.py`, which caps its memory and ties its life to
ours.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from prefixrl.errors import ToolError

DEFAULT_MEMORY_MIB = 2048
# A log of a sane run is below a megabyte; a program that prints more than this is out of control.
MAXIMUM_OUTPUT_BYTES = 64 * 2**20
TAIL_LINES = 12

_LAUNCHER = str(Path(__file__).with_name("launcher.py"))
# Marks a program and whatever it starts, so that also a grandchild that broke away from the process tree is found.
_MARK = "PREFIXRL_TOOL_MARK"
_CHUNK_BYTES = 1 << 16
_GRACE_S = 0.5


@dataclass(frozen=True)
class CompletedTool:
    """What a program printed (standard output and error, in order) and its exit status."""

    stdout: str
    status: int


class ToolProcess:
    """A running program with pipes to its standard input and output.

    :param argv: the program and its arguments
    :param memory_mib: cap on its address space; 0 for none
    :param cwd: the folder it runs in
    :param pass_fds: descriptors that it inherits
    :raises ToolError: no process can be started
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        memory_mib: int = DEFAULT_MEMORY_MIB,
        cwd: str | Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.argv = tuple(argv)
        self._mark = uuid.uuid4().hex
        try:
            self.popen = _spawn(self.argv, self._mark, memory_mib, cwd, tuple(pass_fds))
        except OSError as error:
            raise ToolError(f"cannot start {self.argv[0]}: {error.strerror}", command=self.argv) from error
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        self.stdin = self.popen.stdin.fileno()
        self.stdout = self.popen.stdout.fileno()
        os.set_blocking(self.stdin, False)
        os.set_blocking(self.stdout, False)

    def running(self) -> bool:
        """Whether the program has not ended yet."""
        return self.popen.poll() is None

    def close_stdin(self) -> None:
        """Let the program see the end of its input."""
        assert self.popen.stdin is not None
        with contextlib.suppress(OSError):
            self.popen.stdin.close()

    def read_available(self) -> bytes:
        """What the program has printed and nobody read yet; does not wait. Empty at the end of the output too."""
        try:
            return os.read(self.stdout, _CHUNK_BYTES)
        except BlockingIOError:
            return b""

    def end(self) -> None:
        """End the program and everything that it started; returns when they are gone. Harmless when called twice."""
        members = _tree(self.popen.pid) if self.running() else []
        for member in members:
            with contextlib.suppress(psutil.Error):
                member.kill()
        psutil.wait_procs(members, timeout=_GRACE_S)
        if self.popen.stdout is not None and not self.popen.stdout.closed:
            if _output_still_held(self.stdout):
                _kill_marked(self._mark)
            self.popen.stdout.close()
        self.close_stdin()
        self.popen.wait()


def run_tool(
    argv: Sequence[str],
    *,
    timeout_s: float,
    memory_mib: int = DEFAULT_MEMORY_MIB,
    cwd: str | Path | None = None,
    stdin: str | None = None,
    log_path: Path | None = None,
    check: bool = True,
    pass_fds: Sequence[int] = (),
) -> CompletedTool:
    """Run a program to its end.

    :param argv: the program and its arguments; no shell reads them
    :param timeout_s: seconds of wall clock after which its whole process tree is ended
    :param memory_mib: cap on the address space of each of its processes
    :param stdin: text for its standard input; None gives it an empty one
    :param log_path: where to keep what it prints
    :param check: whether an exit status other than 0 is an error
    :param pass_fds: descriptors that it inherits (see `ScratchFile`)
    :raises ToolError: it cannot be started, fails, is ended by a signal, runs past the time-out or prints without end
    """
    process = ToolProcess(argv, memory_mib=memory_mib, cwd=cwd, pass_fds=pass_fds)
    try:
        output, trouble = _communicate(process, (stdin or "").encode(), time.monotonic() + timeout_s)
    finally:
        status = process.popen.poll()
        process.end()
    if log_path is not None:
        log_path.write_bytes(output)
    text = output.decode("utf-8", "replace")
    if trouble is None and status != 0 and check:
        trouble = f"ended by signal {-status}" if status is not None and status < 0 else f"exit status {status}"
    if trouble is not None:
        name = Path(argv[0]).name
        reason = trouble if trouble != _TIMED_OUT else f"no end within {timeout_s:g} s"
        raise ToolError(
            f"{name} failed: {reason}", command=tuple(argv), status=status, tail=last_lines(text), log_path=log_path
        )
    assert status is not None
    return CompletedTool(text, status)


def last_lines(text: str, count: int = TAIL_LINES) -> str:
    """The last `count` lines of a program's output, for an error message."""
    return "\n".join(text.strip().splitlines()[-count:])


_TIMED_OUT = "timed out"


def _communicate(process: ToolProcess, pending: bytes, deadline: float) -> tuple[bytes, str | None]:
    """Feed the input, collect the output until the program ends; returns the output and what went wrong."""
    chunks: list[bytes] = []
    total = 0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if pending:
            selector.register(process.stdin, selectors.EVENT_WRITE)
        else:
            process.close_stdin()
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return b"".join(chunks), _TIMED_OUT
            # A grandchild may hold the pipe open after the program itself has ended: look every now and then.
            for key, _ in selector.select(min(remaining, _GRACE_S)):
                if key.fd == process.stdin:
                    pending = _feed(process, pending)
                    if not pending:
                        selector.unregister(process.stdin)
                        process.close_stdin()
                    continue
                chunk = process.read_available()
                chunks.append(chunk)
                total += len(chunk)
                if not chunk:
                    return b"".join(chunks), _wait_for_end(process, deadline)
                if total > MAXIMUM_OUTPUT_BYTES:
                    return b"".join(chunks), f"printed more than {MAXIMUM_OUTPUT_BYTES >> 20} MiB"
            if not process.running() and not _readable(process.stdout):
                return b"".join(chunks), None


def _feed(process: ToolProcess, pending: bytes) -> bytes:
    """Write what the pipe takes; returns what is left. A program that does not read its input has its own reasons."""
    try:
        return pending[os.write(process.stdin, pending[:_CHUNK_BYTES]) :]
    except BlockingIOError:
        return pending
    except OSError:
        return b""


def _wait_for_end(process: ToolProcess, deadline: float) -> str | None:
    try:
        process.popen.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return _TIMED_OUT
    return None


def _readable(descriptor: int) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(0))


def _output_still_held(descriptor: int) -> bool:
    """Whether some process still has the writing end of the pipe open."""
    try:
        while os.read(descriptor, _CHUNK_BYTES):
            pass
    except BlockingIOError:
        return True
    return False


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [*root.children(recursive=True), root]
    except psutil.Error:
        return []


def _kill_marked(mark: str) -> None:
    """End processes that carry the mark but left the tree (their parent is gone)."""
    for candidate in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if candidate.environ().get(_MARK) == mark:
                candidate.kill()


def _spawn(
    argv: tuple[str, ...], mark: str, memory_mib: int, cwd: str | Path | None, pass_fds: tuple[int, ...]
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", _LAUNCHER, str(memory_mib), str(os.getpid()), *argv]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, _MARK: mark},
            pass_fds=pass_fds,
        )

    return _starter().submit(start).result()


# A child dies with the thread that started it (prctl's rule), so one thread that lives as long as the process starts
# them all.
_starters: dict[int, ThreadPoolExecutor] = {}


def _starter() -> ThreadPoolExecutor:
    """The starting thread of this process; a forked process gets its own."""
    pid = os.getpid()
    if pid not in _starters:
        _starters.clear()
        _starters[pid] = ThreadPoolExecutor(1, thread_name_prefix="prefixrl-tools")
    return _starters[pid]
