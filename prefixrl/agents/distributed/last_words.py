"""A line for the person whose driver was ended from outside.

When the Ray node that a driver is on dies, Ray's native code ends the driver at once: no exception, no handler of
Python, no word. A small process waits for that and says what happened and how to go on.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

# Nothing comes through the pipe but its end, where the driver could not say goodbye.
_WAIT = "import sys; sys.stdin.read() or print(sys.argv[1], file=sys.stderr)"


@contextlib.contextmanager
def last_words(text: str) -> Iterator[None]:
    """Have a line on the standard error if this process ends meanwhile, however it does."""
    command = [sys.executable, "-I", "-S", "-c", _WAIT, text]
    # In a session of its own: Ctrl-C is for the driver.
    waiter = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield
    finally:
        with contextlib.suppress(BrokenPipeError):
            waiter.communicate(b"goodbye")
