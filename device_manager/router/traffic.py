"""What became of the requests for one action, counted at well under a microsecond a request (design 10)."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from time import perf_counter

from device_manager.metrics import BOUNDS, Timings


class Traffic(Timings):
    """Answers by protocol and status, and how long they took, the wait for a slot included; of streams the beginning.

    Attributes:
        answers: number of answers by `(protocol, status)`.
    """

    __slots__ = ("answers",)

    def __init__(self) -> None:
        super().__init__()
        self.answers: defaultdict[tuple[str, int], int] = defaultdict(int)

    def end(self, protocol: str, status: int, started: float) -> None:
        """Count an answer to a request that came at `started`, by `time.perf_counter`."""
        self.answers[protocol, status] += 1
        seconds = perf_counter() - started
        self.counts[bisect_left(BOUNDS, seconds)] += 1  # as `Timings.add` does, without a call for every message
        self.total += seconds
