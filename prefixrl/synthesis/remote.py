"""The asking end of a worker process: an evaluator whose work is done elsewhere, started anew whenever it dies."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

from prefixrl.errors import EvaluationFailed, InputError, ToolError
from prefixrl.synthesis.curve import AreaDelayCurve
from prefixrl.synthesis.work import EvaluatorSpec, WorkUnit
from prefixrl.tools.process import ToolProcess
from prefixrl.tools.session import ToolSession
from prefixrl.tools.tree import temporary_folder

# Importing, reading the library, compiling what is not in numba's cache yet.
START_TIMEOUT_S = 300.0
_STARTS_AT_MOST = 3
# What the worker itself may need to end a tool that ran into the time-out, before it is ended too.
_GRACE_S = 1.0
# The worker must run the code that runs here, however this process came to find it.
_SOURCE = str(Path(__file__).parents[2])
_BOOTSTRAP = (
    "import sys; sys.path[:0] = [] if sys.argv[1] in sys.path else [sys.argv[1]]; "
    "from prefixrl.synthesis.worker import main; main()"
)


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
        self.make_ready()
        answer = self._ask({"unit": unit.to_json(), "timeout_s": self.timeout_s}, self.timeout_s + _GRACE_S)
        self._differences = 0
        try:
            return AreaDelayCurve.from_json(answer["curve"])
        except (InputError, KeyError) as error:
            raise ToolError(f"a worker answered with no curve: {str(answer)[:80]!r}", command=self.argv) from error

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

    def _ask(self, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        output = self._exchange(json.dumps({"token": self._token, **request}) + "\n", self._end, timeout_s)
        found = self._answer.search(output)
        if found is None:
            raise ToolError("a worker answered with no answer", command=self.argv, tail=output[-2000:])
        answer: dict[str, Any] = json.loads(found.group(1))
        kind, message = answer.get("error"), str(answer.get("message"))
        if kind == "refused":
            raise EvaluationFailed(message)
        if kind == "input":
            raise InputError(message)
        if kind == "differs":
            # Once, it may have been a look at a tool's version that went wrong.
            self._differences += 1
            self.close()
            if self._differences > 1:
                raise InputError(message)
        if kind is not None:
            raise ToolError(message, command=self.argv)
        return answer

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
