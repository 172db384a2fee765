"""Units do what the exact models say, and units that were broken are found out."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from prefixrl.circuits.proof import ProofFailed
from prefixrl.errors import InputError
from prefixrl.formats import FP8_FORMATS, decode
from prefixrl.graphs import PrefixGraph, structure
from prefixrl.units.parameters import Parameters
from prefixrl.units.prefixes import OPERATOR, PrefixPlan
from prefixrl.units.registry import build_unit
from prefixrl.units.simulation import simulator_of
from prefixrl.units.verify import Verification, verify

_MODES = [("nearest-even", True), ("nearest-even", False), ("toward-zero", True), ("toward-zero", False)]


def _verified(name: str, patterns: int | None = None, plan: PrefixPlan | None = None, **given: object) -> Verification:
    built = build_unit(name, Parameters(**given), plan)  # type: ignore[arg-type]
    return verify(built, patterns=patterns, circuits=False)


@pytest.mark.parametrize("unit", ["fp8_mul", "fp8_add"])
@pytest.mark.parametrize("fmt", FP8_FORMATS)
def test_all_pairs(unit: str, fmt: str) -> None:
    found = _verified(unit, format=fmt, saturate=fmt in ("e4m3", "e3m4ieee"))
    assert (found.mode, found.patterns) == ("exhaustive", 65536)


@pytest.mark.slow
@pytest.mark.parametrize(("rounding", "saturate"), _MODES)
@pytest.mark.parametrize("out", ["", "bf16", "fp16", "fp32"])
@pytest.mark.parametrize("fmt", [*FP8_FORMATS, "e3m2", "e2m3", "e2m1"])
@pytest.mark.parametrize("unit", ["fp8_mul", "fp8_add"])
def test_all_pairs_in_all_modes(unit: str, fmt: str, out: str, rounding: str, saturate: bool) -> None:
    found = _verified(unit, format=fmt, out_format=out or fmt, rounding=rounding, saturate=saturate)
    assert found.mode == "exhaustive"


@pytest.mark.slow
@pytest.mark.parametrize("fmt", ["e4m3", "e5m2", "e3m4fn"])
def test_all_triples(fmt: str) -> None:
    assert _verified("fp8_fma", format=fmt, saturate=False).patterns == 1 << 24


_SAMPLES: list[tuple[str, dict[str, object]]] = [
    ("fp8_mul", {"format": "e5m2", "b_format": "e4m3", "out_format": "bf16", "rounding": "toward-zero"}),
    ("fp8_mul", {"format": "e2m1", "out_format": "e2m1"}),
    ("fp8_add", {"format": "e4m3", "b_format": "e5m2", "out_format": "fp16"}),
    ("fp8_fma", {"format": "e5m2", "saturate": False}),
    ("fp8_fma", {"format": "e4m3", "c_format": "fp32"}),
    ("fp8_fma", {"format": "e4m3", "c_format": "e5m2", "out_format": "fp32", "rounding": "toward-zero"}),
    ("mx_dot", {"block": 4}),
    ("mx_dot", {"format": "e5m2", "block": 3, "out_format": "bf16", "saturate": False}),
    ("mx_dot", {"format": "int8", "block": 4}),
    ("mx_dot", {"format": "int8", "b_format": "e2m1", "block": 2, "rounding": "toward-zero"}),
    ("mx_dot", {"format": "e2m1", "block": 8, "out_format": "bf16"}),
    ("mx_dot_acc", {"block": 2}),
    ("mx_dot_acc", {"format": "e2m1", "block": 4, "c_format": "bf16", "rounding": "toward-zero"}),
    ("tc_dot", {"block": 4, "width": 18}),
    ("tc_dot", {"format": "e5m2", "block": 3, "width": 9, "out_format": "fp16"}),
    ("mx_quant", {"block": 3, "rule": "rceil"}),
    ("mx_quant", {"format": "bf16", "out_format": "e2m1", "block": 2, "rule": "even"}),
    ("mx_quant", {"format": "bf16", "out_format": "int8", "block": 2, "rule": "ceil"}),
    ("fp_cvt", {}),
    ("fp_cvt", {"format": "fp16", "out_format": "e5m2", "saturate": False}),
    ("fp_cvt", {"format": "e4m3", "out_format": "bf16"}),
    ("fp_cvt", {"format": "bf16", "out_format": "e2m1", "rounding": "toward-zero"}),
    ("int8_dot", {"block": 3}),
    ("int8_dot", {"block": 2, "width": 32}),
    ("add", {"width": 70}),
    ("inc", {"width": 9}),
    ("cmp", {"width": 12}),
    ("lzc", {"width": 21}),
    ("abs", {"width": 10}),
]


@pytest.mark.parametrize(("unit", "given"), _SAMPLES, ids=lambda value: value if isinstance(value, str) else "")
def test_units(unit: str, given: dict[str, object]) -> None:
    assert _verified(unit, 8000, **given).patterns >= 200


@pytest.mark.slow
@pytest.mark.parametrize("fmt", ["e4m3", "e5m2", "e3m4fn", "e3m4ieee", "e3m2", "e2m3", "e2m1", "int8"])
@pytest.mark.parametrize("unit", ["mx_dot", "mx_dot_acc", "tc_dot"])
def test_whole_blocks(unit: str, fmt: str) -> None:
    if unit == "tc_dot" and fmt == "int8":
        pytest.skip("tc_dot aligns floating-point products")
    assert _verified(unit, 1 << 17, format=fmt).patterns == 1 << 17


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["floor", "ceil", "rceil", "even"])
@pytest.mark.parametrize("element", ["e4m3", "e5m2", "e3m2", "e2m3", "e2m1", "int8"])
@pytest.mark.parametrize("source", ["fp32", "bf16"])
def test_all_scale_rules(source: str, element: str, rule: str) -> None:
    assert _verified("mx_quant", 1 << 15, format=source, out_format=element, rule=rule).patterns == 1 << 15


@pytest.mark.parametrize("choice", ["ripple-carry", "kogge-stone", "brent-kung", "sparse-sklansky-4", OPERATOR])
def test_any_structure(choice: str) -> None:
    assert _verified("fp8_mul", plan=PrefixPlan(choice)).patterns == 65536


def test_any_graph() -> None:
    plan = PrefixPlan("sklansky", {"final": PrefixGraph(7, [(5, 2), (6, 3)], legalize=True)})
    assert _verified("fp8_mul", plan=plan).patterns == 65536


def test_prefix_circuits_are_proven() -> None:
    assert verify(build_unit("lzc", Parameters(width=6))).circuits == 2


def test_wrong_prefix_circuit_is_found() -> None:
    built = build_unit("add", Parameters(width=8))
    name = next(iter(built.written.submodules))
    text = built.written.submodules[name]
    assert " | (" in text
    broken = replace(built.written, submodules={name: text.replace(" | (", " ^ (", 1).replace("& b[3]", "| b[3]", 1)})
    with pytest.raises(ProofFailed, match="equivalent"):
        verify(replace(built, written=broken))


@pytest.mark.parametrize(
    ("unit", "right", "wrong"),
    [
        ("fp8_mul", "assign round_up = kept", ""),
        ("fp8_mul", "^", "|"),
        ("fp8_add", "assign negative = subtract", "assign negative = ~subtract"),
        ("mx_dot", "assign scale_nan = ", "assign scale_nan = 1'b0 & "),
        ("mx_dot_acc", "assign addend_alone = ", "assign addend_alone = 1'b0 & "),
        ("mx_quant", "assign broken = ", "assign broken = 1'b0 & "),
    ],
)
def test_broken_unit_is_found(unit: str, right: str, wrong: str) -> None:
    given = Parameters(block=2) if unit.startswith("mx") else Parameters()
    built = build_unit(unit, given)
    if not wrong:
        # Ties away from zero instead of to even.
        line = next(line for line in built.written.top.splitlines() if "assign round_up = " in line)
        right, wrong = line, line[: line.index("=")] + "= " + line[line.index("=") + 2 :].split(" & ", 1)[0] + ";"
    assert right in built.written.top
    broken = replace(built, written=replace(built.written, top=built.written.top.replace(right, wrong, 1)))
    with pytest.raises(ProofFailed, match=f"{unit}.* must be 0x.* for .*=.*, got 0x"):
        verify(broken, patterns=1 << 16, circuits=False)


def test_wrong_number_of_patterns() -> None:
    with pytest.raises(InputError, match="at least 1, got 0"):
        verify(build_unit("add"), patterns=0)


def test_dot_against_fractions() -> None:
    """A model of its own, from decoded values alone, with Python's exact numbers."""
    built = build_unit("mx_dot", Parameters(block=4, format="e4m3", out_format="bf16"))
    generator = np.random.default_rng(3)
    a, b = (generator.integers(0, 127, (200, 4)) | generator.integers(0, 2, (200, 4)) << 7 for _ in range(2))
    scales = generator.integers(100, 150, (200, 2))
    simulator = simulator_of(built.written, built.module.input_ports, built.module.output_ports)
    found = decode(simulator.run({"a": a, "b": b, "a_scale": scales[:, 0], "b_scale": scales[:, 1]})["result"], "bf16")
    for row in range(200):
        terms = zip(decode(a[row], "e4m3"), decode(b[row], "e4m3"), strict=True)
        exact = sum(Fraction(x) * Fraction(y) for x, y in terms) * Fraction(2) ** int(scales[row].sum() - 254)
        if exact == 0:
            assert found[row] == 0
        else:
            unit = Fraction(2) ** (math.frexp(float(exact))[1] - 8)
            assert abs(Fraction(found[row]) - exact) <= unit / 2


def test_structures_of_other_widths_are_refused() -> None:
    with pytest.raises(InputError, match=r"role 'final' has 7 bits and needs a graph of that width, got 9"):
        build_unit("fp8_mul", plan=PrefixPlan("sklansky", {"final": structure("sklansky", 9)}))
