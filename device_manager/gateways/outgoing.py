"""The one way out of a WebSocket connection: frames are collected and written once per loop turn (design 3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

WRITTEN_AHEAD = 4 << 20
"""Bytes handed to the transport before the peer has to read some of them."""
WORTH_COPYING = 1 << 16
"""Smaller batches are joined and written once per turn; larger ones leave at once, piece by piece, so that the
transport can say in time that the client does not keep up."""


class Outgoing:
    """Frames on their way to one client.

    Args:
        transport: where they go.
        loop: runs the write at the end of the current turn.
        max_bytes: bytes that may wait for a client that does not read. Only what already waits counts, so that one
            answer larger than the bound still reaches a client that reads.
        overflow: called once when more would wait; nothing is queued from then on.
    """

    __slots__ = (
        "_frames",
        "_loop",
        "_max_bytes",
        "_overflow",
        "_scheduled",
        "_transport",
        "_unchecked_bytes",
        "closed",
        "waiting_bytes",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        max_bytes: int,
        overflow: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._max_bytes = max_bytes
        self._unchecked_bytes = min(max_bytes, WRITTEN_AHEAD)
        self._overflow = overflow
        self._frames: list[bytes] = []
        self._scheduled = False
        self.closed = False
        self.waiting_bytes = 0

    def send_text(self, payload: bytes) -> None:
        """Queue one text message of UTF-8 bytes."""
        length = len(payload)
        if length < 126:
            self.send_frame(b"\x81" + length.to_bytes(1) + payload)
        elif length < 1 << 16:
            self.send_frame(b"\x81\x7e" + length.to_bytes(2) + payload)
        else:
            self.send_frame(b"\x81\x7f" + length.to_bytes(8), payload)

    def send_frame(self, frame: bytes, payload: bytes = b"") -> None:
        """Queue one frame, its payload apart where copying it would cost."""
        if self.closed:
            return
        if self.waiting_bytes > self._unchecked_bytes and self._stalled():
            self.discard()
            self._overflow()
            return
        self._frames.append(frame)
        self.waiting_bytes += len(frame)
        if payload:
            self._frames.append(payload)
            self.waiting_bytes += len(payload)
        if self.waiting_bytes >= WORTH_COPYING:
            self.flush()
        elif not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what waits, unless the transport already holds enough for a client that does not read."""
        self._scheduled = False
        if self._frames and self._transport.get_write_buffer_size() < WRITTEN_AHEAD:
            self.write_all()

    def write_all(self) -> None:
        """Write what waits, whatever the transport holds: the last thing before a close frame."""
        frames, size = self._frames, self.waiting_bytes
        if not frames or self._transport.is_closing():
            return
        self._frames = []
        self.waiting_bytes = 0
        if size < WORTH_COPYING:
            self._transport.write(b"".join(frames))
        else:
            self._transport.writelines(frames)

    def discard(self) -> None:
        """Drop what waits and everything that comes later."""
        self.closed = True
        self._frames.clear()
        self.waiting_bytes = 0

    def end(self) -> None:
        """The connection is over: let go of it."""
        self.discard()
        self._overflow = _ended

    def _stalled(self) -> bool:
        return self.waiting_bytes + self._transport.get_write_buffer_size() > self._max_bytes


def _ended() -> None:
    """Nobody is left who could read too slowly."""
