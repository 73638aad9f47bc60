"""How many requests a second somebody may make (router-protocol 3.3). Counts are of this process alone."""

from __future__ import annotations

import time
from collections.abc import Callable


class PerSecond:
    """Counts within seconds of the clock; nothing is kept of seconds that are over.

    Args:
        clock: seconds that only grow.
    """

    __slots__ = ("_clock", "_counts", "_second")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._second = 0
        self._counts: dict[str, int] = {}

    def passes(self, who: str, most: int) -> bool:
        """Count one request; False when it is one too many.

        Args:
            who: makes it.
            most: requests in one second.
        """
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._counts.clear()
        count = self._counts[who] = self._counts.get(who, 0) + 1
        return count <= most
