"""Becomes another program under a memory cap, and ends with the process that wanted it.

Run as `python -I -S launcher.py MEMORY_MIB PARENT_PID PROGRAM ARGUMENT...`; uses the standard library only, so that
it starts in about 10 ms. Doing this in a process of its own, not in `preexec_fn`, keeps threads of the parent out of
harm's way.
"""

from __future__ import annotations

import os
import resource
import signal
import sys

# <sys/prctl.h>: the signal that this process gets when the thread that started it ends.
_PR_SET_PDEATHSIG = 1
_COMMAND_NOT_FOUND = 127


def main(arguments: list[str]) -> None:
    """Set the limits and replace this process by the program; exit status 127 when it cannot be started."""
    memory_mib, parent, command = int(arguments[0]), int(arguments[1]), arguments[2:]
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(1)  # the parent died before the line above: nobody waits for us any more
    if memory_mib > 0:
        size = memory_mib * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"cannot start {command[0]}: {error.strerror}\n")
        sys.exit(_COMMAND_NOT_FOUND)


if __name__ == "__main__":
    main(sys.argv[1:])
