"""VHDL is proven through a reader of its own: GHDL where it is there, the strict one here everywhere."""

from __future__ import annotations

import pytest
from circuit_samples import circuit

from prefixrl.circuits.identifiers import check_vhdl_identifier
from prefixrl.circuits.proof import ProofFailed, prove_rtl
from prefixrl.circuits.vhdl import to_vhdl
from prefixrl.circuits.vhdl_proof import prove_vhdl, vhdl_as_verilog
from prefixrl.errors import InputError
from prefixrl.tools.finder import find_tool


@pytest.mark.parametrize("stages", [0, 2])
@pytest.mark.parametrize("kind", ["adder", "comparator", "priority_encoder", "gray_to_binary"])
def test_the_strict_reader_reads_every_form(kind: str, stages: int) -> None:
    made = circuit(kind, "sklansky", 7, carry_in=kind == "adder")
    prove_rtl(vhdl_as_verilog(to_vhdl(made, stages=stages)), kind, made, stages)


@pytest.mark.tools
@pytest.mark.parametrize("stages", [0, 2])
def test_ghdl_reads_it(stages: int) -> None:
    if find_tool("ghdl") is None:
        pytest.skip("GHDL is not installed (Debian: apt install ghdl)")
    made = circuit("adder", "kogge-stone", 8, carry_in=True)
    assert prove_vhdl(to_vhdl(made, stages=stages), "adder", made, stages).detail.startswith("read by GHDL")


def test_a_wrong_text_is_refused() -> None:
    made = circuit("adder", "sklansky", 6)
    text = to_vhdl(made)
    with pytest.raises(ProofFailed, match="equivalent"):
        prove_vhdl(text.replace("<= g_1_1 or", "<= g_1_1 xor not", 1).replace("xor not", "and"), "adder", made)
    for broken in (text.replace("begin", "begin\n  assert false;", 1), text[: len(text) // 2], text + "x"):
        with pytest.raises(ProofFailed):
            vhdl_as_verilog(broken)


def test_names() -> None:
    assert check_vhdl_identifier("fast_add") == "fast_add"
    for name in ("Label", "a__b", "_a", "a_", "signal", "9a"):
        with pytest.raises(InputError):
            check_vhdl_identifier(name)
