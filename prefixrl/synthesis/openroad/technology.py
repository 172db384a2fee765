"""What a PDK says about geometry: checked, with the LEF files filling in what its description leaves open."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from prefixrl.errors import InputError
from prefixrl.synthesis.openroad.lef import LefLayer, LefLibrary, read_lefs
from prefixrl.synthesis.pdk import Pdk

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


@dataclass(frozen=True)
class Technology:
    """Site, layers and wires of a PDK.

    :param lef: what its LEF files say
    :param site: placement site
    :param layer_rc: layer -> (kOhm per um, fF per um); layers that are not in it keep what the LEF says
    :param signal_layer: the layer that stands for all signal wires
    :param signal_rc: (kOhm per um, fF per um) that stand for them instead, where the PDK states such an average
    :param horizontal: layer of the pins on the left and right edges
    :param vertical: layer of the pins on the top and bottom edges
    """

    lef: LefLibrary
    site: str
    layer_rc: Mapping[str, tuple[float, float]]
    signal_layer: str
    signal_rc: tuple[float, float] | None
    horizontal: LefLayer
    vertical: LefLayer

    @property
    def digest(self) -> str:
        """SHA-256 of everything here that a placement depends on."""
        parts = [self.lef.digest, self.site, sorted(self.layer_rc.items()), self.signal_layer, self.signal_rc]
        return hashlib.sha256(repr([*parts, self.horizontal.name, self.vertical.name]).encode()).hexdigest()


def technology_of(pdk: Pdk) -> Technology:
    """The technology of a PDK.

    :raises InputError: it has no LEF files, or these and its description do not fit together
    """
    if not pdk.lef:
        raise InputError(f"the openroad evaluator needs a PDK with LEF files (technology and cells): {pdk.name!r}")
    lef = read_lefs(pdk.lef)
    site = pdk.site or lef.usual_site(cell.name for cell in pdk.library())
    if site is None or site not in lef.sites:
        raise InputError(f"the placement site must be one of the LEF files of {pdk.name}: {site!r}")
    horizontal, vertical = _pin_layers(pdk, lef)
    signal_layer = _layer(pdk.signal_layer, lef, pdk) if pdk.signal_layer else horizontal
    layer_rc = {name: (layer.kohm_per_um, layer.ff_per_um) for name, layer in pdk.layer_rc.items()}
    for name, values in layer_rc.items():
        _layer(name, lef, pdk)
        _check_rc(f"layer {name}", values)
    signal_rc = None if pdk.signal_rc is None else (pdk.signal_rc.kohm_per_um, pdk.signal_rc.ff_per_um)
    if signal_rc is not None:
        _check_rc("signal wires", signal_rc)
    elif signal_layer.name not in layer_rc and not signal_layer.has_capacitance:
        raise InputError(f"{pdk.name} must state resistance and capacitance of its signal layer: {signal_layer.name}")
    for name in (site, *layer_rc, signal_layer.name, horizontal.name, vertical.name):
        if _NAME.fullmatch(name) is None:
            raise InputError(f"a site or layer must be named by letters, digits, '_' and '.': {name!r}")
    return Technology(lef, site, layer_rc, signal_layer.name, signal_rc, horizontal, vertical)


def _check_rc(what: str, values: tuple[float, float]) -> None:
    if not all(math.isfinite(value) and value > 0 for value in values):
        raise InputError(f"resistance and capacitance of {what} must be finite and above 0: {values!r}")


def _pin_layers(pdk: Pdk, lef: LefLibrary) -> tuple[LefLayer, LefLayer]:
    """Those of the description, else the lowest of each direction above the cells' own pins (the first layer)."""
    if pdk.pin_layers is not None:
        found = tuple(_layer(name, lef, pdk) for name in pdk.pin_layers)
    else:
        above = lef.layers[1:]
        choices = [[layer for layer in above if layer.direction == each] for each in ("HORIZONTAL", "VERTICAL")]
        if not all(choices):
            raise InputError(f"the LEF of {pdk.name} must have horizontal and vertical layers above the first: none")
        found = tuple(choice[0] for choice in choices)
    if tuple(layer.direction for layer in found) != ("HORIZONTAL", "VERTICAL"):
        names = ", ".join(f"{layer.name} {layer.direction}" for layer in found)
        raise InputError(f"the pin layers of {pdk.name} must be a horizontal and a vertical one: {names}")
    return found[0], found[1]


def _layer(name: str, lef: LefLibrary, pdk: Pdk) -> LefLayer:
    layer = lef.layer(name)
    if layer is None:
        raise InputError(f"a layer of {pdk.name} must be a routing layer of its LEF: {name!r}")
    return layer
