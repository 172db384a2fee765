"""From a unit to a design task: when the operands of its final adder arrive and what its sum drives, as a job that
`prefixrl train` and `prefixrl search` take.

Both are read off a mapped and sized netlist of the whole unit, with an ordinary adder in the final one's place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from prefixrl.circuits import Circuit
from prefixrl.errors import InputError
from prefixrl.graphs import structure
from prefixrl.synthesis.pdk import Pdk
from prefixrl.units.cells import Bit, frame_of, with_structure
from prefixrl.units.measuring import Measured, Point
from prefixrl.units.prefixes import DEFAULT_STRUCTURE
from prefixrl.units.registry import Built
from prefixrl.units.report import final_circuit

# How much slower than its fastest the unit is taken to be: there, sizing has not yet gone to extremes.
RELAXATION = 1.05
PRESET = "small"
MAXIMUM_CLOCK_NS = 1e3


@dataclass(frozen=True)
class Task:
    """What a unit asks of its final adder; where it has many of them, the one that gets its operands last.

    :param arrivals_ns: input port -> times of its bits, lowest first, the earliest of all being 0; None where a bit is
        constant
    :param offset_ns: what was subtracted
    :param load_ff: mean load of the output bits
    :param unit_delay_ns: delay of the whole unit in the netlist that was looked at
    """

    circuit: Circuit
    arrivals_ns: dict[str, list[float | None]]
    offset_ns: float
    load_ff: float
    unit_delay_ns: float


def task_of(built: Built, pdk: Pdk, clock_ns: float | None = None) -> Task:
    """Measure a unit's task.

    :param clock_ns: delay that the unit is sized for; None for 1.05 times its least
    :raises InputError: the unit has no final adder, or cannot be that fast
    """
    if clock_ns is not None and not 0 < clock_ns < MAXIMUM_CLOCK_NS:
        raise InputError(f"a clock is a time above 0 ns and below {MAXIMUM_CLOCK_NS:g} ns, got {clock_ns:g}")
    circuit = final_circuit(built)
    frame = frame_of(built, pdk)
    ordinary = Circuit(
        circuit.kind,
        structure(DEFAULT_STRUCTURE, circuit.width),
        carry_in=circuit.carry_in,
        carry_out=circuit.carry_out,
    )
    measured = Measured(with_structure(frame, ordinary, pdk), pdk, DEFAULT_STRUCTURE)
    point = measured.at(measured.fastest_ns * RELAXATION if clock_ns is None else clock_ns)
    if point is None:
        raise InputError(f"{built.unit.name} reaches {measured.fastest_ns:.4f} ns with {DEFAULT_STRUCTURE}: {clock_ns}")
    times = _latest(measured, point, frame.pins)
    offset = min((time for time in times.values() if time is not None), default=0.0)
    arrivals = {
        port.name: [None if (time := times[net]) is None else round(time - offset, 4) for net in port.bits()]
        for port in circuit.inputs
    }
    return Task(circuit, arrivals, offset, _load_ff(measured, point, frame.pins, circuit), point.delay_ns)


def _latest(measured: Measured, point: Point, instances: Sequence[Mapping[str, Bit]]) -> dict[str, float | None]:
    """By net of the adder, when it arrives in the instance that gets it last; None where it is constant in all."""
    nets = [bit for pins in instances for bit in pins.values() if isinstance(bit, str)]
    times = dict(zip(nets, measured.arrivals(point, nets), strict=True))
    found: dict[str, float | None] = {}
    for net in instances[0]:
        known = [times[bit] for pins in instances if isinstance(bit := pins[net], str)]
        found[net] = max(known, default=None)
    return found


def _load_ff(measured: Measured, point: Point, instances: Sequence[Mapping[str, Bit]], circuit: Circuit) -> float:
    """Mean load of the adders' output bits."""
    bits = [pins.get(net) for pins in instances for port in circuit.outputs for net in port.bits()]
    loads = [load for load in measured.loads_ff(point, [bit for bit in bits if isinstance(bit, str)]) if load > 0]
    return round(sum(loads) / len(loads), 3) if loads else measured.constraints.output_load_ff


def job_text(built: Built, task: Task, pdk: Pdk) -> str:
    """The job description, YAML; constant bits count as there from the start."""
    circuit = task.circuit
    constants = sum(time is None for times in task.arrivals_ns.values() for time in times)
    tree = {
        "preset": PRESET,
        "circuit": {
            "kind": circuit.kind,
            "width": circuit.width,
            "carry_in": circuit.carry_in,
            "carry_out": circuit.carry_out,
        },
        "pdk": _library(pdk),
        "constraints": {
            "output_load_ff": task.load_ff,
            "input_arrival_ns": {name: [time or 0.0 for time in times] for name, times in task.arrivals_ns.items()},
        },
    }
    lines = [
        f"# The main {circuit.kind} of {built.description}, measured on {pdk.name}.",
        f"# Arrivals are counted from the first operand bit, {task.offset_ns:.4f} ns after the unit's inputs; "
        f"the whole unit takes {task.unit_delay_ns:.4f} ns.",
    ]
    if constants:
        lines.append(f"# Constant operand bits: {constants}; they count as there from the start.")
    return "\n".join(lines) + "\n" + yaml.safe_dump(tree, sort_keys=False, default_flow_style=None, width=110)


def _library(pdk: Pdk) -> Any:
    from prefixrl.synthesis.pdk import is_known

    return pdk.name if is_known(pdk.name) else {"liberty": [str(path) for path in pdk.liberty]}
