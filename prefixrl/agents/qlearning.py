"""The Q-learning agent of PrefixRL (DAC 2021, section IV): scalarised double Q-learning on vector values.

Letters: B batch, N width, A = 2F actions; the last axis of length 2 is (area, delay).

The network predicts, for every action, how much area and how much delay it will save, apart from each other. The
greedy action under a weight w is the legal one with the largest w . Q. The target of a transition (s, a, r, s') is

    y = r + gamma * Q_target(s', argmax over legal a' of w . Q_online(s', a'))        (vectors of two)

Departures from the paper, each a field of `AgentConfig` and off in the `paper-*` presets: one network conditioned on
the weight instead of an agent per weight; hindsight relabelling, by which a transition trains any weight; group
normalisation; coordinate and timing planes; context of whole rows and columns; clipped gradients; values that start at
zero; random actions that add and delete equally often; an epsilon ladder. What the paper leaves open, and what is done
here: the error function (Huber, as in DQN), epsilon's schedule (linear), Adam's other parameters (torch's defaults),
whether batch normalisation uses running statistics when acting and in targets (it does).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from prefixrl.agents.networks import QNetwork
from prefixrl.agents.planes import TIMING_PLANES, timing_planes
from prefixrl.agents.replay import Batch
from prefixrl.agents.sections import AgentConfig
from prefixrl.agents.tensors import array_of, arrays_of, tensors_of
from prefixrl.errors import PrefixrlError


class DivergedError(PrefixrlError):
    """A loss is not finite: learning cannot go on; the last checkpoint is still good."""


class QLearner:
    """Online network, target network and optimiser of one agent.

    :param config: hyperparameters
    :param seed: of the initial weights
    """

    def __init__(self, config: AgentConfig, seed: int) -> None:
        self.config = config
        self.device = torch.device(_device(config.device))
        torch.manual_seed(seed)
        self.online = self._network()
        self.target = self._network()
        self.target.load_state_dict(self.online.state_dict())
        self.target.eval()
        self.optimizer = torch.optim.Adam(self.online.parameters(), lr=config.learning_rate)
        self.updates = 0

    def values(self, observations: NDArray[np.float32], weights: NDArray[np.float64]) -> NDArray[np.float32]:
        """Scalarised action values w . Q, float32 [B, A], of the online network."""
        share = torch.as_tensor(weights, dtype=torch.float32, device=self.device)
        self.online.eval()
        with torch.no_grad():
            vectors = self.online(self.planes(observations, share))
            return scalarised(vectors, share).cpu().numpy()

    def update(self, batch: Batch) -> dict[str, float]:
        """One step of Adam on one batch; every `target_update_steps` the target network follows.

        :return: figures for the log: loss, mean value, gradient norm
        :raises DivergedError: the loss is not finite; the networks are as they were before
        """
        weights = torch.as_tensor(batch.weights, device=self.device)
        targets = self._targets(batch, weights)
        self.online.train()
        predicted = self.online(self.planes(batch.observations, weights))
        actions = torch.as_tensor(batch.actions, device=self.device)
        chosen = predicted[torch.arange(len(actions), device=self.device), actions]
        loss = _loss(self.config.loss)(chosen, targets)
        if not torch.isfinite(loss):
            raise DivergedError(
                f"the loss must be finite, learning was stopped at update {self.updates}: {loss.item()}"
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.online.parameters(), self.config.gradient_clip or float("inf"))
        self.optimizer.step()
        self.updates += 1
        if self.updates % self.config.target_update_steps == 0:
            self.target.load_state_dict(self.online.state_dict())
        with torch.no_grad():
            mean = float(scalarised(chosen, weights).mean())
        return {"loss": float(loss.detach()), "mean_value": mean, "gradient_norm": float(norm)}

    def planes(self, observations: NDArray[np.float32], weights: Tensor) -> Tensor:
        """The network's input, float32 [B, P, N, N]: the observation, and the planes that the configuration adds.

        :param observations: float32 [B, 4, N, N]
        :param weights: share of area, float32 [B]
        """
        batch, _, width, _ = observations.shape
        planes = [torch.as_tensor(observations, device=self.device)]
        if self.config.condition_on_weight:
            planes.append(weights.view(batch, 1, 1, 1).expand(batch, 1, width, width))
        if self.config.coordinate_planes:
            ruler = torch.linspace(0.0, 1.0, width, device=self.device)
            planes.append(ruler.view(1, 1, width, 1).expand(batch, 1, width, width))
            planes.append(ruler.view(1, 1, 1, width).expand(batch, 1, width, width))
        if self.config.timing_planes:
            planes.append(torch.as_tensor(timing_planes(observations), device=self.device))
        return torch.cat(planes, dim=1)

    def weights(self) -> dict[str, NDArray[Any]]:
        """The online network's tensors by name, copied: what an actor needs to play by."""
        return arrays_of(self.online)

    def load_weights(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take the online network's tensors from another learner of the same networks."""
        self.online.load_state_dict(tensors_of(arrays))

    def begin_with(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Begin with a network that learned elsewhere; the target network is the same."""
        self.load_weights(arrays)
        self.target.load_state_dict(self.online.state_dict())

    def state(self) -> tuple[dict[str, Any], dict[str, dict[str, NDArray[Any]]]]:
        """What a checkpoint keeps: plain JSON, and arrays by part and name."""
        optimizer = {
            f"{index}.{name}": array_of(value)
            for index, slots in self.optimizer.state_dict()["state"].items()
            for name, value in slots.items()
        }
        parts = {
            "online": arrays_of(self.online),
            "target": arrays_of(self.target),
            "optimizer": optimizer,
        }
        return {"updates": self.updates}, parts

    def load_state(self, state: Mapping[str, Any], parts: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
        """Take back what `state` gave to a learner of the same networks."""
        self.online.load_state_dict(tensors_of(parts["online"]))
        self.target.load_state_dict(tensors_of(parts["target"]))
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors_of(parts["optimizer"]).items():
            index, _, name = key.partition(".")
            slots.setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": slots})
        self.updates = int(state["updates"])

    def _targets(self, batch: Batch, weights: Tensor) -> Tensor:
        """Double Q-learning targets, float32 [B, 2]."""
        planes = self.planes(batch.next_observations, weights)
        masks = torch.as_tensor(batch.next_masks, device=self.device)
        rewards = torch.as_tensor(batch.rewards, device=self.device)
        self.online.eval()
        with torch.no_grad():
            preferences = scalarised(self.online(planes), weights).masked_fill(~masks, -torch.inf)
            best = preferences.argmax(dim=1)
            values = self.target(planes)[torch.arange(len(best), device=self.device), best]
        return rewards + self.config.gamma * values

    def _network(self) -> QNetwork:
        config = self.config
        extra = int(config.condition_on_weight) + 2 * config.coordinate_planes + TIMING_PLANES * config.timing_planes
        network = QNetwork(config.channels, config.blocks, config.kernel_size, config.norm, extra, config.axial_context)
        if config.zero_head:
            network.zero_head()
        return network.to(self.device)


def scalarised(values: Tensor, weights: Tensor) -> Tensor:
    """w . Q: float [B, ..., 2] values under area weights float [B] -> [B, ...]."""
    share = weights.view(-1, *[1] * (values.dim() - 2))
    return share * values[..., 0] + (1.0 - share) * values[..., 1]


def _loss(name: str) -> nn.Module:
    return nn.SmoothL1Loss() if name == "huber" else nn.MSELoss()


def _device(name: str) -> str:
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"
