"""The parts of a job description: every field explains itself in its `description`, which is also its help text.

Defaults are the paper's (PrefixRL, DAC 2021) where it discloses them and they suit one machine; `ours` marks a
departure from it.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Section(BaseModel):
    """A part of the job description: keys that it does not know are refused, values are checked on assignment too."""

    model_config = ConfigDict(extra="forbid", validate_default=True, validate_assignment=True, allow_inf_nan=False)


class CircuitConfig(Section):
    """What the prefix graph becomes."""

    kind: str = Field(default="adder", description="circuit kind: adder, incrementer, comparator, ...")
    width: int = Field(default=16, ge=2, le=256, description="bits, 2 to 256")
    carry_in: bool = Field(default=False, description="give the adder or incrementer a carry input")
    carry_out: bool = Field(default=True, description="give the adder or incrementer a carry output")


class PdkConfig(Section):
    """The cell library. A text in its place is the name alone."""

    name: str | None = Field(
        default=None, description="PDK by name, or a Liberty file; null: nangate45, where no Liberty files are stated"
    )
    liberty: list[str] = Field(default=[], description="Liberty files of one corner, which are the PDK where stated")
    lef: list[str] = Field(default=[], description="LEF files, technology first, in place of the PDK's own")
    dont_use: list[str] = Field(default=[], description="cells and patterns not to use, beside the PDK's own")

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, data: object) -> object:
        return {"name": data} if isinstance(data, str) else data


class EvaluatorConfig(Section):
    """Who judges a design."""

    name: str = Field(default="native", description="evaluator: native, yosys, openroad or analytic")
    effort: Literal["fast", "medium", "full"] = Field(
        default="fast", description="effort spent per design while searching; medium: native alone"
    )
    wires: Literal["none", "datapath"] | None = Field(
        default=None, description="native: none, or wires of a datapath layout in every delay; null: none"
    )
    wire_detour: float | None = Field(
        default=None, gt=0, description="native: length of wires, as `pdk calibrate` finds it; null: the PDK's"
    )
    utilization_percent: float | None = Field(
        default=None, ge=5, le=95, description="openroad: cell area over core area before repair; null: 45"
    )
    aspect_ratio: float | None = Field(
        default=None, ge=0.05, le=20, description="openroad: height of the core over its width; null: 1"
    )
    density: float | None = Field(
        default=None, ge=0.05, le=1, description="openroad: target density of global placement; null: 0.55"
    )
    pin_order: Literal["datapath", "free"] | None = Field(
        default=None, description="openroad: bit i beside bit i, or where wires are short; null: datapath"
    )
    runs: int | None = Field(default=None, ge=1, le=1000, description="openroad: clocks tried per design; null: 7")
    clocks_ns: list[float] | None = Field(
        default=None, min_length=1, description="openroad: exactly these clocks, ns; null: runs of them, chosen"
    )
    last_gasp: bool | None = Field(
        default=None, description="openroad: the last, slow phase of repair_timing (newer builds); null: without"
    )
    work_folder: str | None = Field(default=None, description="openroad: where every run leaves its folder; null: none")
    workers: int = Field(default=2, ge=1, le=1024, description="evaluations at a time, one tool process each")
    pool: Literal["in-process", "processes", "ray"] = Field(
        default="in-process",
        description="workers: threads; processes, which survive whatever a tool does; actors of a Ray cluster",
    )
    timeout_s: float | None = Field(
        default=None, gt=0, description="seconds that one evaluation may take, null: the pool's own limit"
    )
    memory_mib: int | None = Field(
        default=None, ge=1, description="memory that one evaluation may take, MiB, null: the pool's own limit"
    )
    judge: Literal["auto", "opensta", "yosys", "none"] = Field(
        default="auto", description="independent timer of the final front; auto: opensta where found, else yosys (ABC)"
    )

    def choices(self) -> dict[str, Any]:
        """What is stated of the options that only some evaluators have, by the names of `make_evaluator`."""
        from prefixrl.synthesis.evaluator import CHOICES

        return {name: value for name in CHOICES if (value := getattr(self, name)) is not None}


class ConstraintsConfig(Section):
    """What surrounds the circuit: overrides of the PDK's own (null keeps these), times, and limits on every net."""

    named: str | None = Field(default=None, description="driving cell and load by name: default, paper (nangate45)")
    driving_cell: str | None = Field(default=None, description="library cell that drives every input")
    output_load_ff: float | None = Field(default=None, ge=0, description="load on every output, fF")
    profile: str | None = Field(default=None, description="arrival profile by name, or a file of times in ns")
    unit_delay_ns: float | None = Field(
        default=None, gt=0, le=100, description="ns per unit of a profile by name, null: 0.025"
    )
    input_arrival_ns: dict[str, list[float]] | None = Field(
        default=None, description="arrival times by input port, lowest bit first, in place of a profile's"
    )
    output_required_ns: dict[str, list[float]] | None = Field(
        default=None, description="required times by output port, lowest bit first, in place of a profile's"
    )
    max_fanout: int | None = Field(default=None, ge=2, le=1000, description="most pins and ports that one net may feed")
    max_transition_ns: float | None = Field(default=None, gt=0, description="longest slew that a net may have, ns")


