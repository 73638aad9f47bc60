"""Deleting documents by query, and emptying collections, page by page (router-protocol 5.4, 5.6)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from device_manager.call import Call
from device_manager.documents import operations
from device_manager.documents.addresses import Target, check_address
from device_manager.documents.matching import PAGE, Matching, everything, repeatable
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

    async def _gone(
        self, target: Target, query: Any, lang: str, call: Call, *, limited: bool, force: bool
    ) -> AsyncGenerator[list[Document], None]:
        """Delete what matches page by page; what was deleted."""
        check_address(*target)
        parsed = self._matching.read(query, lang)
        place = await self._places.of(target, call, force=force, ruled=False)
        matches = await self._matching.matcher(target, parsed)
        async with contextlib.aclosing(self._matching.pages(target, parsed, limited=limited)) as pages:
            async for page in pages:
                with repeatable(limited=limited):
                    gone = await self._delete(place, page, matches, call)
                yield gone

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
            gone = []
            for key, found in known.items():
                now = stored.get(key)
                if now is not None and (now.version == found.version or matches(now.id, now.source)):
                    operations.delete(tx, place, Item(now.id, {}), marks)
                    gone.append(now)
            return gone

        large = len(documents) >= LARGE
        return await self._store.transact(decide, known=known, dry_run=call.dry_run, refresh=call.refresh, large=large)
