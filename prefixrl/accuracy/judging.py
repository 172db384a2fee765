"""How good a model is under an arithmetic, against itself in FP32."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from prefixrl.accuracy.arithmetic import Arithmetic, FullPrecision
from prefixrl.accuracy.models import Model

# Shen et al., arXiv 2309.14592, section 4: a relative loss of at most 1 % against FP32.
LARGEST_LOSS = 0.01


@dataclass(frozen=True)
class Verdict:
    """One arithmetic's result on one model.

    :param accuracy: share of the samples that are right
    :param loss: relative to FP32: 1 - accuracy / accuracy in FP32
    :param loss_error: standard error of `loss`, from the samples on which the two differ
    :param agreement: share of the samples whose prediction is FP32's
    :param passed: whether the loss is at most 1 %
    """

    accuracy: float
    loss: float
    loss_error: float
    agreement: float
    passed: bool

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Judge:
    """Judges arithmetics on one model.

    :param model: runs twice here: to be calibrated and for the reference
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        full = FullPrecision()
        model.calibrate(full)
        self.calibration = dict(full.largest)
        self._predictions = model.predict(FullPrecision())
        self._correct = model.correct(self._predictions)

    @property
    def reference_accuracy(self) -> float:
        """Share of the samples that are right in FP32."""
        return float(self._correct.mean())

    def judge(self, arithmetic: Arithmetic) -> Verdict:
        """Run the model and compare."""
        predictions = self.model.predict(arithmetic)
        correct = self.model.correct(predictions)
        lost = self._correct.astype(np.float64) - correct
        reference = max(self.reference_accuracy, 1 / len(correct))
        loss = float(lost.mean()) / reference
        return Verdict(
            accuracy=float(correct.mean()),
            loss=loss,
            loss_error=float(lost.std()) / len(lost) ** 0.5 / reference,
            agreement=float((predictions == self._predictions).all(axis=1).mean()),
            # The loss is a ratio of whole numbers of samples: exactly 1 % passes.
            passed=loss <= LARGEST_LOSS + 1e-12,
        )
