"""What a whole tensor-core dot product takes by the width of its final adder.

Alignment, compressor tree, adder, leading-zero count and rounding are all as wide as the adder is, so a narrower one
saves far more than its own area.
"""

from __future__ import annotations

from prefixrl.synthesis.pdk import Pdk
from prefixrl.units.cells import frame_of, with_structure
from prefixrl.units.measuring import Measured
from prefixrl.units.parameters import Parameters
from prefixrl.units.prefixes import DEFAULT_STRUCTURE, PrefixPlan
from prefixrl.units.registry import build_unit
from prefixrl.units.report import final_circuit


def tensor_core_curve(fmt: str, width: int, block: int, pdk: Pdk) -> list[tuple[float, float]]:
    """The area-delay curve of `tc_dot`, (ns, um2) by rising delay, all its prefix circuits Sklansky's.

    :param fmt: of the operands
    :param width: of the final adder, bits
    :param block: products
    :raises InputError: no such unit
    :raises ToolError: Yosys failed
    """
    built = build_unit("tc_dot", Parameters(format=fmt, block=block, width=width), PrefixPlan(DEFAULT_STRUCTURE))
    unit = with_structure(frame_of(built, pdk), final_circuit(built), pdk)
    return [(point.delay_ns, point.area_um2) for point in Measured(unit, pdk, f"{width} bits").points]
