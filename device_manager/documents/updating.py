"""Changing documents by query, page by page and without scripts (router-protocol 5.5, 5.6)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Sequence
from typing import Any, NamedTuple

from device_manager.call import Call
from device_manager.documents import operations
from device_manager.documents.acts import shown
from device_manager.documents.addresses import Target
from device_manager.documents.batches import UPDATE, Refusal, Verdict, refusal_of
from device_manager.documents.matching import Matching, matching_still
from device_manager.documents.operations import LARGE, Item, Outcome, marks_of
from device_manager.documents.places import Places
from device_manager.errors import ApiError, api_error
from device_manager.events.documents import DocumentEvents
from device_manager.query.matcher import Matcher
from device_manager.storage.contract import Document, Store, Transaction
from device_manager.storage.stamps import Source, stamp_now
from device_manager.storage.steps import step


class Change(NamedTuple):
    """What is to be changed, and how.

    Attributes:
        query: which documents; None for all.
        lang: the language of the query.
        changes: merged into each document.
        force: store documents of the device manager as they are.
    """

    query: Any
    lang: str
    changes: Source
    force: bool = False


class DocumentUpdating:
    """Changes what matches.

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

    async def by_query(self, target: Target, change: Change, call: Call, *, source: bool = False) -> Source:
        """Merge changes into what matches: `{successes: [{_id, _version, status, _source?}], errors}`.

        All that was acknowledged before is found. A document that has changed since it was found is changed if it
        matches still. The documents of a page are changed together; those that are refused stand in `errors`.

        Args:
            target: the collection.
            change: what to do.
            call: the caller.
            source: successes hold the documents.

        Raises:
            ApiError: a 400 that names the clause, `services.storage.write_limit_exceeded` (413) when more documents
                match than one call may write, `unknown_index`, `unknown_collection`, and what a pipe raised.
        """
        verdicts = [verdict async for page in self._pages(target, change, call, limited=True) for verdict in page]
        successes: Any = [_success(verdict, source) for verdict in verdicts if isinstance(verdict, Outcome)]
        if self._events.listens_after("Update") and not call.dry_run:
            successes = await self._events.after("Update", successes, call.request)
        return {"successes": successes, "errors": _errors(verdicts)}

    async def any_number(self, target: Target, change: Change, call: Call) -> int:
        """Merge changes into what matches, however much that is; how many documents it was.

        Raises:
            ApiError: what `by_query` raises, but for the limit; `services.storage.incomplete_update` with `errors`
                when some documents were refused, the others being changed.
        """
        updated, errors = 0, []
        async for page in self._pages(target, change, call, limited=False):
            refused = _errors(page)
            errors += refused
            updated += len(page) - len(refused)
        if errors:
            raise api_error("services.storage.incomplete_update", updated, errors=errors, count=len(errors))
        return updated

    def _pages(
        self, target: Target, change: Change, call: Call, *, limited: bool
    ) -> AsyncGenerator[list[Verdict], None]:
        """Change what matches page by page; what became of each document."""

        def update(documents: Sequence[Document], matches: Matcher) -> Awaitable[list[Verdict]]:
            return self._update(target, change, documents, matches, call)

        return self._matching.write_pages(target, change.query, change.lang, update, limited=limited)

    @step
    async def _update(
        self, target: Target, change: Change, documents: Sequence[Document], matches: Matcher, call: Call
    ) -> list[Verdict]:
        place = await self._places.of(target, call, force=change.force)
        known = {place.key(document.id): document for document in documents}
        marks = marks_of(stamp_now(call.user_id))

        def decide(tx: Transaction) -> list[Verdict]:
            stored = tx.read((*known, *place.writer.related(list(known))))
            verdicts: list[Verdict] = []
            for document in matching_still(known, stored, matches):
                item = Item(document.id, change.changes)
                try:
                    verdicts.append(operations.update(tx, place, item, marks))
                except ApiError as error:
                    verdicts.append(refusal_of(UPDATE, item, error))
            return verdicts

        large = len(documents) >= LARGE
        return await self._store.transact(decide, known=known, dry_run=call.dry_run, refresh=call.refresh, large=large)


def _success(outcome: Outcome, source: bool) -> Source:
    success = shown(outcome.document) | {"status": 200}
    if not source:
        del success["_source"]
    return success


def _errors(verdicts: Sequence[Verdict]) -> list[Source]:
    return [verdict.to_dict(UPDATE.kind) for verdict in verdicts if isinstance(verdict, Refusal)]
