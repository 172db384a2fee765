"""OpenSTA (`sta`), the sign-off static timing analyzer: kept alive, fed Tcl scripts, believed only after a token.

Builds differ in banner, prompt, line editing and in when they flush what they print, so none of that is relied on: a
driver script takes over standard input, runs one script after another, and tells by a token how each one ended.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Sequence
from typing import Self

import psutil

from prefixrl.errors import ToolError
from prefixrl.tools.finder import require_tool
from prefixrl.tools.process import DEFAULT_MEMORY_MIB, last_lines
from prefixrl.tools.scratch import ScratchFile
from prefixrl.tools.session import ToolSession

# Scripts after which OpenSTA is started anew (0.3 s), and the memory at which it is sooner: Debian's build of 2019
# keeps 2 KiB of every cell of every netlist that it ever linked, that of 2026 0.7 KiB.
RECYCLE_AFTER = 20_000
RECYCLE_MIB = 512

# A script comes as a line "CHARACTERS TOKEN" and its text. Since 2.3, C code prints past Tcl's buffers: `fflush` is
# OpenSTA's own command against that, where it has one.
_DRIVER = """
fconfigure stdin -encoding utf-8 -translation lf
fconfigure stdout -encoding utf-8
while {[gets stdin prefixrl_header] >= 0} {
  set prefixrl_script [read stdin [lindex $prefixrl_header 0]]
  set prefixrl_status [catch {uplevel #0 $prefixrl_script} prefixrl_message]
  if {[info commands fflush] ne ""} {fflush}
  if {$prefixrl_status != 0} {puts "\\n$prefixrl_message"}
  puts "\\nENDED[lindex $prefixrl_header 1] $prefixrl_status"
  flush stdout
}
exit
"""


class StaSession(ToolSession):
    """An OpenSTA process kept alive on pipes.

    :param preamble: scripts that set it up (`read_liberty ...`); they are repeated whenever it is started anew
    :param timeout_s: seconds that one script may take, unless it says otherwise
    :param memory_mib: cap on its address space
    :param pass_fds: descriptors that it inherits (see `ScratchFile`)
    :param recycle_after: scripts after which `refresh` starts it anew
    :raises ToolMissing: this machine has no OpenSTA
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
        self._driver = ScratchFile(_DRIVER)
        argv = [*require_tool("sta").argv, "-no_init", "-no_splash", "-exit", self._driver.path]
        super().__init__(
            argv,
            timeout_s=timeout_s,
            memory_mib=memory_mib,
            pass_fds=[*pass_fds, self._driver.descriptor],
            recycle_after=recycle_after,
        )
        self.preamble = tuple(preamble)
        self.preamble_output: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        return self

    def _prepare(self) -> None:
        self.preamble_output = tuple(self.command(script) for script in self.preamble)

    def command(self, script: str, timeout_s: float | None = None) -> str:
        """Run a Tcl script, of one or many lines; starts OpenSTA when it is not running.

        Names and paths in the script must have been checked: Tcl can run programs.

        :returns: what it printed
        :raises ToolError: the script ended in a Tcl error (the message tells it), or OpenSTA died or did not answer in
            time (the next script starts it anew)
        """
        token = secrets.token_hex(16)
        end = re.compile(rf"^ENDED{token} (\d+)\r?\n".encode(), re.MULTILINE)
        output = self._exchange(f"{len(script)} {token}\n{script}", end, timeout_s)
        head, _, status = output.rpartition(f"ENDED{token} ")
        if status.strip() != "0":
            raise ToolError(f"OpenSTA refused: {_complaint(head)}", command=self.argv, tail=last_lines(head))
        return head.removesuffix("\n")

    def refresh(self) -> None:
        """Start OpenSTA anew when it has done its share or grown large; call it where no netlist of value is loaded."""
        super().refresh()
        with contextlib.suppress(psutil.Error):
            if self.pid is not None and psutil.Process(self.pid).memory_info().rss > RECYCLE_MIB << 20:
                self.close()

    def discard(self) -> None:
        """End OpenSTA for good; no script can follow."""
        self.close()
        self._driver.close()


def _complaint(output: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed no reason"
