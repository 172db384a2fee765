"""Executables that stand in for a tool and misbehave, each in one way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_HEADER = f"#!{sys.executable} -IS\nimport os, signal, sys, time\n"
# Leaves the tree, the session and the pipes; its only tie to us is what it inherited.
_ESCAPE = """
def escape(count):
    for _ in range(count):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for descriptor in (0, 1, 2):
                    os.close(descriptor)
                os.chdir('/')
                time.sleep(600)
            os._exit(0)
        os.wait()
"""

MISBEHAVIOURS = {
    "sleeps for ever": "time.sleep(600)",
    "spins": "while True: pass",
    "forks children and exits": "for _ in range(5):\n    if os.fork() == 0:\n        time.sleep(600)\nos._exit(0)",
    "forks children and hangs": "for _ in range(3):\n    os.fork()\ntime.sleep(600)",
    "ignores SIGTERM": "[signal.signal(s, signal.SIG_IGN) for s in (1, 2, 3, 15)]\nprint('no', flush=True)\n"
    "while True: time.sleep(600)",
    "prints a gigabyte": "line = b'x' * 65535 + b'\\n'\nfor _ in range(16384): os.write(1, line)",
    "prints a gigabyte without a line end": "for _ in range(16384): os.write(1, b'x' * 65536)",
    "leaks memory": "kept = []\nwhile True: kept.append(bytearray(1 << 20))",
    "leaks memory in children": "for _ in range(7):\n    if os.fork() == 0: break\n"
    "kept = bytearray(os.urandom(1 << 20) * 60)\ntime.sleep(600)",
    "exits 0 with garbage": "os.write(1, bytes(range(256)) * 40)\nos._exit(0)",
    "exits 0 without a word": "os._exit(0)",
    "closes its output and hangs": "os.close(1); os.close(2)\ntime.sleep(600)",
    "writes half a line and hangs": "os.write(1, b'abc 01> WORK')\ntime.sleep(600)",
    "writes half a line and exits": "os.write(1, b'abc 01> WORK')",
    "leaves grandchildren in sessions of their own": _ESCAPE + "escape(8)\ntime.sleep(600)",
    "leaves grandchildren and exits": _ESCAPE + "escape(8)",
    "forks faster than one looks": _ESCAPE
    + "deadline = time.time() + 20\nwhile time.time() < deadline:\n    escape(1)\n    time.sleep(0.01)",
    "stops itself": "os.kill(os.getpid(), signal.SIGSTOP)\ntime.sleep(600)",
    "stops its children and itself": "if os.fork() == 0:\n    os.kill(os.getpid(), signal.SIGSTOP)\n"
    "os.kill(os.getpid(), signal.SIGSTOP)",
    "kills itself": "os.kill(os.getpid(), signal.SIGSEGV)",
    "does not read its input": "os.close(0)\ntime.sleep(600)",
}

# What may end well: run_tool believes an exit status of 0, whoever reads the output does not.
END_BY_THEMSELVES = (
    "exits 0 with garbage",
    "exits 0 without a word",
    "writes half a line and exits",
    "leaves grandchildren and exits",
    "forks children and exits",
)


def stand_in(folder: Path, misbehaviour: str) -> Path:
    """An executable that misbehaves from its start."""
    path = folder / f"{misbehaviour.replace(' ', '-')}.py"
    if not path.exists():
        path.write_text(_HEADER + MISBEHAVIOURS[misbehaviour] + "\n")
        path.chmod(0o755)
    return path


def alive(path: Path) -> list[int]:
    """Processes, zombies aside, whose command line names a file."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if str(path).encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def resident_mib() -> float:
    """Memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def zombies() -> list[int]:
    """Children of ours that nobody waited for."""
    listing = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "pid=,stat="], capture_output=True, text=True, check=False
    )
    return [int(line.split()[0]) for line in listing.stdout.splitlines() if line.split()[1].startswith("Z")]
