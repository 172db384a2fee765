"""The model of edits: it learns what there is to learn, the same under one seed, and stops at a loss that is none."""

from __future__ import annotations

import numpy as np
import pytest

from prefixrl.agents.edit_model import EditModel
from prefixrl.agents.search_sections import GuidedConfig
from prefixrl.errors import PrefixrlError

INPUTS = 6
SETTINGS = GuidedConfig(delays=4, hidden=16, learning_starts=8, updates=4)
FRONT = np.zeros(4, np.float32)


def _examples(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of very different scales; the change is that of two of them together."""
    rows = np.random.default_rng(seed).normal(size=(count, INPUTS)).astype(np.float32)
    changes = np.repeat(0.03 * rows[:, :1] * np.sign(rows[:, 1:2]), 4, axis=1)
    return rows * np.float32([1, 10, 100, 1, 1, 1]) + np.float32(5), changes


def _trained(seed: int, count: int = 600) -> EditModel:
    model = EditModel(INPUTS, SETTINGS, np.random.default_rng(seed))
    for row, change in zip(*_examples(count, seed=1), strict=True):
        model.remember(row, FRONT, change)
        if model.ready:
            model.learn(FRONT, progress=0.0)
    return model


def test_it_learns_changes_that_it_has_not_seen() -> None:
    rows, changes = _examples(400, seed=2)
    fresh = EditModel(INPUTS, SETTINGS, np.random.default_rng(0))
    assert np.array_equal(fresh.predict(rows), np.zeros((SETTINGS.heads, 400, 4), np.float32))
    errors = _trained(0).predict(rows).mean(axis=0) - changes
    assert np.square(errors).mean() < 0.2 * np.square(changes).mean()


def test_heads_differ_and_one_seed_gives_one_model() -> None:
    rows, _ = _examples(50, seed=2)
    first, again, other = (_trained(seed, 60).predict(rows) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.std(axis=0).min() > 0


def test_it_is_ready_after_as_many_examples_as_it_is_told() -> None:
    model = EditModel(INPUTS, SETTINGS, np.random.default_rng(0))
    for _ in range(7):
        model.remember(np.zeros(INPUTS, np.float32), FRONT, FRONT)
    assert not model.ready
    model.remember(np.zeros(INPUTS, np.float32), FRONT, FRONT)
    assert model.ready


def test_a_loss_that_is_not_finite_ends_learning_at_once() -> None:
    model = _trained(0, 20)
    for _ in range(500):
        model.remember(np.full(INPUTS, np.nan, np.float32), FRONT, FRONT)
    with pytest.raises(PrefixrlError, match="finite"):
        model.learn(FRONT, 0.0)
