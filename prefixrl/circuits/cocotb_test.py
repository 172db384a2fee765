"""A cocotb test of a circuit: Python drives the RTL in any simulator that cocotb knows."""

from __future__ import annotations

from prefixrl.circuits.identifiers import check_identifier
from prefixrl.circuits.kinds import Circuit
from prefixrl.circuits.rtl_body import CLOCK

EXHAUSTIVE_INPUT_BITS = 12
RANDOM_PATTERNS = 2000

_REFERENCES = {
    "adder": "total = {a} + {b}{cin}",
    "incrementer": "total = {a} + {one}",
    "comparator": "difference = {a} - {b}",
    "priority_encoder": "highest = {request}.bit_length() - 1",
    "leading_one": "highest = {request}.bit_length() - 1",
    "gray_to_binary": ("binary = {gray}\n    for shift in range(1, {width}):\n        binary ^= {gray} >> shift"),
}
_RESULTS = {
    "adder": '{{"sum": total & {mask:#x}{cout}}}',
    "incrementer": '{{"sum": total & {mask:#x}{cout}}}',
    "comparator": '{{"lt": int(difference < 0), "eq": int(difference == 0), "gt": int(difference > 0)}}',
    "priority_encoder": '{{"index": max(highest, 0), "valid": int(highest >= 0)}}',
    "leading_one": '{{"grant": 1 << highest if highest >= 0 else 0, "valid": int(highest >= 0)}}',
    "gray_to_binary": '{{"binary": binary}}',
}

_TEXT = '''\
"""cocotb test of module {module}: {title}.

    pip install cocotb pytest; SIM=icarus pytest {file}      # or any other simulator that cocotb knows
"""

import itertools
import os
import random
from pathlib import Path

import cocotb
from cocotb.triggers import Timer

INPUTS = {inputs}  # port: bits
OUTPUTS = {outputs}
LATENCY = {stages}  # clock edges from operands to their result
PATTERNS = {random}  # random ones


def expected(**inputs):
    """What the module must answer, in integer arithmetic."""
    {reference}
    return {result}


def corners(bits):
    """Values where carries start, end and run through."""
    ones = (1 << bits) - 1
    singles = [1 << bit for bit in range(bits)]
    return sorted({{0, ones, ones // 3, *singles, *(ones ^ one for one in singles), *(one - 1 for one in singles)}})


def stimuli():
    """All patterns of a small module; corners and {random} random patterns of a larger one."""
    names, widths = list(INPUTS), list(INPUTS.values())
    if sum(widths) <= {exhaustive}:
        for values in itertools.product(*(range(1 << bits) for bits in widths)):
            yield dict(zip(names, values))
        return
    generator = random.Random(1)
    for value in corners(max(widths)):
        for other in (0, (1 << max(widths)) - 1, 1, value, ~value):
            values = [value, other, value & 1]
            yield {{name: values[place] & ((1 << bits) - 1) for place, (name, bits) in enumerate(INPUTS.items())}}
    for _ in range(PATTERNS):
        yield {{name: generator.getrandbits(bits) for name, bits in INPUTS.items()}}


def compare(dut, inputs):
    for name, value in expected(**inputs).items():
        got = int(getattr(dut, name).value)
        assert got == value, f"{{name}} must be {{value:#x}} for {{inputs}}: {{got:#x}}"


@cocotb.test()
async def {module}_does_what_it_should(dut):
    waiting = []
{body}

def test_{module}():
    """Builds and runs it by pytest."""
    from cocotb_tools.runner import get_runner

    here = Path(__file__).resolve().parent
    runner = get_runner(os.environ.get("SIM", "icarus"))
    build = here / "sim_build"
    runner.build(sources=[here / "{module}.v"], hdl_toplevel="{module}", build_dir=build, always=True)
    runner.test(hdl_toplevel="{module}", test_module=Path(__file__).stem, test_dir=here, build_dir=build)
'''

_COMBINATIONAL = """\
    for inputs in stimuli():
        for name, value in inputs.items():
            getattr(dut, name).value = value
        await Timer(1, "step")
        compare(dut, inputs)
        waiting.append(inputs)
    assert waiting
"""

_CLOCKED = f"""\
    dut.{CLOCK}.value = 0
    flush = [dict.fromkeys(INPUTS, 0)] * LATENCY
    for inputs in itertools.chain(stimuli(), flush):
        for name, value in inputs.items():
            getattr(dut, name).value = value
        await Timer(1, "step")
        dut.{CLOCK}.value = 1
        await Timer(1, "step")
        waiting.append(inputs)
        if len(waiting) >= LATENCY:
            compare(dut, waiting[-LATENCY])
        dut.{CLOCK}.value = 0
        await Timer(1, "step")
"""


def to_cocotb(circuit: Circuit, module: str | None = None, stages: int = 0) -> str:
    """A Python file `test_MODULE.py` for cocotb 2 that also runs by pytest; it lies beside `MODULE.v`.

    :param stages: of the RTL's pipeline; 0 for none
    :raises InputError: the module's name is not an identifier
    """
    module = check_identifier(circuit.default_module if module is None else module)
    names = {port.name: f'inputs["{port.name}"]' for port in circuit.inputs}
    fields = {
        **names,
        "cin": f" + {names['cin']}" if circuit.carry_in else "",
        "one": names["cin"] if circuit.carry_in else "1",
        "cout": f', "cout": total >> {circuit.width}' if circuit.carry_out else "",
        "mask": (1 << circuit.width) - 1,
        "width": circuit.width,
    }
    return _TEXT.format(
        module=module,
        file=f"test_{module}.py",
        title=f"{circuit.width}-bit {circuit.kind.replace('_', ' ')}",
        inputs={port.name: port.width for port in circuit.inputs},
        outputs={port.name: port.width for port in circuit.outputs},
        stages=stages,
        reference=_REFERENCES[circuit.kind].format(**fields),
        result=_RESULTS[circuit.kind].format(**fields),
        random=RANDOM_PATTERNS,
        exhaustive=EXHAUSTIVE_INPUT_BITS,
        body=_CLOCKED if stages else _COMBINATIONAL,
    )
