"""The batched environment: the same transitions as single ones, and no transition that never happened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from env_samples import ANALYTIC, REASON, RefusingEvaluator, illegal_action, legal_action, service_of
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics

from prefixrl.envs import PrefixEnv, PrefixVectorEnv
from prefixrl.errors import EvaluationFailed, InputError
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import structure

WEIGHTS = [0.1, 0.5, 0.9, 0.0, 1.0]


def mixed_actions(masks: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Mostly legal actions, some illegal."""
    legal = generator.random(len(masks)) < 0.8
    chosen = [legal_action(m, generator) if ok else illegal_action(m) for m, ok in zip(masks, legal, strict=True)]
    return np.array(chosen)


@pytest.fixture
def disabled() -> Iterator[PrefixVectorEnv]:
    environment = PrefixVectorEnv(3, **ANALYTIC, episode_length=4, autoreset_mode="Disabled")
    yield environment
    environment.close()


@pytest.mark.parametrize("vector_reward", [False, True])
def test_transitions_equal_those_of_single_environments(vector_reward: bool) -> None:
    arguments = {**ANALYTIC, "episode_length": 7, "vector_reward": vector_reward, "illegal_penalty": 0.1}
    envs = PrefixVectorEnv(5, weight=WEIGHTS, **arguments)
    singles = [PrefixEnv(weight=weight, **arguments) for weight in WEIGHTS]
    generator = np.random.default_rng(0)
    observations, infos = envs.reset(seed=40)
    for i, single in enumerate(singles):
        np.testing.assert_array_equal(observations[i], single.reset(seed=40 + i)[0])
    for _ in range(30):
        actions = mixed_actions(infos["action_mask"], generator)
        observations, rewards, terminated, truncated, infos = envs.step(actions)
        assert not terminated.any()
        for i, single in enumerate(singles):
            observation, reward, _, done, info = single.step(actions[i])
            assert truncated[i] == done
            np.testing.assert_array_equal(rewards[i], reward)
            np.testing.assert_array_equal(infos["reward_vector"][i], info["reward_vector"])
            if done:
                np.testing.assert_array_equal(infos["final_obs"][i], observation)
                assert infos["final_info"]["evaluation_key"][i] == info["evaluation_key"]
                observation, info = single.reset()
            np.testing.assert_array_equal(observations[i], observation)
            assert_same_info(infos, i, info)
    envs.close()
    for single in singles:
        single.close()


def assert_same_info(infos: dict[str, Any], index: int, info: dict[str, Any]) -> None:
    for key, value in info.items():
        assert infos[f"_{key}"][index], key
        np.testing.assert_array_equal(infos[key][index], value, err_msg=key)


def test_transitions_and_infos_equal_gymnasiums_own_vector_environment() -> None:
    arguments = {**ANALYTIC, "episode_length": 5}
    ours = PrefixVectorEnv(3, **arguments)
    theirs = SyncVectorEnv([lambda: PrefixEnv(**arguments)] * 3, autoreset_mode=AutoresetMode.SAME_STEP)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    generator = np.random.default_rng(1)
    (observations, infos), (expected, their_infos) = ours.reset(seed=9), theirs.reset(seed=9)
    np.testing.assert_array_equal(observations, expected)
    for _ in range(12):
        actions = mixed_actions(infos["action_mask"], generator)
        step, their_step = ours.step(actions), theirs.step(actions)
        for mine, their in zip(step[:4], their_step[:4], strict=True):
            np.testing.assert_array_equal(mine, their)
            assert mine.dtype == their.dtype
        infos, their_infos = step[4], their_step[4]
        assert their_infos.keys() <= infos.keys()
        assert_masked_equal(infos, their_infos)
        if "final_info" in their_infos:
            assert_masked_equal(infos["final_info"], their_infos["final_info"])
    assert ours.np_random_seed == theirs.np_random_seed
    ours.close()
    theirs.close()


