"""How curves and graphs are packed into the design store's blobs; all numbers are little-endian."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np

from prefixrl.graphs import PrefixGraph
from prefixrl.synthesis.curve import CurvePoint

POINT_DTYPE = np.dtype([("delay_ns", "<f8"), ("area_um2", "<f8")])


def pack_points(points: Iterable[CurvePoint]) -> bytes:
    """The figures of a curve as 16 bytes a point: delay and area to the last bit."""
    return np.array([(point.delay_ns, point.area_um2) for point in points], dtype=POINT_DTYPE).tobytes()


def unpack_points(blob: bytes) -> np.ndarray:
    """Structured array of `POINT_DTYPE`; also takes the blobs of many curves joined together.

    :raises ValueError: the blob is damaged
    """
    return np.frombuffer(blob, dtype=POINT_DTYPE)


def pack_recipes(points: Iterable[CurvePoint]) -> bytes:
    """The recipes of a curve, compressed: they are mostly each other's beginnings."""
    recipes = [point.recipe for point in points]
    assert not any("\n" in recipe for recipe in recipes), "a recipe is one line"
    return zlib.compress("\n".join(recipes).encode(), 9) if recipes else b""


def unpack_curve(points: bytes, recipes: bytes) -> tuple[CurvePoint, ...]:
    """The points that `pack_points` and `pack_recipes` packed.

    :raises ValueError: a blob is damaged
    """
    figures = unpack_points(points)
    texts = _decompress(recipes).decode().split("\n") if recipes else []
    rows = zip(figures.tolist(), texts, strict=True)
    return tuple(CurvePoint(delay_ns, area_um2, recipe) for (delay_ns, area_um2), recipe in rows)


def pack_graph(graph: PrefixGraph) -> bytes:
    """The packed bits of the free cells, or these compressed where that is shorter (most graphs from 64 bits on)."""
    plain = graph.to_bytes()
    return min(plain, zlib.compress(plain, 9), key=len)


def unpack_graph(width: int, blob: bytes) -> PrefixGraph:
    """The graph that `pack_graph` packed.

    :raises ValueError: the blob is damaged (`InputError`, which the graph raises, is one)
    """
    plain_length = ((width - 1) * (width - 2) // 2 + 7) // 8
    return PrefixGraph.from_bytes(width, blob if len(blob) == plain_length else _decompress(blob))


def _decompress(blob: bytes) -> bytes:
    try:
        return zlib.decompress(blob)
    except zlib.error as error:
        raise ValueError(str(error)) from None
