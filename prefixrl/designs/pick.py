"""Choosing one design of a front by a short text, such as `knee` or `delay<=0.30`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from prefixrl.designs.front import FrontPoint
from prefixrl.errors import InputError

PICK_RULE = "knee, min-delay, min-area, delay<=NS, area<=UM2 or the ID of a design on the front"

_BOUND = re.compile(r"(delay|area)\s*<=\s*(\S+)")
_IDENTIFIER = re.compile(r"[0-9a-f]{1,12}(-[0-9]*)?")


def pick(front: Sequence[FrontPoint], wish: str) -> FrontPoint:
    """The design of `front` that `wish` asks for.

    `knee` is the point that lies farthest from the straight line between the fastest and the smallest design, on the
    side of the origin, after both axes were scaled to [0, 1]; of a front of one or two designs it is the fastest.
    `delay<=NS` is the smallest design that is at least that fast, `area<=UM2` the fastest that is at least that small.
    An ID may be shortened as long as it is the beginning of only one.

    :param front: by rising delay
    :raises InputError: the text is none of these, or nothing on the front satisfies it
    """
    wish = wish.strip()
    if not front:
        raise InputError(f"there is no design to pick from, none was evaluated successfully: {wish}")
    if wish == "knee":
        return front[_knee(front)]
    if wish == "min-delay":
        return min(front, key=lambda point: (point.delay_ns, point.area_um2))
    if wish == "min-area":
        return min(front, key=lambda point: (point.area_um2, point.delay_ns))
    if bound := _BOUND.fullmatch(wish):
        return _within(front, bound[1], bound[2], wish)
    if _IDENTIFIER.fullmatch(wish.lower()):
        return _by_identifier(front, wish)
    raise InputError(f"a pick must be {PICK_RULE}: {wish}")


def _knee(front: Sequence[FrontPoint]) -> int:
    delays = _scaled([point.delay_ns for point in front])
    areas = _scaled([point.area_um2 for point in front])
    # The chord runs from (0, 1) to (1, 0), so the distance from it is proportional to 1 - delay - area.
    return int(np.argmax(np.round(1.0 - delays - areas, 12)))


def _scaled(values: Sequence[float]) -> np.ndarray:
    column = np.array(values)
    span = column.max() - column.min()
    return (column - column.min()) / span if span > 0 else np.zeros_like(column)


def _within(front: Sequence[FrontPoint], quantity: str, text: str, wish: str) -> FrontPoint:
    limit = _number(text, wish)
    if quantity == "delay":
        fitting = [point for point in front if point.delay_ns <= limit]
        if not fitting:
            raise InputError(f"the fastest design here needs {min(point.delay_ns for point in front):.4g} ns: {wish}")
        return min(fitting, key=lambda point: (point.area_um2, point.delay_ns))
    fitting = [point for point in front if point.area_um2 <= limit]
    if not fitting:
        raise InputError(f"the smallest design here needs {min(point.area_um2 for point in front):.5g} um2: {wish}")
    return min(fitting, key=lambda point: (point.delay_ns, point.area_um2))


def _number(text: str, wish: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise InputError(f"a bound must be a positive number, delay<=NS or area<=UM2: {wish}")
    return number


def _by_identifier(front: Sequence[FrontPoint], wish: str) -> FrontPoint:
    matches = [point for point in front if point.id == wish.lower()]
    matches = matches or [point for point in front if point.id.startswith(wish.lower())]
    if not matches:
        raise InputError(f"no design on the front has an ID that begins so: {wish}")
    if len(matches) > 1:
        listed = ", ".join(point.id for point in matches[:4]) + (", ..." if len(matches) > 4 else "")
        raise InputError(f"an ID must be the beginning of only one of the front's ({listed}): {wish}")
    return matches[0]
