"""What surrounds a circuit: who drives its inputs and when, what its outputs drive and when they are needed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from prefixrl.circuits import Circuit
from prefixrl.circuits.kinds import Port
from prefixrl.errors import InputError
from prefixrl.hints import near_miss
from prefixrl.synthesis.pdk import Pdk

_CELL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.$]*")
_PORT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Beyond any adder: a microsecond.
MAXIMUM_TIME_NS = 1e3


class HasPorts(Protocol):
    """A circuit, or a netlist of one."""

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Input ports."""

    @property
    def outputs(self) -> tuple[Port, ...]:
        """Output ports."""


BitTimes = tuple[tuple[str, tuple[float, ...]], ...]
"""Ports, sorted by name, with a time in ns for every bit, lowest first."""


@dataclass(frozen=True)
class Constraints:
    """Constraints on a circuit.

    The **delay** of a netlist under constraints is the smallest target at which it is in time. The target is when the
    output bit that may come last has to be there; other output bits are due by as much earlier as their required times
    are earlier. So delay = max over output bits of (arrival + latest required time - own required time). Without
    required times that is the worst arrival; with them the netlist meets all of them where delay <= latest required
    time.

    :param driving_cell: the library cell that drives every input
    :param output_load_ff: capacitance at every output
    :param input_arrival_ns: when inputs switch, for ports that do not at 0 ns (a mapping is taken too)
    :param output_required_ns: when outputs are needed, for some ports or all; output bits of other ports may come last
    :param max_fanout: most input pins and output ports that one net may feed
    :param max_transition_ns: longest slew that any net may have
    :raises InputError: a name that is no identifier, a figure that is negative, not finite or out of range
    """

    driving_cell: str
    output_load_ff: float
    input_arrival_ns: BitTimes = ()
    output_required_ns: BitTimes = ()
    max_fanout: int | None = None
    max_transition_ns: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.driving_cell, str) or _CELL_NAME.fullmatch(self.driving_cell) is None:
            raise InputError(f"the driving cell must be the name of a cell: {self.driving_cell!r}")
        _check_number("the output load", self.output_load_ff, "fF", 0.0, math.inf)
        for name in ("input_arrival_ns", "output_required_ns"):
            object.__setattr__(self, name, _bit_times(getattr(self, name), name))
        if self.max_fanout is not None and (type(self.max_fanout) is not int or not 2 <= self.max_fanout <= 1000):
            raise InputError(f"the maximum fanout must be a whole number from 2 to 1000: {self.max_fanout!r}")
        if self.max_transition_ns is not None:
            _check_number("the maximum transition", self.max_transition_ns, "ns", 1e-6, MAXIMUM_TIME_NS)

    @property
    def plain(self) -> bool:
        """Whether they are a driving cell and a load, nothing more."""
        return self == Constraints(self.driving_cell, self.output_load_ff)

    @property
    def key(self) -> str:
        """Text that is the same for equal constraints only; it enters cache keys."""
        return json.dumps(self.to_json(), sort_keys=True)

    def check_circuit(self, circuit: HasPorts) -> None:
        """Check that the times are those of the circuit's ports.

        :raises InputError: a port that it does not have, or one of another width
        """
        for times, ports in (
            (self.input_arrival_ns, circuit.inputs),
            (self.output_required_ns, circuit.outputs),
        ):
            known = {port.name: port.width for port in ports}
            for name, bits in times:
                if name not in known:
                    raise InputError(f"times must be for the ports {', '.join(known)} of this circuit: {name!r}")
                if len(bits) != known[name]:
                    raise InputError(f"port {name} must have {known[name]} times, one per bit: {len(bits)}")

    def arrivals(self, circuit: HasPorts) -> dict[str, float]:
        """When every input bit switches, in ns, by the name of its net.

        :raises InputError: as `check_circuit`
        """
        self.check_circuit(circuit)
        return _by_net(circuit.inputs, dict(self.input_arrival_ns), 0.0)

    def margins(self, circuit: HasPorts) -> dict[str, float]:
        """How much before the target every output bit is due, in ns, by the name of its net; 0 for the last.

        :raises InputError: as `check_circuit`
        """
        self.check_circuit(circuit)
        latest = max((time for _, bits in self.output_required_ns for time in bits), default=0.0)
        required = _by_net(circuit.outputs, dict(self.output_required_ns), latest)
        return {net: latest - time for net, time in required.items()}

    def to_sdc(
        self,
        circuit: Circuit,
        delay_ns: float | None = None,
        *,
        time_unit_ns: float = 1.0,
        capacitance_unit_ff: float = 1.0,
    ) -> str:
        """The constraints as a Synopsys Design Constraints file, which timers read.

        Figures in such files are in the library's units, which therefore have to be told. The slack at the clock period
        T is T less the delay (see above).

        :param delay_ns: the delay asked for: the period of the virtual clock; the latest required time where none is,
            or 1 ns
        :param time_unit_ns: the library's time unit
        :param capacitance_unit_ff: the library's capacitance unit
        :raises InputError: as `check_circuit`
        """
        if delay_ns is None:
            delay_ns = max((time for _, bits in self.output_required_ns for time in bits), default=0.0) or 1.0
        units = f"time in {time_unit_ns:g} ns, capacitance in {capacitance_unit_ff:g} fF"
        lines = [
            f"# {circuit.kind}, {circuit.width} bits; {units}",
            f"create_clock -name clock -period {delay_ns / time_unit_ns:.6g}",
            "set_input_delay 0 -clock clock [all_inputs]",
            *_delay_lines("set_input_delay", self.arrivals(circuit), time_unit_ns),
            "set_output_delay 0 -clock clock [all_outputs]",
            *_delay_lines("set_output_delay", self.margins(circuit), time_unit_ns),
            f"set_driving_cell -lib_cell {self.driving_cell} [all_inputs]",
            f"set_load {self.output_load_ff / capacitance_unit_ff:.9g} [all_outputs]",
        ]
        if self.max_fanout is not None:
            lines.append(f"set_max_fanout {self.max_fanout} [current_design]")
        if self.max_transition_ns is not None:
            lines.append(f"set_max_transition {self.max_transition_ns / time_unit_ns:.6g} [current_design]")
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Any]:
        """Plain data; what is not constrained is left out, so that keys of plain constraints stay what they were."""
        data: dict[str, Any] = {"driving_cell": self.driving_cell, "output_load_ff": self.output_load_ff}
        for name in ("input_arrival_ns", "output_required_ns"):
            if getattr(self, name):
                data[name] = {port: list(bits) for port, bits in getattr(self, name)}
        for name in ("max_fanout", "max_transition_ns"):
            if getattr(self, name) is not None:
                data[name] = getattr(self, name)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Constraints:
        """What `to_json` made the data of.

        :raises InputError: something is missing, unknown (with what may have been meant), or not what it must be
        """
        if not isinstance(data, Mapping):
            raise InputError(f"constraints must be an object with names: {data!r:.60}")
        known = tuple(cls.__dataclass_fields__)
        check_known_keys(data, known, "constraints")
        missing = next((name for name in known[:2] if name not in data), None)
        if missing is not None:
            raise InputError(f"constraints must state {missing}: {data!r:.60}")
        return cls(**data)


def default_constraints(pdk: Pdk) -> Constraints:
    """The PDK's own driving cell and load."""
    return Constraints(pdk.driving_cell, pdk.output_load_ff)


def check_known_keys(data: Iterable[Any], known: Sequence[str], what: str) -> None:
    """Check that all keys are known ones.

    :raises InputError: one is not; the message has the nearest known one
    """
    for key in data:
        if key not in known:
            raise InputError(f"{what} may state {', '.join(known)}{near_miss(key, known)}: {key!r}")


def _bit_times(times: Any, name: str) -> BitTimes:
    """The times in their one form, sorted by port; ports whose bits are all 0 are left out of arrivals."""
    pairs = times.items() if isinstance(times, Mapping) else times
    try:
        table = {port: tuple(bits) for port, bits in pairs}
    except (TypeError, ValueError):
        raise InputError(f"{name} must give ports a list of times in ns: {times!r:.60}") from None
    for port, bits in table.items():
        if not isinstance(port, str) or _PORT_NAME.fullmatch(port) is None:
            raise InputError(f"{name} must name ports by identifiers: {port!r}")
        if not bits:
            raise InputError(f"{name} must give every bit of port {port} a time: 0")
        for bit in bits:
            _check_number(f"a time of {name}", bit, "ns", 0.0, MAXIMUM_TIME_NS)
    if name == "input_arrival_ns":
        table = {port: bits for port, bits in table.items() if any(bits)}
    # Adding 0 makes -0.0 and whole numbers equal to what they equal.
    return tuple(sorted((port, tuple(float(bit) + 0.0 for bit in bits)) for port, bits in table.items()))


def _check_number(what: str, value: Any, unit: str, low: float, high: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and math.isfinite(value) and low <= value <= high):
        limit = f"at least {low:g}" + (f" and at most {high:g}" if math.isfinite(high) else "")
        raise InputError(f"{what} must be a finite number of {unit}, {limit}: {value!r}")


def _by_net(ports: Iterable[Port], times: Mapping[str, Sequence[float]], otherwise: float) -> dict[str, float]:
    found: dict[str, float] = {}
    for port in ports:
        found.update(zip(port.bits(), times.get(port.name, (otherwise,) * port.width), strict=True))
    return found


def _delay_lines(command: str, times: Mapping[str, float], time_unit_ns: float) -> list[str]:
    return [
        f"{command} {time / time_unit_ns:.9g} -clock clock [get_ports {{{net}}}]" for net, time in times.items() if time
    ]
