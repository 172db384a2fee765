"""ABC, Berkeley's logic synthesis program, as Yosys ships it (`yosys-abc`): one script at a time, or kept alive.

ABC's exit status says nothing: it is 0 after a failed command. A chain of commands `a; b; c` ends at the first one
that fails, so each chain here ends with an `echo` of a token, and only the token says that everything before it worked.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from prefixrl.errors import ToolError
from prefixrl.tools.finder import require_tool
from prefixrl.tools.process import DEFAULT_MEMORY_MIB, last_lines, run_tool
from prefixrl.tools.session import ToolSession

# ABC reads its interactive input into a buffer of 5,000 characters.
MAXIMUM_COMMAND_CHARACTERS = 4500
# Its memory stays flat over tens of thousands of evaluations; this is a precaution that costs 0.1 s each time.
RECYCLE_AFTER = 20_000

_ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PROMPT = re.compile(r"^abc \d+> ")


class AbcSession(ToolSession):
    """A `yosys-abc` process kept alive on pipes.

    :param preamble: commands that set it up (`read_lib ...`); they are repeated whenever it has to be started anew
    :param timeout_s: seconds that one command may take, unless it says otherwise
    :param memory_mib: cap on its address space
    :param pass_fds: descriptors that it inherits (see `ScratchFile`)
    :param recycle_after: commands after which `refresh` starts it anew
    :raises ToolMissing: this machine has no ABC
    """

    def __init__(
        self,
        preamble: Sequence[str] = (),
        *,
        timeout_s: float = 60.0,
        memory_mib: int = DEFAULT_MEMORY_MIB,
        pass_fds: Sequence[int] = (),
        recycle_after: int = RECYCLE_AFTER,
    ) -> None:
        # -s: no abc.rc of the working folder is read.
        argv = [*require_tool("yosys-abc").argv, "-s"]
        super().__init__(
            argv, timeout_s=timeout_s, memory_mib=memory_mib, pass_fds=pass_fds, recycle_after=recycle_after
        )
        self.preamble = tuple(preamble)
        # ABC repeats each line of its input; only the answer is not preceded by "echo ".
        token = uuid.uuid4().hex
        self._worked, self._done = f"WORKED{token}", f"DONE{token}"
        self._end = re.compile(rf"(?<!echo ){self._done} ?\r?\n".encode())
        self._worked_line = re.compile(rf"(?<!echo ){self._worked} ?\r?\n")

    def __enter__(self) -> Self:
        return self

    def _prepare(self) -> None:
        for line in self.preamble:
            self.command(line)

    def command(self, text: str, timeout_s: float | None = None) -> str:
        """Run a chain of commands (`read_blif x; topo; stime`); starts ABC when it is not running.

        :returns: what it printed, without colours, prompts and repeated input, carriage returns turned into line ends
        :raises ToolError: a command failed, or ABC died or did not answer in time (the next command starts it anew)
        """
        assert "\n" not in text, text
        assert len(text) <= MAXIMUM_COMMAND_CHARACTERS, len(text)
        output = self._exchange(f"{text}; echo {self._worked}\necho {self._done}\n", self._end, timeout_s)
        worked = self._worked_line.search(output)
        if worked is None:
            cleaned = _clean(output, (text, self._worked, self._done))
            raise ToolError(
                f"ABC refused a command: {_complaint(cleaned)}", command=self.argv, tail=last_lines(cleaned)
            )
        return _clean(output[: worked.start()], (text, self._worked, self._done))


def run_abc(script: str, cwd: str | Path | None = None, timeout_s: float = 60.0, pass_fds: Sequence[int] = ()) -> str:
    """Run a chain of commands in an ABC process of its own.

    :param script: commands separated by semicolons or line ends
    :param cwd: the folder that relative file names refer to
    :returns: what it printed, without colours
    :raises ToolError: a command failed, or ABC crashed or did not end in time
    """
    token = f"WORKED{uuid.uuid4().hex}"
    chain = "; ".join(line.strip().rstrip(";") for line in script.splitlines() if line.strip())
    argv = [*require_tool("yosys-abc").argv, "-s", "-q", f"{chain}; echo {token}"]
    done = run_tool(argv, timeout_s=timeout_s, cwd=cwd, pass_fds=pass_fds)
    output = _clean(done.stdout, ())
    head, separator, _ = output.rpartition(token)
    if not separator:
        message = f"ABC refused a command: {_complaint(output)}"
        raise ToolError(message, command=argv, status=done.status, tail=last_lines(output))
    return head


def _complaint(output: str) -> str:
    """The last line that says something; ABC's complaints have no common form."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed no reason"


def _clean(output: str, repeated: Sequence[str]) -> str:
    """Plain lines; those that only repeat our input are left out."""
    lines = []
    for line in _ANSI_COLOUR.sub("", output).replace("\r", "\n").split("\n"):
        if any(text in line for text in repeated):
            continue
        lines.append(_PROMPT.sub("", line))
    return "\n".join(lines)
