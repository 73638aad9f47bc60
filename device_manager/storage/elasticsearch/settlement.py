"""Which flushes are decided: what this process knows by itself, and what the flush documents say (transactions 1)."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from device_manager.storage.elasticsearch.client import Cluster, NoAnswer
from device_manager.storage.elasticsearch.flushids import FlushIds
from device_manager.storage.elasticsearch.names import TRANSACTIONS_ALIAS
from device_manager.storage.elasticsearch.protocol import Head, Mark, Verdict, judge, parse_mark
from device_manager.storage.watching import RoundTrips

REMEMBERED = 50_000
"""Flushes of other processes that are remembered as settled."""


class FlushDocument(NamedTuple):
    """A flush document as read: its head, its raw content, and what a conditional write needs."""

    flush: str
    head: Head
    raw: dict[str, Any]
    seq_no: int
    primary_term: int


def parse_flush_document(item: dict[str, Any]) -> FlushDocument | None:
    """The flush document of one item of `_mget` or hit of a search; None when there is none.

    Raises:
        NoAnswer: the item could not be read, which does not mean that there is none.
    """
    if "error" in item:
        raise NoAnswer(f"reading the transaction {item['_id']}: {item['error'].get('reason')}")
    if not item.get("found", True):
        return None
    raw = item["_source"]
    head = msgspec.convert({"state": raw["state"], "aborted": raw.get("aborted") or ()}, Head)
    return FlushDocument(item["_id"], head, raw, item["_seq_no"], item["_primary_term"])


class Settlement:
    """Answers whether a mark is decided, with one request for those that nobody here remembers."""

    def __init__(self, cluster: Cluster, ids: FlushIds, round_trips: RoundTrips) -> None:
        self._cluster = cluster
        self._ids = ids
        self._round_trips = round_trips
        self._settled: OrderedDict[str, None] = OrderedDict()
        self._own_open: dict[str, asyncio.Event] = {}
        self._own_aborted: set[str] = set()
        self._observed: dict[str, tuple[int, float]] = {}

    def begin(self, flush: str) -> None:
        """A flush of this process is about to write its intent."""
        self._own_open[flush] = asyncio.Event()

    def end(self, flush: str, *, kept: bool) -> None:
        """A flush of this process is decided and undone where it had to be.

        Args:
            flush: its name.
            kept: its flush document stays for an hour, since late items may still arrive.
        """
        if kept:
            self._own_aborted.add(flush)
        event = self._own_open.pop(flush, None)
        if event is not None:
            event.set()

    def is_own_open(self, flush: str) -> bool:
        """Whether it is an undecided flush of this process."""
        return flush in self._own_open

    async def wait_for_own(self, flush: str) -> None:
        """Wait until a flush of this process is decided."""
        event = self._own_open.get(flush)
        if event is not None:
            await event.wait()

    def is_settled(self, mark: str | None) -> bool:
        """Whether this process knows, without asking, that a document with this mark counts as it is."""
        if mark is None:
            return True
        flush = parse_mark(mark).flush
        if self._ids.is_own(flush):
            return flush not in self._own_open and flush not in self._own_aborted
        return flush in self._settled

    async def judge(self, marks: Iterable[str]) -> dict[str, Verdict]:
        """The verdicts on marks that are not known as settled; own undecided ones count as open.

        Raises:
            NoAnswer: the cluster does not answer.
        """
        parsed: list[tuple[str, Mark]] = [(mark, parse_mark(mark)) for mark in dict.fromkeys(marks)]
        asked = [flush for flush in dict.fromkeys(mark.flush for _, mark in parsed) if flush not in self._own_open]
        documents = await self.read(asked) if asked else {}
        verdicts: dict[str, Verdict] = {}
        for text, mark in parsed:
            if mark.flush in self._own_open:
                verdicts[text] = Verdict.OPEN
                continue
            document = documents.get(mark.flush)
            verdicts[text] = judge(mark.unit, document.head if document else None)
            if document is None:
                self.remember(mark.flush)
        return verdicts

    async def undecided(self, marks: Iterable[str | None]) -> dict[str | None, str]:
        """The marks of documents that nobody may build on yet, with the flush that decides each; often none.

        Raises:
            NoAnswer: the cluster does not answer.
        """
        doubtful = {mark for mark in marks if mark is not None and not self.is_settled(mark)}
        verdicts = await self.judge(doubtful) if doubtful else {}
        return {mark: parse_mark(mark).flush for mark, verdict in verdicts.items() if verdict is not Verdict.SETTLED}

    def remember(self, flush: str) -> None:
        """Note that a flush is settled for good: it has no flush document any more. Own ones are known anyway."""
        if self._ids.is_own(flush):
            return
        self._settled[flush] = None
        if len(self._settled) > REMEMBERED:
            self._settled.popitem(last=False)

    async def read(self, flushes: Iterable[str], *, undo: bool = False) -> dict[str, FlushDocument]:
        """The flush documents that exist, realtime, with their before-images if `undo`.

        Raises:
            NoAnswer: the cluster does not answer.
        """
        self._round_trips.reads += 1
        items = await self._cluster.mget(
            [(TRANSACTIONS_ALIAS, flush) for flush in flushes], without=None if undo else "undo"
        )
        documents = map(parse_flush_document, items)
        return {document.flush: document for document in documents if document is not None}

    def unchanged_for(self, document: FlushDocument) -> float:
        """Seconds, by this process's own clock, since it first saw the flush document in its present state."""
        now = time.monotonic()
        seen = self._observed.get(document.flush)
        if seen is None or seen[0] != document.seq_no:
            seen = self._observed[document.flush] = (document.seq_no, now)
        return now - seen[1]

    def forget_observations(self, existing: Iterable[str]) -> None:
        """Drop the observations of flush documents that are gone."""
        kept = set(existing)
        self._observed = {flush: seen for flush, seen in self._observed.items() if flush in kept}
