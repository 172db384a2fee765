"""Arrival profiles by name and from files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefixrl.circuits import Circuit
from prefixrl.errors import InputError
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.profiles import PROFILES, with_profile

PLAIN = Constraints("BUF_X1", 3.898)


def adder(width: int, carry_in: bool = False) -> Circuit:
    return Circuit("adder", structure("sklansky", width), carry_in=carry_in)


def test_named_profile_at_its_own_width() -> None:
    made = with_profile(PLAIN, "multiplier-8x8", adder(16), unit_delay_ns=0.1)
    times = dict(made.input_arrival_ns)
    assert times["a"] == times["b"]
    assert times["a"] == pytest.approx([u / 10 for u in (0.5, 0.5, 2.5, 4, 5, 6.5, 7, 8, 9, 9, 7, 6, 5.5, 4.5, 3, 0)])
    assert made.output_required_ns == ()


def test_hump_of_the_dot_product() -> None:
    units = PROFILES["int8-dot"].units
    assert len(units) == 21
    assert (units[0], units[13], units[14], units[19]) == (6.5, 24.5, 24.5, 16.5)
    assert max(units) == 24.5


def test_hump_stays_in_the_middle_when_stretched_and_the_ramp_goes_on_level() -> None:
    for name in ("multiplier-4x4", "multiplier-8x8"):
        narrow, wide = PROFILES[name].at_width(16), PROFILES[name].at_width(32)
        assert wide.index(max(wide)) / 32 == pytest.approx(narrow.index(max(narrow)) / 16, abs=0.07)
        assert max(wide) == pytest.approx(max(PROFILES[name].units), rel=0.05)
        assert min(wide) >= 0
    assert PROFILES["fp8-ramp"].at_width(7) == (0, 1.5, 3, 4.5, 4.5, 4.5, 4.5)
    assert PROFILES["fp8-ramp"].at_width(2) == (0, 1.5)


def test_files_of_both_forms(tmp_path: Path) -> None:
    path = tmp_path / "my profile.json"
    path.write_text(json.dumps([0.1, 0.2, 0.3, 0.4]))
    made = with_profile(PLAIN, path, adder(4, carry_in=True))
    assert dict(made.input_arrival_ns) == {"a": (0.1, 0.2, 0.3, 0.4), "b": (0.1, 0.2, 0.3, 0.4)}
    path.write_text("inputs: {a: [0, 0, 0, 1], cin: [0.5]}\noutputs:\n  sum: [1, 1, 2, 2]\n")
    made = with_profile(PLAIN, path, adder(4, carry_in=True))
    assert dict(made.input_arrival_ns) == {"a": (0, 0, 0, 1), "cin": (0.5,)}
    assert dict(made.output_required_ns) == {"sum": (1, 1, 2, 2)}


BAD_FILES = {
    "no yaml": (b"{a: [", "YAML or JSON"),
    "binary": (b"\x00\xff\xfe", "YAML or JSON"),
    "a text": (b"hello", "a list of times or state inputs"),
    "empty": (b"", "a list of times or state inputs"),
    "unknown part": (b"inptus: {a: [1, 2, 3, 4]}", "did you mean inputs"),
    "inputs of a list": (b"inputs: [1, 2]", "inputs of a profile"),
    "too few": (b"[1, 2, 3]", "4 times"),
    "unknown port": (b"inputs: {c: [1, 2, 3, 4]}", "ports a, b"),
    "nan": (b"[.nan, 1, 2, 3]", "finite"),
    "texts": (b"[a, b, c, d]", "finite"),
    "an object of python": (b"!!python/object/apply:os.system ['touch pwned']", "YAML or JSON"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_refused_in_one_line(name: str, tmp_path: Path) -> None:
    content, rule = BAD_FILES[name]
    path = tmp_path / "profile.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rule) as caught:
        with_profile(PLAIN, path, adder(4))
    assert "\n" not in str(caught.value)


def test_unknown_names_and_unit_delays_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"multiplier-8x8.*: 'multiplier-9x9'$"):
        with_profile(PLAIN, "multiplier-9x9", adder(4))
    with pytest.raises(InputError, match="or a file"):
        with_profile(PLAIN, tmp_path, adder(4))
    for unit in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="unit delay"):
            with_profile(PLAIN, "fp8-ramp", adder(4), unit)
