"""Commands in these tests keep their cache to themselves, and share it, as a user's commands do."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The program that passes for OpenROAD is there.
sys.path.append(str(Path(__file__).parents[1] / "synthesis"))


@pytest.fixture(scope="session", autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("PREFIXRL_CACHE")
    os.environ["PREFIXRL_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["PREFIXRL_CACHE"]
    else:
        os.environ["PREFIXRL_CACHE"] = before
