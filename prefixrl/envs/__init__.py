"""Environments: gymnasium ids `prefixrl/PrefixGraph-v0` and `prefixrl/MOPrefixGraph-v0`, single and batched.

Importing this package registers the ids; numba and the tools come in with the first environment.
"""

from typing import TYPE_CHECKING, Any

from prefixrl.envs.registration import SCALAR_ID, VECTOR_REWARD_ID, register_environments

if TYPE_CHECKING:
    from prefixrl.envs.prefix_env import PrefixEnv
    from prefixrl.envs.vector_env import PrefixVectorEnv

register_environments()


def __getattr__(name: str) -> Any:
    if name == "PrefixEnv":
        from prefixrl.envs.prefix_env import PrefixEnv

        return PrefixEnv
    if name == "PrefixVectorEnv":
        from prefixrl.envs.vector_env import PrefixVectorEnv

        return PrefixVectorEnv
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["SCALAR_ID", "VECTOR_REWARD_ID", "PrefixEnv", "PrefixVectorEnv", "register_environments"]
