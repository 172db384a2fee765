"""Where results and derived files are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$PREFIXRL_CACHE`, else `$XDG_CACHE_HOME/prefixrl`, else `~/.cache/prefixrl`; it may not exist yet."""
    chosen = os.environ.get("PREFIXRL_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "prefixrl"
