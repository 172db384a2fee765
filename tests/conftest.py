"""What all tests share."""

from __future__ import annotations

import os

from prefixrl.paths import cache_folder

# Tests have cache folders of their own; compiling takes a minute and is done once for all of them and their workers.
os.environ.setdefault("PREFIXRL_COMPILED", str(cache_folder() / "compiled"))
