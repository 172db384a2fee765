"""The values that a design store holds and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from prefixrl.circuits import Circuit
from prefixrl.designs.front import FrontPoint
from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph
from prefixrl.synthesis.curve import CurvePoint

ID_DIGITS = 12
"""Hexadecimal digits of the evaluation key in an ID: enough to tell a few million designs apart."""


@dataclass(frozen=True)
class DesignContext:
    """What all designs of a store have in common; with it a store explains itself without the job's configuration.

    :param circuit: circuit kind
    :param width: bits
    :param pdk: the PDK's name
    :param library: what was stated beside the name: `liberty` and `lef` files by full paths, `dont_use`
    :param pdk_hash: the PDK's content hash, empty for an evaluator that uses none
    :param evaluator: the evaluator's name
    :param evaluator_version: its version and those of its tools
    :param evaluator_options: what was chosen of it beside the effort and differs from its defaults
    :param constraints: the constraints as plain JSON values
    """

    circuit: str
    width: int
    pdk: str
    evaluator: str
    constraints: Mapping[str, object] = field(default_factory=dict)
    carry_in: bool = False
    carry_out: bool = True
    pdk_hash: str = ""
    evaluator_version: str = ""
    library: Mapping[str, list[str]] = field(default_factory=dict)
    evaluator_options: Mapping[str, object] = field(default_factory=dict)

    def circuit_of(self, graph: PrefixGraph) -> Circuit:
        """The circuit that this store's job makes of `graph`."""
        return Circuit(self.circuit, graph, carry_in=self.carry_in, carry_out=self.carry_out)

    def check_comparable(self, other: DesignContext) -> None:
        """Whether figures of two stores can stand on one front or in one plot; versions and paths may differ.

        :raises InputError: something that the figures depend on differs
        """
        skipped = {"library", "evaluator_version"}
        if self.pdk_hash and self.pdk_hash == other.pdk_hash:
            skipped.add("pdk")
        if not (self.pdk_hash and other.pdk_hash):
            skipped.add("pdk_hash")  # a front.json does not say it
        for each in fields(self):
            if each.name in skipped:
                continue
            one, two = getattr(self, each.name), getattr(other, each.name)
            if one != two:
                raise InputError(f"runs can be compared only where their {each.name} is the same: {one!r}, {two!r}")


@dataclass(frozen=True)
class Design:
    """One evaluated design.

    :param key: evaluation key
    :param points: its area-delay curve by rising delay, empty when the evaluation failed
    :param reason: why it failed, or what its curve lacks and why; empty for a whole curve
    :param seconds: what the evaluation took
    :param cached: whether it came out of the evaluation cache
    :param source: what proposed it, such as `train`, `search:sa`, `classical`
    :param step: environment step or proposal at which it came
    :param recorded_at: seconds since 1970
    """

    key: str
    graph: PrefixGraph
    size: int
    depth: int
    max_fanout: int
    points: tuple[CurvePoint, ...]
    reason: str
    seconds: float
    cached: bool
    source: str
    step: int
    recorded_at: float

    @property
    def id(self) -> str:
        """The beginning of the IDs of its points."""
        return self.key[:ID_DIGITS]


@dataclass(frozen=True)
class PointTable:
    """All points of all designs as columns [P], in the order of the designs' arrival and by rising delay within one.

    `design` is the store's number of the design, `place` the point's place in its curve.
    """

    design: NDArray[np.int64]
    place: NDArray[np.int64]
    delay_ns: NDArray[np.float64]
    area_um2: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.design)


def front_point(design: Design, place: int, structure: str = "") -> FrontPoint:
    """One point of a design's curve as a point of a front."""
    point = design.points[place]
    return FrontPoint(
        id=f"{design.id}-{place}",
        delay_ns=point.delay_ns,
        area_um2=point.area_um2,
        size=design.size,
        depth=design.depth,
        max_fanout=design.max_fanout,
        graph=design.graph,
        recipe=point.recipe,
        structure=structure,
    )
