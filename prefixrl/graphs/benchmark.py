"""How fast the compiled step is, against the plain-Python oracle, measured side by side in one run."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from prefixrl.errors import InputError
from prefixrl.graphs import kernels, reference
from prefixrl.graphs.prefix_graph import check_width
from prefixrl.graphs.structures import structure


def bench_env_kernels(
    width: int = 64, batch: int = 64, rounds: int = 15, steps: int = 20, rule: str = "rederive", seed: int = 0
) -> dict[str, Any]:
    """Time one environment step (edit, legalise, levels, fanouts, minimal list, masks, observation).

    Every round does `steps` batched steps with random legal actions from Sklansky and ripple-carry graphs, then the
    same last step on one graph with the oracle, so that both meet the same load of the machine. The oracle's result
    is compared with the kernel's. Compilation is done before.

    :param width: number of inputs, 3 to 256 (a graph of width 2 cannot be edited)
    :param batch: graphs stepped by one call
    :param rounds: the figures are medians over so many rounds
    :raises InputError: width or rule not known
    :returns: width, batch, rule, kernel_us_per_step (one graph, one core), reference_us_per_step, ratio, and
        steps_per_second of the kernel
    """
    width = check_width(width)
    if width == 2:
        raise InputError(f"a graph that can be edited has at least 3 inputs, got {width}")
    bench = _Bench(width, batch, rule, seed)
    bench.kernel_steps(1)
    kernel, oracle = [], []
    for _ in range(rounds):
        kernel.append(bench.kernel_steps(steps))
        oracle.append(bench.reference_step())
    kernel_us, reference_us = statistics.median(kernel) * 1e6, statistics.median(oracle) * 1e6
    return {
        "width": width,
        "batch": batch,
        "rule": rule,
        "kernel_us_per_step": kernel_us,
        "reference_us_per_step": reference_us,
        "ratio": statistics.median(slow / fast for slow, fast in zip(oracle, kernel, strict=True)),
        "steps_per_second": 1e6 / kernel_us,
    }


class _Bench:
    """A batch of graphs with their buffers, stepped at random."""

    def __init__(self, width: int, batch: int, rule: str, seed: int) -> None:
        self.width, self.rule = width, rule
        self.random = np.random.default_rng(seed)
        starts = [structure(name, width).grid for name in ("sklansky", "ripple-carry")]
        self.grids = np.stack([starts[index % 2] for index in range(batch)])
        self.observations = np.zeros((batch, 4, width, width), np.float32)
        self.masks = np.zeros((batch, (width - 1) * (width - 2)), np.bool_)
        self.features = np.zeros((batch, 3), np.int64)
        self._step(np.full(batch, -1))

    def _step(self, actions: np.ndarray) -> None:
        kernels.step_(self.grids, actions, self.rule, self.observations, self.masks, self.features)

    def kernel_steps(self, steps: int) -> float:
        """Seconds per graph and step, the median of `steps` calls; choosing the actions is not counted."""
        spent = []
        for _ in range(steps):
            self.before = self.grids[0].copy()
            self.actions = np.array([self.random.choice(np.flatnonzero(mask)) for mask in self.masks])
            begin = time.perf_counter()
            self._step(self.actions)
            spent.append(time.perf_counter() - begin)
        return statistics.median(spent) / len(self.grids)

    def reference_step(self) -> float:
        """Seconds that the oracle needs for the last step of the first graph."""
        nodes = {(int(msb), int(lsb)) for msb, lsb in np.argwhere(self.before)}
        begin = time.perf_counter()
        edited, planes, masks, features = reference.step(self.width, nodes, int(self.actions[0]), self.rule)
        spent = time.perf_counter() - begin
        assert edited == {(int(msb), int(lsb)) for msb, lsb in np.argwhere(self.grids[0])}
        assert np.array_equal(np.array(planes, np.float32), self.observations[0])
        assert masks == self.masks[0].tolist()
        assert features == tuple(self.features[0].tolist())
        return spent
