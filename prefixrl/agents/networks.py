"""The Q-network of PrefixRL (DAC 2021, section IV): a residual convolutional network over the N x N grid.

Letters: B batch, N width, F = (N-1)(N-2)/2 free cells, P input planes, C channels.

The network gives, for each free cell, four values: the area and the delay improvement to be expected from adding the
cell, and from deleting it. It is fully convolutional: one set of weights serves every width.
"""

from __future__ import annotations

import functools
from typing import Literal

import torch
from torch import Tensor, nn

from prefixrl.graphs import free_cells

GRID_PLANES = 4
"""Planes of the environment's observation: nodelist, minlist, level, fanout."""

GROUPS = 8
"""Most groups of a group normalisation; fewer where the channels do not divide."""


class ResidualBlock(nn.Module):
    """Two convolutions with normalisation, added to the input: [B, C, N, N] -> [B, C, N, N].

    :param context: whether the first convolution is helped by an `AxialContext`
    """

    def __init__(self, channels: int, kernel_size: int, norm: str, context: bool) -> None:
        super().__init__()
        self.context = AxialContext(channels) if context else None
        self.convolution1 = _convolution(channels, channels, kernel_size)
        self.norm1 = _normalisation(norm, channels)
        self.convolution2 = _convolution(channels, channels, kernel_size)
        self.norm2 = _normalisation(norm, channels)
        self.activation = nn.LeakyReLU()

    def forward(self, features: Tensor) -> Tensor:
        inner = self.convolution1(features)
        if self.context is not None:
            inner = inner + self.context(features)
        inner = self.activation(self.norm1(inner))
        return self.activation(features + self.norm2(self.convolution2(inner)))


class AxialContext(nn.Module):
    """Tells every cell what its whole row and column hold: [B, C, N, N] -> [B, C, N, N], to be added.

    A node's parents and children lie in its row and column, at any distance; the kernels of a shallow network do not
    reach that far. Mean and maximum over each row and each column, mixed by a linear layer each, go to all their cells.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rows = nn.Conv1d(2 * channels, channels, 1)
        self.columns = nn.Conv1d(2 * channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        rows = torch.cat([features.mean(3), features.amax(3)], dim=1)
        columns = torch.cat([features.mean(2), features.amax(2)], dim=1)
        return self.rows(rows).unsqueeze(3) + self.columns(columns).unsqueeze(2)


class QNetwork(nn.Module):
    """Vector-valued action values of one batch of graphs.

    The paper's: conv3x3-BN-LeakyReLU, `blocks` residual blocks of two conv5x5-BN, conv1x1-BN-LeakyReLU-conv1x1 to four
    maps; 256 channels, 32 blocks (16 at 16 bits), about 105 M parameters. Where the LeakyReLUs of a block sit and
    their slope are not told there: here they are as in a ResNet, with torch's slope of 0.01.

    Departures, all off by default: `extra_planes` of input (the preference weight, coordinates, timing), the context of
    whole rows and columns, and group normalisation, whose result does not depend on the rest of the batch.

    :param channels: C
    :param blocks: residual blocks
    :param kernel_size: side of the blocks' kernels, odd
    :param norm: "batch" (the paper's) or "group"
    :param extra_planes: input planes beyond the four of the observation
    :param context: give every block an `AxialContext`
    """

    def __init__(
        self,
        channels: int = 256,
        blocks: int = 32,
        kernel_size: int = 5,
        norm: Literal["batch", "group"] = "batch",
        extra_planes: int = 0,
        context: bool = False,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _convolution(GRID_PLANES + extra_planes, channels, 3), _normalisation(norm, channels), nn.LeakyReLU()
        )
        self.trunk = nn.Sequential(*(ResidualBlock(channels, kernel_size, norm, context) for _ in range(blocks)))
        self.head = nn.Sequential(
            _convolution(channels, channels, 1),
            _normalisation(norm, channels),
            nn.LeakyReLU(),
            nn.Conv2d(channels, 4, 1),
        )

    def zero_head(self) -> None:
        """Make all values zero until something is learned: rewards are hundredths, a random start is tenths off."""
        last = self.head[-1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def maps(self, planes: Tensor) -> Tensor:
        """Values of every cell: float [B, P, N, N] -> [B, 4, N, N] (add area, add delay, delete area, delete delay)."""
        return self.head(self.trunk(self.stem(planes)))

    def forward(self, planes: Tensor) -> Tensor:
        """Values of every action: float [B, P, N, N] -> [B, 2F, 2] (area, delay), actions numbered as in `graphs`."""
        width = planes.shape[-1]
        at_cells = self.maps(planes).flatten(2)[:, :, _flat_cells(width, planes.device)]
        batch, _, cells = at_cells.shape
        # [B, (add, delete), (area, delay), F] -> [B, (add, delete), F, (area, delay)]
        return at_cells.view(batch, 2, 2, cells).transpose(2, 3).reshape(batch, 2 * cells, 2)


def parameter_count(network: nn.Module) -> int:
    """Number of trained parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


@functools.lru_cache(maxsize=32)
def _flat_cells(width: int, device: torch.device) -> Tensor:
    """Places of the free cells in a flattened grid: int64 [F]."""
    cells = torch.as_tensor(free_cells(width).astype("int64"), device=device)
    return cells[:, 0] * width + cells[:, 1]


def _convolution(inputs: int, outputs: int, kernel_size: int) -> nn.Conv2d:
    # No bias: a normalisation follows, which would remove it.
    return nn.Conv2d(inputs, outputs, kernel_size, padding=kernel_size // 2, bias=False)


def _normalisation(norm: str, channels: int) -> nn.Module:
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    groups = next(count for count in range(min(GROUPS, channels), 0, -1) if channels % count == 0)
    return nn.GroupNorm(groups, channels)
