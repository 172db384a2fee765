"""Verdicts, both studies, their files, and the figures of adders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from accuracy_samples import Toy

from prefixrl.accuracy.arithmetic import FullPrecision, Quantised, Scaling, Scheme
from prefixrl.accuracy.judging import Judge
from prefixrl.accuracy.models import load_model
from prefixrl.accuracy.plots import check_plot, plot_widths
from prefixrl.accuracy.progress import Progress
from prefixrl.accuracy.reports import check_folder, provenance
from prefixrl.accuracy.study import STUDIED_FORMATS, schemes, study_formats
from prefixrl.accuracy.widths import adder_figures, check_study, study_widths
from prefixrl.errors import InputError
from prefixrl.formats import Cut, element_format
from prefixrl.synthesis.analytic import AnalyticEvaluator
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.service import EvaluationService


class _Wrong(FullPrecision):
    """Makes the model's last product wrong for the first samples."""

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.samples = samples

    def matmul(self, site: str, inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
        result = super().matmul(site, inputs, weights)
        if site == "second":
            result[: self.samples] *= -1
        return result


def test_fp32_loses_nothing() -> None:
    judge = Judge(Toy())
    assert judge.reference_accuracy == 0.9
    verdict = judge.judge(FullPrecision())
    assert (verdict.accuracy, verdict.loss, verdict.loss_error, verdict.agreement) == (0.9, 0.0, 0.0, 1.0)


@pytest.mark.parametrize(("wrong", "passed"), [(3, True), (4, False)])
def test_one_percent_of_fp32_is_the_criterion(wrong: int, passed: bool) -> None:
    """Of 360 right samples 3 are less than 1 %, and 4 more; none of the first nine is wrong in FP32."""
    verdict = Judge(Toy()).judge(_Wrong(wrong))
    assert verdict.accuracy == pytest.approx((360 - wrong) / 400)
    assert verdict.loss == pytest.approx(wrong / 360)
    assert verdict.agreement == pytest.approx(1 - wrong / 400)
    # paired: a sample is lost or not
    share = wrong / 400
    assert verdict.loss_error == pytest.approx((share * (1 - share) / 400) ** 0.5 / 0.9)
    assert verdict.passed is passed


def test_exactly_one_percent_passes() -> None:
    toy = Toy(1000)
    toy.labels[:900] = toy.predict(FullPrecision())[:900, 0]
    toy.labels[900:] = -1
    assert Judge(toy).judge(_Wrong(9)).passed
    assert not Judge(toy).judge(_Wrong(10)).passed


def test_the_format_study_has_every_scheme_once() -> None:
    wanted = list(schemes(STUDIED_FORMATS))
    assert len(set(wanted)) == len(wanted) == 8 * 8
    toy = Toy()
    results = list(study_formats(toy, Judge(toy), schemes(["e4m3", "e2m1"], [Scaling.STATIC, Scaling.RCEIL])))
    documents = [each.to_json() for each in results]
    assert [(each["format"], each["scaling"], each["rounded"]) for each in documents[:4]] == [
        ("e4m3", "static", "weights and inputs"),
        ("e4m3", "rceil", "weights and inputs"),
        ("e4m3", "static", "weights"),
        ("e4m3", "rceil", "weights"),
    ]
    # more bits are nearer to FP32, and weights alone nearer than both
    agreement = [each["agreement"] for each in documents]
    assert min(agreement[:4]) > max(agreement[4:6])
    assert agreement[6] > agreement[4]
    judge = Judge(toy)
    again = judge.judge(Quantised(Scheme(element_format("e2m1"), Scaling.STATIC), judge.calibration))
    assert again == results[4].verdict


def test_the_width_study_gets_better_with_width() -> None:
    toy = Toy()
    judge = Judge(toy)
    results = list(study_widths(toy, judge, ["e4m3"], [9, 12, 26], list(Cut), Scaling.STATIC))
    verdicts = {(each.cut, each.width): each.verdict for each in results}
    exact = verdicts[Cut.TOWARD_ZERO, None]
    assert len(results) == len(verdicts) == 7
    assert verdicts[Cut.TOWARD_ZERO, 26] == exact
    for cut in Cut:
        assert verdicts[cut, 9].agreement < verdicts[cut, 12].agreement < exact.agreement
    # what is cut downwards pulls all sums the same way
    assert verdicts[Cut.FLOOR, 12].agreement < verdicts[Cut.TOWARD_ZERO, 12].agreement
    with pytest.raises(InputError, match="at least 8 bits, got 7"):
        check_study(["e4m3"], [8, 7], Scaling.STATIC)


def _adders(widths: list[int], delay_ns: float | None = None) -> list:
    pdk = load_pdk("nangate45")
    with EvaluationService(lambda: AnalyticEvaluator(pdk), default_constraints(pdk)) as service:
        return adder_figures(widths, service.evaluate_many, delay_ns)


def test_adders_grow_with_their_bits() -> None:
    figures = _adders([8, 12, 16])
    assert [each.width for each in figures] == [8, 12, 16]
    assert [each.area_um2 for each in figures] == sorted({each.area_um2 for each in figures})
    assert figures[0].fastest_ns < figures[2].fastest_ns
    assert {each.delay_ns for each in figures} == {1.1 * figures[2].fastest_ns}
    assert figures[2].area_um2 <= figures[2].fastest_um2
    with pytest.raises(InputError, match="an adder of 16 bits takes at least"):
        _adders([8, 16], figures[0].fastest_ns)


def test_the_picture_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    toy = Toy(100)
    judge = Judge(toy)
    results = list(study_widths(toy, judge, ["e4m3", "e2m1"], [9, 12], list(Cut), Scaling.STATIC))
    plot_widths(tmp_path / "a.png", toy.title, judge.reference_accuracy, results, _adders([9, 12]))
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match=r"must be a \.png or \.svg"):
        check_plot(tmp_path / "a.pdf")


