"""Units as cells, their reports and tasks: every unit has a main prefix circuit that can be exchanged."""

from __future__ import annotations

import pytest

from prefixrl.circuits import Circuit
from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph, structure
from prefixrl.synthesis.pdk import Pdk, load_pdk
from prefixrl.units.benchmark import bench_units, default_cases
from prefixrl.units.cells import frame_of, with_operator, with_structure
from prefixrl.units.parameters import Parameters
from prefixrl.units.registry import UNITS, Built, build_unit
from prefixrl.units.report import GROUPS, Comparison, document
from prefixrl.units.task import Task, job_text, task_of
from prefixrl.units.width_curves import tensor_core_curve


@pytest.fixture(scope="module")
def pdk() -> Pdk:
    return load_pdk("nangate45")


@pytest.mark.parametrize("name", UNITS)
def test_every_unit_has_a_main_circuit(name: str) -> None:
    built = build_unit(name, Parameters(block=2 if "block" in UNITS[name].takes else None))
    assert built.main_module is not None
    circuit = built.written.circuits[built.main_module]
    roles = [each.role for each in built.module.instances if each.circuit.key == circuit.key]
    assert built.unit.main in roles


def test_equal_circuits_of_two_roles_are_two_modules() -> None:
    """The product's adder and the final one are alike here; only the final one may be exchanged."""
    built = build_unit("tc_dot", Parameters(block=1, width=7))
    alike = [name for name, circuit in built.written.circuits.items() if circuit.width == 7 and circuit.kind == "adder"]
    assert {built.written.roles[name] for name in alike} >= {"final", "product"}


def test_lanes_are_exchanged_together(pdk: Pdk) -> None:
    built = build_unit("mx_quant", Parameters(block=2, format="bf16", out_format="e2m1"))
    frame = frame_of(built, pdk)
    assert frame.adder is not None
    assert len(frame.pins) == 2
    graph = structure("ripple-carry", frame.adder.width)
    circuit = Circuit(frame.adder.kind, graph, carry_out=frame.adder.carry_out)
    unit = with_structure(frame, circuit, pdk)
    assert unit.adder_gates > 0
    drivers = [gate.output for gate in unit.netlist.gates]
    assert len(drivers) == len(set(drivers))
    assert len(unit.netlist.gates) == len(frame.gates) + unit.adder_gates
    plain = with_operator(frame, pdk)
    assert [port.name for port in plain.netlist.outputs] == [port.name for port in unit.netlist.outputs]


def test_a_wider_adder_makes_a_larger_dot_product(pdk: Pdk) -> None:
    narrow, wide = (tensor_core_curve("e2m1", width, 2, pdk) for width in (6, 16))
    assert narrow == sorted(narrow)
    assert narrow[0][0] < wide[0][0]
    assert narrow[-1][1] < 0.8 * wide[-1][1]


def test_comparison_of_a_small_unit(pdk: Pdk) -> None:
    built = build_unit("cmp", Parameters(width=4))
    graph = PrefixGraph(4, [(3, 2)], legalize=True)
    comparison = Comparison(built, pdk, {"mine": graph}, ["ripple-carry", "sklansky"], quick=True)
    rows = comparison.rows([10.0])
    assert [getattr(rows[0], group) is None for group in GROUPS] == [False] * 3
    found = document(comparison, rows, None)
    assert found["adder"]["kind"] == "comparator"
    assert found["rows"][0]["ours"]["label"] == "mine"
    best = min(each.smallest_um2 for each in comparison.groups["ours"])
    assert found["rows"][0]["ours"]["area_um2"] == pytest.approx(best)
    assert comparison.best("ours", 1e-6) is None


def test_unknown_structure_is_refused_at_once(pdk: Pdk) -> None:
    with pytest.raises(InputError, match="unknown structure"):
        Comparison(build_unit("add", Parameters(width=4)), pdk, None, ["nope"])


def test_graph_of_another_width_is_refused(pdk: Pdk) -> None:
    with pytest.raises(InputError, match="has 4 bits, the graph mine has 5"):
        Comparison(build_unit("add", Parameters(width=4)), pdk, {"mine": structure("sklansky", 5)})


def test_task_of_a_product(pdk: Pdk) -> None:
    """The middle columns of a product come last, the lowest operand bits first."""
    built = build_unit("fp8_mul")
    task = task_of(built, pdk)
    times = [time for time in task.arrivals_ns["a"] if time is not None]
    assert (task.circuit.kind, task.circuit.width) == ("adder", 7)
    assert min(time for port in task.arrivals_ns.values() for time in port if time is not None) == 0
    assert max(times[2:5]) > times[0]
    assert task.load_ff > 0
    text = job_text(built, task, pdk)
    assert "input_arrival_ns" in text
    assert "width: 7" in text


@pytest.mark.parametrize("clock", [0.0, -1.0, float("nan"), 1e4, 1e-3])
def test_clock_of_a_task_that_cannot_be(pdk: Pdk, clock: float) -> None:
    with pytest.raises(InputError):
        task_of(build_unit("add", Parameters(width=4)), pdk, clock)


def test_benchmark_of_a_unit(pdk: Pdk) -> None:
    asked: list[Task] = []

    def design(built: Built, task: Task) -> dict[str, PrefixGraph]:
        asked.append(task)
        return {"mine": structure("brent-kung", task.circuit.width)}

    (found,) = bench_units([("add", Parameters(width=4))], pdk, design)
    assert asked[0].circuit.width == 4
    assert found["verification"]["mode"] == "exhaustive"
    assert found["verification"]["patterns"] == 512
    for row in found["rows"]:
        areas = [row[group]["area_um2"] for group in GROUPS if row[group] is not None]
        assert row["chosen"]["area_um2"] == min(areas)
        assert all(saved is None or saved >= 0 for saved in row["chosen_saved_percent"].values())


def test_cases_of_the_benchmark() -> None:
    cases = default_cases(4)
    assert {name for name, _ in cases} == set(UNITS)
    assert ("mx_dot", Parameters(format="e2m1", block=4)) in cases
