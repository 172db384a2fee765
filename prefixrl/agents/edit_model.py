"""A small ensemble that learns, edit by edit, what edits do to area-delay curves.

The input of an edit is a row of numbers (`prefixrl.graphs.edit_features`, the features of the graph, and how far the
graph lies behind the front); the output is the change of log area at K delays. Graphs are not seen at all, only what
an edit changes about their timing, so a few hundred evaluated edits are enough to rank the others. The heads start
from other weights and see other batches; where they disagree the model does not know, and an agent that believes one
head at a time explores just there (Thompson sampling; Osband et al. 2016).

Letters: H heads, R rows, D inputs, K delays, S edits in memory.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from prefixrl.agents.search_sections import GuidedConfig
from prefixrl.agents.tensors import arrays_of, tensors_of
from prefixrl.errors import InputError, PrefixrlError

CHANGE_SCALE = 0.05
"""Changes of log area are a few hundredths; the network's outputs are of order one."""
LARGEST_CHANGE = 0.3
"""Changes are cut here: how bad a ruinous edit is does not matter."""
NEAR_FRONT = 0.05
"""Log area behind the front at which an example counts 1/e: precision is wanted where designs may join the front."""
FAR_WEIGHT = 0.02
LEARNING_RATE_END = 0.2
"""Part of the learning rate that is left at the end of the budget."""

Floats = NDArray[np.float32]


class EnsembleNetwork(nn.Module):
    """H separate perceptrons of two hidden layers, evaluated together; all outputs are 0 at first."""

    def __init__(self, heads: int, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        sizes = (inputs, hidden, hidden, outputs)
        shapes = list(itertools.pairwise(sizes))
        self.weights = nn.ParameterList(torch.randn(heads, a, b) * math.sqrt(2.0 / a) for a, b in shapes)
        self.biases = nn.ParameterList(torch.zeros(heads, 1, b) for _, b in shapes)
        nn.init.zeros_(self.weights[-1])

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Outputs [H, R, K] of rows [H, R, D]."""
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            rows = torch.baddbmm(bias, rows if layer == 0 else nn.functional.silu(rows), weight)
        return rows


class EditModel:
    """The ensemble, its memory of evaluated edits, and how it learns from them.

    :param inputs: D
    :param settings: sizes and rates
    :param generator: of weights and batches; two models with equal generators and examples are equal
    """

    def __init__(self, inputs: int, settings: GuidedConfig, generator: np.random.Generator) -> None:
        self._settings, self._generator = settings, generator
        # Threads would gain nothing on layers this small, and make sums depend on the machine.
        torch.set_num_threads(1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(generator.integers(2**63)))
            self._network = EnsembleNetwork(settings.heads, inputs, settings.hidden, settings.delays)
        self._optimizer = torch.optim.AdamW(
            self._network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        self._rows = np.zeros((1024, inputs), np.float32)
        self._changes = np.zeros((1024, settings.delays), np.float32)
        self._curves = np.zeros((1024, settings.delays), np.float32)
        self._mean, self._deviation = np.zeros(inputs, np.float32), np.ones(inputs, np.float32)
        self._normalised_at = 0
        self.examples = 0

    @property
    def ready(self) -> bool:
        """Whether there is enough to learn from, so that predictions mean something."""
        return self.examples >= self._settings.learning_starts

    def remember(self, row: Floats, before: Floats, after: Floats) -> None:
        """Take an evaluated edit into memory.

        :param row: its inputs [D]
        :param before: log areas [K] of the graph
        :param after: the same of the edited graph
        """
        if self.examples == len(self._rows):
            for name in ("_rows", "_changes", "_curves"):
                setattr(self, name, np.concatenate([getattr(self, name), np.zeros_like(getattr(self, name))]))
        self._rows[self.examples] = row
        self._changes[self.examples] = after - before
        self._curves[self.examples] = after
        self.examples += 1

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The ensemble's tensors by name, copied. Inputs are normalised by what a job sees itself, so those of one
        width serve at another."""
        return arrays_of(self._network)

    def begin_with(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Begin with an ensemble that learned elsewhere.

        :raises InputError: it takes other inputs
        """
        try:
            self._network.load_state_dict(tensors_of(arrays))
        except RuntimeError as error:
            raise InputError(f"the ensemble must be of this version's shape: {str(error).splitlines()[-1]}") from None

    def predict(self, rows: Floats) -> Floats:
        """Changes of log area, [H, R, K], of edits [R, D]."""
        with torch.no_grad():
            inputs = torch.from_numpy((rows - self._mean) / self._deviation)
            outputs = self._network(inputs[None].expand(self._settings.heads, -1, -1))
        return np.asarray(outputs.numpy() * CHANGE_SCALE, dtype=np.float32)

    def learn(self, front: Floats, progress: float) -> float:
        """Update the ensemble; every head from batches of its own.

        :param front: log areas [K] of the front, near which precision is wanted
        :param progress: part of the budget used, 0 to 1, which anneals the learning rate
        :return: mean loss of the updates
        :raises PrefixrlError: the loss is not finite
        """
        self._normalise()
        for group in self._optimizer.param_groups:
            group["lr"] = self._settings.learning_rate * LEARNING_RATE_END**progress
        losses = [self._update(front) for _ in range(self._settings.updates)]
        return sum(losses) / len(losses)

    def _update(self, front: Floats) -> float:
        places = self._generator.integers(self.examples, size=(self._settings.heads, self._settings.batch_size))
        changes, after = self._changes[places], self._curves[places]
        behind = np.minimum(after, after - changes) - front  # the better of the two graphs
        weights = np.exp(-np.maximum(behind, 0.0) / NEAR_FRONT) + FAR_WEIGHT
        targets = np.clip(changes, -LARGEST_CHANGE, LARGEST_CHANGE) / CHANGE_SCALE
        outputs = self._network(torch.from_numpy((self._rows[places] - self._mean) / self._deviation))
        errors = nn.functional.smooth_l1_loss(outputs, torch.from_numpy(targets), reduction="none")
        loss = (torch.from_numpy(weights) * errors).mean()
        if not torch.isfinite(loss):
            raise PrefixrlError(f"the loss of the edit model must be finite: {float(loss.detach())}")
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return float(loss.detach())

    def _normalise(self) -> None:
        """Bring inputs to mean 0 and deviation 1 over the memory, anew when it has grown by an eighth."""
        if self.examples < self._normalised_at * 1.125:
            return
        rows = self._rows[: self.examples]
        self._mean, self._deviation = rows.mean(axis=0), rows.std(axis=0) + np.float32(1e-3)
        self._normalised_at = self.examples
