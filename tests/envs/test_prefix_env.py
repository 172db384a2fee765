"""The single environment: states, rewards, illegal actions, failures, starts, determinism."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from env_samples import ANALYTIC, REASON, RefusingEvaluator, TradingEvaluator, illegal_action, legal_action, service_of
from gymnasium.error import InvalidAction, ResetNeeded
from hypothesis import given, settings
from hypothesis import strategies as st

from prefixrl.circuits import Circuit
from prefixrl.envs import PrefixEnv
from prefixrl.envs.rendering import BACKGROUND, DELETABLE, FREE, IMPLIED, INPUT, OUTPUT, paint_grid
from prefixrl.errors import EvaluationFailed, InputError
from prefixrl.graphs import PrefixGraph, decode_action
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.pdk import load_pdk


def expected_observation(graph: PrefixGraph) -> np.ndarray:
    """The planes, from the graph's own properties."""
    last = graph.width - 1
    levels = np.maximum(graph.levels, 0)
    return np.stack([graph.grid, graph.minlist, levels / last, graph.fanouts / last]).astype(np.float32)


def edited(graph: PrefixGraph, action: int, rule: Any) -> PrefixGraph:
    kind, msb, lsb = decode_action(graph.width, action)
    return graph.add(msb, lsb, rule) if kind == "add" else graph.delete(msb, lsb, rule)


@pytest.mark.parametrize("rule", ["rederive", "keep"])
@pytest.mark.parametrize("width", [3, 4, 8, 13, 33])
def test_walks_follow_the_graph_edits(width: int, rule: str) -> None:
    generator = np.random.default_rng(width)
    env = PrefixEnv(width, evaluator="analytic", rule=rule)
    observation, info = env.reset(seed=width)
    for _ in range(25):
        graph = env.graph
        np.testing.assert_allclose(observation, expected_observation(graph), atol=1e-6)
        assert (info["size"], info["depth"], info["max_fanout"]) == (graph.size, graph.depth, graph.max_fanout)
        action = legal_action(info["action_mask"], generator)
        observation, _, _, _, info = env.step(action)
        assert env.graph == edited(graph, action, rule)
    env.close()


