"""The numbering of edits, the same in kernels, environments, networks and files.

The F = (N-1)(N-2)/2 free cells (msb, lsb), 1 <= lsb < msb <= N-1, are ordered by rising msb, then rising lsb.
Action a in [0, 2F): a < F adds a node at cell a, a >= F deletes the node at cell a - F.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from prefixrl.errors import InputError
from prefixrl.graphs.prefix_graph import check_width

ActionKind = Literal["add", "delete"]
ACTION_KINDS: tuple[ActionKind, ...] = ("add", "delete")


def free_cell_count(width: int) -> int:
    """F = (N-1)(N-2)/2, the number of cells that are neither input nor output."""
    return (width - 1) * (width - 2) // 2


def action_count(width: int) -> int:
    """2F, the number of edits (0 for width 2, which has a single graph)."""
    return 2 * free_cell_count(width)


@lru_cache(maxsize=64)
def free_cells(width: int) -> NDArray[np.int16]:
    """int16 [F, 2], read-only: (msb, lsb) of every free cell in the order of the actions.

    :raises InputError: width out of range
    """
    width = check_width(width)
    cells = np.array([(msb, lsb) for msb in range(2, width) for lsb in range(1, msb)], np.int16).reshape(-1, 2)
    cells.flags.writeable = False
    return cells


def encode_action(width: int, kind: str, msb: int, lsb: int) -> int:
    """The number of the edit `kind` ("add" or "delete") at cell (msb, lsb).

    :raises InputError: unknown kind, or the cell is not free
    """
    if kind not in ACTION_KINDS:
        raise InputError(f"an action's kind must be one of {', '.join(ACTION_KINDS)}, got {kind!r}")
    if not 1 <= lsb < msb < width:
        raise InputError(f"a free cell needs {width} > msb > lsb >= 1, got {(msb, lsb)}")
    cell = (msb - 1) * (msb - 2) // 2 + lsb - 1
    return cell + (free_cell_count(width) if kind == "delete" else 0)


def decode_action(width: int, action: int) -> tuple[ActionKind, int, int]:
    """(kind, msb, lsb) of an action's number.

    :raises InputError: the number is not in [0, 2F)
    """
    cells = free_cell_count(width)
    if not 0 <= action < 2 * cells:
        raise InputError(f"an action at width {width} is from 0 to {2 * cells - 1}, got {action}")
    msb, lsb = free_cells(width)[action % cells]
    return cast(ActionKind, ACTION_KINDS[action // cells]), int(msb), int(lsb)