def assert_masked_equal(mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Wherever gymnasium has a value, ours is the same."""
    for key, value in theirs.items():
        if key.startswith("_") or isinstance(value, dict):
            continue
        present = theirs[f"_{key}"]
        assert mine[f"_{key}"][present].all(), key
        assert mine[key].dtype == value.dtype, key
        for left, right in zip(mine[key][present], value[present], strict=True):
            np.testing.assert_array_equal(left, right, err_msg=key)


def test_every_transition_chains(vector_env: PrefixVectorEnv) -> None:
    """Following each action on the graph before it gives the next observation, across ends of episodes."""
    generator = np.random.default_rng(3)
    observations, infos = vector_env.reset(seed=0)
    finals = 0
    for _ in range(20):
        before, observed_before, masks = vector_env.graphs, observations, infos["action_mask"]
        actions = mixed_actions(masks, generator)
        observations, _, _, truncated, infos = vector_env.step(actions)
        for i in range(vector_env.num_envs):
            single = PrefixEnv(service=vector_env.service, width=8)
            np.testing.assert_array_equal(single.reset(options={"graph": before[i]})[0], observed_before[i])
            after = single.step(actions[i])[0]
            stored = infos["final_obs"][i] if truncated[i] else observations[i]
            np.testing.assert_array_equal(after, stored)
        finals += int(truncated.sum())
    assert finals == 2 * vector_env.num_envs


def test_final_values_are_there_for_truncated_environments_only() -> None:
    envs = PrefixVectorEnv(2, **ANALYTIC, episode_length=3)
    _, infos = envs.reset(seed=0)
    for step in range(1, 6):
        *_, truncated, infos = envs.step([illegal_action(m) for m in infos["action_mask"]])
        expected = [step == 4, step == 3]
        assert truncated.tolist() == expected
        assert ("final_obs" in infos) == ("final_info" in infos) == any(expected)
        if any(expected):
            assert infos["_final_obs"].tolist() == infos["_final_info"].tolist() == expected
            assert infos["final_info"]["_curve"].tolist() == expected
            assert [item is not None for item in infos["final_obs"]] == expected
        if step == 1:
            _, infos = envs.reset(options={"reset_mask": np.array([True, False])})
    envs.close()


def test_curves_give_the_reward_of_any_other_weight(vector_env: PrefixVectorEnv) -> None:
    generator = np.random.default_rng(8)
    _, infos = vector_env.reset(seed=1)
    for _ in range(6):
        before = infos["evaluations"]
        _, _, _, _, infos = vector_env.step([legal_action(m, generator) for m in infos["action_mask"]])
        for i in range(vector_env.num_envs):
            assert infos["evaluations"][i].curve == infos["curve"][i]
            scale = vector_env.settings.scale
            points = np.array([scale.best_point(e.curve, 0.5) for e in (before[i], infos["evaluations"][i])])
            expected = scale.improvement(points[0], points[1])
            np.testing.assert_allclose(infos["reward_vector"][i], expected, atol=1e-12)


def test_equal_graphs_of_a_step_are_evaluated_once() -> None:
    envs = PrefixVectorEnv(6, **ANALYTIC, starts=("ripple-carry",))
    envs.reset(seed=0)
    assert envs.service.evaluations == 1
    envs.step([4] * 6)
    assert envs.service.evaluations == 2
    envs.close()


def test_weights_change_at_reset_and_between_steps() -> None:
    envs = PrefixVectorEnv(2, **ANALYTIC, starts=("ripple-carry",), weight=[0.0, 1.0])
    envs.reset(seed=0)
    _, rewards, _, _, infos = envs.step([0, 0])
    np.testing.assert_allclose(rewards, [infos["reward_vector"][0, 1], infos["reward_vector"][1, 0]])
    assert rewards[1] == pytest.approx(-0.01)
    envs.weights = [1.0, 0.25]
    np.testing.assert_array_equal(envs.weights, [1.0, 0.25])
    envs.reset(options={"weight": 0.75})
    np.testing.assert_array_equal(envs.weights, [0.75, 0.75])
    with pytest.raises(InputError, match="weight"):
        envs.weights = [0.5, 0.5, 0.5]
    envs.close()


def test_reset_mask_resets_the_named_environments_only(disabled: PrefixVectorEnv) -> None:
    disabled.reset(seed=5)
    disabled.step([0, 1, 2])
    before = disabled.graphs
    mask = np.array([False, True, False])
    options = {"reset_mask": mask, "graph": structure("kogge-stone", 8)}
    observations, infos = disabled.reset(options=options)
    assert disabled.graphs == [before[0], structure("kogge-stone", 8), before[2]]
    assert "reset_mask" in options  # wrappers of gymnasium read it after us
    assert observations.shape == (3, 4, 8, 8)
    assert infos["size"].tolist() == [graph.size for graph in disabled.graphs]


def test_without_autoreset_a_truncated_environment_waits_for_its_reset(disabled: PrefixVectorEnv) -> None:
    disabled.reset(seed=5)
    disabled.step([0, 1, 2])
    disabled.reset(options={"reset_mask": np.array([False, True, False])})
    for _ in range(3):
        *_, truncated, infos = disabled.step([0, 0, 0])
    assert truncated.tolist() == [True, False, True]
    assert "final_obs" not in infos
    with pytest.raises(ResetNeeded, match=r"\[0, 2\]"):
        disabled.step([0, 0, 0])
    disabled.reset(options={"reset_mask": truncated})
    assert disabled.step([0, 0, 0])[3].tolist() == [False, True, False]


@pytest.mark.parametrize(
    "options",
    [
        {"reset_mask": np.array([True, False])},
        {"reset_mask": np.array([1, 0, 1])},
        {"reset_mask": np.zeros(3, dtype=bool)},
        {"graph": [structure("sklansky", 8)] * 2},
        {"graph": structure("sklansky", 7)},
        {"weights": [0.1, 0.2, 0.3]},
    ],
)
def test_bad_reset_options_are_refused(disabled: PrefixVectorEnv, options: dict[str, Any]) -> None:
    disabled.reset(seed=0)
    before = disabled.graphs
    with pytest.raises(InputError):
        disabled.reset(options=options)
    assert disabled.graphs == before


def test_the_first_reset_must_be_of_all(disabled: PrefixVectorEnv) -> None:
    with pytest.raises(ResetNeeded):
        disabled.step([0, 0, 0])
    with pytest.raises(InputError, match="first reset"):
        disabled.reset(options={"reset_mask": np.array([True, False, True])})


@pytest.mark.parametrize("actions", [[0, 1], [0, 1, 42], [-1, 0, 0], [0.5, 1.0, 2.0], 0])
def test_actions_outside_the_space_are_refused(disabled: PrefixVectorEnv, actions: Any) -> None:
    disabled.reset(seed=0)
    with pytest.raises(InvalidAction):
        disabled.step(actions)


def test_only_graphs_that_cannot_be_evaluated_are_taken_back() -> None:
    ripple, sklansky = structure("ripple-carry", 8), structure("sklansky", 8)
    refused = ripple.add(2, 1)
    with service_of(RefusingEvaluator(lambda graph: graph == refused)) as service:
        envs = PrefixVectorEnv(3, 8, service=service)
        before, _ = envs.reset(seed=0, options={"graph": [ripple, sklansky, ripple]})
        after, rewards, _, _, infos = envs.step([0, 3, 1])
        assert infos["failure"].tolist() == [REASON, None, None]
        assert infos["_failure"].tolist() == [True, False, False]
        assert infos["failed_evaluations"].tolist() == [1, 0, 0]
        assert rewards[0] == 0.0
        np.testing.assert_array_equal(after[0], before[0])
        assert envs.graphs[0] == ripple
        assert envs.graphs[1] != sklansky
        assert "failure" not in envs.step([1, 0, 2])[4]


def test_no_start_that_can_be_evaluated_is_an_error() -> None:
    with service_of(RefusingEvaluator(lambda graph: True)) as service:
        envs = PrefixVectorEnv(2, 8, service=service)
        with pytest.raises(EvaluationFailed, match=REASON):
            envs.reset(seed=0)


def test_the_pool_feeds_new_episodes(vector_env: PrefixVectorEnv) -> None:
    pool: list[PrefixGraph] = []
    vector_env.start_pool = lambda generator: pool[int(generator.integers(len(pool)))] if pool else None
    _, infos = vector_env.reset(seed=0)
    pool += [structure("brent-kung", 8), structure("kogge-stone", 8)]
    for _ in range(7):
        *_, truncated, infos = vector_env.step([illegal_action(m) for m in infos["action_mask"]])
    assert truncated.all()
    assert set(vector_env.graphs) == set(pool)


def test_same_seed_same_trajectory() -> None:
    def trajectory() -> list[bytes]:
        envs = PrefixVectorEnv(4, **ANALYTIC, episode_length=3)
        generator = np.random.default_rng(5)
        observations, infos = envs.reset(seed=11)
        steps = [observations.tobytes()]
        for _ in range(10):
            observations, rewards, _, _, infos = envs.step([legal_action(m, generator) for m in infos["action_mask"]])
            steps += [observations.tobytes(), rewards.tobytes()]
        envs.close()
        return steps

    assert trajectory() == trajectory()


def test_returned_arrays_belong_to_the_caller(vector_env: PrefixVectorEnv) -> None:
    observations, infos = vector_env.reset(seed=0)
    kept = observations.copy()
    infos["action_mask"][:] = 0
    later, _, _, _, _ = vector_env.step([0] * 5)
    np.testing.assert_array_equal(observations, kept)
    assert not np.shares_memory(observations, later)
    assert vector_env.action_masks().any(axis=1).all()


def test_gymnasiums_vector_wrappers_work() -> None:
    envs = DictInfoToList(RecordEpisodeStatistics(PrefixVectorEnv(3, **ANALYTIC, episode_length=4)))
    _, infos = envs.reset(seed=0)
    assert isinstance(infos, list)
    total = np.zeros(3)
    for _ in range(4):
        actions = np.array([illegal_action(info["action_mask"]) for info in infos])
        _, rewards, _, _, infos = envs.step(actions)
        total += rewards
    assert infos[1]["episode"]["r"] == pytest.approx(total[1])
    assert infos[1]["final_info"]["illegal_actions"] == 4
    envs.close()


def test_rendering_gives_one_picture_per_environment() -> None:
    for mode, kind in (("ansi", str), ("rgb_array", np.ndarray)):
        envs = gymnasium.make_vec("prefixrl/PrefixGraph-v0", num_envs=2, render_mode=mode, **ANALYTIC)
        envs.reset(seed=0)
        pictures = envs.render()
        assert isinstance(pictures, tuple)
        assert [type(picture) for picture in pictures] == [kind, kind]
        envs.close()
