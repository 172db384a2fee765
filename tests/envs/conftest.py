"""Fixtures of the environments' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from env_samples import ANALYTIC

from prefixrl.envs import PrefixEnv, PrefixVectorEnv


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads what another run left in the user's cache."""
    monkeypatch.setenv("PREFIXRL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def env() -> Iterator[PrefixEnv]:
    environment = PrefixEnv(**ANALYTIC, episode_length=12)
    yield environment
    environment.close()


@pytest.fixture
def vector_env() -> Iterator[PrefixVectorEnv]:
    environment = PrefixVectorEnv(5, **ANALYTIC, episode_length=7)
    yield environment
    environment.close()
