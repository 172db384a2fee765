"""What an environment is made of, as plain values, checked once.

`gym.make` hands keyword arguments through; `split_arguments` sorts them into the two value types here, so that
the single and the batched environment take exactly the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from prefixrl.circuits import Circuit
from prefixrl.envs.observations import check_width
from prefixrl.envs.rewards import RewardScale
from prefixrl.errors import InputError
from prefixrl.graphs import RULES, PrefixGraph, Rule
from prefixrl.hints import near_miss

RENDER_MODES = ("ansi", "rgb_array")


@dataclass(frozen=True, kw_only=True)
class EnvSettings:
    """The task: which circuit, how a graph is edited, how long an episode lasts, what a step earns.

    :param width: bits of the circuit, 3 to 256
    :param circuit: one of `prefixrl.circuits.KINDS`
    :param carry_in: the circuit has a carry input (adder, incrementer)
    :param carry_out: the circuit has a carry output (adder, incrementer)
    :param rule: "rederive" (the paper's: a delete takes along lower parents that only it needed) or "keep" (they stay)
    :param starts: names of classical structures; an episode starts from one of them, drawn evenly (the paper's two)
    :param episode_length: steps until truncation; the paper does not tell its own, 64 is ours
    :param c_area: reward per um2 (the paper's)
    :param c_delay: reward per ns (the paper's)
    :param illegal_penalty: what an illegal action costs
    """

    width: int = 16
    circuit: str = "adder"
    carry_in: bool = False
    carry_out: bool = True
    rule: Rule = "rederive"
    starts: tuple[str, ...] = ("ripple-carry", "sklansky")
    episode_length: int = 64
    c_area: float = 0.01
    c_delay: float = 10.0
    illegal_penalty: float = 0.0
    scale: RewardScale = field(init=False)

    def __post_init__(self) -> None:
        starts = (self.starts,) if isinstance(self.starts, str) else tuple(self.starts)
        object.__setattr__(self, "starts", starts)
        object.__setattr__(self, "width", check_width(self.width))
        object.__setattr__(self, "scale", RewardScale(self.c_area, self.c_delay))
        self.circuit_of(PrefixGraph(self.width))  # raises where kind and carries do not fit
        if self.rule not in RULES:
            raise InputError(f"the rule of edits must be one of {', '.join(RULES)}, got {self.rule!r}")
        if self.episode_length < 1:
            raise InputError(f"episode_length must be at least 1 step, got {self.episode_length}")
        if not (math.isfinite(self.illegal_penalty) and self.illegal_penalty >= 0):
            raise InputError(f"illegal_penalty must not be negative, got {self.illegal_penalty}")
        if not starts:
            raise InputError(f"starts must name at least one structure, got {self.starts!r}")

    def circuit_of(self, graph: PrefixGraph) -> Circuit:
        """Return the circuit that `graph` becomes in this task."""
        return Circuit(self.circuit, graph, carry_in=self.carry_in, carry_out=self.carry_out)


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """How graphs are evaluated, where no running service is handed in.

    :param evaluator: "yosys" or "analytic"
    :param pdk: name of a process design kit or path of a Liberty file
    :param driving_cell: cell that drives every input; None for the PDK's own
    :param output_load_ff: load on every output in fF; None for the PDK's own
    :param workers: evaluations that run at the same time, each with its own tool process
    :param cache: file of the evaluation cache on disk; None for the default place
    :param evaluator_options: further options of the evaluator
    """

    evaluator: str = "yosys"
    pdk: str = "nangate45"
    driving_cell: str | None = None
    output_load_ff: float | None = None
    workers: int = 1
    cache: str | Path | None = None
    evaluator_options: Mapping[str, Any] = field(default_factory=dict)


def split_arguments(**arguments: Any) -> tuple[EnvSettings, ServiceSettings]:
    """Sort the keyword arguments of an environment into the task and the evaluation.

    :raises InputError: an argument that neither has, with the nearest name that exists; a value that breaks its rule
    """
    task, evaluation = _names(EnvSettings), _names(ServiceSettings)
    for name in arguments:
        if name not in task | evaluation:
            hint = near_miss(name, sorted(task | evaluation))
            raise InputError(f"an environment has no such argument{hint}: {name}")
    return (
        EnvSettings(**{name: value for name, value in arguments.items() if name in task}),
        ServiceSettings(**{name: value for name, value in arguments.items() if name in evaluation}),
    )


def check_render_mode(mode: str | None) -> str | None:
    """Return `mode`.

    :raises InputError: a mode that the environments do not have
    """
    if mode is not None and mode not in RENDER_MODES:
        raise InputError(f"render_mode must be one of {', '.join(RENDER_MODES)} or None, got {mode!r}")
    return mode


def _names(settings: type[EnvSettings] | type[ServiceSettings]) -> set[str]:
    return {item.name for item in fields(settings) if item.init}
