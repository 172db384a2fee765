"""The comparison of agents: equal budgets, means over seeds, evaluations until equal hypervolume, the picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefixrl.agents.benchmark import Contest, bench_agents, bootstrap_interval, interquartile_mean
from prefixrl.agents.benchmark_plot import check_plot, plot_contest
from prefixrl.agents.job import load_job
from prefixrl.agents.live import LiveView
from prefixrl.agents.search import search
from prefixrl.cli.main import run
from prefixrl.errors import InputError


def _contest(methods: list[str], budgets: list[int], against: str = "sa", widths: list[int] | None = None) -> Contest:
    return Contest(methods, widths or [8], budgets, [0, 1], against, "tiny")


def test_every_run_is_the_job_that_it_says(tmp_path: Path) -> None:
    figures = bench_agents(_contest(["random", "sa"], [20, 30]))
    assert [(row["method"], row["evaluations"]) for row in figures["rows"]] == [
        ("random", 20), ("random", 30), ("sa", 20), ("sa", 30),
    ]  # fmt: skip
    for row in figures["rows"]:
        for seed, volume in enumerate(row["hypervolumes"]):
            overrides = [f"method={row['method']}", "budget.steps=null", f"seed={seed}"]
            job = load_job("tiny", overrides=[*overrides, f"budget.evaluations={row['evaluations']}"])
            name = f"{row['method']}-{row['evaluations']}-{seed}"
            assert search(job, tmp_path / name, LiveView(quiet=True)).hypervolume == volume
        assert row["low"] <= row["hypervolume"] <= row["high"]


def test_evaluations_until_equal_hypervolume_are_counted_along_the_run() -> None:
    figures = bench_agents(_contest(["random", "sa"], [80]))
    for row in figures["rows"]:
        assert row["marks"][0] == 0
        assert row["marks"][-1] == 80
        assert row["curve"] == sorted(row["curve"])
        assert row["curve"][-1] == row["hypervolume"] > row["curve"][0] > 0
    random, annealed = figures["rows"]
    assert random["hypervolume"] < annealed["hypervolume"]
    assert random["evaluations_needed"] is None
    assert 0 < annealed["evaluations_needed"] <= 80


def test_all_curves_begin_at_the_classical_front() -> None:
    figures = bench_agents(_contest(["mcts", "greedy", "sa"], [10]))
    assert len({row["curve"][0] for row in figures["rows"]}) == 1


def test_the_learning_agent_takes_part() -> None:
    (row,) = bench_agents(_contest(["qlearning"], [20], "qlearning"))["rows"]
    assert row["hypervolume"] > 0


def test_means_and_intervals() -> None:
    assert interquartile_mean([100.0, 1.0, 2.0, 3.0, -50.0]) == 2.0
    assert interquartile_mean([1.0, 4.0]) == 2.5
    low, high = bootstrap_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert 1.0 < low < 3.0 < high < 5.0
    assert bootstrap_interval([1.0, 2.0, 3.0, 4.0, 5.0]) == (low, high)
    assert bootstrap_interval([7.0]) == (7.0, 7.0)


@pytest.mark.parametrize(
    ("methods", "budgets", "against", "widths", "said"),
    [
        (["sa", "annealing"], [40], "sa", [8], "'annealing'"),
        (["sa", "sa"], [40], "sa", [8], "each once"),
        (["ga"], [40], "sa", [8], "'sa'"),
        (["sa"], [0], "sa", [8], "0"),
        (["sa"], [40], "sa", [1], "1"),
        (["sa"], [], "sa", [8], "budgets"),
    ],
)
def test_what_cannot_be_run_is_refused(
    methods: list[str], budgets: list[int], against: str, widths: list[int], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        _contest(methods, budgets, against, widths)


def test_the_command_prints_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "agents.png"
    command = ["bench", "agents", "--method", "random", "--preset", "tiny", "-n", "8", "--budget", "30", "--seeds", "2"]
    assert run([*command, "--json", "--plot", str(picture)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert [row["method"] for row in figures["rows"]] == ["random", "sa"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert run(command) == 0
    printed = capsys.readouterr().out
    assert f"{figures['rows'][1]['hypervolume']:.3f}" in printed
    plot_contest(tmp_path / "agents.svg", figures)
    assert "unique evaluations" in (tmp_path / "agents.svg").read_text()


def test_a_plot_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    for path in (tmp_path / "agents.pdf", tmp_path / "none" / "agents.png"):
        with pytest.raises(InputError, match="plot"):
            check_plot(path)
        assert run(["bench", "agents", "--plot", str(path)]) == 2
