"""The scripts of a run, filled in for one circuit."""

from __future__ import annotations

import math
from pathlib import Path

from prefixrl.circuits.kinds import Circuit
from prefixrl.circuits.netlist import Netlist
from prefixrl.errors import InputError
from prefixrl.synthesis.openroad import templates
from prefixrl.synthesis.openroad.lef import technology_first
from prefixrl.synthesis.openroad.pins import Pin, datapath_pins
from prefixrl.synthesis.openroad.settings import OpenroadSettings
from prefixrl.synthesis.openroad.technology import Technology
from prefixrl.synthesis.pdk import CELL_PATTERN, Pdk

# Share of an edge's tracks that pins may take, so that a router could still reach them.
_TRACKS_FOR_PINS = 0.9


def make_scripts(
    circuit: Circuit,
    netlist: Netlist,
    pdk: Pdk,
    technology: Technology,
    settings: OpenroadSettings,
    area_um2: float,
) -> tuple[dict[str, str], dict[str, Path]]:
    """Step -> Tcl, and plain file name -> library file that the scripts read by that name.

    :param area_um2: of the netlist
    :raises InputError: a name of the PDK that is more than a name
    """
    lefs = {f"geometry{number}.lef": path for number, path in enumerate(technology_first(pdk.lef))}
    liberties = {f"timing{number}.lib": path for number, path in enumerate(pdk.plain_liberty())}
    values = {
        "steps": " ".join(templates.STEPS),
        "lefs": " ".join(lefs),
        "liberties": " ".join(liberties),
        "module": netlist.module,
        "dont_use": " ".join(_cell_pattern(each) for each in pdk.dont_use),
        "site": technology.site,
        "utilization": f"{settings.utilization_percent:g}",
        "aspect_ratio": f"{_aspect_ratio(circuit, technology, settings, area_um2):.4g}",
        "core_space": f"{settings.core_space_um:g}",
        "horizontal": technology.horizontal.name,
        "vertical": technology.vertical.name,
        "layer_rc": "\n".join(f"  {name} {r:.6g} {c:.6g}" for name, (r, c) in technology.layer_rc.items()),
        "signal_wires": _signal_wires(technology),
        "density": f"{settings.density:g}",
        "skip_last_gasp": "0" if settings.last_gasp else "1",
    }
    values["top"], values["bottom"] = (_pin_list(pins) for pins in datapath_pins(circuit))
    pins = templates.DATAPATH_PINS if settings.pin_order == "datapath" else templates.FREE_PINS
    texts = {
        "run": templates.RUN,
        "load": templates.LOAD,
        "floorplan": templates.FLOORPLAN,
        "pins": pins,
        "place": templates.PLACE,
        "repair": templates.REPAIR,
        "report": templates.REPORT,
    }
    return {step: templates.fill(text, values) for step, text in texts.items()}, lefs | liberties


def _pin_list(pins: tuple[Pin, ...]) -> str:
    return "\n".join(
        f"  {{{pin.name}}} {pin.place:.5f}" if "[" in pin.name else f"  {pin.name} {pin.place:.5f}" for pin in pins
    )


def _signal_wires(technology: Technology) -> str:
    if technology.signal_rc is None:
        return f"-layer {technology.signal_layer}"
    kohm_per_um, ff_per_um = technology.signal_rc
    return f"-resistance {kohm_per_um:.6g} -capacitance {ff_per_um:.6g}"


def _cell_pattern(name: str) -> str:
    if CELL_PATTERN.fullmatch(name) is None:
        raise InputError(f"a cell not to use must be a name or a pattern of '*' and '?': {name!r}")
    return name


def _aspect_ratio(circuit: Circuit, technology: Technology, settings: OpenroadSettings, area_um2: float) -> float:
    """Height over width of the core; lower than asked for where one edge would not have tracks for its pins."""
    if settings.pin_order != "datapath":
        return settings.aspect_ratio
    pins = max(sum(port.width for port in side) for side in (circuit.inputs, circuit.outputs))
    pitch = technology.vertical.pitch_um or technology.horizontal.pitch_um
    needed_um = (pins / _TRACKS_FOR_PINS + 2) * pitch
    core_um2 = area_um2 / (settings.utilization_percent / 100)
    width_um = math.sqrt(core_um2 / settings.aspect_ratio)
    return settings.aspect_ratio if width_um >= needed_um else core_um2 / needed_um**2
