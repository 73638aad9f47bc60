"""Cuts whole WebSocket frames out of the byte stream, unmasking complete text messages on the way (RFC 6455, 5.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from websockets.speedups import apply_mask

WHOLE_TEXT = 0x81
"""First byte of a message in one frame: FIN set, no extension bits, opcode text."""
MASKED = 0x80
LENGTH_BITS = 0x7F
SHORT, LONG = 126, 127
MASK_BYTES = 4

Cut = tuple[Literal["text", "frame", "oversized"], bytes]


class FrameCutter:
    """Holds the beginning of a frame until its end arrives, so that everything downstream sees whole frames only.

    Args:
        max_bytes: largest payload of one frame; the header of a larger one is handed on as it is, so that the
            protocol layer refuses it before its payload is read.
    """

    __slots__ = ("_held", "_max_bytes", "_needed")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held = bytearray()
        self._needed = 0

    @property
    def held_bytes(self) -> int:
        """Bytes of a frame whose end has not arrived."""
        return len(self._held)

    def feed(self, data: bytes) -> Iterator[Cut]:
        """Take bytes from the socket and give what became complete.

        Yields:
            `("text", payload)` for a text message in one frame, unmasked; `("frame", raw)` for any other whole frame;
            `("oversized", raw)` for all that is left once a frame claims to be too large.
        """
        if self._held:
            self._held += data
            if len(self._held) < self._needed:
                return
            data = bytes(self._held)
            self._held.clear()
        offset, end = 0, len(data)
        while offset < end:
            start, stop = self._bounds(data, offset, end)
            if stop < 0:
                yield "oversized", data[offset:]
                return
            if stop > end:
                self._held += memoryview(data)[offset:]
                self._needed = stop - offset
                return
            if data[offset] == WHOLE_TEXT and data[offset + 1] & MASKED:
                yield "text", apply_mask(data[start:stop], data[start - MASK_BYTES : start])
            else:
                yield "frame", data[offset:stop]
            offset = stop

    def _bounds(self, data: bytes, offset: int, end: int) -> tuple[int, int]:
        """Where the payload starts and stops; past `end` when more bytes are needed, -1 when it is too large."""
        start = offset + 2
        if start > end:
            return start, start
        second = data[offset + 1]
        length = second & LENGTH_BITS
        if length >= SHORT:
            size = 2 if length == SHORT else 8
            start += size
            if start > end:
                return start, start
            length = int.from_bytes(data[start - size : start])
            if length > self._max_bytes:
                return start, -1
        if second & MASKED:
            start += MASK_BYTES
        return start, start + length
