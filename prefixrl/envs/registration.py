"""The gymnasium ids of the project. Importing this costs gymnasium and nothing else."""

from __future__ import annotations

from gymnasium.envs.registration import register, registry

SCALAR_ID = "prefixrl/PrefixGraph-v0"
VECTOR_REWARD_ID = "prefixrl/MOPrefixGraph-v0"
ENTRY_POINT = "prefixrl.envs.prefix_env:PrefixEnv"
VECTOR_ENTRY_POINT = "prefixrl.envs.vector_env:PrefixVectorEnv"


def register_environments() -> None:
    """Register the ids; calling it again does nothing."""
    if SCALAR_ID in registry:
        return
    register(id=SCALAR_ID, entry_point=ENTRY_POINT, vector_entry_point=VECTOR_ENTRY_POINT)
    register(
        id=VECTOR_REWARD_ID,
        entry_point=ENTRY_POINT,
        vector_entry_point=VECTOR_ENTRY_POINT,
        kwargs={"vector_reward": True},
        disable_env_checker=True,  # gymnasium's passive checker knows scalar rewards only
    )
