"""How many messages a second one connection may send (router-protocol 1.3 step 1)."""

from __future__ import annotations

import time


class MessageRate:
    """Counts messages within seconds of the clock.

    Args:
        most: messages in one second.
    """

    __slots__ = ("_count", "_most", "_second")

    def __init__(self, most: int) -> None:
        self._most = most
        self._second = 0
        self._count = 0

    def passes(self) -> bool:
        """Count one message; False when it is one too many."""
        second = int(time.monotonic())
        if second != self._second:
            self._second = second
            self._count = 0
        self._count += 1
        return self._count <= self._most
