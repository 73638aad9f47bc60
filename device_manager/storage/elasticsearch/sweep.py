"""The regular look at all flush documents: nobody's transaction stays undecided (transactions 1, steps 9 and 10)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import msgspec
import structlog

from device_manager.errors import ApiError
from device_manager.storage.elasticsearch.client import Cluster, NoAnswer, expect, index_path
from device_manager.storage.elasticsearch.names import TRANSACTIONS_ALIAS
from device_manager.storage.elasticsearch.protocol import State
from device_manager.storage.elasticsearch.recovery import Recovery
from device_manager.storage.elasticsearch.settlement import FlushDocument, Settlement, parse_flush_document

_log = structlog.get_logger(__name__)

INTERVAL = 5.0
KEPT_FOR = 3600.0
"""Seconds for which an aborted flush is kept, in case an item of its owner arrives late."""
LONGEST_PAUSE = 600.0
MOST = 10_000
SECOND_LOOK = 1.0
"""Seconds between two looks at flushes that seem to be given up; one that is alive takes milliseconds."""


class _Kept(msgspec.Struct):
    """An aborted flush that is looked at again and again, less and less often."""

    since: float
    due: float
    pause: float = INTERVAL


class Sweeper:
    """Looks at start and every few seconds; each process does, none needs another one."""

    def __init__(self, cluster: Cluster, settlement: Settlement, recovery: Recovery, grace: float) -> None:
        self._cluster = cluster
        self._settlement = settlement
        self._recovery = recovery
        self._grace = grace
        self._kept: dict[str, _Kept] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Make the first sweep, then go on in the background.

        Raises:
            NoAnswer: the cluster does not answer.
        """
        await self.sweep()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(min(INTERVAL, self._grace / 2))
            try:
                await self.sweep()
            except NoAnswer:
                continue  # the next one may have more luck
            except ApiError as error:
                _log.error("the look for undecided transactions failed", reason=error.message)

    async def abandoned(self) -> list[str]:
        """Open flushes of other processes that do not change from one look to the next.

        Raises:
            NoAnswer: the cluster does not answer.
        """
        before = await self._open_elsewhere()
        if not before:
            return []
        await asyncio.sleep(SECOND_LOOK)
        now = await self._open_elsewhere()
        return sorted(flush for flush, seq_no in now.items() if before.get(flush) == seq_no)

    async def _open_elsewhere(self) -> dict[str, int]:
        return {
            document.flush: document.seq_no
            for document in await self._list()
            if document.head.state is State.OPEN and not self._settlement.is_own_open(document.flush)
        }

    async def sweep(self) -> None:
        """Look at every flush document once.

        Raises:
            NoAnswer: the cluster does not answer.
        """
        documents = await self._list()
        heads = {document.flush for document in documents if document.head.state is not State.PART}
        self._settlement.forget_observations(document.flush for document in documents)
        self._kept = {flush: kept for flush, kept in self._kept.items() if flush in heads}
        for document in documents:
            if self._settlement.is_own_open(document.flush):
                continue
            if document.head.state is State.OPEN:
                await self._look_at_open(document)
            elif document.head.state is State.CLOSED:
                await self._look_at_closed(document)
            elif document.flush.rpartition(".")[0] not in heads:
                await self._look_at_part(document)

    async def _list(self) -> list[FlushDocument]:
        expect(await self._cluster.call("POST", index_path(TRANSACTIONS_ALIAS, "/_refresh")), 200)
        body: dict[str, Any] = {
            "size": MOST,
            "seq_no_primary_term": True,
            "_source": {"excludes": ["undo"]},
            "sort": ["_doc"],
        }
        answer = expect(await self._cluster.call("POST", index_path(TRANSACTIONS_ALIAS, "/_search"), body), 200)
        documents = (parse_flush_document(hit) for hit in answer.body["hits"]["hits"])
        return [document for document in documents if document is not None]

    async def _look_at_open(self, document: FlushDocument) -> None:
        if self._settlement.unchanged_for(document) < self._grace:
            return
        _log.warning("aborting a transaction that nobody finished", flush=document.flush, **_owner(document))
        now = await self._recovery.abort(document)
        if now is not None and now.head.state is State.CLOSED:
            await self._look_at_closed(now)

    async def _look_at_closed(self, document: FlushDocument) -> None:
        """Undo; then drop a partly aborted flush at once, a wholly aborted one after its time."""
        now = time.monotonic()
        kept = self._kept.setdefault(document.flush, _Kept(now, now))
        if now < kept.due:
            return
        kept.due, kept.pause = now + kept.pause, min(2 * kept.pause, LONGEST_PAUSE)
        current = await self._recovery.read(document.flush)
        if current is None:
            return
        found = await self._recovery.undo_closed(current)
        is_partial = "abortedAt" not in current.raw
        if is_partial or (not found and now - kept.since >= KEPT_FOR):
            await self._recovery.remove(current)

    async def _look_at_part(self, document: FlushDocument) -> None:
        if self._settlement.unchanged_for(document) >= KEPT_FOR:
            with contextlib.suppress(NoAnswer):
                await self._recovery.remove_parts([document.flush])


def _owner(document: FlushDocument) -> dict[str, Any]:
    return {"process": document.raw.get("process")}
