"""Changes of documents that others change at the same time: read, merge, write, and again (transactions 2, B5)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Key, PutResult, Store
from device_manager.storage.stamps import stamp_now
from device_manager.twins.ingestion.bulk import Merge, merge_put

FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.25
"""Seconds between two attempts to change a document that another process changes as well."""


class _Waiting(NamedTuple):
    merge: Merge
    done: asyncio.Future[None]
    deadline: float


class Merging:
    """Changes documents, those who want to change the same one together.

    Args:
        store: where they are.
        deadline: seconds for which a document may keep changing.
    """

    def __init__(self, store: Store, deadline: float) -> None:
        self._store = store
        self._deadline = deadline
        self._waiting: dict[Key, list[_Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def merge(self, changes: Sequence[tuple[Key, Merge]]) -> None:
        """Make all the changes; a document that is gone has nothing left to change.

        Raises:
            ApiError: what a mapping refuses; `services.storage.unavailable`.
        """
        loop = asyncio.get_running_loop()
        deadline = time.monotonic() + self._deadline
        futures = []
        for key, merge in changes:
            waiting = _Waiting(merge, loop.create_future(), deadline)
            futures.append(waiting.done)
            queue = self._waiting.get(key)
            if queue is not None:
                queue.append(waiting)
                continue
            self._waiting[key] = [waiting]
            task = loop.create_task(self._work(key))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        for result in await asyncio.gather(*futures, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def _work(self, key: Key) -> None:
        """Change one document until nobody waits for it any more."""
        pause = FIRST_PAUSE
        try:
            while batch := self._waiting[key]:
                self._waiting[key] = []
                stale = await self._attempt(key, batch)
                if stale:
                    self._waiting[key][:0] = stale
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            del self._waiting[key]

    async def _attempt(self, key: Key, batch: list[_Waiting]) -> list[_Waiting]:
        """Make the changes of a batch by one write; those that are to be tried again."""
        try:
            result = await self._write(key, [waiting.merge for waiting in batch])
        except Exception as error:
            if isinstance(error, ApiError) and not error.is_fault and len(batch) > 1:
                # One of them is refused: the others are not to suffer for it.
                alone = [await self._attempt(key, [waiting]) for waiting in batch]
                return [waiting for stale in alone for waiting in stale]
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_exception(error)
            return []
        if result is PutResult.STALE:
            return self._unexpired(key, batch)
        for waiting in batch:
            if not waiting.done.done():
                waiting.done.set_result(None)
        return []

    def _unexpired(self, key: Key, batch: list[_Waiting]) -> list[_Waiting]:
        now = time.monotonic()
        for waiting in batch:
            if waiting.deadline < now and not waiting.done.done():
                waiting.done.set_exception(api_error("services.storage.unavailable", f'"{key.id}" keeps changing'))
        return [waiting for waiting in batch if not waiting.done.done()]

    async def _write(self, key: Key, merges: Sequence[Merge]) -> PutResult | None:
        """Apply all merges to the document as it is now. Raises what its mapping refuses."""
        document = (await self._store.read((key,))).get(key)
        if document is None:
            return None

        def merge(source: dict[str, object]) -> dict[str, object]:
            for apply in merges:
                source = apply(source)
            return source

        put = merge_put(key, document, merge, stamp_now(None))
        if put is None:
            return None
        (result,) = await self._store.put((put,))
        if isinstance(result, ApiError):
            raise result
        return result
