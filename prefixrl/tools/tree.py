"""A program with everything that it started: which processes these are, what memory they hold, and their end."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import psutil

from prefixrl.tools import watchdog
from prefixrl.tools.watchdog import MARK_VARIABLE

_WATCHDOG = str(Path(__file__).with_name("watchdog.py"))
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def tree_pids(pid: int) -> list[int]:
    """A process and its descendants; empty when it is gone.

    Reads a few files of `/proc` where Linux offers them, about 50 us for a small tree; `psutil` elsewhere.
    """
    if not os.path.exists(f"/proc/{os.getpid()}/task/{os.getpid()}/children"):
        return _tree_by_psutil(pid)
    found, waiting = [], [pid]
    while waiting:
        member = waiting.pop()
        with contextlib.suppress(OSError):
            threads = os.listdir(f"/proc/{member}/task")
            found.append(member)
            for thread in threads:
                with contextlib.suppress(OSError), open(f"/proc/{member}/task/{thread}/children") as stream:
                    waiting += [int(child) for child in stream.read().split()]
    return found


def _tree_by_psutil(pid: int) -> list[int]:
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        return [root.pid, *(child.pid for child in root.children(recursive=True))]
    return []


def tree_memory_bytes(pid: int) -> int:
    """Resident memory of a process and its descendants; pages that they share are counted for each."""
    total = 0
    for member in tree_pids(pid):
        try:
            with open(f"/proc/{member}/statm") as stream:
                total += int(stream.read().split()[1]) * _PAGE_BYTES
        except (OSError, IndexError):
            with contextlib.suppress(psutil.Error):
                total += psutil.Process(member).memory_info().rss
    return total


def end_tree(pid: int | None, mark: str, limit_s: float) -> bool:
    """Kill a program, its descendants, and whatever else carries its mark.

    :param pid: the program; None when it has ended (its number may be someone else's by now)
    :param limit_s: seconds after which to give up
    :returns: whether everything is gone
    """
    for member in [] if pid is None else tree_pids(pid):
        with contextlib.suppress(OSError):
            os.kill(member, 9)
    if sys.platform == "linux":
        return watchdog.end_marked(mark, limit_s)
    return _end_marked_by_psutil(mark, limit_s)


def _end_marked_by_psutil(mark: str, limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while True:
        found = []
        for candidate in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if candidate.environ().get(MARK_VARIABLE, "").startswith(mark):
                    candidate.kill()
                    found.append(candidate)
        if not found or time.monotonic() > deadline:
            return not found
        psutil.wait_procs(found, timeout=0.05)


class _OwnMark:
    """The mark of this process, and the watchdog that cleans up after it.

    A process that itself carries a mark (a worker) has no watchdog: the one of the process above it is enough.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        outer = os.environ.get(MARK_VARIABLE)
        unique = uuid.uuid4().hex
        self.mark = f"{outer}/{unique}" if outer else unique
        self.folder = Path(tempfile.gettempdir()) / f"prefixrl-{unique[:16]}"
        if outer is None and sys.platform == "linux":
            self._start_watchdog()

    def _start_watchdog(self) -> None:
        arguments = [str(self.pid), self.mark, str(self.folder)]
        with contextlib.suppress(OSError):
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", _WATCHDOG, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )
            # It outlives us on purpose and nobody waits for it: no warning about that.
            child.returncode = 0


_own: _OwnMark | None = None
_own_lock = threading.Lock()


def own_mark() -> str:
    """The mark that everything which this process starts begins with. Call it in a thread that lasts (see `prctl`)."""
    return _of_this_process().mark


def _of_this_process() -> _OwnMark:
    global _own
    with _own_lock:
        if _own is None or _own.pid != os.getpid():
            _own = _OwnMark()
        return _own


def temporary_folder() -> Path:
    """A folder in the temporary folder that is gone when this process is, however it ends.

    :raises OSError: it cannot be made
    """
    folder = _of_this_process().folder
    if not folder.is_dir():
        folder.mkdir(mode=0o700)
        atexit.register(_remove, folder, os.getpid())
    return folder


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
