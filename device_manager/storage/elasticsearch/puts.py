"""Writes that stand alone: concurrent callers share one bulk, each put gets its own result (design 6, transactions 2).

There is no timer: a bulk leaves at once when a lane is free, otherwise with everything that has come in until then.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import structlog

from device_manager.errors import ApiError
from device_manager.storage.contract import Change, ChangeKind, Document, Put, PutKind, PutResult
from device_manager.storage.elasticsearch import bulks
from device_manager.storage.elasticsearch.catalogue import Catalogue
from device_manager.storage.elasticsearch.client import BULK_BYTES, Cluster, NoAnswer
from device_manager.storage.elasticsearch.deadlines import Deadlines
from device_manager.storage.elasticsearch.put_call import Further, Item, PutCall, judge_put
from device_manager.storage.elasticsearch.put_conflicts import look
from device_manager.storage.elasticsearch.put_lines import put_line, read_state
from device_manager.storage.elasticsearch.reads import GoneAlias, Reader, running_task
from device_manager.storage.elasticsearch.recovery import Recovery
from device_manager.storage.elasticsearch.settlement import Settlement
from device_manager.storage.watching import RoundTrips

_log = structlog.get_logger(__name__)

LANES = 2
"""Bulks that may be in flight at once."""
BULK_PUTS = 1000
"""With so many puts a bulk leaves, whoever else waits."""
ENCODED_AT_ONCE = 250
"""Puts of one call that are made ready before the event loop does something else."""
CREATED = 201
PAUSE = 0.1
"""Seconds before a put that a busy cluster refused is sent again, give or take a half."""


class Puts:
    """Takes calls, sends their puts in shared bulks, and finds out about those that need a second look."""

    def __init__(
        self,
        cluster: Cluster,
        catalogue: Catalogue,
        reader: Reader,
        settlement: Settlement,
        recovery: Recovery,
        deadlines: Deadlines,
        round_trips: RoundTrips,
        *,
        deadline: float,
        tell: Callable[[Sequence[Change]], None],
    ) -> None:
        self._cluster = cluster
        self._catalogue = catalogue
        self._reader = reader
        self._settlement = settlement
        self._recovery = recovery
        self._deadlines = deadlines
        self._round_trips = round_trips
        self._deadline = deadline
        self._tell = tell
        self._waiting: deque[Item] = deque()
        self._lanes: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls: set[PutCall] = set()

    async def put(self, puts: Sequence[Put], *, whole: int = 0) -> list[PutResult | ApiError]:
        """See `Store.put`.

        Raises:
            ApiError: as the contract says.
        """
        if not puts:
            return []
        call = PutCall(puts)
        items = await self._prepare(call, whole)
        self._calls.add(call)
        call.future.add_done_callback(lambda _: self._calls.discard(call))
        self._deadlines.watch(call.future, lambda: call.fail(_unanswered("no answer")))
        try:
            self._enqueue(await self._decided(items))
        except BaseException:
            call.abandon()
            raise
        return await call.future

    async def close(self, patience: float) -> None:
        """Finish what was asked for, for at most `patience` seconds, then give up."""
        if self._calls:
            await asyncio.wait([call.future for call in self._calls], timeout=patience)
        tasks = self._lanes | self._tasks
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for call in list(self._calls):
            call.fail(_unanswered("the store is being closed"))

    async def _prepare(self, call: PutCall, whole: int) -> list[Item]:
        """What can be sent of a call; the rest is settled. Raises what refuses one of the first `whole` puts."""
        items: list[Item] = []
        for place, put in enumerate(call.puts):
            if place % ENCODED_AT_ONCE == ENCODED_AT_ONCE - 1:
                await asyncio.sleep(0)
            try:
                items.append(Item(call, place, await put_line(self._catalogue, put)))
            except ApiError as error:
                if error.is_fault or place < whole:
                    raise
                call.settle(place, error)
        return items

    async def _decided(self, items: list[Item]) -> list[Item]:
        """Leave out replacements of documents whose last write is not decided."""
        marks = [read_state(item.put).mark for item in items if item.put.kind is PutKind.REPLACE]
        open_marks = await self._settlement.undecided(marks) if marks else {}
        if not open_marks:
            return items
        decided: list[Item] = []
        undecided: list[Item] = []
        for item in items:
            is_open = item.put.kind is PutKind.REPLACE and read_state(item.put).mark in open_marks
            (undecided if is_open else decided).append(item)
        self._begin(self._refuse(undecided, set(open_marks.values())), undecided)
        return decided

    async def _refuse(self, items: list[Item], flushes: set[str]) -> None:
        """Refuse replacements once the flushes are decided, so that who reads again finds something to build on."""
        for flush in flushes:
            await self._recovery.wait_until_decided(flush)
        for item in items:
            item.settle(PutResult.STALE)

    def _enqueue(self, items: Iterable[Item]) -> None:
        self._waiting.extend(items)
        if self._waiting and len(self._lanes) < LANES:
            lane = asyncio.get_running_loop().create_task(self._run())  # starts in the next turn: others join
            self._lanes.add(lane)

    def _begin(self, work: Coroutine[Any, Any, None], items: Iterable[Item]) -> None:
        """Do something about `items` beside the lanes; what it raises fails their calls."""
        task = asyncio.get_running_loop().create_task(self._guard(work, items))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[Any, Any, None], items: Iterable[Item]) -> None:
        try:
            await work
        except Exception as error:
            if not isinstance(error, ApiError):
                _log.exception("puts failed")
            for item in items:
                item.call.fail(error)

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch = self._take()
                if batch:
                    await self._guard(self._send(batch), batch)
        finally:  # not in a callback of the task: who comes before it runs would count on this lane
            self._lanes.discard(running_task())

    def _take(self) -> list[Item]:
        batch: list[Item] = []
        size = 0
        while self._waiting and len(batch) < BULK_PUTS:
            size += len(self._waiting[0].line)
            if batch and size > BULK_BYTES:
                break
            item = self._waiting.popleft()
            if not item.call.future.done():
                batch.append(item)
        return batch

    async def _send(self, batch: list[Item]) -> None:
        try:
            results = await bulks.write(self._cluster, [item.line for item in batch], self._count)
        except NoAnswer as error:
            if not error.is_refusal:
                raise
            self._send_later(batch, error.message)
        else:
            self._answer(batch, results)

    def _answer(self, batch: list[Item], results: list[bulks.Result]) -> None:
        """Tell listeners and callers what was written, and do what the others need."""
        changes: list[Change] = []
        settled: list[tuple[Item, PutResult | ApiError]] = []
        further: dict[Further, list[Item]] = {}
        for item, result in zip(batch, results, strict=True):
            outcome = judge_put(item.put, result)
            if isinstance(outcome, Further):
                further.setdefault(outcome, []).append(item)
                continue
            settled.append((item, outcome))
            if result.is_done:
                changes.append(_change(item.put, result, item.call.origin))
        if changes:
            self._tell(changes)
        for item, outcome in settled:
            item.settle(outcome)
        if taken := further.get(Further.LOOK):
            self._begin(self._look(taken), taken)
        if gone := further.get(Further.FIND):
            self._begin(self._find(gone), gone)
        if refused := further.get(Further.RETRY):
            self._send_later(refused, "the cluster refuses some writes for now")

    async def _count(self) -> None:
        self._round_trips.puts += 1

    def _send_later(self, items: Iterable[Item], problem: str) -> None:
        """Send again what the cluster would have taken at another time, until the deadline of the caller."""
        limit = time.monotonic() - self._deadline
        again: list[Item] = []
        for item in items:
            if item.call.started > limit:
                again.append(item)
            else:
                item.call.fail(_unanswered(problem))
        if again:
            pause = PAUSE * (0.5 + random.random())  # noqa: S311  # spreads retries, keeps no secret
            asyncio.get_running_loop().call_later(pause, self._enqueue, again)

    async def _look(self, items: list[Item]) -> None:
        """Find out what stood in the way of creations: what exists is the answer, what a deletion left is replaced."""
        while items:
            try:
                seen = await look(self._reader, self._settlement, items)
            except GoneAlias:
                await self._find(items)
                return
            for item in seen.existing:
                item.settle(PutResult.EXISTS)
            self._enqueue(seen.free)
            for flush in seen.flushes:
                await self._recovery.wait_until_decided(flush)
            items = seen.undecided

    async def _find(self, items: list[Item]) -> None:
        """Look up collections that were not where they used to be; what is in none is refused."""
        names = {(item.put.key.index, item.put.key.collection) for item in items}
        refusals: dict[tuple[str, str], ApiError] = {}
        for index, collection in names:
            self._catalogue.forget(index, collection)
            try:
                await self._catalogue.look_up(index, collection)
            except ApiError as error:
                if error.is_fault:
                    raise
                refusals[index, collection] = error
        found: list[Item] = []
        for item in items:
            refusal = refusals.get((item.put.key.index, item.put.key.collection))
            if refusal is None:
                found.append(item)
            else:
                item.settle(refusal)
        self._send_later(found, "a collection comes and goes")


def _change(put: Put, result: bulks.Result, origin: object | None) -> Change:
    if put.kind is PutKind.REMOVE:
        return Change(ChangeKind.DELETE, put.key, None, None, is_put=True, origin=origin)
    kind = ChangeKind.CREATE if result.status == CREATED else ChangeKind.UPDATE
    document = Document(put.key.id, put.source, result.version)
    return Change(kind, put.key, put.expected, document, is_put=True, origin=origin)


def _unanswered(problem: str) -> NoAnswer:
    return NoAnswer(f"{problem}, so that it is not known which documents are written")
