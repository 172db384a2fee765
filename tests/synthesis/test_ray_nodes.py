"""A node whose disk is full: its processes die as they start, and before long Ray gives it up."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from prefixrl.circuits import Circuit
from prefixrl.graphs.structures import structure, structure_names
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.evaluator import evaluation_key
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.ray_actor import ActorResources
from prefixrl.synthesis.ray_cluster import NodeWatch
from prefixrl.synthesis.ray_pool import RayPool
from prefixrl.synthesis.work import EvaluatorSpec, WorkUnit

PDK = load_pdk()
CONSTRAINTS = default_constraints(PDK)
SPEC = EvaluatorSpec("analytic", PDK)


def units(width: int) -> list[WorkUnit]:
    evaluator = SPEC()
    circuits = [Circuit("adder", structure(name, width)) for name in structure_names(width)]
    return [WorkUnit(evaluation_key(each, CONSTRAINTS, evaluator), each, CONSTRAINTS) for each in circuits]


@pytest.fixture
def nodes() -> Iterator[Any]:
    """A cluster whose head has room for nobody, joined by this process."""
    ray = pytest.importorskip("ray", reason="ray is not installed (pip install 'prefixrl[ray]')")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    ray.init(address=made.address, log_to_driver=False)
    yield made
    ray.shutdown()
    made.shutdown()


@contextlib.contextmanager
def node_with_full_disk(address: str) -> Iterator[None]:
    """A node with room for an actor, whose `/tmp` (its own, in a mount namespace) is full."""
    import ray

    mount = "mount -t tmpfs -o size=64m tmpfs /tmp"
    if subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("a disk of its own for a node needs the right to mount (unshare -m)")
    start = f"{mount} && exec {sys.executable} -m ray.scripts.scripts start --address={address} --num-cpus=1 --block"
    before = len(ray.nodes())
    node = subprocess.Popen(["unshare", "-m", "sh", "-c", start], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while len(ray.nodes()) == before:
            assert node.poll() is None, "the node did not start"
            assert time.monotonic() < deadline, "the node did not join"
            time.sleep(0.2)
        fill = Path(f"/proc/{node.pid}/root/tmp/fill")
        with fill.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 65536):
                pass
        yield
    finally:
        for process in [*psutil.Process(node.pid).children(recursive=True), node]:
            process.send_signal(signal.SIGKILL)
        node.wait()


@pytest.mark.ray
@pytest.mark.slow
def test_a_node_with_a_full_disk_is_named_and_the_job_goes_on_without_it(nodes: Any) -> None:
    watch = NodeWatch()
    with node_with_full_disk(nodes.address):
        assert watch.look() == []
        # Each of the nodes has room for one of the two actors, so that one cannot but go to the broken one.
        made = RayPool(SPEC, workers=2, resources=ActorResources(0.6))
        try:
            nodes.add_node(num_cpus=1)
            for unit in units(8):
                outcome = made.submit(unit).result(120)
                assert (outcome.failure, outcome.attempts) == (None, 1)
            deadline = time.monotonic() + 150
            while not (told := watch.look()):
                assert time.monotonic() < deadline, "the node was not found out"
                time.sleep(0.2)
            assert len(told) == 1
            assert "has left, the job goes on without it; if it should not have, look at its disk" in told[0]
            assert watch.look() == []
            assert made.submit(units(9)[0]).result(60).failure is None
        finally:
            made.close()
