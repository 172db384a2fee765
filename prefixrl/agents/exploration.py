"""How an agent explores: the annealed epsilon and random legal actions.

Letters: B environments, A = 2F actions. Everything is numpy and takes its random generator as an argument.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prefixrl.agents.sections import AgentConfig


def epsilon_at(progress: float, agent: AgentConfig) -> float:
    """Share of random actions after a part of the budget: linear from `epsilon_start` to `epsilon_end`, then constant.

    :param progress: part of the budget used, 0 to 1
    """
    fallen = min(max(progress, 0.0) / agent.epsilon_anneal_fraction, 1.0)
    return agent.epsilon_start + (agent.epsilon_end - agent.epsilon_start) * fallen


def epsilon_ladder(epsilon: float, environments: int, ladder: float) -> NDArray[np.float64]:
    """Epsilons of all environments, float64 [B]: epsilon^(1 + ladder i / (B - 1)), as the actors of Ape-X have it.

    :param ladder: 0 gives all environments the same epsilon; 7 is the value of Ape-X (Horgan et al. 2018)
    """
    rungs = np.arange(environments) / max(environments - 1, 1)
    return np.asarray(epsilon ** (1.0 + ladder * rungs), dtype=np.float64)


def greedy_actions(values: NDArray[np.float32], masks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The legal action of the largest value in each environment, int64 [B].

    :param values: scalarised action values, float [B, A]
    :param masks: legal actions, bool [B, A], at least one in each row
    """
    assert masks.any(axis=1).all(), "every graph of at least three bits has a legal action"
    return np.where(masks, values, -np.inf).argmax(axis=1)


def explore(
    greedy: NDArray[np.int64],
    masks: NDArray[np.bool_],
    epsilons: NDArray[np.float64],
    generator: np.random.Generator,
    balanced: bool = False,
) -> NDArray[np.int64]:
    """Replace actions by random legal ones with probability epsilon, int64 [B].

    :param greedy: the actions to replace, [B]
    :param epsilons: float [B]
    :param balanced: random actions are drawn by `random_edits`, else evenly
    """
    explores = generator.random(len(masks)) < epsilons
    drawn = random_edits(masks, generator) if balanced else random_actions(masks, generator)
    return np.where(explores, drawn, greedy)


def random_actions(masks: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.int64]:
    """One legal action per environment, all equally likely, int64 [B].

    :param masks: legal actions, bool [B, A]
    """
    # The largest of independent uniform numbers falls on each legal action equally often; one draw per action keeps
    # the random stream in step whatever is legal.
    draws = np.where(masks, generator.random(masks.shape), -1.0)
    return draws.argmax(axis=1)


def random_edits(masks: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.int64]:
    """One legal action per environment, adding and deleting equally likely, then every cell alike, int64 [B].

    Most cells of a good graph are empty, so among all legal actions most add a node; drawn evenly they only ever make
    a graph larger.

    :param masks: legal actions, bool [B, A]
    """
    cells = masks.shape[1] // 2
    adds = generator.random(len(masks)) < 0.5
    can_add, can_delete = masks[:, :cells].any(axis=1), masks[:, cells:].any(axis=1)
    adds = np.where(can_add & can_delete, adds, can_add)
    kinds = np.repeat(np.stack([adds, ~adds], axis=1), cells, axis=1)
    return random_actions(masks & kinds, generator)
