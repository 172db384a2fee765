"""What a job's designs are evaluated with: PDK, constraints, evaluator, versions."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from prefixrl.agents.job import JobConfig
from prefixrl.designs import DesignContext
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.evaluator import effort_options, make_evaluator
from prefixrl.synthesis.pdk import Pdk, load_pdk

PACKAGES = ("prefixrl", "numpy", "numba", "gymnasium", "torch", "pyosys")


def load_setting(config: JobConfig) -> tuple[Pdk, Constraints]:
    """The PDK and the constraints of a job.

    :raises InputError: there is no such PDK, or it does not have the driving cell
    """
    pdk = load_pdk(config.pdk, config.constraints.driving_cell, config.constraints.output_load_ff)
    return pdk, job_constraints(pdk, config)


def job_constraints(pdk: Pdk, config: JobConfig) -> Constraints:
    """The PDK's own constraints with the job's in their place where it states some."""
    own = config.constraints
    load = pdk.output_load_ff if own.output_load_ff is None else own.output_load_ff
    return Constraints(own.driving_cell or pdk.driving_cell, load)


def design_context(config: JobConfig, pdk: Pdk, constraints: Constraints) -> DesignContext:
    """What all designs of a job have in common, for its store.

    :raises InputError: there is no such evaluator, or it cannot use the PDK
    :raises ToolMissing: the evaluator needs a program that this machine does not have
    """
    circuit, name = config.circuit, config.evaluator.name
    evaluator = make_evaluator(name, pdk, **effort_options(name, config.evaluator.effort))
    try:
        evaluator_version = evaluator.version
    finally:
        evaluator.close()
    return DesignContext(
        circuit=circuit.kind,
        width=circuit.width,
        pdk=config.pdk,
        evaluator=name,
        constraints=constraints.to_json(),
        carry_in=circuit.carry_in,
        carry_out=circuit.carry_out,
        pdk_hash=pdk.content_hash,
        evaluator_version=evaluator_version,
    )


def used_versions(evaluator_version: str) -> dict[str, str]:
    """Versions of Python, the packages and the evaluator, for the job's `config.yaml`."""
    versions = {"python": platform.python_version(), "evaluator": evaluator_version}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
