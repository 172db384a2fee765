"""How a front came to be: hypervolume over evaluations, and the cloud of all points thinned for a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prefixrl.designs.front import hypervolume_of, nondominated
from prefixrl.designs.records import PointTable

Floats = NDArray[np.float64]

CHECKPOINTS = 160


def hypervolume_history(
    table: PointTable, reference: tuple[float, float], checkpoints: int = CHECKPOINTS
) -> list[tuple[int, float]]:
    """(designs evaluated, hypervolume of their front) at checkpoints that lie closer at the beginning.

    Only the front is carried from one checkpoint to the next, so all of it costs little more than one sort.

    :param table: in the order of arrival
    :param reference: (delay_ns, area_um2)
    """
    if len(table) == 0:
        return []
    _, first = np.unique(table.design, return_index=True)
    designs = len(first)
    shares = (np.arange(1, checkpoints + 1) / checkpoints) ** 1.5
    counts = np.unique(np.clip(np.ceil(shares * designs).astype(np.int64), 1, designs))
    ends = np.append(first, len(table))[counts]
    delays, areas = np.empty(0), np.empty(0)
    begin, found = 0, []
    for count, end in zip(counts.tolist(), ends.tolist(), strict=True):
        delays = np.concatenate((delays, table.delay_ns[begin:end]))
        areas = np.concatenate((areas, table.area_um2[begin:end]))
        best = nondominated(delays, areas)
        delays, areas, begin = delays[best], areas[best], end
        found.append((count, hypervolume_of(delays, areas, reference)))
    return found


def thinned_cloud(
    table: PointTable, reference: tuple[float, float], across: int = 90, down: int = 45
) -> list[tuple[float, float]]:
    """One point for each occupied cell of a grid over what lies within the reference point.

    :param reference: (delay_ns, area_um2)
    """
    inside = (table.delay_ns <= reference[0]) & (table.area_um2 <= reference[1])
    delays, areas = table.delay_ns[inside], table.area_um2[inside]
    if len(delays) == 0:
        return []
    cells = _places(delays, across) * down + _places(areas, down)
    _, chosen = np.unique(cells, return_index=True)
    return [(round(float(delays[place]), 4), round(float(areas[place]), 2)) for place in chosen]


def _places(values: Floats, parts: int) -> NDArray[np.int64]:
    low, span = values.min(), np.ptp(values)
    return np.minimum((parts * (values - low) / (span or 1.0)).astype(np.int64), parts - 1)
