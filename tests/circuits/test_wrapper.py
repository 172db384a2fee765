"""The face with a parameter WIDTH is proven at every width, and says so where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from circuit_samples import circuit

from prefixrl.circuits.proof import ProofFailed
from prefixrl.circuits.rtl import to_verilog
from prefixrl.circuits.wrapper import prove_wrapper, to_wrapper
from prefixrl.errors import InputError, ToolError
from prefixrl.tools.yosys import run_yosys


@pytest.mark.parametrize("stages", [0, 2])
@pytest.mark.parametrize("kind", ["adder", "comparator"])
def test_every_width(kind: str, stages: int) -> None:
    made = [circuit(kind, "sklansky", width) for width in (4, 8)]
    members = {each.width: (each, to_verilog(each, f"face_{each.width}", stages)) for each in made}
    assert "WIDTH 4, 8" in prove_wrapper(to_wrapper(made, "face", stages), "face", members, stages).detail


def test_crossed_widths_are_found() -> None:
    made = [circuit("adder", "sklansky", width) for width in (4, 8)]
    members = {each.width: (each, to_verilog(each, f"face_{each.width}")) for each in made}
    crossed = to_wrapper(made, "face").replace("face_4 core", "face_8 core")
    with pytest.raises(ProofFailed):
        prove_wrapper(crossed, "face", members)


def test_another_width_is_an_error_at_elaboration(tmp_path: Path) -> None:
    made = circuit("adder", "sklansky", 4)
    text = to_wrapper([made], "face") + to_verilog(made, "face_4")
    top = "module top (input [4:0] a, b, output [4:0] s); face #(.WIDTH(5)) f (.a(a), .b(b), .sum(s)); endmodule"
    (tmp_path / "all.v").write_text(f"{text}\n{top}\n")
    with pytest.raises(ToolError) as caught:
        run_yosys("read_verilog all.v\nhierarchy -check -top top", cwd=tmp_path)
    assert "face_is_not_exported_for_this_WIDTH" in caught.value.tail


def test_what_cannot_stand_behind_one_face() -> None:
    with pytest.raises(InputError, match="once: 4, 4"):
        to_wrapper([circuit("adder", "sklansky", 4), circuit("adder", "brent-kung", 4)], "face")
    with pytest.raises(InputError, match="same carries"):
        to_wrapper([circuit("adder", "sklansky", 4), circuit("adder", "sklansky", 5, carry_in=True)], "face")
    with pytest.raises(InputError, match="priority_encoder"):
        to_wrapper([circuit("priority_encoder", "sklansky", 4)], "face")
    with pytest.raises(InputError, match="keyword"):
        to_wrapper([circuit("adder", "sklansky", 4)], "module")
