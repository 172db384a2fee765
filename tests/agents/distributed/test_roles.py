"""The parts of a distributed job that need no cluster."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest

from prefixrl.agents.archive import FrontArchive
from prefixrl.agents.distributed import actor as actors
from prefixrl.agents.distributed.actor import AskedService
from prefixrl.agents.distributed.messages import Answers
from prefixrl.agents.distributed.soak import Look, growth
from prefixrl.agents.job import load_job
from prefixrl.circuits import Circuit
from prefixrl.errors import InputError
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint
from prefixrl.synthesis.ray_actor import ActorResources

CIRCUITS = [Circuit("adder", structure(name, 8)) for name in ("sklansky", "brent-kung", "kogge-stone", "ripple-carry")]


class _Driver:
    """Answers with areas that count up, and refuses one graph."""

    def __init__(self, refused: bytes = b"") -> None:
        self.questions: list[list[bytes]] = []
        self.refused = refused

    def __call__(self, graphs: Sequence[bytes]) -> Answers:
        self.questions.append(list(graphs))
        curve = AreaDelayCurve((CurvePoint(1.0, float(len(self.questions)), ""),))
        return Answers([(g.hex(), None, "no") if g == self.refused else (g.hex(), curve, None) for g in graphs])


def test_an_actor_asks_for_a_graph_once_and_again_for_what_failed() -> None:
    driver = _Driver(refused=CIRCUITS[1].graph.to_bytes())
    service = AskedService(driver)
    first = service.evaluate_many([CIRCUITS[0], CIRCUITS[1], CIRCUITS[0]])
    assert [each.failure for each in first] == [None, "no", None]
    assert first[0] is first[2]
    second = service.evaluate_many([CIRCUITS[2], CIRCUITS[1], CIRCUITS[0]])
    assert second[2].curve == first[0].curve
    asked = [[CIRCUITS[i].graph.to_bytes() for i in places] for places in ((0, 1), (2, 1))]
    assert driver.questions == asked
    assert (service.asked, service.near) == (6, 1)
    assert service.evaluate_many([CIRCUITS[0]])[0].circuit == CIRCUITS[0]
    assert len(driver.questions) == 2


def test_an_actor_forgets_the_oldest_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actors, "NEAR_EVALUATIONS", 2)
    driver = _Driver()
    service = AskedService(driver)
    service.evaluate_many(CIRCUITS)
    service.evaluate_many([CIRCUITS[3], CIRCUITS[0]])
    assert driver.questions[1:] == [[CIRCUITS[0].graph.to_bytes()]]


def test_a_front_that_travels_is_the_same_front() -> None:
    archive, other = FrontArchive(), FrontArchive()
    for place, circuit in enumerate(CIRCUITS):
        archive.add(circuit.graph, [CurvePoint(1.0 + place, 9.0 - place, ""), CurvePoint(0.5 + place, 9.5 - place, "")])
    other.load_rows(archive.rows(), 8)
    assert other.graphs == archive.graphs
    assert other.rows() == archive.rows()
    assert np.array_equal(other.delays_ns, archive.delays_ns)
    assert other.area_at(2.2) == archive.area_at(2.2)
    other.load_rows([], 8)
    assert len(other) == 0


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("ray.actors=0", "ray.actors"),
        ("ray.evaluator_cpus=-1", "ray.evaluator_cpus"),
        ("ray.evaluator_resources={licence: 0}", "above zero"),
        ("ray.actor=3", "actors"),
        ("ray.queue=0", "ray.queue"),
    ],
)
def test_what_the_section_refuses(override: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_job("tiny", overrides=[override])


def test_licences_are_a_resource_of_every_evaluator() -> None:
    config = load_job("tiny", overrides=["ray.evaluator_resources={licence: 1}", "ray.evaluator_cpus=2"])
    from prefixrl.synthesis.ray_actor import ActorResources

    options = ActorResources(config.ray.evaluator_cpus, config.ray.evaluator_resources).options(["n1", "n2"])
    assert (options["num_cpus"], options["resources"]) == (2, {"licence": 1})
    assert options["label_selector"] == {"ray.io/node-id": "!in(n1,n2)"}


def test_growth_is_told_after_warm_up_and_of_those_who_lived_long() -> None:
    # Grows by 1 MiB a second for 25 s of warm-up and then by a quarter, until nothing is added from 70 s on.
    steady = [Look(float(s), 10.0 + min(s, 25) + max(min(s, 70) - 25, 0) / 4, 7 + s % 2) for s in range(0, 101, 2)]
    short = [Look(float(s), float(s), 3) for s in range(0, 60)]
    found = growth({("driver", 1): steady, ("actor", 2): short, ("driver", 3): [steady[0]] * 40}, 25.0, 100.0)
    assert list(found) == ["driver"]
    assert found["driver"]["memory_mib"] == steady[-1].memory_mib
    assert 400 < found["driver"]["memory_mib_per_h"] < 900
    assert found["driver"]["late_memory_mib_per_h"] < 250
    assert found["driver"]["files_per_h"] == pytest.approx(0.0, abs=5)


def test_the_head_keeps_no_record_of_the_calls_of_our_actors() -> None:
    assert ActorResources(0.5).options()["enable_task_events"] is False


@pytest.mark.parametrize(
    ("end", "said"), [("os._exit(1)", "go on\n"), ("os.kill(os.getpid(), 9)", "go on\n"), ("", "")]
)
def test_a_driver_that_is_ended_has_a_last_word(end: str, said: str) -> None:
    script = "import os\nfrom prefixrl.agents.distributed.last_words import last_words\nwith last_words('go on'):\n"
    ended = subprocess.run(
        [sys.executable, "-c", f"{script}    {end or 'pass'}"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.stderr, ended.returncode == 0) == (said, not end)
