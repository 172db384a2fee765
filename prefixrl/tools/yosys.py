"""Yosys: one script in a process of its own, or a child kept alive that reads and checks one RTL text after another."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from prefixrl.errors import ToolError
from prefixrl.tools.finder import require_tool
from prefixrl.tools.process import DEFAULT_MEMORY_MIB, run_tool
from prefixrl.tools.scratch import ScratchFile
from prefixrl.tools.session import ToolSession

# Yosys keeps every name that it ever saw; a child is started anew long before that matters (0.2 s each time).
RECYCLE_AFTER = 10_000


def run_yosys(script: str, *, cwd: str | Path | None = None, timeout_s: float = 120.0) -> str:
    """Run a Yosys script (one pass a line) in a child process.

    Names and paths that came from outside must have been checked before they are put into a script.

    :param cwd: the folder that relative file names refer to
    :returns: the log
    :raises ToolError: Yosys reported an error, crashed or did not end in time
    """
    with ScratchFile(script + "\n") as file:
        argv = [*require_tool("yosys").argv, "-s", file.path]
        return run_tool(argv, timeout_s=timeout_s, cwd=cwd, pass_fds=[file.descriptor]).stdout


class YosysSession(ToolSession):
    """A Yosys child kept alive; commands are single passes.

    An error ends the child; the next command starts a new one.

    :param timeout_s: seconds that one command may take
    :param pass_fds: descriptors that it inherits (see `ScratchFile`)
    :raises ToolMissing: this machine has no Yosys
    """

    def __init__(
        self,
        *,
        timeout_s: float = 60.0,
        memory_mib: int = DEFAULT_MEMORY_MIB,
        pass_fds: Sequence[int] = (),
        recycle_after: int = RECYCLE_AFTER,
    ) -> None:
        argv = require_tool("yosys").argv
        super().__init__(
            argv, timeout_s=timeout_s, memory_mib=memory_mib, pass_fds=pass_fds, recycle_after=recycle_after
        )
        self._token = f"DONE{uuid.uuid4().hex}"
        self._end = re.compile(rf"(?<!echo ){self._token}\r?\n".encode())
        # A Yosys of the system is its own shell, which can print a token; the child of `pyosys` answers with it.
        self._is_child = argv[-1].endswith("pyosys_child.py")

    def __enter__(self) -> Self:
        return self

    def command(self, text: str, timeout_s: float | None = None) -> str:
        """Run one pass and return its log.

        :raises ToolError: Yosys reported an error (it is the message), crashed or did not answer in time
        """
        assert "\n" not in text, text
        sent = f"{self._token} {text}\n" if self._is_child else f"{text}\necho {self._token}\n"
        try:
            return self._exchange(sent, self._end, timeout_s).replace(self._token, "").strip("\n")
        except ToolError as error:
            complaint = re.search(r"^.*ERROR: .*$", error.tail, re.MULTILINE)
            if complaint is None:
                raise
            message = f"Yosys refused: {complaint.group(0).strip()}"
            raise ToolError(message, command=self.argv, status=error.status, tail=error.tail) from error
