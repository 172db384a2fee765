"""Jobs that begin with the fronts of others: evaluated their own way, kept with the run, refused where unfit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefixrl.agents import search as searches
from prefixrl.agents.inheritance import FILE, inherited_graphs, read_inherited, write_inherited
from prefixrl.agents.job import load_job
from prefixrl.agents.live import LiveView
from prefixrl.agents.session import CLASSICAL, INHERITED
from prefixrl.cli.main import run
from prefixrl.designs import DesignStore
from prefixrl.designs.front import hypervolume
from prefixrl.designs.source import open_source
from prefixrl.errors import InputError
from prefixrl.graphs import structure

BASE = ["circuit.width=8", "evaluator.judge=none", "budget.final_designs=0"]


def ran(out: Path, *overrides: str) -> searches.JobResult:
    return searches.search(load_job("tiny", overrides=[*BASE, *overrides]), out, LiveView(quiet=True))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A front that the analytic model found."""
    path = tmp_path_factory.mktemp("inheritance") / "first"
    ran(path, "method=sa", "evaluator.name=analytic", "budget.evaluations=60")
    return path


@pytest.mark.parametrize("method", ["sa", "ga", "greedy"])
def test_a_search_begins_where_another_ended(first: Path, tmp_path: Path, method: str) -> None:
    result = ran(tmp_path / "run", f"method={method}", f"start_from=[{first}]", "budget.evaluations=8")
    graphs = {point.graph for point in open_source(first).front}
    with DesignStore.open(result.run / "designs.sqlite") as store:
        inherited = {design.graph for design in store.designs(source=INHERITED)}
        classical = {design.graph for design in store.designs(source=CLASSICAL)}
        assert inherited == graphs - classical
        assert inherited, "the model's front has more than the classical structures"
        assert store.sources()[f"search:{method}"] == result.evaluations == 8
        everything = store.front()
    assert hypervolume(everything, result.reference) == pytest.approx(result.hypervolume)


def test_a_job_goes_on_when_the_other_is_gone(first: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.json"
    copy.write_text((first / "front.json").read_text())
    out = tmp_path / "run"
    ran(out, "method=sa", f"start_from=[{copy}]", "budget.evaluations=8")
    copy.unlink()
    kept = read_inherited(out)
    resumed = searches.resume(out, LiveView(quiet=True), ["budget.evaluations=12"])
    assert resumed.evaluations == 12
    assert read_inherited(out) == kept == inherited_graphs([str(first)], 8, "adder")


def test_fronts_that_do_not_fit(first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="must be of a 9-bit adder"):
        inherited_graphs([str(first)], 9, "adder")
    out = tmp_path / "run"
    command = ["search", "-n", "8", "--evaluations", "4", "--quiet", "--out", str(out), "--start-from"]
    for spec, said in (("published:adder32", "32 bits, adder"), ("published:adder9", "adder9"), ("no/run", "no/run")):
        assert run([*command, spec]) == 2
        assert said in capsys.readouterr().err
    assert not out.exists()


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    assert read_inherited(tmp_path) == []
    write_inherited(tmp_path, [])
    assert not (tmp_path / FILE).exists()
    write_inherited(tmp_path, [structure("sklansky", 8)])
    assert read_inherited(tmp_path) == [structure("sklansky", 8)]
    for text in ("{", "[3]", json.dumps([{"format": "prefixrl-graph-1", "width": 4, "nodes": [[9, 0]]}])):
        (tmp_path / FILE).write_text(text)
        with pytest.raises(InputError, match="the graphs that the job began from must be readable"):
            read_inherited(tmp_path)
