"""What can be chosen about a physical evaluation."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from prefixrl.circuits.polarity import POLARITIES
from prefixrl.errors import InputError

PIN_ORDERS = ("datapath", "free")
MINIMUM_UTILIZATION_PERCENT = 5.0


@dataclass(frozen=True)
class OpenroadSettings:
    """Settings of the `openroad` evaluator.

    :param utilization_percent: cell area over core area before repair. The default leaves room for growth: at 60 to 70
        tight clocks ended with more cells than fit (DPL-0038). A run that ends so is done again at three quarters of
        it, then at half, which the point's recipe tells
    :param aspect_ratio: height of the core over its width; made smaller where the pins would not fit side by side
    :param core_space_um: margin between the core and the edge of the die
    :param density: target density of global placement; raised where the cells need more
    :param pin_order: "datapath" (bit i beside bit i, inputs along the top, outputs along the bottom, bit 0 on the
        right) or "free" (OpenROAD's own choice for short wires)
    :param polarities: starting netlists, some of `circuits.polarity.POLARITIES`; each takes its own runs
    :param runs: OpenROAD runs per starting netlist; what 7 are worth is told in `targets`
    :param clocks_ns: exactly these clocks instead of `runs` chosen ones
    :param least_runs: clocks of which something must have come where others were lost to crashes and time-outs; with
        fewer (and fewer than were asked for) the evaluation is a failure
    :param last_gasp: whether `repair_timing` may use its last, slow phase (newer builds only)
    :param timeout_s: wall clock of one run
    :param memory_mib: cap on the address space of one run
    :raises InputError: a value out of its range
    """

    utilization_percent: float = 45.0
    aspect_ratio: float = 1.0
    core_space_um: float = 2.0
    density: float = 0.55
    pin_order: str = "datapath"
    polarities: tuple[str, ...] = ("area",)
    runs: int = 7
    clocks_ns: tuple[float, ...] = ()
    least_runs: int = 2
    last_gasp: bool = False
    timeout_s: float = 300.0
    memory_mib: int = 8192

    def __post_init__(self) -> None:
        object.__setattr__(self, "polarities", _tuple(self.polarities, "polarities"))
        object.__setattr__(self, "clocks_ns", _tuple(self.clocks_ns, "clocks_ns"))
        _between("the utilisation", self.utilization_percent, MINIMUM_UTILIZATION_PERCENT, 95, "percent")
        _between("the aspect ratio", self.aspect_ratio, 0.05, 20)
        _between("the core space", self.core_space_um, 0, 1000, "um")
        _between("the placement density", self.density, 0.05, 1)
        _between("the number of runs", self.runs, 1, 1000)
        _between("the least number of runs", self.least_runs, 1, 1000)
        _between("the time-out", self.timeout_s, 0.01, 86400, "s")
        _between("the memory cap", self.memory_mib, 0, 2**24, "MiB")
        for clock_ns in self.clocks_ns:
            _between("a clock", clock_ns, 1e-4, 1e6, "ns")
        if self.pin_order not in PIN_ORDERS:
            raise InputError(f"the pin order must be one of {', '.join(PIN_ORDERS)}: {self.pin_order!r}")
        if not self.polarities or any(each not in POLARITIES for each in self.polarities):
            raise InputError(f"the polarities must be some of {', '.join(POLARITIES)}: {self.polarities!r}")

    @property
    def key(self) -> str:
        """Text that is the same for settings that give the same results; time-out and memory have no part in them."""
        values = {name: value for name, value in asdict(self).items() if name not in ("timeout_s", "memory_mib")}
        return ",".join(f"{name}={value}" for name, value in values.items()).replace(" ", "")


def _tuple(value: object, name: str) -> tuple[object, ...]:
    if isinstance(value, str) or not isinstance(value, (tuple, list)):
        raise InputError(f"{name} must be a list: {value!r}")
    return tuple(value)


def _between(what: str, value: object, low: float, high: float, unit: str = "") -> None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not (good and low <= float(value) <= high):  # type: ignore[arg-type]
        raise InputError(f"{what} must be a number from {low:g} to {high:g}{f' {unit}' if unit else ''}: {value!r}")
