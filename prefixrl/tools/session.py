"""A program kept alive on pipes: send a command, read until it says that it is done, start it anew when it dies."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass

from prefixrl.errors import ToolError
from prefixrl.tools.limits import limited_s
from prefixrl.tools.process import DEFAULT_MEMORY_MIB, MAXIMUM_OUTPUT_BYTES, POLL_S, ToolProcess, last_lines

# Bytes of the longest text that ends an answer.
_LONGEST_END = 200


@dataclass
class _Conversation:
    """What is yet to be sent, and what has come back.

    :param pending: to be sent
    :param end: what ends an answer
    :param answers: those that are still waited for
    """

    pending: bytes
    end: re.Pattern[bytes]
    answers: int
    output: bytearray
    _scanned: int = 0

    def add(self, chunk: bytes) -> bool:
        """Add to the output; whether an answer ends in it."""
        self.output += chunk
        before = self.answers
        for match in self.end.finditer(self.output, self._scanned):
            self.answers -= 1
            self._scanned = match.end()
        # The end of an answer may come in pieces.
        self._scanned = max(self._scanned, len(self.output) - _LONGEST_END)
        return self.answers < before


class ToolSession:
    """The living program behind `AbcSession` and `YosysSession`; one command at a time, guarded by a lock.

    :param argv: the program and its arguments
    :param timeout_s: seconds that one command may take, unless it says otherwise
    :param memory_mib: cap on the program's address space
    :param pass_fds: descriptors that it inherits at every start (see `ScratchFile`)
    :param recycle_after: commands after which `refresh` starts the program anew, since tools leak memory
    """

    title = ""
    """What messages call the program; its file name where this is empty."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        memory_mib: int = DEFAULT_MEMORY_MIB,
        pass_fds: Sequence[int] = (),
        recycle_after: int,
    ) -> None:
        self.argv = tuple(argv)
        self.timeout_s = timeout_s
        self.memory_mib = memory_mib
        self.pass_fds = tuple(pass_fds)
        self.recycle_after = recycle_after
        self.starts = 0
        self._commands = 0
        self._process: ToolProcess | None = None
        self._finalizer: weakref.finalize | None = None
        self._lock = threading.RLock()

    @property
    def pid(self) -> int | None:
        """Process id of the living program, None when there is none."""
        return self._process.popen.pid if self._process is not None else None

    def _prepare(self) -> None:
        """Called after every start, before the first command."""

    def _start(self) -> ToolProcess:
        return ToolProcess(self.argv, memory_mib=self.memory_mib, pass_fds=self.pass_fds)

    def _process_for_next_command(self) -> ToolProcess:
        if self._process is not None and not self._process.running():
            self.close()
        if self._process is None:
            self._process = self._start()
            self._finalizer = weakref.finalize(self, ToolProcess.end, self._process)
            self._commands = 0
            self.starts += 1
            try:
                self._prepare()
            except BaseException:
                self.close()  # half prepared, it would give wrong answers
                raise
        assert self._process is not None
        return self._process

    def refresh(self) -> None:
        """Start the program anew when it has done its share; to be called where it holds nothing of value."""
        with self._lock:
            if self._commands >= self.recycle_after:
                self.close()

    def _exchange(
        self,
        sent: str,
        end: re.Pattern[bytes],
        timeout_s: float | None = None,
        answers: int = 1,
        output: bytearray | None = None,
    ) -> str:
        """Send text and return what the program prints up to a match of `end`.

        :param timeout_s: seconds for each answer
        :param answers: how many matches of `end` are waited for
        :param output: what is printed is added to it, also where this fails
        :raises ToolError: the program died, hung or printed without end; it is ended, the next command starts it anew
        """
        conversation = _Conversation(sent.encode(), end, answers, bytearray() if output is None else output)
        with self._lock:
            process = self._process_for_next_command()
            self._commands += 1
            limit_s = limited_s(self.timeout_s if timeout_s is None else timeout_s)
            try:
                self._converse(process, conversation, limit_s)
                return conversation.output.decode("utf-8", "replace")
            except BaseException:
                # Also after an interrupt: what is still in the pipes would be taken for the next command's answer.
                self.close()
                raise

    def _converse(self, process: ToolProcess, said: _Conversation, limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            selector.register(process.stdin, selectors.EVENT_WRITE)
            while said.answers:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise self._error(f"no answer within {limit_s:g} s", said.output)
                ready = {key.fd for key, _ in selector.select(min(remaining, POLL_S))}
                if process.stdin in ready:
                    said.pending = _sent(process, said.pending)
                    if not said.pending:
                        selector.unregister(process.stdin)
                # A program that has ended may have printed its reason since we looked: that is read before it is told.
                if (process.stdout in ready or not process.running()) and self._received(process, said):
                    deadline = time.monotonic() + limit_s
                if said.answers and process.over_memory():
                    raise self._error(process.memory_complaint(), said.output)

    def _received(self, process: ToolProcess, said: _Conversation) -> bool:
        """Add what the program has printed to the output; whether this ends an answer."""
        chunk = process.read_available()
        if not chunk:
            raise self._error(self._how_it_ended(process), said.output)
        found = said.add(chunk)
        if len(said.output) > MAXIMUM_OUTPUT_BYTES:
            raise self._error(f"printed more than {MAXIMUM_OUTPUT_BYTES >> 20} MiB", said.output)
        return found

    @staticmethod
    def _how_it_ended(process: ToolProcess) -> str:
        with contextlib.suppress(Exception):
            process.popen.wait(POLL_S)
        status = process.popen.poll()
        if status is None:
            return "closed its output"
        return f"ended by signal {-status}" if status < 0 else f"ended with exit status {status}"

    def _error(self, reason: str, output: bytes | bytearray) -> ToolError:
        tail = last_lines(bytes(output[-4000:]).decode("utf-8", "replace"))
        status = self._process.popen.poll() if self._process is not None else None
        return ToolError(
            f"{self.title or os.path.basename(self.argv[0])} failed: {reason}",
            command=self.argv,
            status=status,
            tail=tail,
        )

    def close(self) -> None:
        """End the program; a later command starts it anew."""
        with self._lock:
            if self._finalizer is not None:
                self._finalizer()
            self._finalizer = None
            self._process = None
            self._commands = 0

    def __exit__(self, *_: object) -> None:
        self.close()


def _sent(process: ToolProcess, pending: bytes) -> bytes:
    """Write what the pipe takes; returns what is left."""
    try:
        return pending[os.write(process.stdin, pending) :]
    except BlockingIOError:
        return pending
    except BrokenPipeError:
        return b""
