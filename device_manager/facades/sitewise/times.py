"""Times as they stand in answers: seconds since 1970, with a fraction (facades 2.2)."""

from __future__ import annotations


def seconds(milliseconds: int) -> float:
    """A time in seconds."""
    return milliseconds / 1000
