"""Many evaluations at once: each key once, failures recorded, crashes retried, listeners told once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefixrl.circuits import Circuit
from prefixrl.circuits.netlist import Netlist
from prefixrl.errors import EvaluationFailed, InputError, ToolError
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import structure, structure_names
from prefixrl.synthesis.cache import EvaluationCache
from prefixrl.synthesis.constraints import Constraints, default_constraints
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint
from prefixrl.synthesis.evaluator import make_evaluator
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.service import Evaluation, EvaluationService

PDK = load_pdk()
CONSTRAINTS = default_constraints(PDK)
CIRCUITS = [Circuit("adder", structure(name, 8)) for name in ("sklansky", "kogge-stone", "brent-kung", "ripple-carry")]


class Trouble:
    """An evaluator that counts its calls and goes wrong where it is told to."""

    name = "trouble"
    version = "1"
    pdk = PDK

    def __init__(self) -> None:
        self.calls: Counter[PrefixGraph] = Counter()
        self.threads: set[int] = set()
        self.crashes: dict[PrefixGraph, int] = {}
        self.refused: set[PrefixGraph] = set()
        self.delay_s = 0.0
        self.closed = 0
        self.lock = threading.Lock()

    def evaluate(self, circuit: Circuit, constraints: Constraints) -> AreaDelayCurve:
        with self.lock:
            self.calls[circuit.graph] += 1
            self.threads.add(threading.get_ident())
            crash = self.crashes.get(circuit.graph, 0) >= self.calls[circuit.graph]
        time.sleep(self.delay_s)
        if crash:
            raise ToolError("abc failed: ended by signal 11\nmore")
        if circuit.graph in self.refused:
            raise EvaluationFailed("cannot be mapped")
        return AreaDelayCurve((CurvePoint(float(circuit.graph.depth), float(circuit.graph.size), "r"),))

    def realize(self, circuit: Circuit, constraints: Constraints, point: CurvePoint, module: str) -> Netlist:
        raise EvaluationFailed("none")

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def trouble() -> Trouble:
    return Trouble()


@pytest.fixture
def service(trouble: Trouble, tmp_path: Path) -> Iterator[EvaluationService]:
    with EvaluationService(lambda: trouble, CONSTRAINTS, EvaluationCache(tmp_path / "c.sqlite"), workers=3) as made:
        yield made


def test_order_duplicates_and_counters(service: EvaluationService, trouble: Trouble) -> None:
    heard: list[Evaluation] = []
    service.listeners.append(heard.append)
    asked = [CIRCUITS[index] for index in (2, 0, 2, 1, 0, 3)]
    outcomes = service.evaluate_many(asked)
    assert [outcome.circuit for outcome in outcomes] == asked
    assert all(outcome.curve is not None and not outcome.cached for outcome in outcomes)
    assert set(trouble.calls.values()) == {1}
    assert (service.evaluations, service.cache_hits, service.failures) == (4, 0, 0)
    assert len(heard) == 4
    again = service.evaluate_many(asked)
    assert all(outcome.cached for outcome in again)
    assert [outcome.curve for outcome in again] == [outcome.curve for outcome in outcomes]
    assert set(trouble.calls.values()) == {1}
    assert (service.evaluations, service.cache_hits) == (4, 4)
    assert len(heard) == 4


def test_cache_is_used_by_the_next_service_and_its_listeners_hear_of_it(tmp_path: Path) -> None:
    first, second = Trouble(), Trouble()
    with EvaluationService(lambda: first, CONSTRAINTS, EvaluationCache(tmp_path / "c.sqlite")) as service:
        service.evaluate_many(CIRCUITS[:2])
    with EvaluationService(lambda: second, CONSTRAINTS, EvaluationCache(tmp_path / "c.sqlite")) as service:
        heard: list[Evaluation] = []
        service.listeners.append(heard.append)
        service.evaluate_many(CIRCUITS[:3])
        assert sorted(evaluation.cached for evaluation in heard) == [False, True, True]
        assert (service.evaluations, service.cache_hits) == (1, 2)
    assert (len(first.calls), len(second.calls)) == (2, 1)


def test_work_is_spread_over_threads(service: EvaluationService, trouble: Trouble) -> None:
    trouble.delay_s = 0.1
    service.evaluate_many(CIRCUITS)
    assert len(trouble.threads) == 3


def test_keys_in_flight_are_joined(service: EvaluationService, trouble: Trouble) -> None:
    trouble.delay_s = 0.2
    outcomes: list[list[Evaluation]] = []
    threads = [threading.Thread(target=lambda: outcomes.append(service.evaluate_many(CIRCUITS[:2]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 4
    assert dict(trouble.calls) == {circuit.graph: 1 for circuit in CIRCUITS[:2]}


def test_crash_is_retried_once(service: EvaluationService, trouble: Trouble) -> None:
    trouble.crashes[CIRCUITS[0].graph] = 1
    outcome = service.evaluate(CIRCUITS[0])
    assert outcome.failure is None
    assert trouble.calls[CIRCUITS[0].graph] == 2


def test_second_crash_is_a_failure_that_the_cache_does_not_keep(
    service: EvaluationService, trouble: Trouble, tmp_path: Path
) -> None:
    trouble.crashes[CIRCUITS[0].graph] = 2
    outcomes = service.evaluate_many(CIRCUITS[:2])
    assert [outcome.failure for outcome in outcomes] == ["abc failed: ended by signal 11", None]
    assert outcomes[0].curve is None
    assert service.failures == 1
    assert len(EvaluationCache(tmp_path / "c.sqlite")) == 1


def test_refusal_is_a_failure_that_the_cache_keeps(
    service: EvaluationService, trouble: Trouble, tmp_path: Path
) -> None:
    trouble.refused.add(CIRCUITS[0].graph)
    assert service.evaluate(CIRCUITS[0]).failure == "cannot be mapped"
    assert trouble.calls[CIRCUITS[0].graph] == 1
    (kept,) = EvaluationCache(tmp_path / "c.sqlite").get_many([service.key(CIRCUITS[0])]).values()
    assert kept.failure == "cannot be mapped"


def test_what_is_remembered_keeps_nothing_that_was_derived(service: EvaluationService) -> None:
    depths: list[int] = []
    service.listeners.append(lambda evaluation: depths.append(evaluation.circuit.graph.depth))
    evaluation = service.evaluate(CIRCUITS[0])
    assert len(depths) == 1
    assert set(vars(service._remembered[evaluation.key].circuit.graph)) == {"_rows"}


def test_error_of_a_listener_is_not_swallowed(service: EvaluationService) -> None:
    def broken(_: Evaluation) -> None:
        raise OSError("disk full")

    service.listeners.append(broken)
    with pytest.raises(OSError, match="disk full"):
        service.evaluate(CIRCUITS[0])


def test_number_of_workers_is_checked() -> None:
    for workers in (0, -1, 100_000):
        with pytest.raises(InputError, match=f"workers.*: {workers}$"):
            EvaluationService(Trouble, CONSTRAINTS, None, workers=workers)


def test_every_evaluator_is_closed() -> None:
    made: list[Trouble] = []

    def factory() -> Trouble:
        made.append(Trouble())
        made[-1].delay_s = 0.1
        return made[-1]

    with EvaluationService(factory, CONSTRAINTS, None, workers=2) as service:
        service.evaluate_many(CIRCUITS)
    assert [evaluator.closed for evaluator in made] == [1, 1]


def test_keys_tell_apart_what_matters() -> None:
    fast, analytic = make_evaluator("yosys", PDK), make_evaluator("analytic", PDK)
    full = make_evaluator("yosys", PDK, effort="full")
    other = Constraints(CONSTRAINTS.driving_cell, 4.0)
    keys = [
        EvaluationService(lambda e=e: e, c).key(CIRCUITS[0])
        for e in (fast, full, analytic)
        for c in (CONSTRAINTS, other)
    ]  # type: ignore[misc]
    kinds = [Circuit("comparator", CIRCUITS[0].graph), Circuit("adder", CIRCUITS[0].graph, carry_in=True), CIRCUITS[1]]
    with EvaluationService(lambda: fast, CONSTRAINTS) as service:
        keys += [service.key(circuit) for circuit in kinds]
        assert service.key(CIRCUITS[0]) == keys[0]
    assert len(set(keys)) == 9


def test_analytic_evaluator_knows_the_textbook() -> None:
    with EvaluationService(lambda: make_evaluator("analytic", PDK), CONSTRAINTS) as service:
        for name in structure_names(16):
            graph = structure(name, 16)
            curve = service.evaluate(Circuit("adder", graph)).curve
            assert curve is not None
            assert curve.smallest.area_um2 == graph.size
            assert curve.smallest.delay_ns >= graph.depth
        ripple = service.evaluate(Circuit("adder", structure("ripple-carry", 16))).curve
    # A chain of 15 nodes; all but the last have one child.
    assert ripple is not None
    assert ripple.smallest.delay_ns == 14 * 1.5 + 1
