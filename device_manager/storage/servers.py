"""The servers that share a store: each writes signs of life, all see who comes and goes (design 6)."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any, cast

import msgspec
import structlog

from device_manager.storage.contract import Store
from device_manager.storage.heartbeat import Heartbeat

SERVERS = "servers"
INTERVAL = 5.0
"""Seconds between two signs of life."""
MISSED = 4
"""Signs of life that a server misses before the others take it for dead."""
REMEMBERED = 100
"""Arrivals and departures that are told."""

log = structlog.get_logger("servers")


class ServerRecord(msgspec.Struct):
    """A server.

    Attributes:
        id: its name in every envelope.
        address: host and port.
        birthdate: when it started, in ISO-8601.
    """

    id: str
    address: str
    birthdate: str


class Activity(msgspec.Struct, omit_defaults=True):
    """A server came or went.

    Attributes:
        id: its name.
        address: host and port.
        date: when this server saw it, in ISO-8601.
        event: `joined` or `evicted`.
        reason: why it is gone.
    """

    id: str
    address: str
    date: str
    event: str
    reason: str | None = None


class Servers:
    """Who serves this store. Where one process has the store for itself, that is this one.

    Args:
        store: where the signs of life are.
        node: the name of this server.
        interval: seconds between two signs of life.

    Attributes:
        id: the name of this server.
        heartbeat: its sign of life, where the store is shared.
    """

    def __init__(self, store: Store, node: str, interval: float = INTERVAL) -> None:
        self.id = node
        self.heartbeat = Heartbeat(
            store, SERVERS, node, about=self._about, look=self.look, interval=interval, missed=MISSED
        )
        self._store = store
        self._own = ServerRecord(node, "", "")
        self._known: dict[str, ServerRecord] = {}
        self._activity: deque[Activity] = deque(maxlen=REMEMBERED)
        self._has_joined = False
        self._looking = asyncio.Lock()

    async def start(self, address: str) -> None:
        """Join the others.

        Args:
            address: host and port under which this server answers.

        Raises:
            ApiError: `services.storage.unavailable`.
        """
        self._own.address, self._own.birthdate = address, _now()
        if self._store.shared:
            await self.heartbeat.start()
            self._has_joined = True
        await self.look()

    async def stop(self) -> None:
        """Leave the others."""
        await self.heartbeat.stop()

    async def look(self) -> list[ServerRecord]:
        """The servers that are alive, the oldest first; what changed is noted.

        Raises:
            ApiError: `services.storage.unavailable`.
        """
        async with self._looking:  # one that read earlier must not note its findings later
            found, silent = await self._find()
            alive = {id: record for id, record in found.items() if id not in silent}
            for id in alive.keys() - self._known.keys():
                self._note(alive[id], "joined")
            for id in self._known.keys() - alive.keys():
                reason = "it gives no sign of life" if id in silent else "it has stopped"
                self._note(self._known[id], "evicted", reason)
                log.warning("a server is gone", server=id, address=self._known[id].address, reason=reason)
            self._known = alive
            for id in silent:
                await self.heartbeat.forget(id)
        return sorted(alive.values(), key=lambda record: (record.birthdate, record.id))

    @property
    def activity(self) -> list[Activity]:
        """Who came and went since this server started, the newest last."""
        return list(self._activity)

    async def _find(self) -> tuple[dict[str, ServerRecord], set[str]]:
        """All servers by id, and the ids of those that give no sign of life."""
        if not self._has_joined:
            return {self.id: self._own}, set()
        documents, silent = await self.heartbeat.found()
        found = {id: msgspec.convert({**document.source, "id": id}, ServerRecord) for id, document in documents.items()}
        return {self.id: self._own} | found, silent

    def _about(self) -> dict[str, Any]:
        return cast("dict[str, Any]", msgspec.to_builtins(self._own))

    def _note(self, record: ServerRecord, event: str, reason: str | None = None) -> None:
        self._activity.append(Activity(record.id, record.address, _now(), event, reason))


def _now() -> str:
    """This moment in ISO-8601."""
    seconds = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}Z"
