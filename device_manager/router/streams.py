"""The slot of an answer that is a stream: it is held until the stream has ended (router-protocol 1.9)."""

from __future__ import annotations

from collections.abc import AsyncIterator

from device_manager.router.admission import Slot


class HeldStream:
    """A stream that gives a slot back when it ends, fails or is closed.

    Args:
        chunks: what the action gave.
        slot: the right to be sent.
    """

    __slots__ = ("_chunks", "_slot")

    def __init__(self, chunks: AsyncIterator[bytes], slot: Slot) -> None:
        self._chunks = chunks
        self._slot = slot

    def __aiter__(self) -> HeldStream:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except BaseException:
            self._slot.release()
            raise

    async def aclose(self) -> None:
        """Close the action's iterator, if it can be closed, and give the slot back."""
        try:
            await close_stream(self._chunks)
        finally:
            self._slot.release()


async def close_stream(chunks: AsyncIterator[bytes]) -> None:
    """Close an iterator that will not be read further."""
    close = getattr(chunks, "aclose", None)
    if close is not None:
        await close()
