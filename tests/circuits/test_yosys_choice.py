"""The techmap does in plain Yosys what it says: designs that only say +, - and < are made of the graphs."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefixrl.circuits.yosys_choice import prove_yosys_choice, to_yosys_choice
from prefixrl.errors import InputError, ProofFailed
from prefixrl.graphs import structure
from prefixrl.tools.abc import run_abc
from prefixrl.tools.yosys import run_yosys

GRAPHS = [structure("brent-kung", 16), structure("sklansky", 8)]

MIXED = """\
module mixed (input signed [11:0] a, input signed [7:0] b, input [6:0] c,
              output signed [12:0] total, output less, output [8:0] difference, output above, output [14:0] product);
  assign total = a + b;
  assign less = a < b;
  assign difference = c - b;
  assign above = c >= a;
  assign product = c * b + a;
endmodule
"""


@pytest.mark.parametrize("width", [1, 2, 7, 8, 9, 15, 16])
def test_every_width_up_to_the_widest(width: int) -> None:
    assert "Networks are equivalent" in prove_yosys_choice(to_yosys_choice(GRAPHS), [width]).detail


def test_beyond_the_widest_the_cell_is_left_to_the_next_map() -> None:
    with pytest.raises(ProofFailed, match="17 bits"):
        prove_yosys_choice(to_yosys_choice(GRAPHS), [17])


def test_a_wrong_carry_is_found() -> None:
    text = to_yosys_choice(GRAPHS)
    assert "wire g_3_2 = g[3] | (p[3] & g[2]);" in text
    with pytest.raises(ProofFailed, match="at 8 bits"):
        prove_yosys_choice(
            text.replace("wire g_3_2 = g[3] | (p[3] & g[2]);", "wire g_3_2 = g[3] | (p[3] & g[1]);"), [8]
        )


def test_signed_mixed_and_multiplied_operands_through_synth(tmp_path: Path) -> None:
    (tmp_path / "choice.v").write_text(to_yosys_choice([structure("kogge-stone", 20), *GRAPHS]))
    (tmp_path / "mixed.v").write_text(MIXED)
    for name, options in (("ours", "-extra-map choice.v"), ("theirs", "")):
        script = ["read_verilog mixed.v", f"synth -top mixed {options}", "aigmap", f"write_aiger -symbols {name}.aig"]
        log = run_yosys("\n".join(script), cwd=tmp_path)
        used = [line for line in log.splitlines() if line.startswith("Using template") and "prefixrl_lcu" in line]
        assert bool(used) == (name == "ours")
    assert "Networks are equivalent" in run_abc("cec ours.aig theirs.aig", cwd=tmp_path)


def test_the_gates_are_those_of_the_graph(tmp_path: Path) -> None:
    """Sixteen bits of Kogge-Stone have more carry gates than sixteen of Brent-Kung."""
    counts = {}
    (tmp_path / "plain.v").write_text("module plain (input [15:0] a, b, output [15:0] s); assign s = a + b; endmodule")
    for name in ("kogge-stone", "brent-kung"):
        (tmp_path / "choice.v").write_text(to_yosys_choice([structure(name, 16)]))
        script = ["read_verilog plain.v", "proc", "alumacc", "techmap -map choice.v", "techmap", "opt", "stat"]
        log = run_yosys("\n".join(script), cwd=tmp_path)
        counts[name] = sum(int(line.split()[0]) for line in log.splitlines() if line.endswith("$_AND_"))
    assert counts["kogge-stone"] > counts["brent-kung"] + 20


def test_graphs_of_one_width() -> None:
    with pytest.raises(InputError, match="8, 8"):
        to_yosys_choice([structure("sklansky", 8), structure("brent-kung", 8)])
    with pytest.raises(InputError, match="none"):
        to_yosys_choice([])
