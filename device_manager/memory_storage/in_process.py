"""Values in the memory of this process, for servers without a Redis; they are lost when it ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from device_manager.errors import ApiError

if TYPE_CHECKING:
    from device_manager.memory_storage.engine import Engine
    from device_manager.redis_connection import Command, Word

LARGE = 1 << 20
"""Bytes of values from which commands that may look at many of them run beside the event loop."""
LOOKING = frozenset(
    "bitcount bitop bitpos georadius georadiusbymember hgetall hkeys hscan hvals keys lrange lrem mget pfcount pfmerge"
    " scan sdiff sdiffstore sinter sinterstore smembers sort sscan sunion sunionstore zinterstore zrange zrangebylex"
    " zrangebyscore zrevrange zrevrangebylex zrevrangebyscore zscan zunionstore".upper().split()
)
"""Commands that may look at all members of a value, or at all keys."""


class ProcessStorage:
    """See `MemoryStorage`.

    Args:
        most_bytes: what keys and values may take together.
    """

    backend = "memory"

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    async def run(self, *words: Word) -> Any:
        """See `MemoryStorage`."""
        (reply,) = await self.run_together([words])
        if isinstance(reply, ApiError):
            raise reply
        return reply

    async def run_together(self, commands: Sequence[Command]) -> list[Any]:
        """See `MemoryStorage`."""
        if self._is_quick(commands) and self._lock.acquire(blocking=False):
            try:
                return self._run_all(commands)
            finally:
                self._lock.release()
        return await asyncio.to_thread(self._run_locked, commands)

    async def measure(self, commands: Sequence[Command]) -> list[tuple[int, int]]:
        """See `MemoryStorage`."""
        if self._is_quick(commands) and self._lock.acquire(blocking=False):
            try:
                return self._measure_all(commands)
            finally:
                self._lock.release()
        return await asyncio.to_thread(self._measure_locked, commands)

    async def is_healthy(self) -> bool:
        """See `MemoryStorage`."""
        return True

    async def close(self) -> None:
        """See `MemoryStorage`."""
        self._engine = None

    def _is_quick(self, commands: Sequence[Command]) -> bool:
        """Whether other requests need not be let through meanwhile."""
        if self._engine is None or self._engine.is_nearly_full:
            return False
        return self._engine.counted < LARGE or all(str(words[0]).upper() not in LOOKING for words in commands)

    def _run_locked(self, commands: Sequence[Command]) -> list[Any]:
        with self._lock:
            return self._run_all(commands)

    def _measure_locked(self, commands: Sequence[Command]) -> list[tuple[int, int]]:
        with self._lock:
            return self._measure_all(commands)

    def _measure_all(self, commands: Sequence[Command]) -> list[tuple[int, int]]:
        engine = self._loaded()
        return [engine.measure(words) for words in commands]

    def _loaded(self) -> Engine:
        if self._engine is None:
            # Loading it takes a quarter of a second, which servers that never need it do not spend.
            from device_manager.memory_storage.engine import Engine

            self._engine = Engine(self._most_bytes)
        return self._engine

    def _run_all(self, commands: Sequence[Command]) -> list[Any]:
        engine = self._loaded()
        engine.make_room(sum(engine.growth(words) for words in commands))
        return [engine.run(words) for words in commands]