class EnvironmentConfig(Section):
    """The design game that the agent plays."""

    rule: Literal["rederive", "keep"] = Field(
        default="rederive",
        description="edit rule: rederive is the paper's, keep leaves nodes added by legalisation in place",
    )
    starts: list[str] = Field(
        default=["ripple-carry", "sklansky"],
        min_length=1,
        description="structures that episodes start from, drawn evenly (these two: PrefixRL, section 4)",
    )
    pareto_start_fraction: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of episodes that start from the job's own front (Song et al. 2022); 0 in the paper",
    )
    episode_length: int = Field(default=64, ge=1, description="edits per episode (the paper does not disclose its own)")
    environments: int = Field(default=8, ge=1, le=65536, description="graphs edited side by side")
    c_area: float = Field(
        default=0.01, gt=0, description="reward per um2 saved (paper: 0.001 per plotted unit of 0.1 um2)"
    )
    c_delay: float = Field(default=10.0, gt=0, description="reward per ns saved (paper)")


class AgentConfig(Section):
    """The Q-learning agent. `source` in a description tells where a default comes from; `ours` marks a departure."""

    # The network.
    channels: int = Field(default=32, ge=1, le=4096, description="channels of the residual trunk (paper: 256)")
    blocks: int = Field(default=4, ge=0, le=256, description="residual blocks (paper: 32, at 16 bits 16)")
    kernel_size: int = Field(default=5, ge=1, le=15, description="side of the blocks' kernels, odd (paper: 5)")
    norm: Literal["batch", "group"] = Field(
        default="group",
        description="normalisation: batch is the paper's; group (ours) behaves alike in acting and learning",
    )
    coordinate_planes: bool = Field(
        default=False,
        description="ours: add planes of each cell's row and column, so that a shallow network knows where it is",
    )
    timing_planes: bool = Field(
        default=False, description="ours: add planes of arrival time and criticality under the paper's analytic model"
    )
    axial_context: bool = Field(
        default=False, description="ours: every block also sees means and maxima over whole rows and columns"
    )
    zero_head: bool = Field(default=False, description="ours: all values are zero before learning")
    # The preference between area and delay.
    weight_low: float = Field(default=0.5, ge=0, le=1, description="smallest weight of area (delay has 1 - weight)")
    weight_high: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="largest weight of area; equal to weight_low: one agent per weight, as the paper",
    )
    condition_on_weight: bool = Field(
        default=False, description="ours: the weight is an input plane, so that one network serves the whole front"
    )
    relabel_fraction: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="ours: share of a batch whose weight is drawn anew (hindsight); curves are stored",
    )
    # Learning.
    gamma: float = Field(default=0.75, ge=0, lt=1, description="discount per edit (paper)")
    learning_rate: float = Field(default=4e-5, gt=0, description="Adam step size (paper: 4e-5)")
    batch_size: int = Field(
        default=96, ge=1, description="transitions per update (paper: 96 at 16 and 32 bits, 84 at 64)"
    )
    loss: Literal["huber", "mse"] = Field(
        default="huber", description="error function (the paper does not disclose its own)"
    )
    gradient_clip: float | None = Field(default=10.0, gt=0, description="largest gradient norm, null for none (ours)")
    target_update_steps: int = Field(
        default=60, ge=1, description="updates between copies to the target network (paper: 60)"
    )
    replay_capacity: int = Field(default=400_000, ge=1, description="transitions kept (paper: up to 4e5)")
    learning_starts: int = Field(
        default=256, ge=1, description="transitions collected before the first update (undisclosed)"
    )
    updates_per_step: float = Field(
        default=1.0, ge=0, description="updates per step of all environments; below 1: every 1/x steps (undisclosed)"
    )
    # Exploration.
    epsilon_start: float = Field(default=1.0, ge=0, le=1, description="share of random legal actions at the start")
    epsilon_end: float = Field(default=0.0, ge=0, le=1, description="share at the end of annealing (paper: 0)")
    epsilon_anneal_fraction: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="part of the budget over which epsilon falls (the paper does not disclose its own)",
    )
    epsilon_ladder: float = Field(
        default=0.0,
        ge=0,
        description="ours: environment i of n explores epsilon^(1 + ladder i/(n-1)), as Ape-X (7 there); 0: all alike",
    )
    balanced_exploration: bool = Field(
        default=False, description="ours: random actions add and delete equally often; else all legal ones are alike"
    )
    # The machine.
    device: str = Field(default="auto", description="torch device: auto takes a GPU when there is one")
    threads: int = Field(default=1, ge=1, le=1024, description="CPU threads of torch; evaluations run beside it")

    @field_validator("kernel_size")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("must be odd, so that a map keeps its size")
        return value

    @model_validator(mode="after")
    def _weights_ordered(self) -> AgentConfig:
        if self.weight_low > self.weight_high:
            raise ValueError(f"weight_low must not exceed weight_high ({self.weight_high})")
        return self


class BudgetConfig(Section):
    """When the job ends: at whichever limit comes first; null is no limit."""

    evaluations: int | None = Field(
        default=None, ge=1, description="unique designs asked for, those out of the cache included"
    )
    time_s: float | None = Field(default=None, gt=0, description="seconds of search, not counting the final pass")
    steps: int | None = Field(default=None, ge=1, description="steps of all environments together (edits)")
    final_designs: int = Field(
        default=32, ge=0, description="designs nearest to the front judged again with full effort at the end"
    )

    @model_validator(mode="after")
    def _some_limit(self) -> BudgetConfig:
        if self.evaluations is None and self.time_s is None and self.steps is None:
            raise ValueError("needs one of evaluations, time_s, steps")
        return self


class CheckpointConfig(Section):
    """How often the state of learning is saved."""

    every_s: float | None = Field(default=60.0, gt=0, description="seconds between checkpoints, null: not by time")
    every_steps: int | None = Field(
        default=None, ge=1, description="environment steps between checkpoints, null: not by steps"
    )
    keep: int = Field(default=3, ge=1, description="newest checkpoints kept")
