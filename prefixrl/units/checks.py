"""A second opinion on the netlists of a report: OpenSTA's delays, and the energy of an operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from prefixrl.circuits import Circuit, Port
from prefixrl.circuits.netlist import Netlist
from prefixrl.synthesis.power import PowerModel
from prefixrl.synthesis.signoff import SignoffTimer
from prefixrl.units.report import GROUPS, Comparison, Row


@dataclass(frozen=True)
class UnitPorts:
    """What a timer asks of a circuit."""

    kind: str
    width: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def ports_of(netlist: Netlist) -> Circuit:
    """A netlist's ports in the place of a circuit."""
    return cast("Circuit", UnitPorts(netlist.module, len(netlist.inputs), netlist.inputs, netlist.outputs))


def check_rows(comparison: Comparison, rows: Sequence[Row], power: bool, signoff: bool) -> list[dict[str, Any]]:
    """For every netlist that a report chose, what OpenSTA and the power model say.

    :raises ToolMissing: OpenSTA is asked for and is not there
    """
    model = PowerModel(comparison.pdk) if power else None
    timer = SignoffTimer(comparison.pdk) if signoff else None
    found = []
    try:
        for row in rows:
            for group in GROUPS:
                chosen = comparison.best(group, row.clock_ns)
                if chosen is None:
                    continue
                measured, point = chosen
                netlist = measured.netlist(point)
                figures: dict[str, Any] = {"clock_ns": row.clock_ns, "group": group, "delay_ns": point.delay_ns}
                if timer is not None:
                    figures["opensta_ns"] = timer.time(netlist, ports_of(netlist), measured.constraints).delay_ns
                if model is not None:
                    spent = model.power(netlist, ports_of(netlist), measured.constraints)
                    figures |= {"energy_fj": spent.energy_per_operation_fj, "leakage_nw": spent.leakage_nw}
                found.append(figures)
    finally:
        if timer is not None:
            timer.close()
    return found
