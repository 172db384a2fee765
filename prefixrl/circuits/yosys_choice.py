"""A Yosys techmap that makes every `+`, `-` and `<` of a design use given prefix graphs.

Yosys turns these operators into `$alu` cells and their carries into `$lcu` cells (look-ahead carry units: the carries
of given propagates P and generates G). The file maps `$lcu` as Yosys's own `+/choices/kogge-stone.v` does, and `$alu`
too, so that it works alone (`techmap -map FILE`) and beside Yosys's own maps (`synth -extra-map FILE`). A cell takes
the narrowest graph that is no more than one bit narrower than the cell: with n + 1 bits, which is what a sum of n-bit
operands with its carry takes, the graph's own carry out goes one step further. Rows that a narrower cell does not need
fall away. Wider cells are left to the next map.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from prefixrl.circuits.generator import spans
from prefixrl.circuits.proof import Proof
from prefixrl.errors import InputError, ProofFailed, ToolError
from prefixrl.graphs import PrefixGraph
from prefixrl.tools.abc import run_abc
from prefixrl.tools.yosys import run_yosys

FILE_NAME = "prefixrl_choice.v"
PROOF_TIMEOUT_S = 300.0
_EQUIVALENT = "Networks are equivalent"

_HEAD = """\
// Prefix graphs for the carries of Yosys: every +, - and < of a design, up to {widest} bits.
//   read_verilog design.v; hierarchy; proc; alumacc; techmap -map {name}; techmap
//   synth -extra-map {name}
// OpenROAD-flow-scripts: one more line {{PREFIXRL -map /path/to/{name}}} in the list of adder architectures of its
// wrapped operators, and SYNTH_WRAPPED_ADDERS = PREFIXRL,...
// Names sort before those of Yosys's own maps (_90_...), so that this one is asked first.
"""

_ALU = """
(* techmap_celltype = "$alu" *)
module _80_prefixrl_alu (A, B, CI, BI, X, Y, CO);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  (* force_downto *) input [A_WIDTH-1:0] A;
  (* force_downto *) input [B_WIDTH-1:0] B;
  input CI, BI;
  (* force_downto *) output [Y_WIDTH-1:0] X, Y, CO;
  wire _TECHMAP_FAIL_ = {limits("Y_WIDTH")} || A_WIDTH < 1 || B_WIDTH < 1;
  (* force_downto *) wire [Y_WIDTH-1:0] a, b, operand;
  generate
    if (A_SIGNED && B_SIGNED) begin
      assign a = $signed(A);
      assign b = $signed(B);
    end else begin
      assign a = A;
      assign b = B;
    end
  endgenerate
  assign operand = b ^ {Y_WIDTH{BI}};
  assign X = a ^ operand;
  \\$lcu #(.WIDTH(Y_WIDTH)) carries (.P(X), .G(a & operand), .CI(CI), .CO(CO));
  assign Y = X ^ {CO, CI};
