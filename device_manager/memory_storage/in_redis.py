"""Values in a Redis, in a database of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError

from device_manager.errors import ApiError
from device_manager.memory_storage.refusals import refusal
from device_manager.redis_connection import Command, RedisConnection, Word
from device_manager.settings import InvalidSettings, Settings

MEASURE = """-- ARGV: a command. Returns bytes of all texts in its reply, and of the largest one.
local total, largest = 0, 0
local function weigh(reply)
  if type(reply) == 'table' then
    for _, item in ipairs(reply) do
      total = total + 8
      weigh(item)
    end
  elseif reply then
    local size = type(reply) == 'number' and reply or #reply
    total, largest = total + size, math.max(largest, size)
  end
end
weigh(redis.pcall(unpack(ARGV)))
return {total, largest}
"""
PLAIN = frozenset({"STRLEN", "HSTRLEN"})
"""Commands that measure by themselves."""


class RedisStorage:
    """See `MemoryStorage`. No command reaches another database than its own.

    Args:
        settings: name the Redis.

    Raises:
        InvalidSettings: see `open_memory_storage`.
    """

    backend = "redis"

    def __init__(self, settings: Settings) -> None:
        number = settings.redis_memory_database
        own = RedisConnection(settings.redis, "bus").database
        if number == own:
            raise InvalidSettings(
                f'Unusable setting "redis_memory_database": database {number} of the Redis is where the servers keep '
                "what is their own; take another number, or another one at the end of the URL."
            )
        self.connection = RedisConnection(
            settings.redis, "memory storage", database=number, deadline=settings.redis_deadline, decodes=True
        )

    async def run(self, *words: Word) -> Any:
        """See `MemoryStorage`."""
        try:
            return await self.connection.run(*words)
        except ResponseError as error:
            raise refusal(error) from error

    async def run_together(self, commands: Sequence[Command]) -> list[Any]:
        """See `MemoryStorage`."""
        try:
            replies = await self.connection.run_together(commands)
        except ResponseError as error:
            raise refusal(error) from error
        return [refusal(reply) if isinstance(reply, ResponseError) else reply for reply in replies]

    async def measure(self, commands: Sequence[Command]) -> list[tuple[int, int]]:
        """See `MemoryStorage`."""
        probes = [words if words[0] in PLAIN else ("EVAL", MEASURE, 0, *words) for words in commands]
        sizes: list[tuple[int, int]] = []
        for found in await self.connection.run_together(probes, atomic=False) if probes else ():
            if isinstance(found, ResponseError):
                found = 0
            sizes.append((found, found) if isinstance(found, int) else (found[0], found[1]))
        return sizes

    async def is_healthy(self) -> bool:
        """See `MemoryStorage`."""
        try:
            await self.connection.run("PING")
        except (ApiError, ResponseError):
            return False
        return True

    async def close(self) -> None:
        """See `MemoryStorage`."""
        await self.connection.close()
