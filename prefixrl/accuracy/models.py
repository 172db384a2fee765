"""What a model is to the studies, and the models there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from prefixrl.accuracy.arithmetic import Arithmetic
from prefixrl.errors import InputError
from prefixrl.hints import near_miss


class Model(Protocol):
    """A model with samples to calibrate with and others to be judged on."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str:
        """What it does, and what counts as right."""

    @property
    def sources(self) -> Mapping[str, str]:
        """The packages that weights and data come from, with their versions."""

    @property
    def size(self) -> int:
        """Samples that it is judged on."""

    def calibrate(self, arithmetic: Arithmetic) -> None:
        """Run the calibration samples."""

    def predict(self, arithmetic: Arithmetic) -> npt.NDArray[np.int64]:
        """Predictions of the samples that it is judged on, one row each; a row tells two predictions apart."""

    def correct(self, predictions: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which of the predictions are right."""


def load_model(name: str, samples: int | None = None, seed: int = 0) -> Model:
    """A model by name.

    :param samples: how many it is judged on, at most what there is; its own default if None
    :param seed: draws the samples
    :raises InputError: no such model, or fewer than one sample
    :raises ToolMissing: a package that it comes from is not installed
    """
    if name not in _LOADERS:
        hint = near_miss(name, _LOADERS) or f" (known: {', '.join(_LOADERS)})"
        raise InputError(f"unknown model{hint}, got {name!r}")
    if samples is not None and samples < 1:
        raise InputError(f"a model is judged on at least 1 sample, got {samples}")
    return _LOADERS[name](samples, seed)


def model_names() -> list[str]:
    """The models there are."""
    return list(_LOADERS)


def _g2p(samples: int | None, seed: int) -> Model:
    from prefixrl.accuracy.g2p import G2p

    return G2p(samples or 2000, seed)


def _magika(samples: int | None, seed: int) -> Model:
    from prefixrl.accuracy.magika import Magika

    return Magika(samples or 300, seed)


def _digits(samples: int | None, seed: int) -> Model:
    from prefixrl.accuracy.digits import Digits

    return Digits(samples or 1000, seed)


_LOADERS: dict[str, Callable[[int | None, int], Model]] = {"g2p": _g2p, "magika": _magika, "digits": _digits}
