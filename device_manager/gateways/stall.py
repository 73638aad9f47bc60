"""Notices peers that stopped reading, on every platform; on Linux the kernel's own limit usually comes first."""

from __future__ import annotations

import asyncio


class StallWatch:
    """Remembers how much one connection could not send, from sweep to sweep."""

    __slots__ = ("_progress_at", "_unsent_bytes")

    def __init__(self) -> None:
        self._unsent_bytes = 0
        self._progress_at = 0.0

    def seconds(self, transport: asyncio.Transport, now: float) -> float:
        """How long the unsent bytes of a transport have been the same; 0 while there are none."""
        unsent = transport.get_write_buffer_size()
        if not unsent or unsent != self._unsent_bytes:
            self._unsent_bytes = unsent
            self._progress_at = now
        return now - self._progress_at
