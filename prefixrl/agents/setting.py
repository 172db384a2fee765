"""What a job's designs are evaluated with: PDK, constraints, evaluator, versions."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from prefixrl.agents.job import JobConfig
from prefixrl.agents.sections import PdkConfig
from prefixrl.circuits import Circuit
from prefixrl.designs import DesignContext
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.evaluator import distinctive, effort_options, make_evaluator
from prefixrl.synthesis.pdk import DEFAULT_PDK, Pdk, is_known, load_pdk
from prefixrl.synthesis.profiles import PROFILES, chosen_constraints

PACKAGES = ("prefixrl", "numpy", "numba", "gymnasium", "torch", "pyosys")


def load_setting(config: JobConfig) -> tuple[Pdk, Constraints]:
    """The PDK and the constraints of a job.

    :raises InputError: there is no such PDK, or it does not have the cells stated; times that are not of the circuit
    """
    own, stated = config.constraints, config.pdk
    name = stated.liberty or stated.name or DEFAULT_PDK
    pdk = load_pdk(
        name, own.driving_cell, own.output_load_ff, lef=stated.lef, dont_use=stated.dont_use, constraints=own.named
    )
    circuit = _any_circuit(config)
    constraints = chosen_constraints(
        pdk,
        [circuit],
        profile=own.profile,
        unit_delay_ns=own.unit_delay_ns,
        max_fanout=own.max_fanout,
        max_transition_ns=own.max_transition_ns,
    )
    data = constraints.to_json()
    for key in ("input_arrival_ns", "output_required_ns"):
        if getattr(own, key) is not None:
            data[key] = getattr(own, key)
    constraints = Constraints.from_json(data)
    constraints.check_circuit(circuit)
    return pdk, constraints


def resolved(config: JobConfig, pdk: Pdk, constraints: Constraints, evaluator_version: str) -> JobConfig:
    """The job with everything written out that may change under it: versions, full paths, the times of a file.

    :param pdk: of the job, as are the constraints
    """
    library = _library_of(config, pdk)
    update: dict[str, Any] = {"versions": used_versions(evaluator_version)}
    if library:
        name = None if "liberty" in library else config.pdk.name
        update["pdk"] = PdkConfig(name=name, **library)
    if config.evaluator.work_folder is not None:
        folder = str(Path(config.evaluator.work_folder).absolute())
        update["evaluator"] = config.evaluator.model_copy(update={"work_folder": folder})
    profile = config.constraints.profile
    if profile is not None and profile not in PROFILES:
        times = {"input_arrival_ns": constraints.input_arrival_ns, "output_required_ns": constraints.output_required_ns}
        lists = {key: {port: list(bits) for port, bits in value} or None for key, value in times.items()}
        update["constraints"] = config.constraints.model_copy(update={"profile": None, **lists})
    return config.model_copy(update=update)


def _any_circuit(config: JobConfig) -> Circuit:
    """A circuit of the job, for its ports."""
    own = config.circuit
    return Circuit(own.kind, structure("sklansky", own.width), carry_in=own.carry_in, carry_out=own.carry_out)


def _library_of(config: JobConfig, pdk: Pdk) -> dict[str, list[str]]:
    """What the job states of its library beside a name, files by full paths."""
    named = not config.pdk.liberty and is_known(config.pdk.name or DEFAULT_PDK)
    library = {
        "liberty": [] if named else [str(path) for path in pdk.liberty],
        "lef": [str(path) for path in pdk.lef] if config.pdk.lef else [],
        "dont_use": config.pdk.dont_use,
    }
    return {key: value for key, value in library.items() if value}


def design_context(config: JobConfig, pdk: Pdk, constraints: Constraints) -> DesignContext:
    """What all designs of a job have in common, for its store.

    :raises InputError: there is no such evaluator, or it cannot use the PDK
    :raises ToolMissing: the evaluator needs a program that this machine does not have
    """
    circuit, name, chosen = config.circuit, config.evaluator.name, config.evaluator.choices()
    evaluator = make_evaluator(name, pdk, **effort_options(name, config.evaluator.effort), **chosen)
    try:
        evaluator_version = evaluator.version
    finally:
        evaluator.close()
    return DesignContext(
        circuit=circuit.kind,
        width=circuit.width,
        pdk=pdk.name,
        library=_library_of(config, pdk),
        evaluator=name,
        constraints=constraints.to_json(),
        carry_in=circuit.carry_in,
        carry_out=circuit.carry_out,
        pdk_hash=pdk.content_hash,
        evaluator_version=evaluator_version,
        evaluator_options=distinctive(chosen),
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