def test_studies_are_not_written_over_one_another(tmp_path: Path) -> None:
    check_folder(tmp_path / "new", ["formats.json"])
    (tmp_path / "new" / "formats.json").write_text("{}")
    with pytest.raises(InputError, match="never written over another"):
        check_folder(tmp_path / "new", ["formats.json"])
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write there"):
        check_folder(tmp_path / "file" / "below", ["formats.json"])
    made = json.loads(json.dumps(provenance(3)))
    assert made["seed"] == 3
    assert made["versions"]["numpy"] == np.__version__


def test_a_study_that_was_ended_goes_on(tmp_path: Path) -> None:
    toy = Toy(100)
    judge = Judge(toy)
    path = tmp_path / "toy.unfinished"
    wanted = list(schemes(["e4m3"]))
    whole = list(study_formats(toy, judge, wanted))
    first = study_formats(toy, judge, wanted, Progress(path, {"seed": 0}))
    assert [next(first) for _ in range(3)] == whole[:3]
    path.write_text(path.read_text() + '{"key": "half a li')

    made = []
    judge_once = judge.judge
    judge.judge = lambda arithmetic: made.append(arithmetic) or judge_once(arithmetic)  # type: ignore[method-assign]
    progress = Progress(path, {"seed": 0})
    assert list(study_formats(toy, judge, wanted, progress)) == whole
    assert len(made) == len(wanted) - 3
    with pytest.raises(InputError, match="unfinished study of another model"):
        Progress(path, {"seed": 1})
    assert progress.finding({"unit": 1}, lambda: [[0.5, 2.0]]) == [[0.5, 2.0]]
    assert Progress(path, {"seed": 0}).finding({"unit": 1}, lambda: []) == [[0.5, 2.0]]
    progress.finish()
    assert not path.exists()


def test_unknown_models_are_refused() -> None:
    with pytest.raises(InputError, match=r"did you mean magika\?"):
        load_model("magica")
    with pytest.raises(InputError, match="known: g2p, magika, digits"):
        load_model("resnet")
    with pytest.raises(InputError, match="at least 1 sample, got 0"):
        load_model("g2p", 0)
