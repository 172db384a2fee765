"""Names and paths from outside never become commands of a tool."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefixrl.circuits import Circuit
from prefixrl.circuits.rtl import to_verilog
from prefixrl.errors import InputError
from prefixrl.graphs.files import load_graph, write_graph
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.cache import EvaluationCache
from prefixrl.synthesis.constraints import Constraints, default_constraints
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.service import EvaluationService
from prefixrl.synthesis.work import EvaluatorSpec
from prefixrl.synthesis.yosys import YosysEvaluator

PDK = load_pdk()
CIRCUIT = Circuit("adder", structure("sklansky", 4))
HOSTILE = (
    "a b",
    "quote'\"",
    "[exec touch TRAP]",
    "$(touch TRAP)",
    "`touch TRAP`",
    "; touch TRAP;",
    "; !touch TRAP; sh",
    "| touch TRAP",
    "x\ntouch TRAP\n",
    "x\r!touch TRAP\r",
    "-X #",
    "..",
)


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that a command would make; relative names lead here too."""
    folder = tmp_path / "trap"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def evaluator() -> Iterator[YosysEvaluator]:
    made = YosysEvaluator(PDK)
    yield made
    made.close()


@pytest.mark.parametrize("name", [*HOSTILE, "../m", "m;", "module", "", "é", "m\n", "m\0"])
def test_module_name(name: str, trap: Path, evaluator: YosysEvaluator) -> None:
    with pytest.raises(InputError, match="module name"):
        to_verilog(CIRCUIT, name)
    constraints = default_constraints(PDK)
    point = evaluator.evaluate(CIRCUIT, constraints).fastest
    with pytest.raises(InputError, match="name"):
        evaluator.realize(CIRCUIT, constraints, point, name)
    assert list(trap.iterdir()) == []


@pytest.mark.parametrize("names", [HOSTILE[:3], HOSTILE[3:6], HOSTILE[6:9], HOSTILE[9:]])
def test_liberty_and_cache_and_graph_in_a_folder(names: tuple[str, ...], trap: Path, tmp_path: Path) -> None:
    folder = tmp_path.joinpath("folder", *names)
    folder.mkdir(parents=True, exist_ok=True)
    name = names[0] * (names[0] != "..")
    liberty, graph = folder / f"{name}.lib", folder / f"{name}.json"
    shutil.copy(PDK.liberty[0], liberty)
    write_graph(CIRCUIT.graph, graph)
    pdk = load_pdk(str(liberty))
    circuit = Circuit("adder", load_graph(str(graph)))
    spec = EvaluatorSpec("yosys", pdk, {"check_rtl": True})
    with EvaluationService(spec, default_constraints(pdk), EvaluationCache(folder / "c.sqlite")) as service:
        outcome = service.evaluate(circuit)
        assert outcome.curve is not None, outcome.failure
    assert (folder / "c.sqlite").is_file()
    assert list(trap.iterdir()) == []
    assert not list(tmp_path.rglob("TRAP"))


@pytest.mark.parametrize("name", HOSTILE)
def test_driving_cell(name: str) -> None:
    with pytest.raises(InputError):
        Constraints(name, 1.0)
    with pytest.raises(InputError):
        load_pdk(PDK.name, driving_cell=name)
