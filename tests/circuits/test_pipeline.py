"""Pipelines do what the circuit does, as many clock edges later as they have stages; what does not is refused."""

from __future__ import annotations

import re

import pytest
from circuit_samples import circuit

from prefixrl.circuits.proof import ProofFailed, prove_rtl
from prefixrl.circuits.rtl import to_verilog
from prefixrl.errors import InputError

KINDS = ("adder", "incrementer", "comparator", "priority_encoder", "leading_one", "gray_to_binary")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(kind: str) -> None:
    made = circuit(kind, "sklansky", 9, carry_in=kind in ("adder", "incrementer"))
    proof = prove_rtl(to_verilog(made, stages=2), made.default_module, made, stages=2)
    assert proof.method == "cec+latency"


@pytest.mark.parametrize("stages", [1, 3, 12])
def test_any_number_of_stages_even_more_than_levels(stages: int) -> None:
    made = circuit("adder", "brent-kung", 8)
    text = to_verilog(made, stages=stages)
    prove_rtl(text, "adder", made, stages)
    with pytest.raises(ProofFailed, match=rf"must pass {stages + 1} registers: {stages}"):
        prove_rtl(text, "adder", made, stages + 1)


def test_a_register_that_is_left_out_is_found() -> None:
    made = circuit("adder", "sklansky", 8)
    text = to_verilog(made, stages=2)
    register, signal = re.search(r"(\w+_q1) <= (\w+);", text).groups()
    shortened = text.replace(f"{register} <= {signal};", "").replace(f"reg {register};", f"wire {register} = {signal};")
    with pytest.raises(ProofFailed, match="must pass 2 registers: 1 to 2"):
        prove_rtl(shortened, "adder", made, 2)


def test_a_wrong_value_behind_a_register_is_found() -> None:
    made = circuit("adder", "sklansky", 8)
    text = to_verilog(made, stages=2)
    with pytest.raises(ProofFailed, match="equivalent"):
        prove_rtl(re.sub(r"(sum\[3\] <= \w+) \^", r"\1 |", text), "adder", made, 2)


def test_one_value_a_register_whoever_reads_it() -> None:
    text = to_verilog(circuit("adder", "sklansky", 16), stages=3)
    registers = re.findall(r"^  reg (\w+);$", text, re.MULTILINE)
    assert len(registers) == len(set(registers))
    assert len(re.findall(r"^    \w+_q\d+ <= ", text, re.MULTILINE)) == len(registers)


@pytest.mark.parametrize("stages", [-1, 65])
def test_stages_out_of_range(stages: int) -> None:
    with pytest.raises(InputError, match=rf"at most 64 stages: {stages}$"):
        to_verilog(circuit("adder", "sklansky", 8), stages=stages)
