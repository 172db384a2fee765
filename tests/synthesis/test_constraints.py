"""Constraints: their one form, keys, JSON, SDC, and what they refuse."""

from __future__ import annotations

import json

import pytest

from prefixrl.circuits import Circuit
from prefixrl.errors import InputError
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import Constraints

ADDER = Circuit("adder", structure("sklansky", 4))
PLAIN = Constraints("BUF_X1", 3.898)
TIMED = Constraints(
    "BUF_X1", 3.898, {"b": [0, 0.1, 0.2, 0.3]}, {"sum": [0.5, 0.6, 0.7, 0.8]}, max_fanout=8, max_transition_ns=0.2
)


def test_key_of_plain_constraints_is_what_it_was() -> None:
    assert PLAIN.key == '{"driving_cell": "BUF_X1", "output_load_ff": 3.898}'
    assert PLAIN.plain
    assert not TIMED.plain
    assert not Constraints("BUF_X1", 3.898, max_fanout=4).plain


def test_equal_constraints_have_one_form_and_others_other_keys() -> None:
    assert Constraints("B", 1.0, {"b": [1, 2], "a": [-0.0, 1]}) == Constraints(
        "B", 1.0, (("a", (0, 1.0)), ("b", (1, 2)))
    )
    assert Constraints("B", 1.0, {"a": [0, 0]}) == Constraints("B", 1.0), "that is no constraint"
    variants = [
        Constraints("BUF_X1", 3.898, {"b": [0, 0.1, 0.2, 0.3]}),
        Constraints("BUF_X1", 3.898, {"a": [0, 0.1, 0.2, 0.3]}),
        Constraints("BUF_X1", 3.898, {}, {"sum": [0.5, 0.6, 0.7, 0.8]}),
        Constraints("BUF_X1", 3.898, max_fanout=8),
        Constraints("BUF_X1", 3.898, max_transition_ns=0.2),
        PLAIN,
        TIMED,
    ]
    assert len({each.key for each in variants}) == len(variants)
    assert hash(TIMED) == hash(Constraints.from_json(TIMED.to_json()))


@pytest.mark.parametrize("constraints", [PLAIN, TIMED])
def test_json_round_trip(constraints: Constraints) -> None:
    assert Constraints.from_json(json.loads(json.dumps(constraints.to_json()))) == constraints


BAD_JSON = {
    "unknown key": ({"driving_cell": "B", "output_load_ff": 1, "max_fanuot": 3}, "did you mean max_fanout"),
    "nothing": ({}, "driving_cell"),
    "no load": ({"driving_cell": "B"}, "output_load_ff"),
    "a list": ([1], "an object"),
    "load of text": ({"driving_cell": "B", "output_load_ff": "1"}, "output load"),
    "a cell of command": ({"driving_cell": "B; exit", "output_load_ff": 1}, "name of a cell"),
    "nan": ({"driving_cell": "B", "output_load_ff": 1, "input_arrival_ns": {"a": [float("nan")]}}, "finite"),
    "negative": ({"driving_cell": "B", "output_load_ff": 1, "input_arrival_ns": {"a": [-0.1]}}, "at least 0"),
    "huge": ({"driving_cell": "B", "output_load_ff": 1, "output_required_ns": {"a": [1e30]}}, "at most 1000"),
    "text": ({"driving_cell": "B", "output_load_ff": 1, "input_arrival_ns": {"a": "ab"}}, "finite number"),
    "number": ({"driving_cell": "B", "output_load_ff": 1, "input_arrival_ns": {"a": 0.1}}, "a list of times"),
    "empty": ({"driving_cell": "B", "output_load_ff": 1, "output_required_ns": {"a": []}}, "every bit"),
    "port": ({"driving_cell": "B", "output_load_ff": 1, "input_arrival_ns": {"a]; exit": [1]}}, "identifiers"),
    "fanout 1": ({"driving_cell": "B", "output_load_ff": 1, "max_fanout": 1}, "from 2 to 1000"),
    "fanout true": ({"driving_cell": "B", "output_load_ff": 1, "max_fanout": True}, "whole number"),
    "transition 0": ({"driving_cell": "B", "output_load_ff": 1, "max_transition_ns": 0}, "maximum transition"),
}


@pytest.mark.parametrize("name", BAD_JSON)
def test_bad_constraints_are_refused_in_one_line(name: str) -> None:
    data, rule = BAD_JSON[name]
    with pytest.raises(InputError, match=rule) as caught:
        Constraints.from_json(data)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_times_must_fit_the_circuit() -> None:
    with pytest.raises(InputError, match="ports a, b of this circuit: 'c'"):
        Constraints("B", 1.0, {"c": [1]}).arrivals(ADDER)
    with pytest.raises(InputError, match="ports sum, cout of this circuit: 'a'"):
        Constraints("B", 1.0, {}, {"a": [1]}).margins(ADDER)
    with pytest.raises(InputError, match="port a must have 4 times, one per bit: 3"):
        Constraints("B", 1.0, {"a": [1, 2, 3]}).check_circuit(ADDER)


def test_arrivals_and_margins_per_net() -> None:
    arrivals = TIMED.arrivals(ADDER)
    assert arrivals["a[3]"] == 0
    assert arrivals["b[3]"] == 0.3
    margins = TIMED.margins(ADDER)
    assert margins["sum[0]"] == pytest.approx(0.3)
    assert (margins["sum[3]"], margins["cout"]) == (0, 0), "what is not stated may come last"


def test_sdc_in_the_units_of_the_library() -> None:
    text = TIMED.to_sdc(ADDER, 0.75, time_unit_ns=1e-3, capacitance_unit_ff=1000.0)
    assert "create_clock -name clock -period 750\n" in text
    assert "set_input_delay 300 -clock clock [get_ports {b[3]}]\n" in text
    assert "[get_ports {b[0]}]" not in text, "0 like all others"
    assert "set_output_delay 300 -clock clock [get_ports {sum[0]}]\n" in text
    assert "set_load 0.003898 [all_outputs]\n" in text
    assert "set_max_fanout 8 [current_design]\n" in text
    assert "set_max_transition 200 [current_design]\n" in text
    assert "-period 0.8\n" in TIMED.to_sdc(ADDER), "the latest required time"
    assert "-period 1\n" in PLAIN.to_sdc(ADDER)
    assert "max" not in PLAIN.to_sdc(ADDER)
