"""Arrival profiles: when the bits of a final adder's operands come, from a file or named by what stands before it.

A file (YAML or JSON) has one of two forms, times in ns, lowest bit first:

    inputs: {a: [0.1, 0.2, ...], b: [...]}      # and, if wanted, outputs: {sum: [...]}
    [0.1, 0.2, 0.2, ...]                         # the same for all operands
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from prefixrl.circuits import Circuit
from prefixrl.errors import InputError
from prefixrl.files import is_file
from prefixrl.hints import near_miss
from prefixrl.synthesis.constraints import BitTimes, Constraints, check_known_keys, default_constraints
from prefixrl.synthesis.pdk import Pdk

MAXIMUM_PROFILE_BYTES = 2**20
# One unit of the profiles is a NAND2 or so; an XOR takes two. In Nangate45 XOR2_X1 takes about 50 ps at fanout 2.
DEFAULT_UNIT_DELAY_NS = 0.025


@dataclass(frozen=True)
class Profile:
    """When operands arrive at an adder, in unit delays.

    :param title: what stands before the adder
    :param units: by column, lowest first; all operands alike
    :param scaled: whether another width gets the same shape stretched; else the profile goes on with its last value
    """

    title: str
    units: tuple[float, ...]
    scaled: bool

    def at_width(self, width: int) -> tuple[float, ...]:
        """The profile for an adder of that width, in unit delays.

        A stretched profile is interpolated linearly between the centres of its columns, so that its hump stays in the
        middle; one that is not is cut, or goes on with its last value.
        """
        own = len(self.units)
        if width == own:
            return self.units
        if not self.scaled:
            return (*self.units, *((self.units[-1],) * width))[:width]
        return tuple(self._between((bit + 0.5) * own / width - 0.5) for bit in range(width))

    def _between(self, position: float) -> float:
        position = min(max(position, 0.0), len(self.units) - 1.0)
        low = min(math.floor(position), len(self.units) - 2)
        return round(self.units[low] + (position - low) * (self.units[low + 1] - self.units[low]), 6)


def _hump() -> tuple[float, ...]:
    """21 columns: linear from 6.5 to 24.5 at columns 13 and 14 and on to 16.5 at column 19, the sign column like it."""
    rise = [6.5 + 18.0 * column / 13 for column in range(14)]
    fall = [24.5 - 8.0 * column / 5 for column in range(6)]
    return tuple(round(units, 4) for units in (*rise, *fall, fall[-1]))


# Unit-delay model of reduction trees: an XOR of two XORs takes 2, a carry 1 to 1.5. The columns of the products are
# those of Dadda trees over AND gates; the dot product is 32 products of INT8. Of aligned FP8 sums only the shape is
# settled, a ramp over the lowest 4 bits and then level: its steps are one carry, 1.5.
PROFILES: dict[str, Profile] = {
    "multiplier-4x4": Profile("4x4 product", (0.5, 0.5, 2.5, 4, 4.5, 4.5, 3, 0), scaled=True),
    "multiplier-8x8": Profile("8x8 product", (0.5, 0.5, 2.5, 4, 5, 6.5, 7, 8, 9, 9, 7, 6, 5.5, 4.5, 3, 0), scaled=True),
    "int8-dot": Profile("dot product of 32 pairs of INT8", _hump(), scaled=True),
    "fp8-ramp": Profile("sum of aligned FP8 products", (0, 1.5, 3, 4.5), scaled=False),
}


def with_profile(
    constraints: Constraints,
    profile: str | Path,
    circuit: Circuit,
    unit_delay_ns: float = DEFAULT_UNIT_DELAY_NS,
) -> Constraints:
    """The constraints with the times of a profile in place of their own.

    :param profile: a name in `PROFILES`, or a file
    :param unit_delay_ns: nanoseconds of one unit of a named profile; files are in ns
    :raises InputError: neither a name nor a readable file, a file that is no profile, or not one of this circuit
    """
    if str(profile) in PROFILES:
        if not (math.isfinite(unit_delay_ns) and 0 < unit_delay_ns <= 100):
            raise InputError(f"the unit delay must be above 0 ns and at most 100 ns: {unit_delay_ns!r}")
        units = PROFILES[str(profile)].at_width(circuit.width)
        times = tuple(round(unit * unit_delay_ns, 6) for unit in units)
        changed = replace(constraints, input_arrival_ns=_to_operands(times, circuit))
    else:
        changed = _from_file(constraints, Path(profile), circuit)
    changed.check_circuit(circuit)
    return changed


def chosen_constraints(
    pdk: Pdk,
    circuits: Sequence[Circuit],
    *,
    profile: str | Path | None = None,
    unit_delay_ns: float | None = None,
    max_fanout: int | None = None,
    max_transition_ns: float | None = None,
) -> Constraints:
    """A PDK's own constraints with what a person chose beside them.

    :param circuits: what they are for, all of one kind; under a profile of one width, too
    :param unit_delay_ns: see `with_profile`; None for `DEFAULT_UNIT_DELAY_NS`
    :raises InputError: as `with_profile` and `Constraints`; circuits of several widths; a unit delay without a use
    """
    constraints = replace(default_constraints(pdk), max_fanout=max_fanout, max_transition_ns=max_transition_ns)
    if unit_delay_ns is not None and str(profile) not in PROFILES:
        raise InputError(f"a unit delay needs a profile by name ({', '.join(PROFILES)}): {unit_delay_ns!r}")
    if profile is None:
        return constraints
    widths = sorted({circuit.width for circuit in circuits})
    if len(widths) > 1:
        raise InputError(f"circuits under one profile must have one width: {widths}")
    unit_ns = DEFAULT_UNIT_DELAY_NS if unit_delay_ns is None else unit_delay_ns
    return with_profile(constraints, profile, circuits[0], unit_ns)


def _to_operands(times: tuple[Any, ...], circuit: Circuit) -> BitTimes:
    return tuple((port.name, times) for port in circuit.inputs if port.width > 1 or port.width == circuit.width)


def _from_file(constraints: Constraints, path: Path, circuit: Circuit) -> Constraints:
    data = _read(path)
    try:
        if isinstance(data, list):
            return replace(constraints, input_arrival_ns=_to_operands(tuple(data), circuit))
        if not isinstance(data, Mapping):
            raise InputError(f"a profile must be a list of times or state inputs and outputs: {data!r:.60}")
        check_known_keys(data, ("inputs", "outputs"), "a profile")
        for part in ("inputs", "outputs"):
            if not isinstance(data.get(part, {}), Mapping):
                raise InputError(f"{part} of a profile must give ports a list of times: {data[part]!r:.60}")
        return replace(
            constraints,
            input_arrival_ns=data.get("inputs", constraints.input_arrival_ns),
            output_required_ns=data.get("outputs", constraints.output_required_ns),
        )
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from error


def _read(path: Path) -> Any:
    if not is_file(path):
        known = f"{', '.join(PROFILES)} or a file{near_miss(path, PROFILES)}"
        raise InputError(f"the profile must be one of {known}: {str(path)!r}")
    try:
        with path.open("rb") as stream:
            content = stream.read(MAXIMUM_PROFILE_BYTES + 1)
        if len(content) > MAXIMUM_PROFILE_BYTES:
            raise InputError(f"a profile must be smaller than {MAXIMUM_PROFILE_BYTES >> 20} MiB: {str(path)!r}")
        return yaml.safe_load(content)
    except OSError as error:
        raise InputError(f"a profile must be readable ({error.strerror}): {str(path)!r}") from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split())[:80]
        raise InputError(f"a profile must be YAML or JSON ({reason}): {str(path)!r}") from error
