"""Subscriptions of the server's own code: plugins hear of changes, or subscribe on behalf of clients (3.6, 3.7)."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import itertools
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import structlog

from device_manager.realtime.channels import read_interest
from device_manager.realtime.clients import Client
from device_manager.realtime.notifications import Notification
from device_manager.realtime.service import Realtime

log = structlog.get_logger("realtime")

Listener = Callable[[Notification], Awaitable[None] | None]
MOST_WAITING = 10_000
"""Notifications that wait for a listener; beyond it the newest are dropped, which is logged."""
_numbers = itertools.count(1)


class InsideClient:
    """A client without a connection: calls a listener with one notification after another.

    Args:
        owner: name of the plugin, for the log.
        listener: a function or a coroutine function; what it raises is logged.

    Attributes:
        id, protocol, push, cut: see `Client`.
    """

    def __init__(self, owner: str, listener: Listener) -> None:
        self.id = f"inside-{owner}-{next(_numbers)}"
        self.protocol = "internal"
        self.push: Callable[[bytes], None] | None = self._take
        self.cut: Callable[[str], None] | None = self._note_loss
        self._owner = owner
        self._listener = listener
        self._waiting: deque[bytes] = deque()
        self._work: asyncio.Task[None] | None = None
        self._dropped = 0

    def on_close(self, listener: Callable[[Any], None]) -> None:
        """See `Client.on_close`: it never leaves by itself."""

    def _take(self, frame: bytes) -> None:
        if len(self._waiting) >= MOST_WAITING:
            if self._dropped % MOST_WAITING == 0:
                log.error("notifications dropped, the listener does not keep up", plugin=self._owner)
            self._dropped += 1
            return
        self._waiting.append(frame)
        if self._work is None:
            self._work = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())

    def _note_loss(self, reason: str) -> None:
        """A plugin has no connection to cut."""
        log.error("notifications dropped", plugin=self._owner, reason=reason)

    def leave(self) -> None:
        """Call the listener no more, not even with what waits."""
        self.push = self.cut = None
        self._waiting.clear()

    async def _run(self) -> None:
        while self._waiting:
            try:
                outcome = self._listener(orjson.loads(self._waiting.popleft()))
                if inspect.isawaitable(outcome):
                    await outcome
            except Exception:
                log.exception("a listener of notifications failed", plugin=self._owner)
        self._work = None


class InsideSubscriptions:
    """What the server's own code may do with subscriptions. Nobody's rights are asked."""

    def __init__(self, realtime: Realtime) -> None:
        self._realtime = realtime

    async def listen(
        self,
        owner: str,
        index: str,
        collection: str,
        filter: dict[str, Any],
        listener: Listener,
        scope: str,
        users: str,
    ) -> Callable[[], None]:
        """Call `listener` with each notification of a filter on a collection; what ends it when called.

        Raises:
            ApiError: what `Realtime.subscribe` raises, `core.realtime.invalid_scope` or `invalid_users`.
        """
        client = InsideClient(owner, listener)
        subscribed = await self._realtime.subscribe(client, index, collection, filter, read_interest(scope, users))
        subscribed.hold.release()

        def end() -> None:
            self._realtime.drop(client)
            client.leave()

        return end

    async def add(
        self,
        client: Client,
        index: str,
        collection: str,
        filter: dict[str, Any],
        scope: str,
        users: str,
        volatile: dict[str, Any] | None,
    ) -> tuple[str, str]:
        """Subscribe for a client, whatever its rights; the ids of room and channel.

        Raises:
            ApiError: as for `listen`.
        """
        interest = read_interest(scope, users)
        subscribed = await self._realtime.subscribe(client, index, collection, filter, interest, volatile=volatile)
        subscribed.hold.release()
        return subscribed.room, subscribed.channel

    def remove(self, client: Client, room: str) -> None:
        """End what a client hears of a room. Raises `core.realtime.not_subscribed`."""
        self._realtime.unsubscribe(client, room)
