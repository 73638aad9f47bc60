"""Which payloads are being stored right now, and since when (transactions 2, B7)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator


class InFlight:
    """The payloads of this process that are under way, in the order in which they began."""

    def __init__(self) -> None:
        self._begun: dict[int, int] = {}
        self._next = 0

    @contextlib.contextmanager
    def one(self) -> Iterator[int]:
        """A payload; gives the time that all it writes bears, in milliseconds since 1970."""
        self._next = number = self._next + 1
        self._begun[number] = now = time.time_ns() // 1_000_000
        try:
            yield now
        finally:
            del self._begun[number]

    def oldest(self) -> int:
        """When the oldest payload under way began, now if there is none: what began before is stored in full."""
        return min(next(iter(self._begun.values()), 1 << 62), time.time_ns() // 1_000_000)