endmodule
"""

_LCU = """
(* techmap_celltype = "$lcu" *)
module _80_prefixrl_lcu (P, G, CI, CO);
  parameter WIDTH = 2;
  (* force_downto *) input [WIDTH-1:0] P, G;
  input CI;
  (* force_downto *) output [WIDTH-1:0] CO;
  wire _TECHMAP_FAIL_ = {limits("WIDTH")};
  generate
{branches}  endgenerate
endmodule
"""


def to_yosys_choice(graphs: Iterable[PrefixGraph]) -> str:
    """The techmap file.

    :param graphs: one for each width
    :raises InputError: none, or two of one width
    """
    ordered = sorted(graphs, key=lambda graph: graph.width)
    widths = [graph.width for graph in ordered]
    if not ordered or len(set(widths)) < len(widths):
        raise InputError(f"a techmap needs one graph for each width: {', '.join(map(str, widths)) or 'none'}")
    widest = widths[-1] + 1
    branches = "    else\n".join(_branch(graph) for graph in ordered)

    def filled(text: str) -> str:
        for variable in ("WIDTH", "Y_WIDTH"):
            text = text.replace(f'{{limits("{variable}")}}', f"{variable} < 1 || {variable} > {widest}")
        return text.replace("{branches}", branches)

    return _HEAD.format(widest=widest, name=FILE_NAME) + filled(_ALU) + filled(_LCU)


def _branch(graph: PrefixGraph) -> str:
    """The carries of up to n + 1 bits. The carry into bit 0 is folded into the generate of bit 0."""
    n = graph.width
    name = f"width_{n}"
    lines = [
        f"    if (WIDTH <= {n + 1}) begin : {name}",
        f"      // size {graph.size}, depth {graph.depth}, largest fanout {graph.max_fanout}",
        f"      wire [{n}:0] p, g, c;",
        "      assign p = P;",
        "      assign g = G;",
        "      wire g_0_0 = g[0] | (p[0] & CI);",
    ]
    for (msb, lsb), upper, lower in spans(graph):
        lines.append(f"      wire g_{msb}_{lsb} = {_generate(upper)} | ({_propagate(upper)} & {_generate(lower)});")
        if lsb:
            lines.append(f"      wire p_{msb}_{lsb} = {_propagate(upper)} & {_propagate(lower)};")
    lines += [f"      assign c[{bit}] = g_{bit}_0;" for bit in range(n)]
    lines += [f"      assign c[{n}] = g[{n}] | (p[{n}] & c[{n - 1}]);", "      assign CO = c;", "    end", ""]
    return "\n".join(lines)


def _generate(span: tuple[int, int]) -> str:
    msb, lsb = span
    return f"g[{msb}]" if msb == lsb and msb else f"g_{msb}_{lsb}"


def _propagate(span: tuple[int, int]) -> str:
    msb, lsb = span
    return f"p[{msb}]" if msb == lsb else f"p_{msb}_{lsb}"


def prove_yosys_choice(text: str, widths: Sequence[int]) -> Proof:
    """Prove that Yosys, told of the techmap alone, maps plain operators with it, and to what they mean.

    For every width, three designs that only say `a + b`, `a - b` and `a < b` are taken to gates, once with the techmap
    and once by Yosys's own means, and compared by ABC's `cec`.

    :raises ProofFailed: one differs, a carry unit was left unmapped, or Yosys or ABC failed
    """
    for width in widths:
        _prove_width(text, width)
    listed = ", ".join(map(str, widths))
    return Proof("cec", f"a + b, a - b, a < b of {listed} bits through Yosys; ABC cec: {_EQUIVALENT}")


def plain_operators(width: int) -> str:
    """A design that only says what it wants."""
    operand = f"[{width - 1}:0]"
    return f"""\
module plain (input {operand} a, input {operand} b, output [{width}:0] total, output {operand} difference, output less);
  assign total = a + b;
  assign difference = a - b;
  assign less = a < b;
endmodule
"""


def _prove_width(text: str, width: int) -> None:
    with tempfile.TemporaryDirectory(prefix="prefixrl-choice-") as folder:
        place = Path(folder)
        (place / "choice.v").write_text(text)
        (place / "plain.v").write_text(plain_operators(width))
        read = ("read_verilog plain.v", "hierarchy -check -top plain", "proc", "alumacc", "opt_clean")
        mapped = ("techmap -map choice.v", "select -assert-none t:$alu t:$lcu %u", "techmap", "opt_clean", "aigmap")
        script = [*read, *mapped, "write_aiger -symbols ours.aig", "design -reset"]
        script += [*read, "techmap", "opt_clean", "aigmap", "write_aiger -symbols theirs.aig"]
        try:
            run_yosys("\n".join(script), cwd=place, timeout_s=PROOF_TIMEOUT_S)
            output = run_abc("cec theirs.aig ours.aig", cwd=place, timeout_s=PROOF_TIMEOUT_S)
        except ToolError as error:
            reason = error.tail.strip().splitlines()[-1:] or [str(error)]
            raise ProofFailed(f"the techmap could not be proven at {width} bits: {reason[0]}") from error
    if _EQUIVALENT not in output:
        raise ProofFailed(f"the techmap must keep what +, - and < mean at {width} bits; ABC says: {output.split()}")
