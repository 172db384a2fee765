"""The child process in which Yosys runs: an error inside `pyosys` ends the whole process, so it never runs in ours.

`python -P pyosys_child.py -s SCRIPT` runs one script file. `python -P pyosys_child.py` without arguments reads
commands from standard input, one a line, and answers each with a line that holds only the token that the command
began with: `TOKEN command...`. An error prints `ERROR: ...` and ends the process with status 1.
"""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> None:
    """Run one script, or serve commands until standard input ends."""
    from pyosys import libyosys

    if arguments[:1] == ["-s"]:
        libyosys.run_pass(f"script {arguments[1]}")
        return
    for line in sys.stdin:
        token, _, command = line.strip().partition(" ")
        if command:
            libyosys.run_pass(command)
        libyosys.log_flush()
        print(token, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
