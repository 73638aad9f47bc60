"""Deleting documents by query, and emptying collections, page by page (router-protocol 5.4, 5.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device_manager.call import Call
from device_manager.documents import operations
from device_manager.documents.addresses import Target, check_address
from device_manager.documents.operations import LARGE, Item, Place, marks_of
from device_manager.documents.writers import DIRECT, Owner, Writer
from device_manager.errors import api_error
from device_manager.events.documents import DocumentEvents
from device_manager.query.fields import field_types
from device_manager.query.matcher import Matcher, compile_matcher
from device_manager.query.tree import MATCH_ALL, Query
from device_manager.storage.contract import Document, Store, Transaction
from device_manager.storage.finding import read_search
from device_manager.storage.stamps import Source, stamp_now
from device_manager.storage.steps import step

PAGE = 1000
"""Documents that are deleted in one transaction."""


class DocumentRemoval:
    """Deletes what matches.

    Args:
        store: where the documents are.
        events: runs the pipes.
        owner: has rules for some collections.
        limit: most documents of one call.
    """

    def __init__(self, store: Store, events: DocumentEvents, owner: Owner, limit: int) -> None:
        self._store = store
        self._events = events
        self._owner = owner
        self._limit = limit

    async def by_query(
        self, target: Target, body: Source, lang: str, call: Call, *, source: bool = False, force: bool = False
    ) -> Source:
        """Delete what matches the body's query, without one everything: `{documents: [{_id, _source?}], ids}`.

        All that was acknowledged before is found. A document that has changed since it was found goes if it matches
        still.

        Raises:
            ApiError: a 400 that names the clause, `services.storage.write_limit_exceeded` (413) when more documents
                match than one call may write, `unknown_index`, `unknown_collection`, what the owner of the collection
                refuses, and what a pipe raised.
        """
        check_address(*target)
        query = read_search(body, offset=None, size=0, lang=lang, limit=self._limit).query
        writer = self._owner.writer(*target, call, force=force) or DIRECT
        documents = await self._find(target, query)
        matches = await self._matcher(target, query)
        gone: list[Document] = []
        for start in range(0, len(documents), PAGE):
            gone += await self._delete(target, writer, documents[start : start + PAGE], matches, call)
        shows: Any = [
            {"_id": document.id, "_source": document.source} if source else {"_id": document.id} for document in gone
        ]
        if self._events.listens_after("Delete") and not call.dry_run:
            shows = await self._events.after("Delete", shows, call.request)
        return {"documents": shows, "ids": [document.id for document in gone]}

    @step
    async def _find(self, target: Target, query: Query) -> list[Document]:
        """What matches, found once: a retry would not find what is deleted already."""
        await self._store.refresh(*target)
        documents: list[Document] = []
        async for page in self._store.scan(*target, query, page=min(PAGE, self._limit + 1)):
            documents += page
            if len(documents) > self._limit:
                raise api_error("services.storage.write_limit_exceeded")
        return await self._store.transact(lambda tx: documents)

    async def all(self, target: Target, call: Call) -> None:
        """Delete every document of a collection as it is, whoever owns it; searches see it at once.

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`.
        """
        check_address(*target)
        writer = self._owner.writer(*target, call, force=True) or DIRECT
        await self._store.refresh(*target)
        async for page in self._store.scan(*target, page=PAGE):
            await self._delete(target, writer, page, _everything, call)
        await self._store.refresh(*target)

    async def _matcher(self, target: Target, query: Query) -> Matcher:
        if query == MATCH_ALL:
            return _everything
        return compile_matcher(query, field_types(await self._store.mappings(*target)))

    @step
    async def _delete(
        self, target: Target, writer: Writer, documents: Sequence[Document], matches: Matcher, call: Call
    ) -> list[Document]:
        place = Place(*target, writer)
        known = {place.key(document.id): document for document in documents}
        marks = marks_of(stamp_now(call.user_id))

        def decide(tx: Transaction) -> list[Document]:
            stored = tx.read((*known, *writer.related(list(known))))
            tx.read(writer.partners(stored))
            gone = []
            for key, found in known.items():
                now = stored.get(key)
                if now is not None and (now.version == found.version or matches(now.id, now.source)):
                    operations.delete(tx, place, Item(now.id, {}), marks)
                    gone.append(now)
            return gone

        large = len(documents) >= LARGE
        return await self._store.transact(decide, known=known, dry_run=call.dry_run, refresh=call.refresh, large=large)


def _everything(id: str, source: dict[str, Any]) -> bool:
    return True
