"""The job description: what to design, how it is judged, who searches, for how long.

A job is a `JobConfig`. It comes from a preset (`prefixrl/presets/NAME.yaml`), from a YAML file of the user's, and from
`--set key.sub=value` overrides, in that order; what is not stated has the default given in `sections`. Unknown keys are
refused with the nearest known one.

This module imports neither torch nor the evaluators: a job can be read and checked without them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError

from prefixrl.agents.ray_section import RayConfig
from prefixrl.agents.search_sections import SearchConfig
from prefixrl.agents.sections import (
    AgentConfig,
    BudgetConfig,
    CheckpointConfig,
    CircuitConfig,
    ConstraintsConfig,
    EnvironmentConfig,
    EvaluatorConfig,
    PdkConfig,
    Section,
)
from prefixrl.errors import InputError

BASELINES = ("random", "greedy", "sa", "guided", "ga", "mcts", "exhaustive", "sb3-dqn", "maskable-ppo")
"""The methods of `prefixrl search`, see `prefixrl.agents.search`."""

AGENTS = ("qlearning", "guided")
"""The methods of `prefixrl train`: what learns, and is ours. `guided` is a search as well, and runs as one."""

Method = Literal["qlearning", "random", "greedy", "sa", "guided", "ga", "mcts", "exhaustive", "sb3-dqn", "maskable-ppo"]


class JobConfig(Section):
    """A whole job. Nothing that decides a result lies outside of it."""

    preset: str | None = Field(default=None, description="the preset that the job began from")
    method: Method = Field(default="qlearning", description="who proposes edits: the agent or a baseline")
    seed: int = Field(default=0, ge=0, lt=2**63, description="every random stream of the job derives from it")
    circuit: CircuitConfig = Field(default_factory=CircuitConfig)
    start_from: list[str] = Field(
        default=[], description="fronts whose graphs are evaluated first: run directories, front.json, published:NAME"
    )
    network_from: str | None = Field(
        default=None, description="run directory whose network learning begins with, of any width; null: a new one"
    )
    pdk: PdkConfig = Field(default_factory=PdkConfig, description="cell library; a text is its name or Liberty file")
    evaluator: EvaluatorConfig = Field(default_factory=EvaluatorConfig)
    constraints: ConstraintsConfig = Field(default_factory=ConstraintsConfig)
    environment: EnvironmentConfig = Field(default_factory=EnvironmentConfig)
    agent: AgentConfig = Field(default_factory=AgentConfig)
    search: SearchConfig = Field(default_factory=SearchConfig)
    budget: BudgetConfig = Field(default_factory=lambda: BudgetConfig(evaluations=10_000))
    checkpoint: CheckpointConfig = Field(default_factory=CheckpointConfig)
    ray: RayConfig = Field(default_factory=RayConfig, description="the roles of a distributed job")
    versions: dict[str, str] = Field(default_factory=dict, description="packages and tools, filled in by the job")

    def to_yaml(self) -> str:
        """The fully resolved job as readable YAML; `load_job(config=...)` reads it back to an equal job."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


def preset_names() -> list[str]:
    """The presets shipped in the package, sorted."""
    folder = resources.files("prefixrl") / "presets"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_job(preset: str | None = None, config: str | Path | None = None, overrides: Iterable[str] = ()) -> JobConfig:
    """The job of a preset, refined by a YAML file, refined by overrides.

    :param preset: a name out of `preset_names()`; None begins from the defaults (or the preset that the file names)
    :param config: a YAML file with any part of a `JobConfig`
    :param overrides: `key.sub=value` texts, see `apply_overrides`
    :raises InputError: unknown preset, unreadable file, unknown key or a value out of its range
    """
    stated = _read_yaml(Path(config)) if config is not None else {}
    preset = preset or stated.get("preset")
    tree: dict[str, Any] = _read_preset(preset) if preset is not None else {}
    tree = _merge(_with_sections(tree), _with_sections(stated))
    if preset is not None:
        tree["preset"] = preset
    return apply_overrides(_validate(tree), overrides)


def apply_overrides(config: JobConfig, overrides: Iterable[str]) -> JobConfig:
    """A new job with single values replaced.

    :param overrides: texts such as `agent.gamma=0.9`, `environment.starts=[sklansky]`; values are read as YAML
    :raises InputError: no `=`, an unknown key (with the nearest known one), or a value out of its range
    """
    tree = config.model_dump(mode="json")
    for text in overrides:
        path, separator, value = text.partition("=")
        if not separator or not path.strip():
            raise InputError(f"an override has the form key.sub=value: {text!r}")
        _set_path(tree, path.strip().split("."), _parse_value(value, text), text)
        tree = _with_sections(tree)
    return _validate(tree)


def parse_duration(text: str) -> float:
    """Seconds of a duration such as `90s`, `10m`, `2h`, `1h30m`, or a plain number of seconds.

    :raises InputError: anything else, or a duration that is not above zero
    """
    scale = {"h": 3600.0, "m": 60.0, "s": 1.0}
    compact = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", compact):
        compact += "s"
    parts = re.findall(r"(\d+(?:\.\d+)?)([hms])", compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise InputError(f"a duration is a number with h, m or s, such as 10m or 1h30m: {text!r}")
    seconds = sum(float(number) * scale[unit] for number, unit in parts)
    if seconds <= 0:
        raise InputError(f"a duration must be above zero: {text!r}")
    return seconds


def _read_preset(name: str) -> dict[str, Any]:
    names = preset_names()
    if name not in names:
        raise InputError(f"unknown preset ({_hint(name, names)}; there are {', '.join(names)}): {name!r}")
    text = (resources.files("prefixrl") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text) or {})


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"the job file cannot be read ({error.strerror}): {str(path)!r}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"the job file is not YAML ({' '.join(str(error).split())}): {str(path)!r}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise InputError(f"a job file holds keys and values, not a {type(tree).__name__}: {str(path)!r}")
    return tree


def _with_sections(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The tree with the PDK as a section, also where a text stands for it, so that each key can be refined."""
    pdk = tree.get("pdk")
    return {**tree, "pdk": PdkConfig(name=pdk).model_dump(mode="json")} if isinstance(pdk, str) else dict(tree)


def _merge(base: Mapping[str, Any], refinement: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in refinement.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _parse_value(value: str, text: str) -> Any:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        raise InputError(f"the value of an override must be YAML: {text!r}") from None


def _set_path(tree: dict[str, Any], path: list[str], value: Any, text: str) -> None:
    node: Any = tree
    for depth, key in enumerate(path):
        if not isinstance(node, dict) or key not in node:
            known = list(node) if isinstance(node, dict) else []
            where = ".".join(path[:depth]) or "the job"
            raise InputError(f"unknown key in {where} ({_hint(key, known)}): {text!r}")
        if depth == len(path) - 1:
            node[key] = value
        else:
            node = node[key]


def _validate(tree: Mapping[str, Any]) -> JobConfig:
    try:
        return JobConfig.model_validate(tree)
    except ValidationError as error:
        raise InputError(_one_line(error)) from None


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        where = ".".join(path[:-1]) or "the job"
        return f"unknown key in {where} ({_hint(path[-1], _known_keys(path[:-1]))}): {path[-1]!r}"
    rule = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    rule = rule[:1].lower() + rule[1:]
    return f"{'.'.join(path) or 'job'} {rule}: {first['input']!r}"


def _known_keys(path: Iterable[str]) -> list[str]:
    model: Any = JobConfig
    for key in path:
        model = model.model_fields[key].annotation
    return list(model.model_fields)


def _hint(wrong: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
