"""The job description: presets, files, overrides, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from prefixrl.agents.job import JobConfig, apply_overrides, load_job, parse_duration, preset_names
from prefixrl.errors import InputError


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_a_valid_job_and_survives_yaml(name: str, tmp_path: Path) -> None:
    job = load_job(name)
    assert job.preset == name
    path = tmp_path / "config.yaml"
    path.write_text(job.to_yaml())
    assert load_job(config=path) == job


def test_the_presets_of_the_issue_exist() -> None:
    assert {"demo", "tiny", "small", "adder32", "paper-16", "paper-32", "paper-64"} <= set(preset_names())


@pytest.mark.parametrize("name", ["paper-16", "paper-32", "paper-64"])
def test_paper_presets_have_the_published_hyperparameters_and_no_departure(name: str) -> None:
    job = load_job(name)
    agent = job.agent
    assert (agent.channels, agent.kernel_size, agent.norm) == (256, 5, "batch")
    assert agent.blocks == (16 if name == "paper-16" else 32)
    assert agent.batch_size == (84 if name == "paper-64" else 96)
    assert (agent.gamma, agent.learning_rate, agent.target_update_steps) == (0.75, 4e-5, 60)
    assert (agent.replay_capacity, agent.epsilon_end) == (400_000, 0.0)
    assert not agent.condition_on_weight
    assert not agent.coordinate_planes
    assert agent.relabel_fraction == 0
    assert agent.weight_low == agent.weight_high
    assert agent.gradient_clip is None
    assert agent.epsilon_ladder == 0
    assert job.environment.pareto_start_fraction == 0
    assert job.environment.rule == "rederive"
    assert job.environment.starts == ["ripple-carry", "sklansky"]
    assert (job.environment.c_area, job.environment.c_delay) == (0.01, 10.0)


def test_a_file_refines_its_preset_and_overrides_refine_the_file(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text("preset: tiny\nagent: {gamma: 0.5}\nseed: 7\n")
    job = load_job(config=path, overrides=["agent.gamma=0.9", "environment.starts=[sklansky]", "budget.time_s=null"])
    assert (job.agent.gamma, job.seed, job.environment.starts) == (0.9, 7, ["sklansky"])
    assert job.agent.channels == load_job("tiny").agent.channels
    assert apply_overrides(job, ["agent.learning_rate=4e-5"]).agent.learning_rate == 4e-5
    assert job.agent.gamma == 0.9, "an override makes a new job and leaves the old one"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["agent.gama=0.9"], ["agent", "did you mean 'gamma'", "agent.gama=0.9"]),
        (["agnet.gamma=0.9"], ["did you mean 'agent'"]),
        (["agent.gamma"], ["key.sub=value"]),
        (["agent.gamma=1.5"], ["agent.gamma", "less than 1", "1.5"]),
        (["agent.gamma.deep=1"], ["unknown key"]),
        (["method=sarsa"], ["method", "'sa'", "'sarsa'"]),
        (["circuit.width=1"], ["circuit.width", "greater than or equal to 2", "1"]),
        (["circuit.width=1000"], ["circuit.width", "less than or equal to 256", "1000"]),
        (["agent.kernel_size=4"], ["kernel_size", "odd", "4"]),
        (["agent.weight_low=0.95"], ["weight_low", "weight_high"]),
        (["budget.steps=null"], ["evaluations, time_s, steps"]),
        (["agent.learning_rate=.nan"], ["learning_rate"]),
    ],
)
def test_bad_overrides_get_one_line_that_names_the_rule_and_the_value(overrides: list[str], words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        load_job("tiny", overrides=overrides)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_unknown_preset_and_unknown_key_of_a_file_get_a_near_miss_hint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"did you mean 'small'\?.*'smal'$"):
        load_job("smal")
    path = tmp_path / "job.yaml"
    path.write_text("environment: {epsiode_length: 3}\n")
    with pytest.raises(InputError, match=r"unknown key in environment \(did you mean 'episode_length'\?\)"):
        load_job(config=path)
    path.write_text("widht: 3\n")
    with pytest.raises(InputError, match="unknown key in the job"):
        load_job(config=path)


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "just text"])
def test_a_file_that_is_no_job_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_job(config=path)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="cannot be read"):
        load_job(config=tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10m", 600), ("90s", 90), ("2h", 7200), ("1h30m", 5400), ("45", 45), ("1.5m", 90), (" 3M ", 180)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "10x", "-5", "0", "0s", "5 minutes", "1m2", "nan"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="duration"):
        parse_duration(text)


def test_job_and_search_import_without_torch() -> None:
    code = "import sys, prefixrl.agents.job, prefixrl.agents.search; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_field_explains_itself() -> None:
    for name, field in JobConfig.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        for key, part in (inner or {name: field}).items():
            assert part.description, f"{name}.{key} has no description"
