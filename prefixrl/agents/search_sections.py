"""The settings of the baselines: one section each, next to what they share.

Defaults were tuned on 16-bit adders (Nangate45, 1,000 unique designs, several seeds, hypervolume of the front) and then
frozen; costs and temperatures are in units of `Judge.scale`, so they mean the same for every evaluator and width.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prefixrl.agents.sections import Section

EditRule = Literal["rederive", "keep", "both"]
RULE_HELP = "edit rule: rederive, keep, or both in turn by chance"


class RandomConfig(Section):
    """`random`: walks of random edits."""

    chains: int = Field(default=8, ge=1, le=4096, description="walks side by side")
    rule: EditRule = Field(default="keep", description=RULE_HELP)
    walk: int = Field(default=3, ge=1, description="edits between returns to a start")


class GreedyConfig(Section):
    """`greedy`: descent to the best of a sample of neighbours."""

    chains: int = Field(default=8, ge=1, le=4096, description="descents side by side, one weight each")
    rule: EditRule = Field(default="keep", description=RULE_HELP)
    weight_low: float = Field(default=0.1, ge=0, le=1, description="smallest weight of area (paper's agents: 0.10)")
    weight_high: float = Field(default=0.95, ge=0, le=1, description="largest weight of area")
    neighbours: int = Field(default=8, ge=1, description="neighbours tried per move; the best is taken if it improves")
    patience: int = Field(default=2, ge=1, description="moves without improvement before a restart from the front")


class AnnealingConfig(Section):
    """`sa`: annealing against the front."""

    chains: int = Field(default=8, ge=1, le=4096, description="chains side by side")
    rule: EditRule = Field(default="keep", description=RULE_HELP)
    walk: int = Field(default=4, ge=1, description="edits of a chain before it restarts from the front")
    temperature_start: float = Field(default=0.02, gt=0, description="first temperature")
    temperature_end: float = Field(default=0.002, gt=0, description="last temperature; geometric over the budget")


class GuidedConfig(Section):
    """`guided`: annealing whose edits a learning model proposes. Its walk has the defaults of `sa`."""

    chains: int = Field(default=8, ge=1, le=4096, description="chains side by side")
    rule: Literal["rederive", "keep"] = Field(default="keep", description="edit rule: rederive or keep")
    walk: int = Field(default=4, ge=1, description="edits of a chain before it restarts from the front")
    temperature_start: float = Field(default=0.02, gt=0, description="first temperature")
    temperature_end: float = Field(default=0.002, gt=0, description="last temperature; geometric over the budget")
    random_share: float = Field(
        default=0.15, ge=0, le=1, description="share of edits drawn at random, as sa draws them"
    )
    learning_starts: int = Field(default=64, ge=1, description="evaluated edits before the model proposes any")
    delays: int = Field(default=16, ge=2, le=256, description="delays at which the model predicts the change of area")
    heads: int = Field(default=4, ge=1, le=64, description="networks of the ensemble; one is believed at a time")
    hidden: int = Field(default=64, ge=1, le=4096, description="units of each of the two hidden layers")
    updates: int = Field(default=12, ge=1, description="updates of the model per edit of all chains")
    batch_size: int = Field(default=64, ge=1, description="edits per update and head")
    learning_rate: float = Field(default=2e-3, gt=0, description="AdamW step size at first; a fifth of it at the end")
    weight_decay: float = Field(default=1e-4, ge=0, description="AdamW weight decay")


class GeneticConfig(Section):
    """`ga`: NSGA-II with crossover of legal graphs."""

    population: int = Field(default=32, ge=4, le=4096, description="graphs that survive a generation")
    offspring: int = Field(default=16, ge=1, le=4096, description="children per generation")
    crossover: float = Field(default=0.3, ge=0, le=1, description="share of children that have two parents")
    rule: EditRule = Field(default="keep", description="edit rule of mutations: rederive, keep, or both")
    edits: int = Field(default=2, ge=1, description="most edits of a mutation; their number is drawn evenly")


class TreeSearchConfig(Section):
    """`mcts`: upper confidence bounds over a tree of edits, rooted in the front."""

    leaves: int = Field(default=8, ge=1, le=4096, description="leaves evaluated together, kept apart by virtual visits")
    rule: EditRule = Field(default="keep", description=RULE_HELP)
    exploration: float = Field(default=0.3, ge=0, description="constant c of UCT, for rewards from 0 to 1")
    widening: float = Field(default=0.7, gt=0, lt=1, description="a node of v visits has at most v^widening children")
    depth: int = Field(default=3, ge=2, description="deepest level of the tree: one for the starts, then edits")
    temperature: float = Field(default=0.02, gt=0, description="distance from the front at which a reward is 1/e")


class EnumerationConfig(Section):
    """`exhaustive`: the pruned bottom-up generator of Roy, Choudhury, Puri and Pan (TCAD 2014)."""

    complete_width: int = Field(default=8, ge=2, le=10, description="up to this width nothing is pruned")
    levels: int = Field(default=3, ge=0, description="largest depth beyond ceil(log2 width)")
    slack: int = Field(default=6, ge=0, description="nodes above the smallest of its depth that a graph may have")
    bucket: int = Field(default=40, ge=1, description="partial graphs kept per width, depth and size")
    fanout: int = Field(default=0, ge=0, description="largest fanout; 0: no limit")


class DqnConfig(Section):
    """`sb3-dqn`: Stable-Baselines3's DQN on the environment."""

    episode_length: int = Field(default=2, ge=1, description="edits per episode; episodes start from the front")
    learning_rate: float = Field(default=1e-3, gt=0, description="Adam step size")
    learning_starts: int = Field(default=128, ge=1, description="steps before the first update")
    batch_size: int = Field(default=64, ge=1, description="transitions per update")
    gamma: float = Field(default=0.75, ge=0, lt=1, description="discount per edit (PrefixRL)")
    epsilon_end: float = Field(default=0.1, ge=0, le=1, description="share of random actions at the end")
    hidden: list[int] = Field(default=[128, 128], description="units of the hidden layers")


