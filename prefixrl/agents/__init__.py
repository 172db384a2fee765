"""Who proposes designs: the Q-learning agent and the baselines without learning.

Importing this package, `job` or `search` does not import torch; `training`, `qlearning` and `networks` do.
"""
