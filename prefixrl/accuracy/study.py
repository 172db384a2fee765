"""Post-training quantisation of models in every format, by every way of scaling."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prefixrl.accuracy.arithmetic import Quantised, Scaling, Scheme
from prefixrl.accuracy.judging import Judge, Verdict
from prefixrl.accuracy.models import Model
from prefixrl.accuracy.progress import Progress
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
        return {"model": self.model, **description(self.scheme), **self.verdict.to_json()}


def description(scheme: Scheme) -> dict[str, str]:
    """A scheme in a document."""
    rounded = "weights and inputs" if scheme.inputs else "weights"
    return {"format": scheme.fmt.name, "scaling": scheme.scaling.value, "rounded": rounded}


def schemes(formats: Iterable[str], scalings: Sequence[Scaling] = tuple(Scaling)) -> Iterator[Scheme]:
    """Weights and inputs in every format and scaling, then weights alone by channel and by block.

    :raises InputError: no such format
    """
    for fmt in map(element_format, formats):
        yield from (Scheme(fmt, scaling) for scaling in scalings)
        yield from (Scheme(fmt, each, inputs=False) for each in (Scaling.STATIC, Scaling.RCEIL) if each in scalings)


def study_formats(
    model: Model, judge: Judge, wanted: Iterable[Scheme], progress: Progress | None = None
) -> Iterator[FormatResult]:
    """The results of a model, one scheme after the other; those that `progress` knows are not made again."""
    progress = progress or Progress(None, {})
    for scheme in wanted:
        arithmetic = Quantised(scheme, judge.calibration)
        verdict = progress.verdict(description(scheme), functools.partial(judge.judge, arithmetic))
        yield FormatResult(model.name, scheme, verdict)