class PpoConfig(Section):
    """`maskable-ppo`: sb3-contrib's MaskablePPO on the environment."""

    episode_length: int = Field(default=2, ge=1, description="edits per episode; episodes start from the front")
    learning_rate: float = Field(default=3e-3, gt=0, description="Adam step size")
    rollout: int = Field(default=64, ge=2, description="steps between updates")
    batch_size: int = Field(default=32, ge=1, description="steps per gradient")
    epochs: int = Field(default=4, ge=1, description="passes over a rollout")
    gamma: float = Field(default=0.75, ge=0, lt=1, description="discount per edit (PrefixRL)")
    entropy: float = Field(default=0.003, ge=0, description="weight of the policy's entropy")
    hidden: list[int] = Field(default=[128, 128], description="units of the hidden layers")


class SearchConfig(Section):
    """The baselines without learning, and those that Stable-Baselines3 brings."""

    starts: list[str] = Field(
        default=[], description="structures to start from; empty: the classical structures' front, then the job's own"
    )
    random: RandomConfig = Field(default_factory=RandomConfig, description="settings of the random walks")
    greedy: GreedyConfig = Field(default_factory=GreedyConfig, description="settings of the descents")
    sa: AnnealingConfig = Field(default_factory=AnnealingConfig, description="settings of the annealing")
    guided: GuidedConfig = Field(default_factory=GuidedConfig, description="settings of the guided annealing")
    ga: GeneticConfig = Field(default_factory=GeneticConfig, description="settings of the genetic search")
    mcts: TreeSearchConfig = Field(default_factory=TreeSearchConfig, description="settings of the tree search")
    exhaustive: EnumerationConfig = Field(default_factory=EnumerationConfig, description="settings of the enumeration")
    dqn: DqnConfig = Field(default_factory=DqnConfig, description="settings of Stable-Baselines3's DQN")
    ppo: PpoConfig = Field(default_factory=PpoConfig, description="settings of sb3-contrib's MaskablePPO")
