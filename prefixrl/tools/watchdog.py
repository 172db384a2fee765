"""Finds everything that a program of ours started by a mark in its environment, and ends it; also after our own death.

A mark is inherited by every descendant, also by one that left its parent, its session and its pipes behind. Marks are
paths: a program's mark begins with that of the process that started it, so that ending a worker ends the tools of
its tools too.

Run as `python -I -S watchdog.py PARENT_PID MARK FOLDER`, this file waits for the end of the process PARENT_PID,
however it comes, ends what is marked, removes FOLDER, and is gone. It uses the standard library only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time

MARK_VARIABLE = "PREFIXRL_TOOL_MARK"
# <sys/prctl.h>: the signal that this process gets when the thread that started it ends.
_PR_SET_PDEATHSIG = 1
_PROC = "/proc"
# Where the signal of the parent's death cannot be had or got lost.
_LOOK_EVERY_S = 2.0
_LOOK_OFTEN_S = 0.05
_PAUSE_S = 0.01


def marked_processes(mark: str) -> list[int]:
    """Ids of the living processes whose mark is `mark` or begins with it; zombies have no environment any more.

    Reads `/proc`: about 10 us for each process of the machine. Where there is none, the answer is empty.
    """
    wanted = f"{MARK_VARIABLE}={mark}".encode()
    found = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(_PROC):
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError), open(f"{_PROC}/{entry.name}/environ", "rb") as stream:
                    environment = b"\0" + stream.read()
                    if b"\0" + wanted in environment:
                        found.append(int(entry.name))
    return found


def end_marked(mark: str, limit_s: float) -> bool:
    """Kill what is marked, again and again until there is nothing left: a program may fork faster than we look.

    :param limit_s: seconds after which to give up
    :returns: whether everything is gone
    """
    deadline = time.monotonic() + limit_s
    while members := marked_processes(mark):
        for member in members:
            with contextlib.suppress(OSError):
                os.kill(member, signal.SIGKILL)
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_S)
    return True


def main(arguments: list[str]) -> None:
    """Wait for the parent's end, then clean up."""
    parent, mark, folder = int(arguments[0]), arguments[1], arguments[2]
    awaited = {signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)
    pause_s = _LOOK_EVERY_S
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1)
    while os.getppid() == parent:
        # The signal comes when the thread that started us ends, which is a little before the process does.
        if signal.sigtimedwait(awaited, pause_s) is not None:
            pause_s = _LOOK_OFTEN_S
    end_marked(mark, 10.0)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
