"""Infos of a vector environment in gymnasium's form: one array per key, and `_key`, who has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Infos = dict[str, Any]


def with_presence(values: Infos, present: NDArray[np.bool_]) -> Infos:
    """Return `values` with a mask `_key` beside every key.

    :param present: bool [B], the environments that have the values
    """
    infos: Infos = {}
    for key, value in values.items():
        infos[key] = value
        infos[f"_{key}"] = present.copy()
    return infos


def object_array(values: Iterable[Any]) -> NDArray[Any]:
    """Return a one-dimensional object array [B], whatever the values look like (arrays among them stay whole)."""
    items = list(values)
    array = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        array[index] = item
    return array
