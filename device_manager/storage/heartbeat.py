"""The sign of life that a process keeps in a collection, and those of the others that do the same (design 6)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from device_manager.errors import ApiError
from device_manager.storage.beats import Beats
from device_manager.storage.contract import INTERNAL_INDEX, Document, Key, Put, PutKind, Store

MAPPING: dict[str, Any] = {"dynamic": "false", "properties": {}}

log = structlog.get_logger("heartbeat")


class Heartbeat:
    """Writes a document again and again with a growing `beat`, and tells whose has stayed as it is for too long.

    Args:
        store: shared by the processes.
        collection: of `INTERNAL_INDEX`, where each process has one document.
        id: of this process.
        about: what else the document says, asked each time; its member `beat` is overwritten.
        look: awaited after each sign of life.
        interval: seconds between two signs of life.
        missed: signs of life that a process misses before it counts as gone, by the clock of whoever watches.

    Attributes:
        id: of this process.
    """

    def __init__(
        self,
        store: Store,
        collection: str,
        id: str,
        *,
        about: Callable[[], dict[str, Any]],
        look: Callable[[], Awaitable[object]],
        interval: float,
        missed: int,
    ) -> None:
        self.id = id
        self._store = store
        self._collection = collection
        self._about = about
        self._look = look
        self._interval = interval
        self._beat = 0
        self._beats = Beats(missed * interval)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Give the first sign of life, and go on in the background.

        Raises:
            ApiError: `services.storage.unavailable`.
        """
        await self._store.create_collection(INTERNAL_INDEX, self._collection, MAPPING)
        await self.give()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Give no more signs, and take leave of the others; does nothing when it was not started."""
        if self._task is None:
            return
        await self.cease()
        try:
            await self.forget(self.id)
        except ApiError as error:
            log.warning("others will take this process for dead", collection=self._collection, reason=error.message)

    async def cease(self) -> None:
        """Give no more signs and leave the last one behind, as a process that dies."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def give(self) -> None:
        """Write a sign of life. Raises ApiError `services.storage.unavailable`."""
        self._beat += 1
        key = Key(INTERNAL_INDEX, self._collection, self.id)
        await self._store.put((Put(PutKind.INDEX, key, self._about() | {"beat": self._beat}),))

    async def found(self) -> tuple[dict[str, Document], set[str]]:
        """The documents of all processes by id, and the ids of those that are gone.

        Raises:
            ApiError: `services.storage.unavailable`.
        """
        await self._store.refresh(INTERNAL_INDEX, self._collection)
        pages = self._store.scan(INTERNAL_INDEX, self._collection)
        found = {document.id: document async for page in pages for document in page}
        gone = self._beats.gone({id: document.source["beat"] for id, document in found.items()})
        return found, gone - {self.id}

    async def forget(self, id: str) -> None:
        """Remove the document of a process. Raises ApiError `services.storage.unavailable`."""
        await self._store.put((Put(PutKind.REMOVE, Key(INTERNAL_INDEX, self._collection, id), {}),))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self.give()
                await self._look()
            except ApiError as error:
                log.warning("no sign of life", collection=self._collection, reason=error.message)
