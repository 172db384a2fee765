"""The front that a job has found so far, kept up to date evaluation by evaluation.

The design store could compute it at any time from all points; this archive has it at hand in every step: for starts
from the front, the live view and the hypervolume. Delays in ns, areas in um2.

Of several graphs behind one point the one whose packed bits come first is kept. So the archive depends on which designs
it was given, not on their order: it is the same again when a job is resumed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from prefixrl.designs.front import FrontPoint, hypervolume_of
from prefixrl.envs.rewards import RewardScale
from prefixrl.graphs import PrefixGraph
from prefixrl.synthesis.curve import CurvePoint


class FrontArchive:
    """Non-dominated (delay, area) points and the graph behind each, by rising delay."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, float, bytes, PrefixGraph]] = []
        self._delays = np.empty(0)
        self._areas = np.empty(0)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def delays_ns(self) -> NDArray[np.float64]:
        """float64 [P], rising."""
        return self._delays

    @property
    def areas_um2(self) -> NDArray[np.float64]:
        """float64 [P], falling."""
        return self._areas

    @property
    def graphs(self) -> list[PrefixGraph]:
        """The graph behind each point; one graph may stand behind several."""
        return [graph for *_, graph in self._entries]

    def add(self, graph: PrefixGraph, points: Sequence[CurvePoint | FrontPoint]) -> bool:
        """Merge the points of one design.

        :return: whether the front changed
        """
        packed = graph.to_bytes()
        worthy = [
            (point.delay_ns, point.area_um2, packed, graph)
            for point in points
            if (best := self.area_at(point.delay_ns)) is None or point.area_um2 <= best
        ]
        if not worthy:
            return False
        kept: list[tuple[float, float, bytes, PrefixGraph]] = []
        for entry in sorted([*self._entries, *worthy], key=lambda entry: entry[:3]):
            if not kept or entry[1] < kept[-1][1]:
                kept.append(entry)
        if kept == self._entries:
            return False
        self._replace(kept)
        return True

    def rows(self) -> list[tuple[float, float, bytes]]:
        """Delay (ns), area (um2) and packed graph of every point: what `load_rows` takes elsewhere."""
        return [entry[:3] for entry in self._entries]

    def load_rows(self, rows: Sequence[tuple[float, float, bytes]], width: int) -> None:
        """Become the archive that gave `rows`.

        :param width: bits of its graphs
        """
        known = {packed: graph for _, _, packed, graph in self._entries}
        for _, _, packed in rows:
            if packed not in known:
                known[packed] = PrefixGraph.from_bytes(width, packed)
        self._replace([(delay_ns, area_um2, packed, known[packed]) for delay_ns, area_um2, packed in rows])

    def _replace(self, entries: list[tuple[float, float, bytes, PrefixGraph]]) -> None:
        self._entries = entries
        self._delays = np.array([entry[0] for entry in entries])
        self._areas = np.array([entry[1] for entry in entries])

    def hypervolume(self, reference: tuple[float, float]) -> float:
        """The area (ns um2) dominated within the reference point (delay_ns, area_um2)."""
        return hypervolume_of(self._delays, self._areas, reference)

    def area_at(self, delay_ns: float) -> float | None:
        """The smallest area at most this slow, um2; None where nothing is as fast."""
        place = int(np.searchsorted(self._delays, delay_ns, side="right"))
        return float(self._areas[place - 1]) if place else None

    def costs(self, weight: float, scale: RewardScale) -> NDArray[np.float64]:
        """Scalar cost of every point, float64 [P].

        :param weight: share of area in the cost
        """
        return weight * scale.c_area * self._areas + (1.0 - weight) * scale.c_delay * self._delays

    def best(self, weight: float, scale: RewardScale) -> PrefixGraph:
        """The graph of the point of least cost for a weight; the archive must not be empty."""
        return self._entries[int(self.costs(weight, scale).argmin())][3]

    def natural_weights(self, place: int, weights: NDArray[np.float64], scale: RewardScale) -> NDArray[np.float64]:
        """Those of `weights` under which one point of the front lies nearest to the best one; at least one.

        A point in a dent of the front is best under no weight; those that suit it most are the ones to improve it by.
        """
        costs = np.stack([self.costs(float(weight), scale) for weight in weights])
        gaps = costs[:, place] - costs.min(axis=1)
        return weights[gaps <= gaps.min() + 1e-12]
