"""Where machine code is kept, and that a person is told before it is made."""

import pytest

from prefixrl import compiling, notices


def test_the_first_use_of_a_version_is_told_once(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(notices, "_listeners", [told.append])
    monkeypatch.setenv("PREFIXRL_COMPILED", str(tmp_path))
    folder = compiling._folder.__wrapped__()
    assert folder.startswith(str(tmp_path))
    assert len(told) == 1
    assert "compiling" in told[0]
    assert compiling._folder.__wrapped__() == folder
    assert len(told) == 1
