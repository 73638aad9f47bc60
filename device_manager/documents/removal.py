"""Deleting documents by query, and emptying collections, page by page (router-protocol 5.4, 5.6)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from device_manager.call import Call
from device_manager.documents import operations
from device_manager.documents.addresses import Target, check_address
from device_manager.documents.matching import PAGE, Matching, everything, matching_still
from device_manager.documents.operations import LARGE, Item, Place, marks_of
from device_manager.documents.places import Places
from device_manager.events.documents import DocumentEvents
from device_manager.query.matcher import Matcher
from device_manager.storage.contract import Document, Store, Transaction
from device_manager.storage.stamps import Source, stamp_now
from device_manager.storage.steps import step, unrecorded


class DocumentRemoval:
    """Deletes what matches.

    Args:
        store: where the documents are.
        events: runs the pipes.
        places: finds the places of writes.
        matching: finds them.
    """

    def __init__(self, store: Store, events: DocumentEvents, places: Places, matching: Matching) -> None:
        self._store = store
        self._events = events
        self._places = places
        self._matching = matching

    async def by_query(
        self, target: Target, query: Any, lang: str, call: Call, *, source: bool = False, force: bool = False
    ) -> Source:
        """Delete what matches a query, without one everything: `{documents: [{_id, _source?}], ids}`.

        All that was acknowledged before is found. A document that has changed since it was found goes if it matches
        still.

        Raises:
            ApiError: a 400 that names the clause, `services.storage.write_limit_exceeded` (413) when more documents
                match than one call may write, `unknown_index`, `unknown_collection`, what the owner of the collection
                refuses, and what a pipe raised.
        """
        gone = [
            document
            async for page in self._gone(target, query, lang, call, limited=True, force=force)
            for document in page
        ]
        shows: Any = [
            {"_id": document.id, "_source": document.source} if source else {"_id": document.id} for document in gone
        ]
        if self._events.listens_after("Delete") and not call.dry_run:
            shows = await self._events.after("Delete", shows, call.request)
        return {"documents": shows, "ids": [document.id for document in gone]}

    async def any_number(self, target: Target, query: Any, lang: str, call: Call, *, force: bool = False) -> int:
        """Delete what matches a query, however much that is; how many documents it was.

        Raises:
            ApiError: what `by_query` raises, but for the limit; when the store fails, some may be deleted.
        """
        pages = self._gone(target, query, lang, call, limited=False, force=force)
        return sum([len(page) async for page in pages])

    def _gone(
        self, target: Target, query: Any, lang: str, call: Call, *, limited: bool, force: bool
    ) -> AsyncGenerator[list[Document], None]:
        """Delete what matches page by page; what was deleted."""

        async def delete(documents: Sequence[Document], matches: Matcher) -> list[Document]:
            place = await self._places.of(target, call, force=force, ruled=False)
            return await self._delete(place, documents, matches, call)

        return self._matching.write_pages(target, query, lang, delete, limited=limited)

    async def all(self, target: Target, call: Call) -> None:
        """Delete every document of a collection as it is, whoever owns it; searches see it at once.

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`.
        """
        check_address(*target)
        place = await self._places.of(target, call, force=True, ruled=False)
        await self._store.refresh(*target)
        async for page in self._store.scan(*target, page=PAGE):
            with unrecorded():  # sent again, it deletes what is left
                await self._delete(place, page, everything, call)
        await self._store.refresh(*target)

    @step
    async def _delete(
        self, place: Place, documents: Sequence[Document], matches: Matcher, call: Call
    ) -> list[Document]:
        writer = place.writer
        known = {place.key(document.id): document for document in documents}
        marks = marks_of(stamp_now(call.user_id))

        def decide(tx: Transaction) -> list[Document]:
            stored = tx.read((*known, *writer.related(list(known))))
            tx.read(writer.partners(stored))
            gone = list(matching_still(known, stored, matches))
            for document in gone:
                operations.delete(tx, place, Item(document.id, {}), marks)
            return gone

        large = len(documents) >= LARGE
        return await self._store.transact(decide, known=known, dry_run=call.dry_run, refresh=call.refresh, large=large)
