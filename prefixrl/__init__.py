"""prefixrl: parallel-prefix circuits designed by reinforcement learning with real synthesis in the loop."""

__version__ = "0.1.0"
