"""The part of a job description that says how a job is spread over a Ray cluster; without `--ray` it says nothing."""

from __future__ import annotations

from pydantic import Field, field_validator

from prefixrl.agents.sections import Section


class RayConfig(Section):
    """The roles of a distributed job, what each takes of the cluster, and how far they may drift apart."""

    actors: int = Field(default=2, ge=1, le=1024, description="environment actors")
    environments: int | None = Field(
        default=None, ge=1, le=65536, description="graphs that each actor edits, null: environment.environments"
    )
    evaluators: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="evaluators, null: one for each processor but one, more when nodes join",
    )
    actor_cpus: float = Field(default=0.25, ge=0, le=1024, description="processors that each actor takes (num_cpus)")
    evaluator_cpus: float = Field(default=0.75, ge=0, le=1024, description="processors that each evaluator takes")
    evaluator_resources: dict[str, float] = Field(
        default={}, description="custom resources that each evaluator takes, such as {licence: 1}"
    )
    publish_updates: int = Field(default=10, ge=1, description="updates between two versions of the weights")
    max_staleness: int = Field(
        default=100, ge=1, description="versions that the weights of a transition may be behind, else it is not learnt"
    )
    queue: int = Field(default=64, ge=1, le=65536, description="messages that may wait for the learner")
    updates_owed: int = Field(
        default=256, ge=1, description="updates that the learner may be behind; it is let off the others"
    )

    @field_validator("evaluator_resources")
    @classmethod
    def _positive(cls, value: dict[str, float]) -> dict[str, float]:
        if any(amount <= 0 for amount in value.values()):
            raise ValueError("must be amounts above zero")
        return value
