"""Callers that wait for the cluster, failed in time when it stops answering (design 9)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from device_manager.storage.elasticsearch.client import Cluster

CHECK_INTERVAL = 0.1
PROBE_INTERVAL = 0.5
"""Seconds between two small requests to a cluster that is away, to find out when it is back."""


class Deadlines:
    """One task that looks at the oldest waiting callers, instead of a timer for each.

    A caller expires when the cluster has answered nothing to anybody for `seconds` and the caller has waited that long:
    a big request among many on a slow cluster goes on as long as answers come in.

    Once one has expired, further callers expire at once until the cluster answers again. Otherwise those that waited
    for a place behind the first ones would wait as long again.
    """

    def __init__(self, cluster: Cluster, seconds: float) -> None:
        self._cluster = cluster
        self._seconds = seconds
        self._waiting: dict[asyncio.Future[Any], tuple[float, Callable[[], None]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._away_since = -1.0
        self._probe: asyncio.Task[None] | None = None

    def watch(self, future: asyncio.Future[Any], expire: Callable[[], None]) -> None:
        """Call `expire` when `future` is not done in time."""
        if self._is_away():
            expire()
            return
        self._waiting[future] = (time.monotonic(), expire)
        future.add_done_callback(self._forget)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._check())

    def _is_away(self) -> bool:
        """Whether the cluster is known not to answer."""
        if self._answers_again():
            return False
        if self._probe is None:
            self._probe = asyncio.get_running_loop().create_task(self._find_out())
        return True

    def _answers_again(self) -> bool:
        return self._cluster.last_answer > max(self._away_since, self._cluster.last_silence)

    async def _find_out(self) -> None:
        """Ask the cluster now and then until it answers, this request or any other."""
        while not self._answers_again():
            await self._cluster.is_answering()
            await asyncio.sleep(PROBE_INTERVAL)
        self._probe = None

    def _forget(self, future: asyncio.Future[Any]) -> None:
        self._waiting.pop(future, None)

    async def close(self) -> None:
        """Stop looking."""
        tasks = [task for task in (self._task, self._probe) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _check(self) -> None:
        while self._waiting:
            await asyncio.sleep(CHECK_INTERVAL)
            limit = time.monotonic() - self._seconds
            if self._cluster.last_answer > limit:
                continue
            for future, (since, expire) in list(self._waiting.items()):
                if since > limit:
                    break
                self._waiting.pop(future, None)
                self._away_since = time.monotonic()
                expire()
        self._task = None
