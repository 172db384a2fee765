"""Arguments of the environments: every bad one is refused in one line that ends with its value."""

from __future__ import annotations

from typing import Any

import pytest
from gymnasium.vector import AutoresetMode

from prefixrl.envs import PrefixEnv, PrefixVectorEnv
from prefixrl.envs.settings import EnvSettings, split_arguments
from prefixrl.errors import InputError

BAD_ARGUMENTS: list[tuple[dict[str, Any], str]] = [
    ({"width": 2}, "from 3 to 256, got 2"),
    ({"width": 1}, "from 3 to 256, got 1"),
    ({"width": 1000}, "from 3 to 256, got 1000"),
    ({"width": 8.0}, "from 3 to 256, got 8.0"),
    ({"width": True}, "from 3 to 256, got True"),
    ({"widht": 8}, "did you mean width.*: widht"),
    ({"circuit": "multiplier"}, "multiplier"),
    ({"circuit": "comparator", "carry_in": True}, "comparator"),
    ({"rule": "forget"}, "got 'forget'"),
    ({"episode_length": 0}, "got 0"),
    ({"illegal_penalty": -1.0}, "got -1.0"),
    ({"starts": ()}, "at least one structure"),
    ({"starts": ("sklansky", "skylansky")}, "skylansky"),
    ({"weight": 1.2}, "got 1.2"),
    ({"evaluator": "crystal-ball"}, "crystal-ball"),
    ({"render_mode": "hologram"}, "got 'hologram'"),
    ({"c_area": 0}, "c_area must be a positive number, got 0"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS)
@pytest.mark.parametrize("environment", [PrefixEnv, PrefixVectorEnv])
def test_bad_arguments_are_refused(environment: type, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        environment(**({"evaluator": "analytic"} | arguments))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_envs": 0}, "got 0"),
        ({"num_envs": 2, "weight": [0.1, 0.2, 0.3]}, r"got shape \(3,\)"),
        ({"num_envs": 2, "autoreset_mode": AutoresetMode.NEXT_STEP}, "NEXT_STEP"),
        ({"num_envs": 2, "autoreset_mode": "Sometimes"}, "got 'Sometimes'"),
    ],
)
def test_bad_arguments_of_the_batch_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PrefixVectorEnv(**({"evaluator": "analytic"} | arguments))


def test_arguments_are_sorted_into_task_and_evaluation() -> None:
    task, evaluation = split_arguments(width=12, evaluator="analytic", rule="keep", workers=3)
    assert (task.width, task.rule) == (12, "keep")
    assert (evaluation.evaluator, evaluation.workers) == ("analytic", 3)


def test_a_single_start_may_be_given_without_a_tuple() -> None:
    assert EnvSettings(starts="sklansky").starts == ("sklansky",)  # type: ignore[arg-type]
