"""The few error classes of the project and the exit codes that the command line gives them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class PrefixrlError(Exception):
    """Something failed for a reason that one line can tell; the command line exits with `exit_code`."""

    exit_code = 1


class InputError(PrefixrlError, ValueError):
    """What the user gave breaks a rule: the message names the rule and ends with the value it got."""

    exit_code = 2


class ToolMissing(InputError):
    """An external program is needed and was not found; the message says how to get it."""


class PdkMissing(InputError):
    """The files of a PDK that was asked for by name are not on this machine; the message says how to get them."""


class EvaluationFailed(PrefixrlError):
    """One circuit could not be evaluated; `reason` is what is recorded as its result.

    :param reason: one line
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProofFailed(PrefixrlError):
    """A design was not shown to be equivalent to its naive model; the message says why."""


class ToolError(PrefixrlError):
    """An external program failed, hung, or printed what cannot be believed.

    :param message: one line that says what went wrong
    :param command: the argument list that was run
    :param status: exit status, negative for a signal, None when the program was ended by us
    :param tail: the last lines that it printed
    :param log_path: the whole log, where one was kept
    """

    def __init__(
        self,
        message: str,
        *,
        command: Sequence[str] = (),
        status: int | None = None,
        tail: str = "",
        log_path: Path | None = None,
    ) -> None:
        super().__init__(message)
        self.command = tuple(command)
        self.status = status
        self.tail = tail
        self.log_path = log_path
