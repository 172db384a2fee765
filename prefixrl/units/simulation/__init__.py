"""Running units: what Yosys makes of their Verilog, compiled. In a folder of its own, since compiled code is kept under
a digest of its neighbours' sources."""

from prefixrl.units.simulation.simulator import NotBalanced, Simulator, simulator_of

__all__ = ["NotBalanced", "Simulator", "simulator_of"]
