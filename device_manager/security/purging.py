"""Forgets revocations that nobody needs any more: those of tokens that have expired since (design 8)."""

from __future__ import annotations

import asyncio
import contextlib
import time

import structlog

from device_manager.errors import ApiError
from device_manager.query.tree import Range
from device_manager.security.places import TOKENS
from device_manager.storage.contract import Key, Store, Transaction

INTERVAL = 3600.0
"""Seconds between two clearances."""

log = structlog.get_logger("tokens")


class Purging:
    """Clears records in the background. Any number of servers may do so at the same time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.purge()
            except ApiError as error:
                log.warning("cannot clear the records of expired tokens", reason=error.message)

    async def purge(self) -> None:
        """Delete the records of expired tokens. Those without end (-1) stay, and so do the epochs of users.

        Raises:
            ApiError: the store does not answer.
        """
        expired = Range("expiresAt", gte=0, lt=time.time_ns() // 1_000_000)
        try:
            async for page in self._store.scan(TOKENS.index, TOKENS.collection, expired):
                keys = [TOKENS.key(record.id) for record in page]

                def delete(tx: Transaction, keys: list[Key] = keys) -> None:
                    for key in tx.read(keys):
                        tx.delete(key)

                await self._store.transact(delete)
        except ApiError as error:
            if not error.is_unknown_place:
                raise