@given(actions=st.lists(st.integers(0, 29), min_size=1, max_size=30), weight=st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_rewards_are_improvements_of_the_optimum(actions: list[int], weight: float) -> None:
    with service_of(RefusingEvaluator(lambda graph: False)) as service:
        env = PrefixEnv(7, service=service, weight=weight, c_area=0.5, c_delay=2.0, illegal_penalty=0.25)
        _, info = env.reset(seed=0)
        for action in actions:
            area, delay, legal = info["area_um2"], info["delay_ns"], bool(info["action_mask"][action])
            _, reward, terminated, _, info = env.step(action)
            delay_after, area_after = info["curve"].optimum(weight, 1 - weight, c_area=0.5, c_delay=2.0)
            assert (info["area_um2"], info["delay_ns"]) == pytest.approx((area_after, delay_after))
            expected = weight * 0.5 * (area - area_after) + (1 - weight) * 2.0 * (delay - delay_after)
            assert reward == pytest.approx(expected if legal else -0.25, abs=1e-9)
            assert not terminated


def test_info_comes_from_the_evaluation_service(env: PrefixEnv) -> None:
    _, info = env.reset(options={"graph": structure("brent-kung", 8)})
    evaluation = env.service.evaluate(Circuit("adder", structure("brent-kung", 8)))
    assert info["evaluation_key"] == evaluation.key
    assert info["curve"] == evaluation.curve


def test_illegal_actions_change_nothing_and_are_counted(env: PrefixEnv) -> None:
    observation, info = env.reset(seed=4)
    evaluations = env.service.evaluations
    for count in (1, 2, 3):
        graph = env.graph
        after, reward, _, truncated, info = env.step(illegal_action(info["action_mask"]))
        assert env.graph == graph
        assert reward == 0.0
        assert truncated is False
        assert info["illegal_actions"] == count
        assert "failure" not in info
        np.testing.assert_array_equal(after, observation)
    assert env.service.evaluations == evaluations
    assert env.reset()[1]["illegal_actions"] == 0


@pytest.mark.parametrize("action", [-1, 42, 10**6, 1.5, None, "add"])
def test_actions_outside_the_space_are_refused(env: PrefixEnv, action: Any) -> None:
    env.reset(seed=0)
    graph = env.graph
    with pytest.raises(InvalidAction):
        env.step(action)
    assert env.graph == graph


def test_step_before_reset_is_refused(env: PrefixEnv) -> None:
    with pytest.raises(ResetNeeded):
        env.step(0)
    with pytest.raises(ResetNeeded):
        assert env.graph


def test_masks_agree_in_all_their_forms(env: PrefixEnv) -> None:
    observation, info = env.reset(seed=0)
    masks = env.action_masks()
    assert masks.dtype == np.bool_
    assert info["action_mask"].dtype == np.int8
    np.testing.assert_array_equal(masks, info["action_mask"])
    cells = len(masks) // 2
    rows, columns = zip(*(decode_action(8, action)[1:] for action in range(cells)), strict=True)
    np.testing.assert_array_equal(masks[:cells], observation[0][rows, columns] == 0)
    np.testing.assert_array_equal(masks[cells:], observation[1][rows, columns] == 1)


def test_truncation_comes_after_the_episode_length_as_a_plain_bool(env: PrefixEnv) -> None:
    for _ in range(2):
        _, info = env.reset(seed=1)
        flags = [env.step(illegal_action(info["action_mask"]))[2:4] for _ in range(12)]
        assert flags == [(False, False)] * 11 + [(False, True)]
        assert type(flags[-1][1]) is bool


def test_same_seed_same_trajectory() -> None:
    def trajectory() -> list[Any]:
        env = PrefixEnv(**ANALYTIC)
        generator = np.random.default_rng(5)
        observation, info = env.reset(seed=11)
        steps: list[Any] = [observation.tobytes()]
        for episode in range(3):
            for _ in range(10):
                observation, reward, *_, info = env.step(legal_action(info["action_mask"], generator))
                steps += [observation.tobytes(), reward, info["evaluation_key"]]
            observation, info = env.reset()
            steps += [episode, observation.tobytes()]
        env.close()
        return steps

    assert trajectory() == trajectory()


def test_starts_are_drawn_evenly(env: PrefixEnv) -> None:
    env.reset(seed=123)
    drawn = Counter(env.graph for _ in range(400) if env.reset())
    assert drawn.keys() == {structure("ripple-carry", 8), structure("sklansky", 8)}
    assert min(drawn.values()) > 150


def test_an_episode_starts_from_the_given_graph(env: PrefixEnv) -> None:
    graph = structure("kogge-stone", 8)
    observation, _ = env.reset(options={"graph": graph})
    assert env.graph == graph
    np.testing.assert_allclose(observation, expected_observation(graph), atol=1e-6)


def test_the_pool_is_asked_first(env: PrefixEnv) -> None:
    graph = structure("brent-kung", 8)
    env.start_pool = lambda generator: graph if generator.random() < 0.5 else None
    env.reset(seed=7)
    drawn = Counter(env.graph for _ in range(200) if env.reset())
    assert 60 < drawn[graph] < 140
    assert len(drawn) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"graph": structure("sklansky", 9)}, "width 8, got width 9"),
        ({"graph": "sklansky"}, "got 'sklansky'"),
        ({"weight": 2.0}, "got 2.0"),
        ({"grahp": None}, "got grahp"),
    ],
)
def test_bad_reset_options_are_refused(env: PrefixEnv, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        env.reset(options=options)


def test_reset_can_change_the_weight() -> None:
    env = PrefixEnv(**ANALYTIC, weight=1.0)
    env.reset(seed=0, options={"graph": structure("ripple-carry", 8)})
    assert env.step(0)[1] < 0  # one node more
    env.reset(options={"graph": structure("ripple-carry", 8), "weight": 0.0})
    assert env.weight == 0.0
    before = env.reset(options={"graph": structure("ripple-carry", 8)})[1]["delay_ns"]
    _, reward, _, _, info = env.step(0)
    assert reward == pytest.approx(10.0 * (before - info["delay_ns"]))
    env.close()


def test_a_new_weight_moves_the_state_along_its_curve() -> None:
    with service_of(TradingEvaluator(load_pdk())) as service:
        env = PrefixEnv(8, service=service, weight=1.0, illegal_penalty=0.0)
        _, info = env.reset(seed=0)
        env.weight = 0.0
        _, reward, _, _, moved = env.step(illegal_action(info["action_mask"]))
        assert (moved["area_um2"], moved["delay_ns"]) == pytest.approx((2 * info["area_um2"], info["delay_ns"] / 2))
        assert reward == 0.0


def test_a_graph_that_cannot_be_evaluated_is_taken_back() -> None:
    start = structure("ripple-carry", 8)
    with service_of(RefusingEvaluator(lambda graph: graph.size > start.size)) as service:
        env = PrefixEnv(8, service=service, starts=("ripple-carry",))
        observation, before = env.reset(seed=0)
        after, reward, _, truncated, info = env.step(3)
        assert env.graph == start
        assert reward == 0.0
        assert truncated is False
        assert info["failure"] == REASON
        assert info["failed_evaluations"] == 1
        assert info["illegal_actions"] == 0
        np.testing.assert_array_equal(after, observation)
        np.testing.assert_array_equal(info["action_mask"], before["action_mask"])
        assert info["evaluation_key"] == before["evaluation_key"]
        assert env.step(3)[4]["failed_evaluations"] == 2


def test_a_start_that_cannot_be_evaluated_is_replaced() -> None:
    sklansky = structure("sklansky", 8)
    with service_of(RefusingEvaluator(lambda graph: graph == sklansky)) as service:
        env = PrefixEnv(8, service=service, start_pool=lambda generator: sklansky)
        for seed in range(8):
            env.reset(seed=seed)
            assert env.graph == structure("ripple-carry", 8)


def test_no_start_that_can_be_evaluated_is_an_error_with_the_reason() -> None:
    with service_of(RefusingEvaluator(lambda graph: True)) as service:
        env = PrefixEnv(8, service=service)
        with pytest.raises(EvaluationFailed, match=REASON):
            env.reset(seed=0)
        with pytest.raises(EvaluationFailed, match=REASON):
            env.reset(options={"graph": structure("sklansky", 8)})


def test_close_ends_what_the_environment_started_only() -> None:
    evaluator = RefusingEvaluator(lambda graph: False)
    with service_of(evaluator) as service:
        env = PrefixEnv(8, service=service)
        env.reset(seed=0)
        env.close()
        assert not evaluator.closed
        service.evaluate(Circuit("adder", structure("kogge-stone", 8)))


def test_an_environment_can_be_closed_twice_and_used_again(env: PrefixEnv) -> None:
    first = env.service
    env.reset(seed=0)
    env.close()
    env.close()
    with pytest.raises(RuntimeError):
        first.evaluate(Circuit("adder", structure("kogge-stone", 8)))
    env.step(0)
    assert env.service is not first


def test_only_slow_evaluators_and_given_paths_have_a_cache_on_disk(tmp_path: Path) -> None:
    without = PrefixEnv(**ANALYTIC)
    assert without.service.cache is None
    without.close()
    path = tmp_path / "some.sqlite"
    for evaluations in (1, 0):
        env = PrefixEnv(**ANALYTIC, cache=path, starts=("sklansky",))
        env.reset(seed=0)
        assert env.service.evaluations == evaluations
        env.close()
    assert path.exists()


def test_returned_data_belong_to_the_caller(env: PrefixEnv) -> None:
    observation, info = env.reset(seed=2)
    observation[:] = 9
    info["action_mask"][:] = 1
    action = illegal_action(env.action_masks())
    after, _, _, _, info = env.step(action)
    assert after.max() <= 1
    assert info["illegal_actions"] == 1


def test_text_and_picture() -> None:
    text_env = PrefixEnv(**ANALYTIC, render_mode="ansi")
    picture_env = PrefixEnv(**ANALYTIC, render_mode="rgb_array")
    options = {"graph": structure("sklansky", 8)}
    text_env.reset(options=options)
    picture_env.reset(options=options)
    text, before = text_env.render(), picture_env.render()
    assert isinstance(text, str)
    assert len(text.splitlines()) > 3
    assert isinstance(before, np.ndarray)
    assert (before.dtype, before.ndim, before.shape[2]) == (np.uint8, 3, 3)
    text_env.step(int(np.flatnonzero(text_env.action_masks())[0]))
    picture_env.step(int(np.flatnonzero(picture_env.action_masks())[0]))
    assert text_env.render() != text
    after = picture_env.render()
    assert isinstance(after, np.ndarray)
    assert (after != before).any()
    assert PrefixEnv(**ANALYTIC).render() is None


def test_the_picture_tells_the_kinds_of_cells_apart() -> None:
    graph = PrefixGraph(5, [(4, 2), (4, 1), (3, 2)], legalize=True)
    picture = paint_grid(graph)
    cell = (len(picture) - 1) // 5
    centres = picture[cell // 2 :: cell, cell // 2 :: cell][:5, :5]
    kinds = {(4, 4): INPUT, (4, 0): OUTPUT, (4, 2): DELETABLE, (2, 1): FREE, (1, 3): BACKGROUND, (0, 0): INPUT}
    for node, colour in kinds.items():
        assert tuple(centres[node]) == colour, node
    implied = [tuple(node) for node in np.argwhere(graph.grid) if 0 < node[1] < node[0] and not graph.minlist[*node]]
    assert implied == [(3, 2)]
    assert tuple(centres[3, 2]) == IMPLIED


def test_a_width_of_256_works() -> None:
    env = PrefixEnv(256, evaluator="analytic", starts=("brent-kung",))
    observation, _ = env.reset(seed=0)
    assert observation.shape == (4, 256, 256)
    observation, _, _, _, info = env.step(12_345)
    assert observation in env.observation_space
    assert info["size"] == env.graph.size
    env.close()
