"""The servers that share a store: each writes signs of life, all see who comes and goes (design 6)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from typing import Any

import msgspec
import structlog

from device_manager.errors import ApiError
from device_manager.storage.beats import Beats
from device_manager.storage.contract import INTERNAL_INDEX, Key, Put, PutKind, Store

SERVERS = "servers"
SERVERS_MAPPING: dict[str, Any] = {"dynamic": "false", "properties": {}}
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
        beat: counts its signs of life.
    """

    id: str
    address: str
    birthdate: str
    beat: int = 0


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
    """

    def __init__(self, store: Store, node: str, interval: float = INTERVAL) -> None:
        self.id = node
        self._store = store
        self._interval = interval
        self._own = ServerRecord(node, "", "")
        self._key = Key(INTERNAL_INDEX, SERVERS, node)
        self._beats = Beats(MISSED * interval)
        self._known: dict[str, ServerRecord] = {}
        self._activity: deque[Activity] = deque(maxlen=REMEMBERED)
        self._has_joined = False
        self._task: asyncio.Task[None] | None = None

    async def start(self, address: str) -> None:
        """Join the others.

        Args:
            address: host and port under which this server answers.

        Raises:
            ApiError: `services.storage.unavailable`.
        """
        self._own.address, self._own.birthdate = address, _now()
        if self._store.shared:
            await self._store.create_collection(INTERNAL_INDEX, SERVERS, SERVERS_MAPPING)
            await self._beat()
            self._has_joined = True
            self._task = asyncio.create_task(self._run())
        await self.look()

    async def stop(self) -> None:
        """Leave the others."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        try:
            await self._store.put((Put(PutKind.REMOVE, self._key, {}),))
        except ApiError as error:
            log.warning("other servers will take this one for dead", reason=error.message)

    async def look(self) -> list[ServerRecord]:
        """The servers that are alive, the oldest first; what changed is noted.

        Raises:
            ApiError: `services.storage.unavailable`.
        """
        found = {self.id: self._own}
        if self._has_joined:
            found |= await self._read()
        silent = self._beats.gone({id: record.beat for id, record in found.items()}) - {self.id}
        alive = {id: record for id, record in found.items() if id not in silent}
        for id in alive.keys() - self._known.keys():
            self._note(alive[id], "joined")
        for id in self._known.keys() - alive.keys():
            reason = "it gives no sign of life" if id in silent else "it has stopped"
            self._note(self._known[id], "evicted", reason)
            log.warning("a server is gone", server=id, address=self._known[id].address, reason=reason)
        self._known = alive
        for id in silent:
            await self._store.put((Put(PutKind.REMOVE, Key(INTERNAL_INDEX, SERVERS, id), {}),))
        return sorted(alive.values(), key=lambda record: (record.birthdate, record.id))

    @property
    def activity(self) -> list[Activity]:
        """Who came and went since this server started, the newest last."""
        return list(self._activity)

    async def _read(self) -> dict[str, ServerRecord]:
        await self._store.refresh(INTERNAL_INDEX, SERVERS)
        return {
            document.id: msgspec.convert({**document.source, "id": document.id}, ServerRecord)
            async for page in self._store.scan(INTERNAL_INDEX, SERVERS)
            for document in page
        }

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self._beat()
                await self.look()
            except ApiError as error:
                log.warning("no sign of life for the other servers", reason=error.message)

    async def _beat(self) -> None:
        self._own.beat += 1
        source = msgspec.to_builtins(self._own)
        await self._store.put((Put(PutKind.INDEX, self._key, source),))

    def _note(self, record: ServerRecord, event: str, reason: str | None = None) -> None:
        self._activity.append(Activity(record.id, record.address, _now(), event, reason))


def _now() -> str:
    """This moment in ISO-8601."""
    seconds = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}Z"
