"""Refreshes that concurrent callers share, so that writes may wait for searches without delaying others (design 6)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from device_manager.storage.elasticsearch.client import Cluster, expect, index_path

ALIASES_AT_ONCE = 30


class Refresher:
    """One refresh in flight; who asks meanwhile shares the next one."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._waiting: dict[str, None] = {}
        self._next: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    async def refresh(self, aliases: Iterable[str]) -> None:
        """Make everything written so far visible to searches.

        Raises:
            NoAnswer: the cluster does not answer.
        """
        self._waiting.update(dict.fromkeys(aliases))
        if not self._waiting:
            return
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        mine = self._next
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        await asyncio.shield(mine)

    async def close(self) -> None:
        """Give up what runs."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._next is not None:
                mine, self._next = self._next, None
                aliases, self._waiting = list(self._waiting), {}
                await self._refresh(aliases, mine)
        finally:
            self._task = None

    async def _refresh(self, aliases: list[str], future: asyncio.Future[None]) -> None:
        try:
            for start in range(0, len(aliases), ALIASES_AT_ONCE):
                names = ",".join(aliases[start : start + ALIASES_AT_ONCE])
                path = index_path(names, "/_refresh?ignore_unavailable=true")
                expect(await self._cluster.call("POST", path), 200)
        except Exception as error:
            future.set_exception(error)
            future.exception()  # a caller who has gone leaves nobody to look at it
        else:
            future.set_result(None)
