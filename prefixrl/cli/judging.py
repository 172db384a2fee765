"""What can be said of a point beyond delay and area: an independent timer's delay, and power."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefixrl.errors import InputError

if TYPE_CHECKING:
    from prefixrl.circuits import Circuit
    from prefixrl.circuits.netlist import Netlist
    from prefixrl.synthesis.constraints import Constraints
    from prefixrl.synthesis.pdk import Pdk

SIGNOFF_TIMERS = ("opensta",)

SignoffOption = Annotated[str | None, typer.Option("--signoff", help="Time every netlist again with: opensta.")]
PowerOption = Annotated[bool, typer.Option("--power", help="Leakage, and energy per operation under random inputs.")]


def check_signoff(timer: str | None) -> None:
    """Refuse a sign-off timer that there is not, before any work is done.

    :raises InputError: an unknown timer
    :raises ToolMissing: a known one that this machine does not have
    """
    from prefixrl.tools import require_tool

    if timer is None:
        return
    if timer not in SIGNOFF_TIMERS:
        raise InputError(f"the sign-off timer must be one of {', '.join(SIGNOFF_TIMERS)}: {timer!r}")
    require_tool("sta")


class Judge:
    """Measures netlists as the options ask for; a context manager, since a timer is a program that runs.

    :param signoff: one of `SIGNOFF_TIMERS`, or None
    :param power: whether power is wanted
    :param wires: whether the delays of the evaluator have wires in them, which the timer knows nothing of
    """

    def __init__(
        self, pdk: Pdk, constraints: Constraints, signoff: str | None, power: bool, *, wires: bool = False
    ) -> None:
        from prefixrl.synthesis.power import PowerModel
        from prefixrl.synthesis.signoff import SignoffTimer

        self._constraints = constraints
        self._stack = ExitStack()
        self._timer = self._stack.enter_context(SignoffTimer(pdk)) if signoff else None
        self._signoff = signoff
        self._wires = wires
        self._power = PowerModel(pdk) if power else None

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def measure(self, netlist: Netlist, circuit: Circuit, delay_ns: float) -> dict[str, Any]:
        """The figures asked for, as plain JSON values under `signoff` and `power`.

        :param delay_ns: what the evaluator says of this netlist
        """
        figures: dict[str, Any] = {}
        if self._timer is not None:
            timing = self._timer.time(netlist, circuit, self._constraints)
            above = 100.0 * (delay_ns - timing.delay_ns) / timing.delay_ns
            figures["signoff"] = {
                "timer": self._signoff,
                "version": self._timer.version,
                "delay_ns": timing.delay_ns,
                "wires": self._wires,
                # With wires on one side only, the difference is theirs and no error of anybody.
                "error_percent": None if self._wires else above,
                "wires_percent": above if self._wires else None,
            }
        if self._power is not None:
            power = self._power.power(netlist, circuit, self._constraints)
            figures["power"] = {
                "leakage_nw": power.leakage_nw,
                "energy_per_operation_fj": power.energy_per_operation_fj,
                "switching_fj": power.switching_fj,
                "internal_fj": power.internal_fj,
                "method": power.method,
            }
        return figures
