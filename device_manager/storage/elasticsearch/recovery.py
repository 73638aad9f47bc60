"""Undoing what undecided or aborted flushes wrote, by anybody, any number of times (transactions 1, steps 7 to 10)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import orjson
import structlog

from device_manager.storage.elasticsearch import bulks
from device_manager.storage.elasticsearch.client import Cluster, NoAnswer, document_path, expect
from device_manager.storage.elasticsearch.documents import delete_line, index_line, parse_stored
from device_manager.storage.elasticsearch.names import TRANSACTIONS_ALIAS
from device_manager.storage.elasticsearch.protocol import (
    EVERY_UNIT,
    Image,
    Mark,
    State,
    Undo,
    owes_undo,
    undo_step,
)
from device_manager.storage.elasticsearch.settlement import FlushDocument, Settlement, parse_flush_document

_log = structlog.get_logger(__name__)

FIRST_WAIT = 0.02
LONGEST_WAIT = 0.5
UNDO_PAGE = 1000

Images = dict[str, list[Image]]
"""The before-images of a flush, by unit."""


def part_id(flush: str, number: int) -> str:
    """The id of a further document of a large flush; the first has the number 1."""
    return f"{flush}.{number}"


class Recovery:
    """Takes flushes from open to closed and their documents back."""

    def __init__(self, cluster: Cluster, settlement: Settlement, grace: float) -> None:
        self._cluster = cluster
        self._settlement = settlement
        self._grace = grace
        self._waits: dict[str, asyncio.Task[None]] = {}

    async def close(self) -> None:
        """Give up what runs."""
        for task in list(self._waits.values()):
            task.cancel()
        await asyncio.gather(*self._waits.values(), return_exceptions=True)

    async def read(self, flush: str) -> FlushDocument | None:
        """The flush document as it is now.

        Raises:
            NoAnswer: the cluster does not answer.
        """
        (item,) = await self._cluster.mget([(TRANSACTIONS_ALIAS, flush)])
        return parse_flush_document(item)

    async def change(self, document: FlushDocument, content: dict[str, Any]) -> bool:
        """Change members of the flush document on condition that it is as it was seen; False when it is not.

        Raises:
            NoAnswer: it may have been changed or not.
        """
        parameters: dict[str, str | int] = {
            "if_seq_no": document.seq_no,
            "if_primary_term": document.primary_term,
            "require_alias": "true",
        }
        path = document_path(TRANSACTIONS_ALIAS, "_update", document.flush)
        answer = await self._cluster.call("POST", path, {"doc": content}, parameters=parameters)
        return expect(answer, 200, 404, 409).status == 200

    async def abort(self, document: FlushDocument) -> FlushDocument | None:
        """Step 7: close an open flush for all its units, unless somebody decided it first; return what it is now.

        Raises:
            NoAnswer: it may be aborted or not.
        """
        if document.head.state is State.OPEN:
            now = int(time.time() * 1000)  # for people who look at the document
            await self.change(document, {"state": State.CLOSED, "aborted": [EVERY_UNIT], "abortedAt": now})
        return await self.read(document.flush)

    async def images(self, document: FlushDocument) -> Images:
        """The before-images of a flush, those of its parts included.

        Raises:
            NoAnswer: the cluster does not answer.
        """
        contents = [document.raw]
        parts = document.raw.get("parts", 0)
        if parts:
            addresses = [(TRANSACTIONS_ALIAS, part_id(document.flush, number + 1)) for number in range(parts)]
            for item in await self._cluster.mget(addresses):
                part = parse_flush_document(item)
                if part is not None:  # removed when the last pass over this flush was clean
                    contents.append(part.raw)
        images: Images = {}
        for content in contents:
            for unit, entries in content.get("undo", {}).items():
                images.setdefault(unit, []).extend(msgspec.convert(entries, list[Image]))
        return images

    async def undo(self, flush: str, images: Images) -> bool:
        """Step 8 for every unit in `images`; whether there was something to undo.

        Raises:
            NoAnswer: the cluster does not answer; some documents may not be undone yet.
        """
        pending = [(image, str(Mark(flush, unit))) for unit, entries in images.items() for image in entries]
        found = False
        for start in range(0, len(pending), UNDO_PAGE):
            page: Sequence[tuple[Image, str]] = pending[start : start + UNDO_PAGE]
            while page:
                page, some = await self._undo_pass(page)
                found = found or some
        return found

    async def _undo_pass(self, page: Sequence[tuple[Image, str]]) -> tuple[list[tuple[Image, str]], bool]:
        """Look at each document once; return those to look at again, and whether anything was there to undo."""
        items = await self._cluster.mget([(image.index, image.id) for image, _ in page])
        lines: list[bytes] = []
        written: list[tuple[Image, str]] = []
        found = False
        for (image, mark), item in zip(page, items, strict=True):
            step, line = _undo_line(image, mark, item)
            if line is not None:
                lines.append(line)
                written.append((image, mark))
                found = found or owes_undo(step)
        again = []
        for target, result in zip(written, await bulks.write(self._cluster, lines), strict=True):
            if result.is_refused:
                _log.error("a document cannot be restored", index=target[0].index, id=target[0].id, why=result.problem)
            elif not result.is_done and not result.is_gone:
                again.append(target)
        return again, found

    async def undo_closed(self, document: FlushDocument) -> bool:
        """Undo the aborted units of a closed flush; whether there was something to undo.

        Raises:
            NoAnswer: as for `undo`.
        """
        images = await self.images(document)
        aborted = {unit: entries for unit, entries in images.items() if document.head.has_aborted(unit)}
        return await self.undo(document.flush, aborted)

    async def remove(self, document: FlushDocument) -> None:
        """Delete a flush document and its parts, whose documents are all in order.

        Raises:
            NoAnswer: it may still be there.
        """
        parameters: dict[str, str | int] = {"if_seq_no": document.seq_no, "if_primary_term": document.primary_term}
        path = document_path(TRANSACTIONS_ALIAS, "_doc", document.flush)
        expect(await self._cluster.call("DELETE", path, parameters=parameters), 200, 404, 409)
        await self.remove_parts(part_id(document.flush, n + 1) for n in range(document.raw.get("parts", 0)))

    async def remove_parts(self, ids: Iterable[str]) -> None:
        """Delete parts whose flush is over.

        Raises:
            NoAnswer: they may still be there.
        """
        lines = [orjson.dumps({"delete": {"_index": TRANSACTIONS_ALIAS, "_id": id}}) + b"\n" for id in ids]
        await bulks.write(self._cluster, lines)

    async def wait_until_decided(self, flush: str) -> None:
        """Return once the flush is decided, and undone if it was aborted; abort it when its grace is over.

        Raises:
            NoAnswer: the cluster does not answer.
        """
        task = self._waits.get(flush)
        if task is None:
            task = self._waits[flush] = asyncio.create_task(self._settle(flush))
            task.add_done_callback(lambda _: self._waits.pop(flush, None))
        await asyncio.shield(task)

    async def _settle(self, flush: str) -> None:
        await self._settlement.wait_for_own(flush)
        wait = FIRST_WAIT
        while True:
            document = await self.read(flush)
            if document is None:
                return
            if document.head.state is State.CLOSED:
                await self.undo_closed(document)
                return
            if self._settlement.unchanged_for(document) >= self._grace:
                await self.abort(document)
                continue
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)


def _undo_line(image: Image, mark: str, item: dict[str, Any]) -> tuple[Undo, bytes | None]:
    """What undoing one document takes, and the line of the bulk that does it."""
    error = item.get("error")
    if error is not None and error.get("type") != "index_not_found_exception":
        raise NoAnswer(f"reading {image.index}: {error.get('reason')}")
    stored = None if error is not None else parse_stored(item)
    if stored is None:
        return Undo.NOTHING, None
    step = undo_step(image, mark, stored.mark, stored.seq_no)
    match step:
        case Undo.RESTORE:
            body = orjson.dumps(image.before)
        case Undo.FENCE:
            body = orjson.dumps(stored.raw())
        case Undo.REMOVE:
            return step, delete_line(image.index, image.id, stored.seq_no, stored.primary_term)
        case _:
            return step, None
    return step, index_line(image.index, image.id, body, stored.seq_no, stored.primary_term)
