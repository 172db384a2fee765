"""The benchmark of the native evaluator: its figures are what they are called, and bad input is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from native_samples import NANGATE45, needs_sta, random_circuit
from typer.testing import CliRunner

from prefixrl.circuits.mapping import map_structure
from prefixrl.circuits.proof import prove_netlist
from prefixrl.cli.bench import app
from prefixrl.errors import InputError
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.native.benchmark import bench_memory, bench_speed, bench_truth, scrambled
from prefixrl.synthesis.native.mapping_benchmark import FREE, bench_mapping
from prefixrl.synthesis.native.methods_benchmark import METHODS, bench_methods, excess_percent
from prefixrl.synthesis.native.quality_benchmark import bench_random, bench_reference, read_reference
from prefixrl.synthesis.native.timer import NativeTimer

HEADER = "structure,width,wires,clock_ns,area_um2,delay_ns,exit\n"
ROWS = "sklansky,8,zero,0.6,60.0,0.3,0\nsklansky,8,zero,0.2,70.0,0.2,0\nbrentkung,8,zero,0.6,50,0.3,0\n"
UNUSED = "sklansky,8,placed,0.6,90.0,0.2,0\nsklansky,8,zero,0.1,,,1\n"


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    path = tmp_path / "reference.csv"
    path.write_text(HEADER + ROWS + UNUSED)
    return path


def test_references_are_read(reference: Path) -> None:
    first, second = read_reference(reference)
    assert first == ("sklansky", 8, ((0.2, 70.0), (0.3, 60.0)))
    assert second == ("brent-kung", 8, ((0.3, 50.0),))


BAD = {
    "nothing": "",
    "other columns": "a,b\n1,2\n",
    "words": HEADER + "sklansky,8,zero,0.6,large,0.2,0\n",
    "only placed": HEADER + UNUSED,
    "a width of none": HEADER + "sklansky,x,zero,0.6,60.0,0.2,0\n",
    "a short row": HEADER + "sklansky,8,zero,0.6\nsklansky,8,zero,0.6,60.0,0.2,0\nsklansky,,zero,1,1,1,0\n",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_references_are_refused_in_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(BAD[name])
    with pytest.raises(InputError) as caught:
        read_reference(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="readable"):
        read_reference(tmp_path / "missing.csv")


def test_scrambled_netlists_have_other_cells_and_buffers_and_do_the_same() -> None:
    library, native = NANGATE45.library(), NativeTimer(NANGATE45).library
    circuit = random_circuit("adder", 7, 1)
    netlist = map_structure(circuit, library, "adder")
    other = scrambled(netlist, native, np.random.default_rng(0))
    prove_netlist(other, circuit, library)
    assert len(other.gates) > len(netlist.gates)
    assert len({gate.cell for gate in other.gates}) > len({gate.cell for gate in netlist.gates})
    assert other == scrambled(netlist, native, np.random.default_rng(0))


@needs_sta
def test_truth_is_within_the_aim() -> None:
    found = bench_truth(30, widths=(8, 12))
    assert (found["netlists"], found["proven"], found["area_mismatches"]) == (30, 30, 0)
    assert 0 <= found["mean_error_percent"] <= found["worst_error_percent"] < 0.1
    assert 0 < found["with_buffers"] <= 30
    assert 20 < found["cells_in_use"] <= found["cells_of_these_functions"]
    assert bench_truth(4, widths=(8,), prove=False)["proven"] is None
    with pytest.raises(InputError, match="at least one netlist: 0"):
        bench_truth(0)


@needs_sta
def test_quality_compares_with_the_better_of_both(reference: Path) -> None:
    found = bench_reference(reference)
    assert list(found["graphs"]) == ["sklansky 8", "brent-kung 8"]
    for graph in found["graphs"].values():
        for row in graph["rows"]:
            best = min(area for area in (row["openroad_um2"], row["abc_um2"]) if area is not None)
            assert row["saving"] == pytest.approx(1 - row["native_um2"] / best)
        assert graph["worst_saving"] <= graph["mean_saving"] < 1
        assert graph["as_fast"] == (graph["fastest_ns"] <= min(graph["openroad_fastest_ns"], graph["abc_fastest_ns"]))
    assert bench_reference(reference, widths=(16,))["graphs"] == {}


@needs_sta
@pytest.mark.slow
def test_quality_on_random_graphs() -> None:
    found = bench_random(2, widths=(8,))
    for effort in ("against_fast", "against_full"):
        assert found[effort]["worst_saving"] <= found[effort]["worst_graph_saving"] <= found[effort]["mean_saving"]
        assert 0 <= found[effort]["never_larger"] <= 1
    with pytest.raises(InputError, match="at least one graph: 0"):
        bench_random(0)


def test_methods_are_compared_on_the_same_netlists() -> None:
    figures = bench_methods([8])
    relaxation, greedy, walk = (figures[name] for name in METHODS)
    assert relaxation["excess_percent"] == relaxation["fastest_percent"] == 0.0
    assert -2 < greedy["excess_percent"] < 10
    assert greedy["fastest_percent"] > 0 > walk["fastest_percent"]
    assert [row["method"] for row in figures["rows"]] == 3 * list(METHODS)


def test_mappings_are_compared_by_the_same_walk() -> None:
    """ "merged" is smaller where delay does not count and larger where it does; ABC's free choice is never smaller."""
    graphs = {"chain": structure("ripple-carry", 8), "tree": structure("sklansky", 8)}
    figures = bench_mapping({"all": graphs})
    chain, tree = figures["rows"]
    assert chain["merged"]["smallest_percent"] < -5 < 0 < chain["merged"]["fast_percent"]
    assert tree["merged"]["smallest_percent"] <= 0
    for row in figures["rows"]:
        assert row["way"] in FREE
        assert row["free"]["smallest_percent"] > row["merged"]["smallest_percent"]
    assert figures["all"]["merged"]["slow_percent"] == pytest.approx(
        np.mean([r["merged"]["slow_percent"] for r in (chain, tree)])
    )


def test_area_is_compared_at_equal_delay() -> None:
    base = np.array([[1.0, 100.0], [3.0, 50.0]])
    assert excess_percent(base, base) == 0.0
    assert excess_percent(base * [1.0, 1.1], base) == pytest.approx(10.0)
    assert excess_percent(np.array([[1.5, 100.0], [3.0, 50.0]]), base) == 0.0


def test_speed_has_both_sides_and_the_growth() -> None:
    found = bench_speed((8, 12), rounds=1)
    assert list(found["widths"]) == ["8", "12"]
    for width in found["widths"].values():
        assert width["ratio"] == pytest.approx(width["native_curves_per_s"] / width["yosys_curves_per_s"])
        assert width["native_points"] > 1
    assert np.isfinite(found["growth_with_width"])
    assert np.isfinite(found["growth_with_gates"])


@pytest.mark.slow
def test_memory_is_that_of_a_fresh_process() -> None:
    assert 50 < bench_memory(width=8)["peak_mib"] < 1000


def test_sections_are_checked() -> None:
    result = CliRunner().invoke(app, ["native", "--section", "nope"])
    assert isinstance(result.exception, InputError)
    assert str(result.exception) == "a section must be one of truth, speed, quality, methods, mapping, memory: 'nope'"
    for section in ("truth", "speed", "quality", "methods", "mapping", "memory"):
        assert section in CliRunner().invoke(app, ["native", "--help"]).output
