"""Bodies that are produced while they are sent: one item, one chunk, at the client's pace (router-protocol 1.9)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from device_manager.errors import ApiError
from device_manager.router.streams import close_stream

logger = logging.getLogger(__name__)

LONGEST_TURN = 0.005
"""Seconds of ready chunks after which other connections get their turn."""
LAST_CHUNK = b"0\r\n\r\n"


class BrokenStream(Exception):
    """The stream failed after its status was sent: the client can be told only by breaking the connection."""


class Lane(Protocol):
    """The way to the client of a stream."""

    transport: asyncio.Transport
    write_paused: bool

    async def drained(self) -> None:
        """Return when the client has read what the transport holds."""
        ...


@dataclass(slots=True)
class Streaming:
    """An answer whose body is still to come.

    Attributes:
        name: the action, for the log.
        head: status line and headers, complete.
        chunks: the body.
        chunked: each item is framed as a chunk; otherwise its size or the end of the connection says where it ends.
        size: the promised number of bytes, None for any.
        has_body: False in answers to HEAD.
        refuse: gives the answer instead of this one when the stream fails before its first item.
    """

    name: str
    head: bytes
    chunks: AsyncIterator[bytes]
    chunked: bool
    size: int | None
    has_body: bool
    refuse: Callable[[Exception], bytes]

    async def send(self, lane: Lane) -> None:
        """Send the whole answer, or the refusal; closes the chunks in any case, when it is cancelled too.

        Raises:
            BrokenStream: it failed, or did not keep to its size, after the head was sent. The log says why.
        """
        try:
            if self.has_body:
                await self._send_body(lane)
            else:
                lane.transport.write(self.head)
        finally:
            await close_stream(self.chunks)

    async def _send_body(self, lane: Lane) -> None:
        try:
            first = await anext(self.chunks, b"")
            first = self._framed(first)
        except Exception as error:
            lane.transport.write(self.refuse(error))
            return
        lane.transport.write(self.head + first)
        try:
            await self._send_rest(lane, len(first))
        except Exception as error:
            foreseen = isinstance(error, ApiError)
            logger.error("The stream of %s failed: %s", self.name, error, exc_info=None if foreseen else error)
            raise BrokenStream from error
        if self.chunked:
            lane.transport.write(LAST_CHUNK)

    async def _send_rest(self, lane: Lane, sent: int) -> None:
        turn_began = time.monotonic()
        write = lane.transport.write
        async for chunk in self.chunks:
            if lane.write_paused:
                await lane.drained()
                turn_began = time.monotonic()
            elif time.monotonic() - turn_began > LONGEST_TURN:
                await asyncio.sleep(0)
                turn_began = time.monotonic()
            framed = self._framed(chunk)
            sent += len(framed)
            if self.size is not None and sent > self.size:
                break
            if framed:
                write(framed)
        if self.size is not None and sent != self.size:
            raise ValueError(f"it promised {self.size} bytes and gave {'more' if sent > self.size else sent}")

    def _framed(self, chunk: bytes) -> bytes:
        """An item as it is sent. An empty one is left out: as a chunk it would end the body."""
        if not isinstance(chunk, bytes):
            raise TypeError(f"a stream consists of bytes, not of {type(chunk).__name__}")
        return b"%x\r\n%b\r\n" % (len(chunk), chunk) if self.chunked and chunk else chunk
