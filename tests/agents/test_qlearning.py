"""The learner: targets, masks, exploration, the same again under a seed, NaN, save and load."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from prefixrl.agents.exploration import (
    epsilon_at,
    epsilon_ladder,
    explore,
    greedy_actions,
    random_actions,
    random_edits,
)
from prefixrl.agents.qlearning import DivergedError, QLearner, scalarised
from prefixrl.agents.replay import Batch, describe_grids
from prefixrl.agents.sections import AgentConfig
from prefixrl.graphs import kernels
from prefixrl.graphs.structures import classical_structures

SMALL = AgentConfig(channels=8, blocks=1, kernel_size=3, learning_rate=1e-3, target_update_steps=3, device="cpu")
CONDITIONED = SMALL.model_copy(update={"condition_on_weight": True, "coordinate_planes": True})


def _batch(size: int = 6, width: int = 6) -> Batch:
    generator = np.random.default_rng(0)
    structures = list(classical_structures(width).values())
    grids = np.stack([structures[i % len(structures)].grid for i in range(size)])
    observations, masks = describe_grids(grids.copy())
    actions = random_actions(masks, generator)
    kernels.edit_(grids, actions)
    next_observations, next_masks = describe_grids(grids)
    rewards = generator.normal(size=(size, 2)).astype(np.float32)
    weights = generator.random(size).astype(np.float32)
    return Batch(observations, actions, rewards, next_observations, next_masks, weights)


def test_targets_are_double_q_learning_on_scalarised_values_over_legal_actions() -> None:
    learner = QLearner(CONDITIONED, seed=1)
    with torch.no_grad():
        for parameter in learner.target.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    # Few legal actions, so that the best of all is hardly ever one of them.
    few = _batch().next_masks & (np.random.default_rng(1).random(_batch().next_masks.shape) < 0.3)
    batch = dataclasses.replace(_batch(), next_masks=few)
    targets = learner._targets(batch, torch.as_tensor(batch.weights)).numpy()
    for i, weight in enumerate(batch.weights):
        share = torch.tensor([weight])
        planes = learner.planes(batch.next_observations[i : i + 1], share)
        with torch.no_grad():
            online, target = learner.online(planes)[0].numpy(), learner.target(planes)[0].numpy()
        legal = np.flatnonzero(batch.next_masks[i])
        best = max(legal, key=lambda action: weight * online[action, 0] + (1 - weight) * online[action, 1])
        assert targets[i] == pytest.approx(batch.rewards[i] + 0.75 * target[best], abs=1e-5)


def test_greedy_actions_are_the_best_legal_ones() -> None:
    learner = QLearner(CONDITIONED, seed=1)
    batch = _batch()
    values = learner.values(batch.next_observations, batch.weights.astype(np.float64))
    actions = greedy_actions(values, batch.next_masks)
    for chosen, legal, row in zip(actions, batch.next_masks, values, strict=True):
        assert chosen == max(np.flatnonzero(legal), key=lambda action: row[action])
    illegal = np.where(batch.next_masks, values, 100.0).astype(np.float32)
    assert (greedy_actions(illegal, batch.next_masks) == actions).all()


def test_a_zero_head_starts_with_zero_values_and_learns() -> None:
    learner = QLearner(CONDITIONED.model_copy(update={"zero_head": True}), seed=1)
    batch = _batch()
    assert (learner.values(batch.observations, batch.weights.astype(np.float64)) == 0).all()
    losses = [learner.update(batch)["loss"] for _ in range(30)]
    assert losses[-1] < 0.9 * losses[0]


def test_scalarisation_weighs_area_and_delay() -> None:
    values = torch.tensor([[[1.0, 10.0], [2.0, 20.0]]])
    assert scalarised(values, torch.tensor([0.25])).tolist() == [[0.25 + 7.5, 0.5 + 15.0]]


def test_the_weight_plane_reaches_the_values_only_where_asked_for() -> None:
    observations = _batch().observations
    for config, differs in ((SMALL, False), (CONDITIONED, True)):
        learner = QLearner(config, seed=0)
        with torch.no_grad():
            low, high = (learner.online(learner.planes(observations, torch.full((6,), share))) for share in (0.1, 0.9))
        assert torch.equal(low, high) is not differs


def test_the_target_network_follows_every_few_updates() -> None:
    learner = QLearner(SMALL, seed=0)
    same = []
    for _ in range(6):
        learner.update(_batch())
        pairs = zip(learner.online.parameters(), learner.target.parameters(), strict=True)
        same.append(all(torch.equal(one, other) for one, other in pairs))
    assert same == [False, False, True, False, False, True]


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_a_learner_that_was_saved_and_loaded_goes_on_alike(norm: str) -> None:
    config = CONDITIONED.model_copy(update={"norm": norm})
    first, second = QLearner(config, seed=0), QLearner(config, seed=99)
    for _ in range(4):
        first.update(_batch())
    second.load_state(*first.state())
    for _ in range(4):
        one, other = first.update(_batch()), second.update(_batch())
        assert one == other
    assert all(torch.equal(a, b) for a, b in zip(first.online.parameters(), second.online.parameters(), strict=True))


def test_two_learners_of_one_seed_are_alike() -> None:
    losses = [[QLearner(SMALL, seed).update(_batch())["loss"] for seed in (3, 4)] for _ in range(2)]
    assert losses[0] == losses[1]
    assert losses[0][0] != losses[0][1]


def test_a_loss_that_is_not_finite_stops_at_once_and_changes_nothing() -> None:
    learner = QLearner(SMALL, seed=0)
    before = [parameter.clone() for parameter in learner.online.parameters()]
    bad = dataclasses.replace(_batch(), rewards=np.full((6, 2), np.nan, np.float32))
    with pytest.raises(DivergedError, match="finite"):
        learner.update(bad)
    assert all(torch.equal(a, b) for a, b in zip(before, learner.online.parameters(), strict=True))


def test_exploration_takes_legal_actions_only_and_all_of_them() -> None:
    generator = np.random.default_rng(0)
    masks = np.zeros((2000, 10), bool)
    masks[:, [1, 4, 7]] = True
    values = np.zeros((2000, 10), np.float32)
    values[:, 4], values[:, 0] = 1.0, 9.0
    greedy = greedy_actions(values, masks)
    explored = explore(greedy, masks, np.full(2000, 1.0), generator)
    assert set(explored) == {1, 4, 7}
    assert np.bincount(explored)[[1, 4, 7]].min() > 550
    assert set(explore(greedy, masks, np.zeros(2000), generator)) == {4}
    mixed = explore(greedy, masks, np.full(2000, 0.3), generator)
    assert (mixed != 4).mean() == pytest.approx(0.2, abs=0.04)


def test_balanced_exploration_adds_and_deletes_equally_often() -> None:
    generator = np.random.default_rng(0)
    masks = np.zeros((2000, 10), bool)
    masks[:, [0, 1, 2, 3, 7]] = True
    drawn = random_edits(masks, generator)
    assert set(drawn) == {0, 1, 2, 3, 7}
    assert (drawn == 7).mean() == pytest.approx(0.5, abs=0.05)
    masks[:, 7] = False
    assert set(random_edits(masks, generator)) == {0, 1, 2, 3}


def test_epsilon_falls_linearly_and_stays() -> None:
    agent = AgentConfig(epsilon_start=1.0, epsilon_end=0.1, epsilon_anneal_fraction=0.5)
    progress = (-1, 0, 0.25, 0.5, 0.9, 2)
    assert [epsilon_at(part, agent) for part in progress] == pytest.approx([1, 1, 0.55, 0.1, 0.1, 0.1])


def test_the_ladder_spreads_epsilons_as_ape_x_does() -> None:
    ladder = epsilon_ladder(0.4, 8, 7.0)
    assert ladder == pytest.approx([0.4 ** (1 + i) for i in range(8)])
    assert epsilon_ladder(0.4, 3, 0.0).tolist() == [0.4] * 3
    assert epsilon_ladder(0.4, 1, 7.0).tolist() == [0.4]
