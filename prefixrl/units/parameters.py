"""What a unit can be asked for: the parameters of all units, and the checks that they have in common."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from prefixrl.errors import InputError
from prefixrl.formats import ElementFormat, FloatFormat, Rounding, ScaleRule, element_format, float_format
from prefixrl.hints import near_miss
from prefixrl.units.pipeline import MAXIMUM_STAGES
from prefixrl.units.rounding import Target


@dataclass(frozen=True)
class Parameters:
    """Parameters of a unit; each unit knows some of them and refuses the others.

    :param format: of the first operand, or of an MX block's elements
    :param b_format: of the second operand; None for that of the first
    :param c_format: of the addend or accumulator; None for the unit's own default
    :param out_format: of the result; None for the unit's own default
    :param rounding: of the result, nearest-even or toward-zero
    :param saturate: whether overflow and infinity give the largest finite number
    :param block: products of a dot product, elements of a block
    :param width: bits of a block's operands; of the final adder for `tc_dot`; of the sum for `int8_dot`
    :param rule: how `mx_quant` chooses the scale
    :param stages: pipeline stages
    """

    format: str | None = None
    b_format: str | None = None
    c_format: str | None = None
    out_format: str | None = None
    rounding: str = Rounding.NEAREST_EVEN.value
    saturate: bool = True
    block: int | None = None
    width: int | None = None
    rule: str = ScaleRule.FLOOR.value
    stages: int = 1

    def __post_init__(self) -> None:
        Rounding.named(self.rounding)
        ScaleRule.named(self.rule)
        _check_range("stages", self.stages, 1, MAXIMUM_STAGES)

    @property
    def a(self) -> ElementFormat:
        """Format of the first operand."""
        assert self.format is not None
        return element_format(self.format)

    @property
    def b(self) -> ElementFormat:
        """Format of the second operand."""
        return self.a if self.b_format is None else element_format(self.b_format)

    @property
    def c(self) -> FloatFormat:
        """Format of the addend."""
        assert self.c_format is not None
        return float_format(self.c_format)

    @property
    def out(self) -> FloatFormat:
        """Format of the result."""
        assert self.out_format is not None
        return float_format(self.out_format)

    @property
    def element(self) -> ElementFormat:
        """Format of the result, where that may be of integers."""
        assert self.out_format is not None
        return element_format(self.out_format)

    @property
    def k(self) -> int:
        """Products or elements."""
        assert self.block is not None
        return self.block

    @property
    def n(self) -> int:
        """Bits."""
        assert self.width is not None
        return self.width

    @property
    def scale_rule(self) -> ScaleRule:
        """How the scale is chosen."""
        return ScaleRule.named(self.rule)

    @property
    def target(self) -> Target:
        """What results become."""
        return Target(self.out, Rounding.named(self.rounding), self.saturate)

    @property
    def changed(self) -> dict[str, Any]:
        """The parameters that are not at their defaults."""
        return {
            each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) != each.default
        }


def completed(
    unit: str,
    given: Parameters,
    takes: tuple[str, ...],
    defaults: dict[str, Any],
    limits: dict[str, tuple[int, int]],
    integers: tuple[str, ...] = (),
) -> Parameters:
    """The parameters of a unit, with its defaults for what is not given, checked.

    :param takes: those that it knows, beside `stages`
    :param limits: least and largest of those that are numbers
    :param integers: formats beyond the operands' that may be of integers
    :raises InputError: a parameter that the unit does not know, a format that is none, a number out of range
    """
    for name in given.changed:
        if name not in (*takes, "stages") and getattr(given, name) != defaults.get(name):
            known = ", ".join((*takes, "stages"))
            raise InputError(f"{unit} takes {known}{near_miss(name, takes)}, got {name}")
    missing = {name: value for name, value in defaults.items() if getattr(given, name) is None}
    full = replace(given, **missing)
    for name in ("format", "b_format"):
        if name in takes and getattr(full, name) is not None:
            element_format(getattr(full, name))
    for name in ("c_format", "out_format"):
        if name in takes and getattr(full, name) is not None:
            (element_format if name in integers else float_format)(getattr(full, name))
    for name, (low, high) in limits.items():
        _check_range(name, getattr(full, name), low, high)
    return full


def _check_range(name: str, value: Any, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"{name} is a whole number from {low} to {high}, got {value!r}")
