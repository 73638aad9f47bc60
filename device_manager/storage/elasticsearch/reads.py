"""Reads by id that concurrent callers share: one `_mget` for all who ask while the previous one runs (design 6)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from device_manager.storage.elasticsearch.client import Cluster, NoAnswer
from device_manager.storage.elasticsearch.deadlines import Deadlines
from device_manager.storage.elasticsearch.documents import Stored, parse_stored
from device_manager.storage.watching import RoundTrips

LANES = 2
"""Requests that may be in flight at once."""
PAGE = 4000
"""Documents of one request, more than a chunk of 1,000 links reads."""
STARTING = 0.05
"""Seconds after which a collection is read again that somebody has just made, and that the cluster cannot read yet."""

Address = tuple[str, str]
"""Alias and id."""
Found = dict[Address, Stored]


class GoneAlias(Exception):
    """The alias, the only argument, does not exist any more."""


class Reader:
    """Reads by address, realtime."""

    def __init__(self, cluster: Cluster, deadlines: Deadlines, round_trips: RoundTrips) -> None:
        self._cluster = cluster
        self._deadlines = deadlines
        self._round_trips = round_trips
        self._waiting: deque[tuple[Iterable[Address], asyncio.Future[Found]]] = deque()
        self._lanes: set[asyncio.Task[None]] = set()

    async def read(self, addresses: Iterable[Address]) -> Found:
        """The documents that exist among `addresses`, tombstones included.

        Raises:
            NoAnswer: the cluster does not answer.
            GoneAlias: one of the aliases does not exist.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Found] = loop.create_future()
        self._deadlines.watch(future, lambda: _fail(future, NoAnswer("no answer to a read")))
        self._queue(addresses, future)
        return await future

    def _queue(self, addresses: Iterable[Address], future: asyncio.Future[Found]) -> None:
        self._waiting.append((addresses, future))
        if len(self._lanes) < LANES:
            lane = future.get_loop().create_task(self._run())  # in the next turn: all who ask in this one share it
            self._lanes.add(lane)

    async def close(self) -> None:
        """Give up what runs."""
        for lane in list(self._lanes):
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch = self._take()
                if batch:
                    await self._answer_all(batch)
        finally:  # not in a callback of the task: who comes before it runs would count on this lane
            self._lanes.discard(running_task())

    async def _answer_all(self, batch: list[tuple[Iterable[Address], asyncio.Future[Found]]]) -> None:
        try:
            # No document has an empty id, and asking for one is an error.
            wanted = dict.fromkeys(address for addresses, _ in batch for address in addresses if address[1])
            fetched = await self._fetch(list(wanted))
        except Exception as error:
            for _, future in batch:
                _fail(future, error)
            return
        for addresses, future in batch:
            if fetched.starting and any(address[0] in fetched.starting for address in addresses):
                future.get_loop().call_later(STARTING, self._queue, addresses, future)
            else:
                _answer(future, addresses, fetched)

    def _take(self) -> list[tuple[Iterable[Address], asyncio.Future[Found]]]:
        batch: list[tuple[Iterable[Address], asyncio.Future[Found]]] = []
        size = 0
        while self._waiting and size < PAGE:
            addresses, future = self._waiting.popleft()
            if not future.done():
                addresses = tuple(addresses)
                size += len(addresses)
                batch.append((addresses, future))
        return batch

    async def _fetch(self, wanted: list[Address]) -> _Fetched:
        fetched = _Fetched({}, set(), set())
        for start in range(0, len(wanted), PAGE):
            page = wanted[start : start + PAGE]
            self._round_trips.reads += 1
            for address, item in zip(page, await self._cluster.mget(page), strict=True):
                error = item.get("error")
                if error is None:
                    stored = parse_stored(item)
                    if stored is not None:
                        fetched.found[address] = stored
                elif error["type"] == "index_not_found_exception":
                    fetched.gone.add(address[0])
                elif error["type"] == "no_shard_available_action_exception":
                    fetched.starting.add(address[0])
                else:
                    raise NoAnswer(f"reading {address[0]}: {error.get('reason')}")
        return fetched


class _Fetched(NamedTuple):
    """What the cluster answered: documents, aliases that do not exist, aliases whose indices just begin to exist."""

    found: Found
    gone: set[str]
    starting: set[str]


def running_task() -> asyncio.Task[Any]:
    """The task that runs."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("no task runs")
    return task


def _answer(future: asyncio.Future[Found], addresses: Iterable[Address], fetched: _Fetched) -> None:
    if future.done():
        return
    mine: Found = {}
    for address in addresses:
        stored = fetched.found.get(address)
        if stored is not None:
            mine[address] = stored
        elif address[0] in fetched.gone:
            future.set_exception(GoneAlias(address[0]))
            return
    future.set_result(mine)


def _fail(future: asyncio.Future[Found], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
