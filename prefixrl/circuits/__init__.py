"""What a prefix graph becomes: circuits of several kinds, as RTL and as mapped netlists, with proofs of both."""

from prefixrl.circuits.kinds import KINDS, Circuit, Port

__all__ = ["KINDS", "Circuit", "Port"]
