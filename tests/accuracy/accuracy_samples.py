"""A model that is small enough for tests and has all that studies touch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from prefixrl.accuracy.arithmetic import Arithmetic


class Toy:
    """Two layers over random numbers; right is what FP32 says for nine samples of ten."""

    name = "toy"
    title = "two layers"
    sources: Mapping[str, str] = {}

    def __init__(self, samples: int = 400, inputs: int = 64) -> None:
        rng = np.random.default_rng(11)
        self.first = rng.normal(size=(48, inputs)).astype(np.float32)
        self.second = rng.normal(size=(10, 48)).astype(np.float32)
        self.inputs = rng.normal(size=(samples, inputs)).astype(np.float32)
        self.calibration = rng.normal(size=(32, inputs)).astype(np.float32)
        logits = np.maximum(self.inputs @ self.first.T, 0) @ self.second.T
        self.labels = np.where(np.arange(samples) % 10 == 9, -1, logits.argmax(axis=1))

    @property
    def size(self) -> int:
        return len(self.labels)

    def calibrate(self, arithmetic: Arithmetic) -> None:
        self._predict(self.calibration, arithmetic)

    def predict(self, arithmetic: Arithmetic) -> npt.NDArray[np.int64]:
        return self._predict(self.inputs, arithmetic)

    def _predict(self, inputs: npt.NDArray[np.float32], arithmetic: Arithmetic) -> npt.NDArray[np.int64]:
        hidden = np.maximum(arithmetic.matmul("first", inputs, self.first), 0)
        return arithmetic.matmul("second", hidden, self.second).argmax(axis=1)[:, None]

    def correct(self, predictions: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        return predictions[:, 0] == self.labels
