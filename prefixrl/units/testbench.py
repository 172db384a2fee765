"""A self-checking Verilog testbench for a unit: patterns with the outputs that the exact model gives for them."""

from __future__ import annotations

import numpy as np

from prefixrl.circuits import Port
from prefixrl.units.expected import expected_outputs
from prefixrl.units.registry import Built
from prefixrl.units.verify import random_patterns
from prefixrl.units.verilog import CLOCK

PATTERNS = 256


def unit_testbench(built: Built, patterns: int = PATTERNS, seed: int = 0) -> str:
    """Verilog-2001 that runs the unit and ends with a line `PASS ...` or `FAIL ...`.

    A pipelined unit gets a pattern every clock cycle, its outputs are looked at `latency` cycles later.
    """
    module, name, latency = built.module, built.written.name, built.written.latency
    inputs, outputs = module.input_ports, module.output_ports
    rows = next(iter(random_patterns(built, patterns, seed)))
    expected = expected_outputs(built.unit.name, built.parameters, rows, outputs)
    stimulus, response = _vectors(rows, inputs), _vectors(expected, outputs)
    count, widths = len(stimulus), [sum(port.width for port in ports) for ports in (inputs, outputs)]
    lines = [
        f"// self-checking testbench of module {name}: {built.description}",
        "`timescale 1ns / 1ps",
        "",
        f"module {name}_tb;",
        f"  reg [{widths[0] - 1}:0] stimulus [0:{count - 1}];",
        f"  reg [{widths[1] - 1}:0] expected [0:{count - 1}];",
        f"  reg [{widths[0] - 1}:0] given;",
        f"  wire [{widths[1] - 1}:0] got;",
        f"  reg {CLOCK};",
        "  integer i, mismatches;",
        "",
        f"  {name} dut ({', '.join(_pins(built, inputs, outputs))});",
        "",
        "  initial begin",
        *(f"    stimulus[{number}] = {widths[0]}'h{value:x};" for number, value in enumerate(stimulus)),
        *(f"    expected[{number}] = {widths[1]}'h{value:x};" for number, value in enumerate(response)),
        "    mismatches = 0;",
        f"    {CLOCK} = 0;",
        f"    for (i = 0; i < {count + latency}; i = i + 1) begin",
        f"      given = stimulus[i < {count} ? i : {count - 1}];",
        f"      #5 if (i >= {latency} && got !== expected[i - {latency}]) begin",
        "        mismatches = mismatches + 1;",
        "        if (mismatches <= 10)",
        f'          $display("mismatch %0d: got %h, expected %h", i - {latency}, got, expected[i - {latency}]);',
        "      end",
        f"      {CLOCK} = 1;",
        f"      #5 {CLOCK} = 0;",
        "    end",
        f'    if (mismatches == 0) $display("PASS {name}: {count} patterns");',
        f'    else $display("FAIL {name}: %0d of {count} patterns", mismatches);',
        "    $finish;",
        "  end",
        "endmodule",
        "",
    ]
    return "\n".join(lines)


def _pins(built: Built, inputs: tuple[Port, ...], outputs: tuple[Port, ...]) -> list[str]:
    pins = [f".{CLOCK}({CLOCK})"] if built.written.latency else []
    for ports, bus in ((inputs, "given"), (outputs, "got")):
        start = 0
        for port in ports:
            pins.append(f".{port.name}({bus}[{start + port.width - 1}:{start}])")
            start += port.width
    return pins


def _vectors(values: dict[str, np.ndarray], ports: tuple[Port, ...]) -> list[int]:
    """All ports of a pattern as one number, the first port lowest."""
    count = len(next(iter(values.values())))
    vectors = [0] * count
    start = 0
    for port in ports:
        columns = values[port.name].reshape(count, -1)
        each = 64 if columns.dtype == np.uint64 and columns.shape[1] > 1 else -(-port.width // columns.shape[1])
        for number in range(count):
            joined = sum(int(value) << each * place for place, value in enumerate(columns[number]))
            vectors[number] |= joined << start
        start += port.width
    return vectors
