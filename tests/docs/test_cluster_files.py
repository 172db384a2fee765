"""The cluster descriptions of docs/cluster are what Ray's launcher takes, and their commands are ours."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from prefixrl.cli.main import run

DOCS = Path(__file__).parents[2] / "docs"


def test_launcher_takes_the_cluster() -> None:
    util = pytest.importorskip("ray.autoscaler._private.util", reason="ray is not installed")
    config = util.prepare_config(yaml.safe_load((DOCS / "cluster" / "cluster.yaml").read_text()))
    util.validate_config(config)
    assert config["max_workers"] == len(config["provider"]["worker_ips"])


def test_manifest_runs_a_job_of_ours_behind_a_token() -> None:
    manifest = yaml.safe_load((DOCS / "cluster" / "kuberay.yaml").read_text())
    spec = manifest["spec"]["rayClusterSpec"]
    assert spec["authOptions"] == {"mode": "token"}
    images = [
        container["image"]
        for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"])
        for container in group["template"]["spec"]["containers"]
    ]
    assert len(set(images)) == 1, "all nodes have the same versions"
    program, command, *arguments = shlex.split(manifest["spec"]["entrypoint"])
    assert (program, command) == ("prefixrl", "train")
    assert Path(arguments[arguments.index("--out") + 1]).parts[1] == "runs"


def test_commands_and_files_that_the_page_names_exist(capsys: pytest.CaptureFixture[str]) -> None:
    page = (DOCS / "cluster.md").read_text()
    for name in re.findall(r"\]\((cluster/[^)]+)\)", page):
        assert (DOCS / name).is_file()
    for command in set(re.findall(r"prefixrl (train|sweep|status|pareto|bench ray)", page)):
        assert run([*command.split(), "--help"]) == 0
        known = capsys.readouterr().out
        for line in re.findall(rf"prefixrl {command} (.*)", page):
            for option in re.findall(r"(?<!\S)--[a-z-]+", line.partition("`")[0]):
                assert option in known, (command, option)
