"""A connection to one database of a Redis that may be away: it says so, refuses at once meanwhile, and comes back."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

import redis.asyncio
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, NoScriptError, ReadOnlyError, RedisError, ResponseError

from device_manager.errors import api_error
from device_manager.settings import InvalidSettings

Word = str | bytes | int | float
Command = Sequence[Word]
"""The words of one command, its name first."""
T = TypeVar("T")

PATIENCE = 0.5
"""Seconds for which callers are refused at once after a Redis did not answer, before it is asked again."""

log = structlog.get_logger("redis")


class Script:
    """A Lua script that Redis runs without anybody's commands in between.

    Args:
        text: its source; the first line names the keys and arguments for readers.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class RedisConnection:
    """Sends commands, each once: what is not answered may have been carried out.

    Args:
        url: `redis://...`; see the setting `redis`.
        purpose: what it is for, as the log names it.
        database: number of the database, when it is not the one of the URL.
        deadline: seconds that an answer may take.
        connections: sockets that are open at most; further commands wait for one.
        decodes: answers are text; otherwise bytes.

    Attributes:
        purpose: see above.
        losses: how often it stopped answering.

    Raises:
        InvalidSettings: the URL cannot be read.
    """

    def __init__(
        self,
        url: str,
        purpose: str,
        *,
        database: int | None = None,
        deadline: float = 2.0,
        connections: int = 16,
        decodes: bool = False,
    ) -> None:
        self.purpose = purpose
        self.losses = 0
        self._answered = time.monotonic()
        self._away_since: float | None = None
        self._asked = 0.0
        try:
            pool = redis.asyncio.BlockingConnectionPool.from_url(
                url,
                protocol=2,
                max_connections=connections,
                timeout=deadline,
                socket_timeout=deadline,
                socket_connect_timeout=deadline,
                retry=Retry(NoBackoff(), 0),
                decode_responses=decodes,
                encoding_errors="replace",
            )
        except ValueError as error:
            raise InvalidSettings(f'Unusable setting "redis": {error}') from error
        kwargs = pool.connection_kwargs
        self.host, self.port = str(kwargs.get("host", "localhost")), int(kwargs.get("port", 6379))
        self.database = int(kwargs.get("db") or 0)
        if database is not None:
            self.database = kwargs["db"] = database
        self._client = redis.asyncio.Redis(connection_pool=pool)
        self._client.response_callbacks.clear()

    @property
    def is_away(self) -> bool:
        """Whether it did not answer when it was last asked."""
        return self._away_since is not None

    @property
    def silence(self) -> float:
        """Seconds since it last answered."""
        return time.monotonic() - self._answered

    async def run(self, *words: Word) -> Any:
        """The raw reply to one command.

        Raises:
            ApiError: `services.cache.not_connected`.
            ResponseError: Redis refuses the command.
        """
        return await self.asked(self._client.execute_command(*words))  # type: ignore[no-untyped-call]

    async def run_together(self, commands: Sequence[Command], *, atomic: bool = True) -> list[Any]:
        """The raw replies to several commands in one round trip; those refused give their `ResponseError`.

        Args:
            commands: what to do.
            atomic: nobody else's commands come between them.

        Raises:
            ApiError: `services.cache.not_connected`.
        """
        pipeline = self._client.pipeline(transaction=atomic)
        pipeline.response_callbacks.clear()
        for words in commands:
            pipeline.execute_command(*words)
        return await self.asked(pipeline.execute(raise_on_error=False))

    async def run_script(self, script: Script, keys: Sequence[str], arguments: Sequence[Word]) -> Any:
        """The raw reply of a script. Raises what `run` raises."""
        words = (len(keys), *keys, *arguments)
        try:
            return await self.run("EVALSHA", script.digest, *words)
        except NoScriptError:
            return await self.run("EVAL", script.text, *words)

    async def asked(self, answer: Awaitable[T]) -> T:
        """Await what the client does, and tell whether Redis is there."""
        if self._away_since is not None and time.monotonic() - self._asked < PATIENCE:
            if hasattr(answer, "close"):
                answer.close()
            raise api_error("services.cache.not_connected")
        try:
            result = await _heeding(answer)
        except (BusyLoadingError, ReadOnlyError) as error:
            raise self._missed(error) from error
        except ResponseError:
            self._found()
            raise
        except (RedisError, OSError, TimeoutError) as error:
            raise self._missed(error) from error
        self._found()
        return result

    def _missed(self, error: Exception) -> Exception:
        self._asked = time.monotonic()
        if self._away_since is None:
            self._away_since = self._asked
            self.losses += 1
            log.error("Redis does not answer", purpose=self.purpose, host=self.host, port=self.port, reason=str(error))
        return api_error("services.cache.not_connected")

    def _found(self) -> None:
        self._answered = time.monotonic()
        if self._away_since is not None:
            away = round(time.monotonic() - self._away_since, 1)
            self._away_since = None
            log.warning("Redis answers again", purpose=self.purpose, host=self.host, port=self.port, seconds=away)

    async def close(self) -> None:
        """Let go of the sockets."""
        await self._client.aclose(close_connection_pool=True)


async def _heeding(answer: Awaitable[T]) -> T:
    """Await an answer and end when it is cancelled: the client swallows that while it connects."""
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()
    try:
        return await answer
    finally:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError
