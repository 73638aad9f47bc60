"""One at a time of those who do the same: the second waits for the first (design 9)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator


class Turns:
    """Lets one request with a key run at a time in this process; other processes need no such order.

    Args:
        patience: seconds that a request waits for its turn.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._running: dict[str, asyncio.Event] = {}

    @contextlib.asynccontextmanager
    async def alone(self, key: str) -> AsyncIterator[None]:
        """Wait for whoever has the turn of `key`, then have it. Raises `TimeoutError`."""
        deadline = time.monotonic() + self._patience
        while (first := self._running.get(key)) is not None:
            await asyncio.wait_for(first.wait(), deadline - time.monotonic())
        done = self._running[key] = asyncio.Event()
        try:
            yield
        finally:
            del self._running[key]
            done.set()
