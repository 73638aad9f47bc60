"""Reads that see nothing of undecided transactions: before-images stand in for what those wrote (design 6).

What a process keeps in memory is read so. A plain reader may see one document of a transaction and not yet another; a
memory built on that would stay wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from device_manager.query.dsl import to_dsl
from device_manager.query.tree import MATCH_ALL
from device_manager.storage.contract import Document
from device_manager.storage.elasticsearch.documents import Stored, parse_stored
from device_manager.storage.elasticsearch.names import alias_name
from device_manager.storage.elasticsearch.protocol import Image, Mark, Verdict, judge, parse_mark
from device_manager.storage.elasticsearch.reads import Address, Found, Reader
from device_manager.storage.elasticsearch.recovery import Recovery
from device_manager.storage.elasticsearch.refresher import Refresher
from device_manager.storage.elasticsearch.search import Searcher
from device_manager.storage.elasticsearch.settlement import FlushDocument, Settlement

PAGE = 1000
"""Documents of a collection that one search brings."""


class CommittedReader:
    """Reads documents as decided transactions left them; waits for none."""

    def __init__(
        self, reader: Reader, searcher: Searcher, refresher: Refresher, settlement: Settlement, recovery: Recovery
    ) -> None:
        self._reader = reader
        self._searcher = searcher
        self._refresher = refresher
        self._settlement = settlement
        self._recovery = recovery

    async def read(self, addresses: Iterable[Address]) -> Found:
        """As `Reader.read`."""
        wanted = list(addresses)
        return await self._committed(lambda: self._reader.read(wanted))

    async def read_collection(self, index: str, collection: str) -> list[Document]:
        """See `Store.read_collection`."""
        alias = alias_name(index, collection)

        async def fetch() -> Found:
            await self._refresher.refresh([alias])
            pages = self._searcher.scan_stored(index, collection, to_dsl(MATCH_ALL), (), PAGE)
            return {(alias, stored.id): stored async for page in pages for stored, _ in page}

        found = await self._committed(fetch)
        return [stored.document() for stored in found.values() if not stored.is_tombstone]

    async def _committed(self, fetch: Callable[[], Awaitable[Found]]) -> Found:
        """What `fetch` reads, with before-images in place of what is not committed."""
        decided: set[str] = set()
        while True:
            found = await fetch()
            doubtful = {
                address: mark
                for address, stored in found.items()
                if stored.mark is not None
                and not self._settlement.is_settled(stored.mark)
                and (mark := parse_mark(stored.mark)).flush not in decided
            }
            if not doubtful:
                return found
            asked = {mark.flush for mark in doubtful.values()}
            flushes = await self._settlement.read(asked, undo=True)
            gone = asked - flushes.keys()
            if not gone and (before := await self._with_images(found, doubtful, flushes)) is not None:
                return before
            decided |= gone  # committed, or undone since its documents were read: reading those again tells
            for flush in gone:
                self._settlement.remember(flush)

    async def _with_images(
        self, found: Found, doubtful: Mapping[Address, Mark], flushes: Mapping[str, FlushDocument]
    ) -> Found | None:
        """`found` with before-images; None when one of them is removed at this moment."""
        undone = {
            address: mark
            for address, mark in doubtful.items()
            if judge(mark.unit, flushes[mark.flush].head) is not Verdict.SETTLED
        }
        images: dict[tuple[str, Address], Image] = {}
        for flush in {mark.flush for mark in undone.values()}:
            for entries in (await self._recovery.images(flushes[flush])).values():
                images.update(((flush, (image.index, image.id)), image) for image in entries)
        found = dict(found)
        for address, mark in undone.items():
            image = images.get((mark.flush, address))
            if image is None:
                return None
            before = _stored_before(image, found.pop(address).version)
            if before is not None:
                found[address] = before
        return found


def _stored_before(image: Image, version: int) -> Stored | None:
    """The document of a before-image, which the write that followed gave `version`; None when there was none."""
    if image.before is None:
        return None
    numbers = {"_seq_no": image.seq_no, "_primary_term": image.primary_term, "_version": version - 1}
    return parse_stored({"_id": image.id, "_source": image.before, **numbers})
