"""Physical evaluation with OpenROAD: floorplan, pins, placement, wires, repair at several clocks."""

from prefixrl.synthesis.openroad.evaluator import OPTIONS, OpenroadEvaluator, Run
from prefixrl.synthesis.openroad.settings import OpenroadSettings

__all__ = ["OPTIONS", "OpenroadEvaluator", "OpenroadSettings", "Run"]
