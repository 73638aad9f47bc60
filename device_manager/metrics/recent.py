"""The last durations of something that happens often, for exact quantiles of the recent past."""

from __future__ import annotations

from array import array

KEPT = 512


class Recent:
    """A ring of the last `KEPT` durations, in seconds."""

    __slots__ = ("_next", "_ring")

    def __init__(self) -> None:
        self._ring = array("d")
        self._next = 0

    def add(self, seconds: float) -> None:
        """Note one, instead of the oldest one when the ring is full."""
        if len(self._ring) < KEPT:
            self._ring.append(seconds)
            return
        self._ring[self._next] = seconds
        self._next = (self._next + 1) % KEPT

    def quantile(self, part: float) -> float:
        """The duration that `part` of the last ones do not exceed: 0.5 for the median; 0 when there was none."""
        ordered = sorted(self._ring)
        return ordered[min(int(part * len(ordered)), len(ordered) - 1)] if ordered else 0.0
