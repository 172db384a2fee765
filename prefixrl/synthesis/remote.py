"""The asking end of a worker process: an evaluator whose work is done elsewhere, started anew whenever it dies."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sys
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefixrl.errors import EvaluationFailed, InputError, PrefixrlError, ToolError
from prefixrl.synthesis.curve import AreaDelayCurve
from prefixrl.synthesis.work import EvaluatorSpec, WorkUnit, pack_units
from prefixrl.tools.process import ToolProcess
from prefixrl.tools.session import ToolSession
from prefixrl.tools.tree import temporary_folder

# Importing, reading the library, compiling what is not in numba's cache yet.
START_TIMEOUT_S = 300.0
_STARTS_AT_MOST = 3
# What the worker itself may need to end a tool that ran into the time-out, before it is ended too.
_GRACE_S = 2.5
# The worker must run the code that runs here, however this process came to find it.
_SOURCE = str(Path(__file__).parents[2])
_BOOTSTRAP = (
    "import sys; sys.path[:0] = [] if sys.argv[1] in sys.path else [sys.argv[1]]; "
    "from prefixrl.synthesis.worker import main; main()"
)

_ERRORS: dict[str, type[PrefixrlError]] = {"refused": EvaluationFailed, "input": InputError, "crash": ToolError}
_DIFFERS = '{"error": "differs"'


class WorkerProcess(ToolSession):
    """A worker process (see `worker`) on pipes.

    :param spec: the evaluator that it has
    :param timeout_s: seconds of wall clock for one evaluation
    :param memory_mib: what the worker and its tools may hold together
    """

    title = "the worker"

    def __init__(self, spec: EvaluatorSpec, timeout_s: float, memory_mib: int) -> None:
        argv = [sys.executable, "-P", "-c", _BOOTSTRAP, _SOURCE]
        super().__init__(argv, timeout_s=timeout_s, memory_mib=memory_mib, recycle_after=sys.maxsize)
        self._specification = spec.to_json()
        self._token = uuid.uuid4().hex
        self._end = re.compile(rf" {self._token}\n".encode())
        self._answer = re.compile(rf"^{self._token} (\{{.*\}}) {self._token}$", re.MULTILINE)
        self._folder: Path | None = None
        self._ended = False
        self._differences = 0

    def evaluate(self, unit: WorkUnit) -> AreaDelayCurve:
        """The curve of a unit.

        :raises EvaluationFailed: it cannot be evaluated
        :raises InputError: the worker's evaluator cannot work at all
        :raises ToolError: the worker or a tool of it died, hung, or took too much memory; trying again may help
        """
        return curve_of(self.evaluate_many(pack_units([unit]), 1)[0])

    def evaluate_many(self, batch: str, count: int) -> list[str]:
        """The answers to units, one after the other; each has the time-out to itself.

        A worker that dies, hangs or swells is replaced, and the new one goes on with the next unit.

        :param batch: as `pack_units` makes it
        :param count: units in it
        :returns: JSON texts of what `curve_of` reads
        :raises InputError: the worker's evaluator cannot work at all
        :raises ToolError: no worker can be started
        """
        answers: list[str] = []
        while len(answers) < count:
            self.make_ready()
            found, error = self._batch(batch, len(answers), count - len(answers))
            place = next((place for place, text in enumerate(found) if text.startswith(_DIFFERS)), len(found))
            answers += found[:place]
            if place == len(found):
                self._differences = 0
                if error is not None:  # it died of the unit that it had not answered yet
                    answers.append(error_text("crash", str(error)))
            else:
                # Once, it may have been a look at a tool's version that went wrong.
                self._differences += 1
                self.close()
                if self._differences > 1:
                    raise InputError(str(json.loads(found[place])["message"]))
        return answers

    def _batch(self, batch: str, first: int, count: int) -> tuple[list[str], ToolError | None]:
        """Have the worker evaluate units from one on: its answers so far, and why there are no more."""
        output, error = bytearray(), None
        request = f'{{"token": "{self._token}", "from": {first}, "timeout_s": {self.timeout_s}, "batch": {batch}}}\n'
        try:
            self._exchange(request, self._end, self.timeout_s + _GRACE_S, count, output)
        except ToolError as failure:
            error = failure
        found: list[str] = self._answer.findall(output.decode("utf-8", "replace"))
        if error is None and len(found) < count:
            self.close()
            error = ToolError("a worker answered with no answer", command=self.argv)
        return found, error

    def make_ready(self) -> None:
        """Have a living worker; that one dies while it starts does not count against the unit that waits for it.

        :raises InputError: the worker's evaluator cannot work at all
        :raises ToolError: it died time and again
        """
        for attempt in range(_STARTS_AT_MOST):
            try:
                with self._lock:
                    self._process_for_next_command()
                return
            except ToolError:
                if attempt == _STARTS_AT_MOST - 1:
                    raise

    def _start(self) -> ToolProcess:
        if self._ended:
            raise ToolError("the pool of workers was closed")
        with contextlib.suppress(OSError):  # then it has the temporary folder of everyone
            self._folder = Path(tempfile.mkdtemp(prefix="worker-", dir=temporary_folder()))
        # The cap is on what the tree really holds: compiled code reserves far more address space than it uses.
        return ToolProcess(
            self.argv,
            memory_mib=0,
            tree_memory_mib=self.memory_mib,
            environment={} if self._folder is None else {"TMPDIR": str(self._folder)},
        )

    def _prepare(self) -> None:
        self._ask({"make": self._specification}, START_TIMEOUT_S)

    def _ask(self, request: dict[str, Any], timeout_s: float) -> None:
        output = self._exchange(json.dumps({"token": self._token, **request}) + "\n", self._end, timeout_s)
        found = self._answer.search(output)
        if found is None:
            raise ToolError("a worker answered with no answer", command=self.argv, tail=output[-2000:])
        check_answer(json.loads(found.group(1)))

    def interrupt(self) -> None:
        """Kill the worker, from any thread, and start none again: what waits for it fails at once."""
        self._ended = True
        process = self._process
        if process is not None and process.running():
            process.popen.kill()

    def close(self) -> None:
        """End the worker and its tools, and remove what they left."""
        with self._lock:
            super().close()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None


def error_text(kind: str, message: str) -> str:
    """An answer that says what went wrong, as JSON; see `worker`."""
    return json.dumps({"error": kind, "message": (message.splitlines() or ["no reason"])[0]})


def curve_of(answer: str) -> AreaDelayCurve:
    """The curve in an answer.

    :param answer: JSON text
    :raises EvaluationFailed: the answer is that the unit cannot be evaluated
    :raises InputError: it is that nothing can
    :raises ToolError: it is that something crashed, or it is none
    """
    data = json.loads(answer)
    check_answer(data)
    try:
        return AreaDelayCurve.from_json(data["curve"])
    except (InputError, KeyError) as error:
        raise ToolError(f"a worker answered with no curve: {answer[:80]!r}") from error


def check_answer(answer: Mapping[str, Any]) -> None:
    """Raise the error that an answer tells of; errors as `curve_of`."""
    if (kind := answer.get("error")) is not None:
        raise _ERRORS.get(kind, ToolError)(str(answer.get("message")))
