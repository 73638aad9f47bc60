"""Measurements against references that run in the same session; `python -m benchmarks` prints one table."""
