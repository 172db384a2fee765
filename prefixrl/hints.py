"""What may have been meant by a name that nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

# As the hints for structures' names: `sklanski` finds `sklansky`, `magic` finds nothing.
_CUTOFF = 0.6


def near_miss(wrong: Any, known: Iterable[str]) -> str:
    """` (did you mean NAME?)` for a message, empty where no known name is near."""
    near = difflib.get_close_matches(str(wrong), list(known), n=1, cutoff=_CUTOFF)
    return f" (did you mean {near[0]}?)" if near else ""
