"""All variants of a unit: every format, result format, rounding, overflow and scale rule that it can be asked for, so
that one command verifies them all.

Operands have one format each (mixed ones are asked for by name); what the caller states of the parameters stays as it
is in every variant.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

from prefixrl.errors import InputError
from prefixrl.formats import FP8_FORMATS, ScaleRule
from prefixrl.units.parameters import Parameters
from prefixrl.units.registry import unit_named
from prefixrl.units.rounding import ROUNDINGS

NARROW = (*FP8_FORMATS, "e3m2", "e2m3", "e2m1")
WIDE = ("bf16", "fp16", "fp32")
_ELEMENTS = (*NARROW, "int8")

# By unit and parameter; a parameter that is not here has the unit's default.
_CHOICES: dict[str, dict[str, tuple[str | None, ...]]] = {
    "fp8_mul": {"format": NARROW, "out_format": (None, *WIDE)},
    "fp8_add": {"format": NARROW, "out_format": (None, *WIDE)},
    "fp8_fma": {"format": NARROW, "c_format": (None, "fp32")},
    "mx_dot": {"format": _ELEMENTS, "out_format": ("fp32", "bf16")},
    "mx_dot_acc": {"format": _ELEMENTS, "c_format": ("fp32", "bf16")},
    "tc_dot": {"format": NARROW, "out_format": ("fp32", "bf16", "fp16")},
    "mx_quant": {"format": ("fp32", "bf16"), "out_format": _ELEMENTS, "rule": tuple(rule.value for rule in ScaleRule)},
    "fp_cvt": {"format": (*NARROW, *WIDE), "out_format": (*NARROW, *WIDE)},
}


def variants(name: str, given: Parameters) -> Iterator[Parameters]:
    """The parameters of all variants of a unit, those that it cannot have left out.

    :param given: what is stated stays
    :raises InputError: no such unit, or there is no variant with what is stated
    """
    unit = unit_named(name)
    choices: dict[str, tuple[str | bool | None, ...]] = dict(_CHOICES.get(unit.name, {}))
    if "rounding" in unit.takes:
        choices["rounding"] = tuple(map(str, ROUNDINGS))
    if "saturate" in unit.takes:
        choices["saturate"] = (True, False)
    stated = {each.name for each in fields(given) if getattr(given, each.name) != each.default}
    free = {key: values for key, values in choices.items() if key not in stated}
    refused: InputError | None = None
    found = 0
    for values in itertools.product(*free.values()):
        chosen: dict[str, Any] = dict(zip(free, values, strict=True))
        parameters = replace(given, **chosen)
        if unit.name == "fp_cvt" and parameters.format == parameters.out_format:
            continue
        try:
            unit.parameters(parameters)
        except InputError as error:
            refused = error
            continue
        found += 1
        yield parameters
    if not found:
        raise refused or InputError(f"{unit.name} has no variant with what is stated")
