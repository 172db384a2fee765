"""PDKs, constraints, and the evaluators that turn a circuit into an area-delay curve."""
