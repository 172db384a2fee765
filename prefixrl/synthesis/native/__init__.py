"""The native evaluator: timing, buffering and sizing compiled here, on the library's own tables."""

from prefixrl.synthesis.native.evaluator import NativeEvaluator

__all__ = ["NativeEvaluator"]
