"""The replay buffer: transitions kept small, with whole curves instead of rewards.

Letters: B batch, N width, F free cells, A = 2F actions, P = `CURVE_POINTS`.

A graph is F bits, so a transition of a 64-bit adder takes 0.6 kB instead of the 130 kB of its observations; planes and
masks are computed again when a batch is drawn, which takes microseconds. Of each state the area-delay curve is kept,
not the reward: any transition can then be relabelled for any weight between area and delay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prefixrl.agents.relabel import CURVE_POINTS, best_points, pack_curve
from prefixrl.envs.rewards import RewardScale
from prefixrl.graphs import free_cell_count, free_cells, kernels
from prefixrl.synthesis.curve import AreaDelayCurve


@dataclass(frozen=True)
class Batch:
    """Transitions to learn from.

    :param observations: float32 [B, 4, N, N]
    :param actions: int64 [B]
    :param rewards: float32 [B, 2], improvement of area and of delay
    :param next_observations: float32 [B, 4, N, N]
    :param next_masks: bool [B, A], actions that are legal in the next state
    :param weights: float32 [B], share of area under which the rewards were taken
    """

    observations: NDArray[np.float32]
    actions: NDArray[np.int64]
    rewards: NDArray[np.float32]
    next_observations: NDArray[np.float32]
    next_masks: NDArray[np.bool_]
    weights: NDArray[np.float32]


class ReplayBuffer:
    """A ring of transitions. Episodes are only ever truncated, so every transition bootstraps.

    :param width: N
    :param capacity: transitions kept; memory is taken as they come
    :param scale: scales of the rewards
    """

    def __init__(self, width: int, capacity: int, scale: RewardScale) -> None:
        self.width = width
        self.capacity = capacity
        self.scale = scale
        self.size = 0
        self.added = 0
        packed = (free_cell_count(width) + 7) // 8
        # Untouched pages of np.empty cost no memory, so a large capacity is free until it is used.
        self._columns: dict[str, NDArray[Any]] = {
            "states": np.empty((capacity, packed), np.uint8),
            "next_states": np.empty((capacity, packed), np.uint8),
            "actions": np.empty(capacity, np.int32),
            "curves": np.empty((capacity, CURVE_POINTS, 2), np.float32),
            "next_curves": np.empty((capacity, CURVE_POINTS, 2), np.float32),
            "weights": np.empty(capacity, np.float32),
        }

    def __len__(self) -> int:
        return self.size

    def add(
        self,
        observations: NDArray[np.float32],
        actions: NDArray[np.int64],
        next_observations: NDArray[np.float32],
        curves: Sequence[AreaDelayCurve],
        next_curves: Sequence[AreaDelayCurve],
        weights: NDArray[np.float64],
    ) -> None:
        """Keep one transition per environment; see `pack_transitions`."""
        self.add_rows(pack_transitions(observations, actions, next_observations, curves, next_curves, weights))

    def add_rows(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Keep packed transitions, over the oldest ones when the ring is full.

        :param rows: as `pack_transitions` gives them
        """
        batch = len(rows["actions"])
        places = (self.added + np.arange(batch)) % self.capacity
        for name, values in rows.items():
            self._columns[name][places] = values
        self.added += batch
        self.size = min(self.size + batch, self.capacity)

    def sample(
        self,
        batch_size: int,
        generator: np.random.Generator,
        relabel_fraction: float = 0.0,
        weight_range: tuple[float, float] = (0.0, 1.0),
    ) -> Batch:
        """Transitions drawn evenly, with replacement.

        :param relabel_fraction: share of them whose weight is drawn anew, evenly from `weight_range`
        """
        assert self.size > 0, "an empty buffer has nothing to sample"
        places = generator.integers(0, self.size, batch_size)
        fresh = generator.uniform(*weight_range, batch_size)
        relabelled = generator.random(batch_size) < relabel_fraction
        weights = np.where(relabelled, fresh, self._columns["weights"][places])
        before = best_points(self._columns["curves"][places], weights, self.scale)
        after = best_points(self._columns["next_curves"][places], weights, self.scale)
        observations, _ = describe_states(self._columns["states"][places], self.width)
        next_observations, next_masks = describe_states(self._columns["next_states"][places], self.width)
        return Batch(
            observations=observations,
            actions=self._columns["actions"][places].astype(np.int64),
            rewards=self.scale.improvement(before, after).astype(np.float32),
            next_observations=next_observations,
            next_masks=next_masks,
            weights=weights.astype(np.float32),
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a checkpoint keeps: the filled part of every column, and how many transitions ever came."""
        filled = {name: column[: self.size] for name, column in self._columns.items()}
        return filled | {"added": np.array([self.added], np.int64)}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `arrays` gave. A buffer of another capacity keeps the newest transitions."""
        added, size = int(arrays["added"][0]), len(arrays["actions"])
        places = np.arange(size)
        if size > self.capacity or (size < added and size < self.capacity):
            # The old ring was full and of another capacity: lay it out afresh, the oldest first.
            places = ((places + added) % size)[-self.capacity :]
            added = len(places)
        for name, column in self._columns.items():
            column[: len(places)] = arrays[name][places]
        self.size, self.added = len(places), added


def pack_transitions(
    observations: NDArray[np.float32],
    actions: NDArray[np.int64],
    next_observations: NDArray[np.float32],
    curves: Sequence[AreaDelayCurve],
    next_curves: Sequence[AreaDelayCurve],
    weights: NDArray[np.float64],
) -> dict[str, NDArray[Any]]:
    """One transition per environment as the buffer keeps them, one array [B, ...] per column.

    :param observations: float32 [B, 4, N, N]
    :param next_observations: the same after the action, before any reset
    """
    return {
        "states": pack_states(observations),
        "next_states": pack_states(next_observations),
        "actions": actions,
        "curves": np.stack([pack_curve(curve) for curve in curves]),
        "next_curves": np.stack([pack_curve(curve) for curve in next_curves]),
        "weights": weights,
    }


def pack_states(observations: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Graphs of float32 [B, 4, N, N] observations, packed as by `pack_grids`."""
    return pack_grids(observations[:, 0] > 0.5)


def pack_grids(grids: NDArray[Any]) -> NDArray[np.uint8]:
    """Bits of the free cells of grids [B, N, N], packed as `PrefixGraph.to_bytes` does: uint8 [B, ceil(F / 8)]."""
    cells = free_cells(grids.shape[-1])
    return np.packbits(grids[:, cells[:, 0], cells[:, 1]], axis=1, bitorder="little")


def unpack_grids(states: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Grids uint8 [B, N, N] of packed states, inputs and outputs included."""
    cells = free_cells(width)
    grids = np.zeros((len(states), width, width), np.uint8)
    grids[:, cells[:, 0], cells[:, 1]] = np.unpackbits(states, axis=1, count=len(cells), bitorder="little")
    grids[:, np.arange(width), np.arange(width)] = 1
    grids[:, :, 0] = 1
    return grids


def describe_states(states: NDArray[np.uint8], width: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Observations float32 [B, 4, N, N] and legal actions bool [B, A] of packed states."""
    return describe_grids(unpack_grids(states, width))


def describe_grids(grids: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Observations float32 [B, 4, N, N] and legal actions bool [B, A] of legal grids uint8 [B, N, N]."""
    batch, width, _ = grids.shape
    observations = np.empty((batch, 4, width, width), np.float32)
    masks = np.empty((batch, 2 * free_cell_count(width)), np.bool_)
    features = np.empty((batch, 3), np.int64)
    kernels.step_(grids, np.full(batch, -1), "keep", observations, masks, features)
    return observations, masks
