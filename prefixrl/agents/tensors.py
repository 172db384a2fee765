"""Networks as NumPy arrays by name, and back: what checkpoints keep and actors are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def array_of(value: Tensor) -> NDArray[Any]:
    """A copy of a tensor."""
    return value.detach().cpu().numpy().copy()


def arrays_of(network: nn.Module) -> dict[str, NDArray[Any]]:
    """Copies of a network's tensors."""
    return {name: array_of(value) for name, value in network.state_dict().items()}


def tensors_of(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """Arrays as a `state_dict`, copied."""
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
