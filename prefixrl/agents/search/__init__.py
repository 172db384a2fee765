"""The baselines: one readable function each, over the same judge, store and budget as the agent.

Every method is a function `(judge, settings, generator)` that proposes graphs until the judge ends it. `METHODS` has
them by the names that `--method` takes. Importing this package imports neither torch nor Stable-Baselines3.
"""

from prefixrl.agents.search.job import METHODS, check_method, resume, search
from prefixrl.agents.search.judge import BudgetUsed, Judge

__all__ = ["METHODS", "BudgetUsed", "Judge", "check_method", "resume", "search"]
