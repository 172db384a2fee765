"""What is known about the least size of a prefix graph of a width and depth: bounds, and the published records."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import yaml


@dataclass(frozen=True)
class Record:
    """One published size.

    :param optimal: proven to be the least
    :param source: where it comes from, in full
    """

    width: int
    depth: int
    size: int
    optimal: bool
    source: str


@lru_cache(maxsize=1)
def published_records() -> dict[tuple[int, int], Record]:
    """The records by (width, depth), from `records.yaml`."""
    text = (resources.files("prefixrl.theory") / "records.yaml").read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    rows = (Record(**row | {"source": document["sources"][row["source"]]}) for row in document["records"])
    return {(row.width, row.depth): row for row in rows}


def widest_without_deficiency(depth: int) -> int:
    """The widest graph of size 2n - 2 - depth: F(depth+3) - 1 inputs, F Fibonacci (Zhu, Cheng, Graham 2006)."""
    a, b = 1, 1  # F(1), F(2)
    for _ in range(depth + 1):
        a, b = b, a + b
    return b - 1


def sergeev_size(depth: int) -> int:
    """The least size at `depth` = k on 2^k inputs: 3.5 2^k - (8.5 + 3.5 (k mod 2)) 2^floor(k/2) + k + 5 (Sergeev 2013).

    :param depth: k, at least 1
    """
    doubled = 7 * 2**depth - (17 + 7 * (depth % 2)) * 2 ** (depth // 2) + 2 * (depth + 5)
    return doubled // 2


def lower_bound(width: int, depth: int) -> int:
    """No graph of this width and depth has fewer nodes.

    2n - 2 - d by Snir; one more where that is impossible; Sergeev's size where the width is 2^depth.
    """
    if width == 2**depth:
        return sergeev_size(depth)
    return 2 * width - 2 - depth + (width > widest_without_deficiency(depth))
