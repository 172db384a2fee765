"""The units by name: what each does, which parameters it takes, and how it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prefixrl.errors import InputError
from prefixrl.formats import IntegerFormat, format_named
from prefixrl.hints import near_miss
from prefixrl.units.addition import build_adder
from prefixrl.units.blocks import (
    build_absolute,
    build_add,
    build_compare,
    build_increment,
    build_leading_zeros,
)
from prefixrl.units.convert import build_converter
from prefixrl.units.dots import build_int8_dot, build_mx_dot, build_mx_dot_acc
from prefixrl.units.fused import build_fma
from prefixrl.units.multiply import build_multiplier
from prefixrl.units.parameters import Parameters, completed
from prefixrl.units.prefixes import FINAL, PrefixPlan
from prefixrl.units.quantise import build_quantiser
from prefixrl.units.tensor_core import build_tc_dot
from prefixrl.units.verilog import Written, write_unit
from prefixrl.units.words import UnitModule

MAXIMUM_BLOCK = 128
# No operand of a two-operand unit is wider: exhaustive proofs and fixed-point sums want few bits.
NARROW_BITS = 8
_ROUNDED = ("rounding", "saturate")
# Those whose operands' NaN must come out as one.
_NEED_NAN = ("fp8_mul", "fp8_add", "fp8_fma", "mx_dot", "mx_dot_acc", "tc_dot")


@dataclass(frozen=True)
class Unit:
    """One kind of unit.

    :param title: one line
    :param build: makes it
    :param takes: parameters that it knows
    :param defaults: of parameters that are None unless given
    :param limits: least and largest of numbers
    :param narrow: whether its operands have at most 8 bits
    :param integers: formats beyond the operands' that may be of integers
    :param adder: what its main adder is, for people
    :param main: role of its main prefix circuit, the one that reports exchange
    """

    name: str
    title: str
    build: Callable[[UnitModule, Parameters], None]
    takes: tuple[str, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    narrow: bool = False
    integers: tuple[str, ...] = ()
    adder: str = "final adder"
    main: str = FINAL

    def parameters(self, given: Parameters) -> Parameters:
        """The parameters with this unit's defaults, checked.

        :raises InputError: as `completed`, or formats that do not go together
        """
        full = completed(self.name, given, self.takes, dict(self.defaults), dict(self.limits), self.integers)
        for name, source in (("c_format", "format"), ("out_format", "c_format"), ("out_format", "format")):
            if name in self.takes and getattr(full, name) is None and getattr(full, source) is not None:
                full = completed(self.name, full, self.takes, {name: getattr(full, source)}, dict(self.limits))
        for name in ("format", "b_format"):
            if self.narrow and getattr(full, name) is not None:
                self._check_narrow(getattr(full, name))
        if self.name in _NEED_NAN:
            self._check_nan(full)
        return full

    def _check_nan(self, parameters: Parameters) -> None:
        operands = [parameters.a, parameters.b, *([parameters.c] if "c_format" in self.takes else [])]
        scaled = self.name.startswith("mx_dot")
        source = next((each.name for each in operands if each.nan_code is not None), "a scale" if scaled else None)
        if source is not None and parameters.out.nan_code is None:
            raise InputError(f"the result of {self.name} must have a NaN, as {source} has: {parameters.out.name}")

    def _check_narrow(self, name: str) -> None:
        fmt = format_named(name)
        if fmt.bits > NARROW_BITS or (isinstance(fmt, IntegerFormat) and "integers" not in self.integers):
            raise InputError(f"operands of {self.name} are floating-point numbers of up to 8 bits, got {fmt.name}")


@dataclass(frozen=True)
class Built:
    """A unit that was built.

    :param parameters: all of them
    :param module: its description
    :param written: its Verilog
    """

    unit: Unit
    parameters: Parameters
    module: UnitModule
    written: Written

    @property
    def description(self) -> str:
        """One line: the unit and its parameters."""
        return describe(self.unit, self.parameters)

    @property
    def main_module(self) -> str | None:
        """The submodule of the main prefix circuit, the widest in its role; None where the unit has none."""
        widths = {
            name: circuit.width
            for name, circuit in self.written.circuits.items()
            if self.written.roles[name] == self.unit.main
        }
        return max(widths, key=lambda name: widths[name]) if widths else None


_BLOCK = {"block": (1, MAXIMUM_BLOCK)}

UNITS: dict[str, Unit] = {
    each.name: each
    for each in (
        Unit(
            "fp8_mul",
            "FP8 product, correctly rounded",
            build_multiplier,
            ("format", "b_format", "out_format", *_ROUNDED),
            {"format": "e4m3"},
            narrow=True,
            adder="product adder",
        ),
        Unit(
            "fp8_add",
            "FP8 sum, correctly rounded",
            build_adder,
            ("format", "b_format", "out_format", *_ROUNDED),
            {"format": "e4m3"},
            narrow=True,
            adder="aligned adder",
        ),
        Unit(
            "fp8_fma",
            "a * b + c, rounded once",
            build_fma,
            ("format", "b_format", "c_format", "out_format", *_ROUNDED),
            {"format": "e4m3"},
            narrow=True,
            adder="aligned adder",
        ),
        Unit(
            "mx_dot",
            "OCP MX Dot over a block: exact sum, one rounding",
            build_mx_dot,
            ("format", "b_format", "out_format", "block", *_ROUNDED),
            {"format": "e4m3", "out_format": "fp32", "block": 32},
            _BLOCK,
            narrow=True,
            integers=("integers",),
        ),
        Unit(
            "mx_dot_acc",
            "accumulator + MX Dot, rounded once",
            build_mx_dot_acc,
            ("format", "b_format", "c_format", "out_format", "block", *_ROUNDED),
            {"format": "e4m3", "c_format": "fp32", "block": 32},
            _BLOCK,
            narrow=True,
            integers=("integers",),
        ),
        Unit(
            "tc_dot",
            "dot product with truncated alignment to the largest exponent, as tensor cores",
            build_tc_dot,
            ("format", "b_format", "out_format", "block", "width", *_ROUNDED),
            {"format": "e4m3", "out_format": "fp32", "block": 32, "width": 21},
            {**_BLOCK, "width": (3, 64)},
            narrow=True,
        ),
        Unit(
            "mx_quant",
            "FP32 or BF16 block to an MX block",
            build_quantiser,
            ("format", "out_format", "block", "rule", "rounding"),
            {"format": "fp32", "out_format": "e4m3", "block": 32},
            _BLOCK,
            integers=("out_format",),
            adder="scale subtractors",
            main="subtract",
        ),
        Unit(
            "fp_cvt",
            "FP32, BF16 or FP16 to FP8, and back",
            build_converter,
            ("format", "out_format", *_ROUNDED),
            {"format": "fp32", "out_format": "e4m3"},
            adder="rounding incrementer",
            main="round",
        ),
        Unit(
            "int8_dot",
            "INT8 dot product, merged compressor tree",
            build_int8_dot,
            ("block", "width"),
            {"format": "int8", "block": 32},
            _BLOCK,
        ),
        Unit("add", "adder with carry-in", build_add, ("width",), {"width": 16}, {"width": (2, 256)}),
        Unit("inc", "incrementer", build_increment, ("width",), {"width": 16}, {"width": (2, 256)}),
        Unit("cmp", "comparator", build_compare, ("width",), {"width": 16}, {"width": (2, 256)}),
        Unit("lzc", "leading zeros counted", build_leading_zeros, ("width",), {"width": 16}, {"width": (2, 256)}),
        Unit("abs", "absolute value", build_absolute, ("width",), {"width": 16}, {"width": (2, 256)}),
    )
}


def unit_named(name: str) -> Unit:
    """The unit of that name.

    :raises InputError: there is none
    """
    found = UNITS.get(name.lower().replace("-", "_"))
    if found is None:
        hint = near_miss(name, UNITS) or f" (known: {', '.join(UNITS)})"
        raise InputError(f"unknown unit{hint}, got {name[:40]!r}")
    return found


def build_unit(
    name: str, given: Parameters | None = None, plan: PrefixPlan | None = None, module_name: str | None = None
) -> Built:
    """A unit's Verilog.

    :param given: parameters that are not to be at the unit's defaults
    :param plan: structures of its prefix circuits
    :param module_name: by default the unit's name, or `NAME_unit` where that is a Verilog primitive's
    :raises InputError: no such unit, or parameters or graphs that it cannot have
    """
    unit = unit_named(name)
    parameters = unit.parameters(given or Parameters())
    module = UnitModule(module_name or unit.name, plan or PrefixPlan())
    unit.build(module, parameters)
    _check_roles(module)
    roles = sorted({instance.role for instance in module.instances})
    header = f"{describe(unit, parameters)}\n{unit.title}; prefix circuits: {', '.join(roles) or 'none'}"
    return Built(unit, parameters, module, write_unit(module, header, parameters.stages))


def describe(unit: Unit, parameters: Parameters) -> str:
    """One line: the unit and its parameters."""
    return " ".join([unit.name, *(f"{name}={value}" for name, value in parameters.changed.items())])


def _check_roles(module: UnitModule) -> None:
    """Every role that the plan names must be there.

    :raises InputError: one is not
    """
    there = sorted({instance.role for instance in module.instances})
    for role in module.plan.roles:
        if role not in there:
            raise InputError(f"the prefix circuits of {module.name} are {', '.join(there)}, got {role!r}")
