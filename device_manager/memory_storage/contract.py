"""What keeps the values of `ms`, and the choice of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from device_manager.memory_storage.in_process import ProcessStorage
from device_manager.settings import Settings

if TYPE_CHECKING:
    from device_manager.redis_connection import Command, Word


class MemoryStorage(Protocol):
    """Values by key, as Redis knows them. Replies are its raw ones, as text, whole numbers, None and lists of these.

    Attributes:
        backend: what `server:info` calls it.
    """

    backend: str

    async def run(self, *words: Word) -> Any:
        """The reply to one command.

        Raises:
            ApiError: `services.cache.command_failed` when it is refused, `not_connected`, `memory_exceeded`.
        """

    async def run_together(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to several commands that nobody else's come between; those refused give their `ApiError`.

        Raises:
            ApiError: `services.cache.not_connected`, `memory_exceeded`.
        """

    async def measure(self, commands: Sequence[Command]) -> list[tuple[int, int]]:
        """What commands that change nothing would answer: bytes of all texts, and of the largest one.

        Whole numbers count as they are, so `STRLEN` stands for what it measures; a refused command counts nothing.

        Raises:
            ApiError: `services.cache.not_connected`.
        """

    async def is_healthy(self) -> bool:
        """Whether a command would be answered now."""

    async def close(self) -> None:
        """Let go of every resource."""


def open_memory_storage(settings: Settings) -> MemoryStorage:
    """The storage that the settings name.

    Raises:
        InvalidSettings: the Redis has an unusable URL, or the values would share a database with the servers' own.
    """
    if not settings.redis:
        return ProcessStorage(settings.memory_storage_bytes)
    from device_manager.memory_storage.in_redis import RedisStorage  # loads a client that others do not need

    return RedisStorage(settings)
