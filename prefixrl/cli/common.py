"""What several commands do: evaluating circuits, and printing: JSON alone on stdout, the rest on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefixrl.cli.options import DEFAULT_WORKERS, PoolOptions

if TYPE_CHECKING:
    from rich.console import Console

    from prefixrl.circuits.kinds import Circuit
    from prefixrl.graphs import PrefixGraph
    from prefixrl.synthesis.constraints import Constraints
    from prefixrl.synthesis.service import Evaluation
    from prefixrl.synthesis.work import EvaluatorSpec


def print_json(value: Any) -> None:
    """Print one JSON document on stdout; figures that are not finite are refused rather than printed as NaN."""
    json.dump(value, sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def progress(text: str) -> None:
    """Tell a person what is being done, on stderr."""
    print(text, file=sys.stderr)


def output_console(columns: int = 80) -> Console:
    """A console on stdout; so many columns wide where the output is not a terminal, so that logs stay readable."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else columns, soft_wrap=False)


def named_graph(spec: str, width: int | None, legalize: bool = False) -> PrefixGraph:
    """The graph that a user names: a structure's name, a graph file, or `published:NAME` with or without `:PICK`.

    :raises InputError: it is none of these, or of another width
    """
    if spec.startswith("published:"):
        from prefixrl.designs.source import graph_named

        return graph_named(spec, width, legalize)
    from prefixrl.graphs import load_graph  # alone, so that drawing a structure loads nothing heavy

    return load_graph(spec, width, legalize=legalize)


def graph_label(spec: str) -> str:
    """How a graph is called in tables: a structure's name as it is, a file by its name without the folder."""
    return Path(spec).name if "/" in spec else spec


def evaluate_circuits(
    circuits: Sequence[Circuit],
    evaluator: EvaluatorSpec,
    constraints: Constraints,
    options: PoolOptions,
    *,
    anew: bool = False,
) -> list[Evaluation]:
    """Evaluate circuits, the cache of this machine first.

    :param anew: never mind what the cache has
    """
    from prefixrl.synthesis.cache import EvaluationCache
    from prefixrl.synthesis.pool import DEFAULT_POOL
    from prefixrl.synthesis.service import EvaluationService

    with EvaluationService(
        evaluator,
        constraints,
        None if anew else EvaluationCache(),
        DEFAULT_WORKERS if options.workers is None else options.workers,
        pool=options.pool or DEFAULT_POOL,
        timeout_s=options.timeout_s,
        memory_mib=options.memory_mib,
    ) as service:
        return service.evaluate_many(circuits)
