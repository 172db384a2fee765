"""Runs a baseline as a job: a run directory, a budget, a front; begun or resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from prefixrl.agents.job import JobConfig
from prefixrl.agents.live import LiveView
from prefixrl.agents.search.annealing import annealing
from prefixrl.agents.search.enumeration import enumeration
from prefixrl.agents.search.genetic import genetic
from prefixrl.agents.search.greedy import greedy
from prefixrl.agents.search.guided import guided
from prefixrl.agents.search.judge import BudgetUsed, Judge
from prefixrl.agents.search.random_walk import random_walk
from prefixrl.agents.search.stable_baselines import maskable_ppo, sb3_dqn
from prefixrl.agents.search.tree_search import tree_search
from prefixrl.agents.search_sections import SearchConfig
from prefixrl.agents.session import JobResult, JobSession
from prefixrl.errors import InputError, ToolMissing

SearchMethod = Callable[[Judge, SearchConfig, np.random.Generator], None]

METHODS: dict[str, SearchMethod] = {
    "random": random_walk,
    "greedy": greedy,
    "sa": annealing,
    "guided": guided,
    "ga": genetic,
    "mcts": tree_search,
    "exhaustive": enumeration,
    "sb3-dqn": sb3_dqn,
    "maskable-ppo": maskable_ppo,
}


def search(config: JobConfig, out: str | Path, view: LiveView | None = None) -> JobResult:
    """Run a baseline in a new directory until its budget is used or a signal asks it to end.

    :param out: a new or empty directory
    :raises InputError: the job cannot be run as described, nothing was written; or its method is no baseline
    """
    check_method(config)
    with view or LiveView() as shown, JobSession.create(config, out, shown) as session:
        return _search(session)


def resume(run: str | Path, view: LiveView | None = None, overrides: Iterable[str] = ()) -> JobResult:
    """Go on with a baseline: it walks its way again through the designs that it has, then on from there.

    :param overrides: `key.sub=value` texts, such as `budget.evaluations=20000`
    :raises InputError: no run directory, or one of another method
    """
    with view or LiveView() as shown, JobSession.resume(run, shown, overrides) as session:
        check_method(session.config)
        return _search(session)


def check_method(config: JobConfig) -> None:
    """Refuse a job that is no baseline.

    :raises InputError: names the baselines
    :raises ToolMissing: the guided agent without torch
    """
    if config.method not in METHODS:
        raise InputError(f"the method of a search must be one of {', '.join(METHODS)}: {config.method!r}")
    if config.method == "guided" and find_spec("torch") is None:
        raise ToolMissing("this method needs more packages (pip install 'prefixrl[train]'): torch")


def _search(session: JobSession) -> JobResult:
    session.evaluate_classical()
    method = METHODS[session.config.method]
    try:
        method(Judge(session), session.config.search, np.random.default_rng(session.config.seed))
        session.nothing_left = True  # a method that returns has proposed all that it can
    except BudgetUsed:
        pass
    return session.conclude()
