"""A worker process: makes one evaluator, then evaluates one unit of work after another.

It reads one JSON object a line from its standard input and answers with lines `TOKEN {json} TOKEN`, one for each unit
of a batch; the token comes with every request, so that nothing else that lands on the standard output is mistaken for
an answer:

    {"token": ..., "make": specification}             {"ready": name of the evaluator}
    {"token": ..., "batch": batch, "from": place,     {"curve": [...], "seconds": what it took}
     "timeout_s": seconds for each unit}              ...

Where something goes wrong, the answer is `{"error": kind, "message": one line}`, with "refused" for a circuit that
cannot be evaluated, "input" for an evaluator that cannot work at all, "differs" for a key that is not the unit's, and
"crash" for all that may not happen again.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from prefixrl.errors import EvaluationFailed, InputError, ToolError
from prefixrl.synthesis.evaluator import Evaluator, evaluation_key
from prefixrl.synthesis.work import EvaluatorSpec, UnitBatch, WorkUnit
from prefixrl.tools.limits import tool_limits


class Worker:
    """Holds the evaluator between requests."""

    def __init__(self) -> None:
        self._evaluator: Evaluator | None = None

    def answers(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The answers to one request, without its token."""
        if "make" in request:
            yield _answered(lambda: self._make(request["make"]))
            return
        batch = UnitBatch(request["batch"])
        for place in range(request["from"], len(batch)):
            begin = time.monotonic()
            with tool_limits(request["timeout_s"]):
                answer = _answered(lambda place=place: self._evaluate(batch.unit(place)))  # type: ignore[misc]
            yield {**answer, "seconds": time.monotonic() - begin}

    def _make(self, specification: dict[str, Any]) -> dict[str, Any]:
        self.close()
        self._evaluator = EvaluatorSpec.from_json(specification)()
        return {"ready": self._evaluator.name}

    def _evaluate(self, unit: WorkUnit) -> dict[str, Any]:
        assert self._evaluator is not None
        key = evaluation_key(unit.circuit, unit.constraints, self._evaluator)
        if key != unit.key:
            version = f"{self._evaluator.name} {self._evaluator.version}, {self._evaluator.pdk.origin}"
            message = f"a worker must have the library and the tools of the process that asks it: {version!r}"
            return _error("differs", message)
        return {"curve": self._evaluator.evaluate(unit.circuit, unit.constraints).to_json()}

    def close(self) -> None:
        """End the tools."""
        if self._evaluator is not None:
            self._evaluator.close()
            self._evaluator = None


def _answered(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return work()
    except EvaluationFailed as error:
        return _error("refused", error.reason)
    except InputError as error:
        return _error("input", str(error))
    except ToolError as error:
        return _error("crash", str(error))
    except Exception as error:
        # What else may happen (no memory, a mistake of ours) must not end the job either.
        return _error("crash", f"{type(error).__name__}: {error}")


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"error": kind, "message": (message.splitlines() or ["no reason"])[0]}


def main() -> None:
    """Serve until standard input ends."""
    # An interrupt from the terminal is for the process that asks; it ends us when it wants to.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = Worker()
    try:
        for line in sys.stdin:
            request = json.loads(line)
            token = request["token"]
            for answer in worker.answers(request):
                sys.stdout.write(f"\n{token} {json.dumps(answer)} {token}\n")
                sys.stdout.flush()
    finally:
        worker.close()


if __name__ == "__main__":
    main()
