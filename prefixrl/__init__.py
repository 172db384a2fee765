"""prefixrl: parallel-prefix circuits designed by reinforcement learning with real synthesis in the loop."""

import sys

__version__ = "0.1.0"

if "gymnasium" in sys.modules:
    # `gymnasium.make("prefixrl:prefixrl/PrefixGraph-v0")` imports this module to have the ids registered. Who has not
    # loaded gymnasium does not pay for it.
    import prefixrl.envs  # noqa: F401
