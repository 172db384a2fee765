"""Verification of units as they are written: against exact models, on all patterns where these are few enough.

What runs is the and-inverter graph that Yosys makes of the Verilog. Every prefix circuit inside is proven equivalent to
the naive model of its kind by itself (exhaustive units show it only for the operands that can reach it there).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from prefixrl.circuits.proof import ProofFailed, prove_rtl
from prefixrl.errors import InputError
from prefixrl.units import stimuli
from prefixrl.units.expected import expected_outputs
from prefixrl.units.registry import Built
from prefixrl.units.simulation import Simulator, simulator_of
from prefixrl.units.stimuli import Inputs

EXHAUSTIVE_BITS = 24
"""Units with this many input bits or fewer are run on all patterns."""

RANDOM_PATTERNS = 1 << 18
_BLOCKS = ("add", "inc", "cmp", "lzc", "abs")


@dataclass(frozen=True)
class Verification:
    """A unit that did what it must.

    :param mode: "exhaustive" or "random and corners"
    :param patterns: how many were compared
    :param circuits: prefix circuits proven equivalent
    :param gates: AND gates of the simulated graph
    :param operand_pairs: products, sums or numbers in them all: a pattern of a dot product has as many as its block
    :param simulation_s: processor seconds in the simulator
    :param model_s: processor seconds in the exact model
    :param processor_s: processor seconds altogether, reading by Yosys and proofs included
    :param total_s: seconds altogether
    """

    unit: str
    mode: str
    patterns: int
    operand_pairs: int
    circuits: int
    gates: int
    simulation_s: float
    model_s: float
    processor_s: float
    total_s: float

    @property
    def patterns_per_s(self) -> float:
        """Patterns simulated and compared a processor second, the model included."""
        return self.patterns / max(self.simulation_s + self.model_s, 1e-9)


def verify(
    built: Built,
    *,
    patterns: int | None = None,
    seed: int = 0,
    circuits: bool = True,
    simulator: Simulator | None = None,
    known: set[str] | None = None,
) -> Verification:
    """Verify a unit.

    :param patterns: at most so many, random and corners; None for all where there are at most 2^24, else 2^18
    :param seed: of the random ones
    :param circuits: whether the prefix circuits inside are proven too
    :param simulator: of the unit's Verilog, where there is one already
    :param known: texts of prefix circuits that were proven before; those of this unit are added
    :raises ProofFailed: the unit or a circuit in it is wrong; the message has an example
    :raises ToolError: Yosys refused the Verilog
    """
    if patterns is not None and patterns < 1:
        raise InputError(f"the number of patterns is at least 1, got {patterns}")
    if seed < 0:
        raise InputError(f"a seed is at least 0, got {seed}")
    started, spent = time.perf_counter(), processor_seconds()
    proven = prove_circuits(built, known) if circuits else 0
    module = built.module
    if simulator is None:
        simulator = simulator_of(built.written, module.input_ports, module.output_ports)
    bits = sum(port.width for port in module.input_ports)
    everything = bits <= EXHAUSTIVE_BITS and (patterns is None or patterns >= 1 << bits)
    source = stimuli.exhaustive(module.input_ports) if everything else random_patterns(built, patterns, seed)
    count, simulated_s, modelled_s = 0, 0.0, 0.0
    for inputs in source:
        begun = time.process_time()
        found = simulator.run(inputs)
        middle = time.process_time()
        expected = expected_outputs(built.unit.name, built.parameters, inputs, module.output_ports)
        simulated_s, modelled_s = simulated_s + middle - begun, modelled_s + time.process_time() - middle
        _compare(built, inputs, found, expected)
        count += len(next(iter(inputs.values())))
    return Verification(
        built.description,
        "exhaustive" if everything else "random and corners",
        count,
        count * (built.parameters.block or 1),
        proven,
        simulator.gates,
        simulated_s,
        modelled_s,
        processor_seconds() - spent,
        time.perf_counter() - started,
    )


def processor_seconds() -> float:
    """What this process has used so far, and its children that ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def random_patterns(built: Built, patterns: int | None, seed: int) -> Iterator[Inputs]:
    """Random patterns and corners for a unit."""
    parameters, name = built.parameters, built.unit.name
    count = RANDOM_PATTERNS if patterns is None else patterns
    if name in _BLOCKS:
        return stimuli.random_bits(built.module.input_ports, count, seed)
    if name == "mx_quant":
        return stimuli.values(parameters, count, seed)
    if name in ("mx_dot", "mx_dot_acc", "tc_dot"):
        return stimuli.blocks(parameters, count, seed, name != "tc_dot", name == "mx_dot_acc")
    if name == "int8_dot":
        return _integer_blocks(built, count, seed)
    formats = {"a": parameters.a}
    if name != "fp_cvt":
        formats["b"] = parameters.b
    if name == "fp8_fma":
        formats["c"] = parameters.c
    return stimuli.codes(parameters, formats, count, seed)


def _integer_blocks(built: Built, count: int, seed: int) -> Iterator[Inputs]:
    """Blocks of integers, and the accumulator where there is one."""
    ports = [port for port in built.module.input_ports if port.name == "c"]
    accumulators = stimuli.random_bits(ports, count, seed + 1)
    for inputs in stimuli.blocks(built.parameters, count, seed, False, False):
        yield inputs | (next(accumulators) if ports else {})


def prove_circuits(built: Built, known: set[str] | None = None) -> int:
    """Prove every prefix circuit of a unit equivalent to the naive model of its kind; how many there are.

    :param known: texts, without their names, of those that were proven before
    :raises ProofFailed: one is not
    """
    known = set() if known is None else known
    for name, text in built.written.submodules.items():
        circuit = built.written.circuits[name]
        key = f"{circuit.key} {text.replace(name, '')}"
        if key not in known:
            prove_rtl(text, name, circuit)
            known.add(key)
    return len(built.written.submodules)


def _compare(built: Built, inputs: Inputs, found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name, values in expected.items():
        wrong = np.flatnonzero((found[name] != values).reshape(len(values), -1).any(axis=1))
        if len(wrong):
            first = int(wrong[0])
            given = ", ".join(f"{port}={_hexadecimal(each[first])}" for port, each in inputs.items())
            raise ProofFailed(
                f"{built.description}: output {name} must be {_hexadecimal(values[first])} for {given}, "
                f"got {_hexadecimal(found[name][first])} ({len(wrong)} of {len(values)} patterns differ)"
            )


def _hexadecimal(value: np.ndarray) -> str:
    """A number, or lanes from the first on."""
    parts = [f"{int(each):x}" for each in np.atleast_1d(value)]
    return f"0x{parts[0]}" if len(parts) == 1 else f"[{' '.join(parts)}]"
