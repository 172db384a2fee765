"""Networks that a job takes over from another one, of whatever width: they see edits and grids, not widths.

The other job's newest checkpoint has them; they are kept in the run directory, because the other run may go. Searches
that learn nothing need no safetensors, so that is imported where there is a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from prefixrl.agents.job import JobConfig
from prefixrl.designs import RunDirectory
from prefixrl.errors import InputError
from prefixrl.files import atomic_write

Arrays = Mapping[str, NDArray[Any]]

FILE = "given.safetensors"
EDIT_MODEL = "edit_model"
"""The part of a `guided` checkpoint that has its ensemble."""

NETWORK_KEYS = (
    *("agent.channels", "agent.blocks", "agent.kernel_size", "agent.norm", "agent.condition_on_weight"),
    *("agent.coordinate_planes", "agent.timing_planes", "agent.axial_context"),
)
"""What jobs of the Q-learning agent must agree on to have networks of the same parts."""
_PARTS = {
    "qlearning": ("online", NETWORK_KEYS),
    "guided": (EDIT_MODEL, ("search.guided.heads", "search.guided.hidden", "search.guided.delays")),
}


def given_network(config: JobConfig) -> Arrays | None:
    """The arrays of the network that a job begins with; None where it begins with one of its own.

    :raises InputError: the method has no network; no run, no whole checkpoint, or a network of other parts
    """
    if config.network_from is None:
        return None
    if config.method not in _PARTS:
        raise InputError(f"a job that takes a network over must be of {' or '.join(_PARTS)}: {config.method!r}")
    from prefixrl.agents.checkpoint import check_same, latest_checkpoint

    part, keys = _PARTS[config.method]
    checkpoint = latest_checkpoint(RunDirectory.open(Path(config.network_from)).checkpoints, lambda _: None)
    if checkpoint is None:
        raise InputError(f"a run to take a network from must have a checkpoint: {config.network_from!r}")
    check_same(checkpoint.state.get("job", {}), config.model_dump(mode="json"), ("method", *keys))
    if part not in checkpoint.parts:
        raise InputError(f"the checkpoint must have the part {part!r}: {str(checkpoint.path)!r}")
    return checkpoint.parts[part]


def write_given(run: Path, arrays: Arrays | None) -> None:
    """Keep a network in a run directory; no file for none."""
    if arrays is not None:
        from safetensors.numpy import save

        atomic_write(run / FILE, save({name: array.copy() for name, array in arrays.items()}))


def read_given(run: Path) -> Arrays | None:
    """The network that `write_given` kept.

    :raises InputError: the file is damaged
    """
    path = run / FILE
    if not path.exists():
        return None
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(path.read_bytes())
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(f"the network that the job began with must be readable ({error}): {path}") from None
