"""The report page: one HTML file with its styles, its script and all of its data, which opens without any network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path

from prefixrl.designs.page_data import PageData, check_some
from prefixrl.designs.source import FrontSource
from prefixrl.errors import InputError
from prefixrl.files import atomic_write

NETLIST_BITS = 2560
"""Bits of all netlists together that a page takes apart unless told otherwise: 80 of 32 bits, some seconds of work."""


def write_page(
    path: str | Path,
    sources: Sequence[FrontSource],
    *,
    reference: tuple[float, float],
    netlists: int | None = None,
    command: str = "",
) -> None:
    """Write the page.

    :param sources: of one problem; the first is the one that is compared
    :param reference: (delay_ns, area_um2) of the hypervolumes
    :param netlists: how many netlists of the fronts are made again and taken apart, by default as many as take seconds
    :param command: the command line, for the page to show
    :raises InputError: no design in any of them, or a place that cannot be written
    """
    path = Path(path)
    if not path.parent.is_dir() or path.is_dir():
        raise InputError(f"a report must be a file in a directory that exists: {path}")
    check_some(sources)
    count = NETLIST_BITS // sources[0].context.width if netlists is None else netlists
    document = PageData(sources, reference, count, command).document()
    try:
        atomic_write(path, page_text(document))
    except OSError as error:
        raise InputError(f"a report must be written to a writable place ({error.strerror}): {path}") from None


def page_text(document: Mapping[str, object]) -> str:
    """The page around its data."""
    return filled_page("report.html", str(document["title"]), document)


def filled_page(template: str, title: str, document: Mapping[str, object]) -> str:
    """A template of `page_parts` with its title, styles, script and data filled in.

    :param document: JSON values
    """
    fillings = {
        "title": escape(title),
        "style": _part("report.css"),
        "script": _part("report.js"),
        # `</script>` or a comment in the data would end the element that holds them.
        "data": json.dumps(document, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
    }
    before, *parts = _part(template).split("{{")
    filled = [before]
    for part in parts:
        name, _, rest = part.partition("}}")
        filled += [fillings[name], rest]
    return "".join(filled)


def _part(name: str) -> str:
    return (resources.files("prefixrl.designs") / "page_parts" / name).read_text(encoding="utf-8")
