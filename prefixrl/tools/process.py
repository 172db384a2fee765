"""Starting an external program and getting rid of it again: time-out, memory cap, output cap, whole process tree.

Nothing here uses a shell. Every program is started through `launcher.py`, which caps its memory and ties its life to
ours, and in a session of its own, so that an interrupt typed at a terminal reaches us alone. What it leaves behind is
found by a mark (see `watchdog`).
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from prefixrl.errors import ToolError
from prefixrl.tools.limits import limited_memory_mib, limited_s
from prefixrl.tools.tree import end_tree, own_mark, tree_memory_bytes
from prefixrl.tools.watchdog import MARK_VARIABLE

DEFAULT_MEMORY_MIB = 2048
# A log of a sane run is below a megabyte; a program that prints more than this is out of control.
MAXIMUM_OUTPUT_BYTES = 64 * 2**20
TAIL_LINES = 12

_LAUNCHER = str(Path(__file__).with_name("launcher.py"))
_CHUNK_BYTES = 1 << 16
# How often a program that says nothing is looked at.
POLL_S = 0.25
_LOOK_AT_MEMORY_EVERY_S = 0.25
_END_LIMIT_S = 1.5
# Of the output of a program that failed, only the end is shown.
_TAIL_BYTES = 1 << 16


@dataclass(frozen=True)
class CompletedTool:
    """What a program printed (standard output and error, in order) and its exit status."""

    stdout: str
    status: int


class ToolProcess:
    """A running program with pipes to its standard input and output.

    :param argv: the program and its arguments
    :param memory_mib: cap on the address space of each of its processes; 0 for none
    :param tree_memory_mib: cap on what it and its descendants hold together; None for `memory_mib`; 0 for none
    :param cwd: the folder it runs in
    :param pass_fds: descriptors that it inherits
    :param environment: variables that it gets in addition
    :raises ToolError: no process can be started
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        memory_mib: int = DEFAULT_MEMORY_MIB,
        tree_memory_mib: int | None = None,
        cwd: str | Path | None = None,
        pass_fds: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.argv = tuple(argv)
        memory_mib = limited_memory_mib(memory_mib)
        self.tree_memory_mib = memory_mib if tree_memory_mib is None else tree_memory_mib
        self._looked_s = time.monotonic()
        try:
            self.popen, self._mark = _spawn(self.argv, memory_mib, cwd, tuple(pass_fds), environment or {})
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ToolError(f"cannot start {self.argv[0]!r}: {reason}", command=self.argv) from error
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

    def over_memory(self) -> bool:
        """Whether the program and its descendants hold more than they may; looks every now and then only."""
        now = time.monotonic()
        if self.tree_memory_mib <= 0 or now - self._looked_s < _LOOK_AT_MEMORY_EVERY_S:
            return False
        self._looked_s = now
        return tree_memory_bytes(self.popen.pid) > self.tree_memory_mib * 2**20

    def memory_complaint(self) -> str:
        """What to say when it is `over_memory`."""
        return f"held more than {self.tree_memory_mib} MiB"

    def end(self) -> None:
        """End the program and everything that it started; returns when they are gone. Harmless when called twice."""
        if self._mark is None:
            return
        end_tree(self.popen.pid if self.running() else None, self._mark, _END_LIMIT_S)
        self._mark = None
        self.close_stdin()
        assert self.popen.stdout is not None
        self.popen.stdout.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # a process that waits for a dead disk cannot be ended
            self.popen.wait(_END_LIMIT_S)


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
    timeout_s = limited_s(timeout_s)
    process = ToolProcess(argv, memory_mib=memory_mib, cwd=cwd, pass_fds=pass_fds)
    output = bytearray()
    try:
        trouble = _communicate(process, (stdin or "").encode(), output, time.monotonic() + timeout_s)
    finally:
        status = process.popen.poll()
        process.end()
    if log_path is not None:
        log_path.write_bytes(output)
    if trouble is None and status != 0 and check:
        trouble = f"ended by signal {-status}" if status is not None and status < 0 else f"exit status {status}"
    if trouble is not None:
        reason = trouble if trouble != _TIMED_OUT else f"no end within {timeout_s:g} s"
        tail = last_lines(output[-_TAIL_BYTES:].decode("utf-8", "replace"))
        message = f"{Path(argv[0]).name} failed: {reason}"
        raise ToolError(message, command=tuple(argv), status=status, tail=tail, log_path=log_path)
    assert status is not None
    return CompletedTool(output.decode("utf-8", "replace"), status)


def last_lines(text: str, count: int = TAIL_LINES) -> str:
    """The last `count` lines of a program's output, for an error message."""
    return "\n".join(text.strip().splitlines()[-count:])


_TIMED_OUT = "timed out"


def _communicate(process: ToolProcess, pending: bytes, output: bytearray, deadline: float) -> str | None:
    """Feed the input, collect the output until the program ends; returns what went wrong.

    :param pending: the input
    :param output: what the program prints is added to it
    """
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if pending:
            selector.register(process.stdin, selectors.EVENT_WRITE)
        else:
            process.close_stdin()
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return _TIMED_OUT
            # A grandchild may hold the pipe open after the program itself has ended: look every now and then.
            for key, _ in selector.select(min(remaining, POLL_S)):
                if key.fd == process.stdin:
                    pending = _feed(process, pending)
                    if not pending:
                        selector.unregister(process.stdin)
                        process.close_stdin()
                    continue
                chunk = process.read_available()
                output += chunk
                if not chunk:
                    return _wait_for_end(process, deadline)
                if len(output) > MAXIMUM_OUTPUT_BYTES:
                    return f"printed more than {MAXIMUM_OUTPUT_BYTES >> 20} MiB"
            if process.over_memory():
                return process.memory_complaint()
            if not process.running() and not _readable(process.stdout):
                return None


def _feed(process: ToolProcess, pending: bytes) -> bytes:
    """Write what the pipe takes; returns what is left. A program that does not read its input has its own reasons."""
    try:
        return pending[os.write(process.stdin, pending[:_CHUNK_BYTES]) :]
    except BlockingIOError:
        return pending
    except OSError:
        return b""


def _wait_for_end(process: ToolProcess, deadline: float) -> str | None:
    """The output is closed; the program may go on, or hang."""
    while time.monotonic() < deadline:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.popen.wait(max(0.0, min(POLL_S, deadline - time.monotonic())))
            return None
        if process.over_memory():
            return process.memory_complaint()
    return _TIMED_OUT


def _readable(descriptor: int) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(0))


def _spawn(
    argv: tuple[str, ...],
    memory_mib: int,
    cwd: str | Path | None,
    pass_fds: tuple[int, ...],
    environment: Mapping[str, str],
) -> tuple[subprocess.Popen[bytes], str | None]:
    """The process and its mark."""
    command = [sys.executable, "-I", "-S", _LAUNCHER, str(memory_mib), str(os.getpid()), *argv]

    def start() -> tuple[subprocess.Popen[bytes], str]:
        mark = f"{own_mark()}/{uuid.uuid4().hex}"
        popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **environment, MARK_VARIABLE: mark},
            pass_fds=pass_fds,
            start_new_session=True,
        )
        return popen, mark

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
