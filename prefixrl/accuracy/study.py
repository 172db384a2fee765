"""Post-training quantisation of models in every format, by every way of scaling."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prefixrl.accuracy.arithmetic import Quantised, Scaling, Scheme
from prefixrl.accuracy.judging import Judge, Verdict
from prefixrl.accuracy.models import Model
from prefixrl.formats import element_format

# Every element format of up to 8 bits.
STUDIED_FORMATS = ("e4m3", "e5m2", "e3m4fn", "e3m4ieee", "int8", "e3m2", "e2m3", "e2m1")


@dataclass(frozen=True)
class FormatResult:
    """One way of quantising one model."""

    model: str
    scheme: Scheme
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        rounded = "weights and inputs" if self.scheme.inputs else "weights"
        described = {"format": self.scheme.fmt.name, "scaling": self.scheme.scaling.value, "rounded": rounded}
        return {"model": self.model, **described, **self.verdict.to_json()}


def schemes(formats: Iterable[str], scalings: Sequence[Scaling] = tuple(Scaling)) -> Iterator[Scheme]:
    """Weights and inputs in every format and scaling, then weights alone by channel and by block.

    :raises InputError: no such format
    """
    for fmt in map(element_format, formats):
        yield from (Scheme(fmt, scaling) for scaling in scalings)
        yield from (Scheme(fmt, each, inputs=False) for each in (Scaling.STATIC, Scaling.RCEIL) if each in scalings)


def study_formats(model: Model, judge: Judge, wanted: Iterable[Scheme]) -> Iterator[FormatResult]:
    """The results of a model, one scheme after the other."""
    for scheme in wanted:
        yield FormatResult(model.name, scheme, judge.judge(Quantised(scheme, judge.calibration)))
