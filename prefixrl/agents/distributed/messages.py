"""What the roles of a distributed job say to each other.

Letters: B environments of one actor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from prefixrl.agents.rollout import RolloutState
from prefixrl.synthesis.curve import AreaDelayCurve

FrontRow = tuple[float, float, bytes]
"""Delay (ns), area (um2) and packed graph of a point of the front."""


@dataclass(frozen=True)
class Policy:
    """What an actor plays by; it lies in the object store, once for each version.

    :param weights: tensors of the online network by name
    :param front: what episodes may start from, by rising delay
    """

    weights: Mapping[str, NDArray[Any]]
    front: Sequence[FrontRow]


@dataclass(frozen=True)
class Orders:
    """To an actor: make a step.

    :param version: of the policy, rising from 0
    :param policy: the reference of a `Policy`, in a list so that Ray hands it on instead of what it refers to
    :param epsilon: share of random actions
    """

    version: int
    policy: Sequence[Any]
    epsilon: float


@dataclass(frozen=True)
class Wanted:
    """From an actor: graphs that its step needs evaluated, packed."""

    graphs: Sequence[bytes]


@dataclass(frozen=True)
class Answers:
    """To an actor: for each graph that it wanted its key, and its curve or the reason why there is none."""

    results: Sequence[tuple[str, AreaDelayCurve | None, str | None]]


@dataclass(frozen=True)
class Step:
    """From an actor: what one step of its environments was.

    :param rows: transitions, as `ReplayBuffer.add_rows` takes them; None for the beginning of the first episodes
    :param version: of the policy that chose the actions
    :param reward: mean over the environments
    :param state: where the environments stand now
    :param asked: graphs whose curves were needed since the last step
    :param near: of them, those that the actor itself remembered
    """

    rows: Mapping[str, NDArray[Any]] | None
    version: int
    reward: float
    state: RolloutState
    asked: int
    near: int


@dataclass(frozen=True)
class Broken:
    """From an actor: it cannot go on.

    :param reason: one line
    """

    reason: str
