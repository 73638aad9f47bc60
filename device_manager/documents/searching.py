"""Searching and counting documents (router-protocol 5.6), in one collection or in several."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from device_manager.call import Call
from device_manager.documents.addresses import Target, check_address
from device_manager.errors import api_error
from device_manager.events.documents import DocumentEvents
from device_manager.query.search import Search, SearchResult
from device_manager.storage.contract import Store
from device_manager.storage.finding import find, read_search, shown_hit, shown_result
from device_manager.storage.merging import LocatedHit, merged
from device_manager.storage.scrolling import Scrolling, ScrollPage, Wanted
from device_manager.storage.stamps import Source

KIND = "document"
"""Of scrolls that `document:scroll` continues."""
AT_ONCE = 8
"""Collections that one request searches at the same time: each may answer with all hits of the page."""


class DocumentSearching:
    """Searches documents.

    Args:
        store: where they are.
        events: runs the pipes.
        scrolling: begins and continues scrolls.
        limit: largest page, and largest `from + size`.
    """

    def __init__(self, store: Store, events: DocumentEvents, scrolling: Scrolling, limit: int) -> None:
        self._store = store
        self._events = events
        self._scrolling = scrolling
        self._limit = limit

    async def search(
        self,
        targets: Sequence[Target],
        body: Source,
        *,
        offset: int | None,
        size: int | None,
        lang: str,
        call: Call,
        scroll: str | None = None,
    ) -> Source:
        """Find documents: `{hits: [{_id, _score, _source?, index, collection}], total, aggregations?}`.

        With `scroll` the result also has `scrollId` and `remaining`, the number of hits on further pages.

        Args:
            targets: what `addresses.search_targets` says.
            body: a search body; its `query` is written in `lang`.
            offset: hits to leave out; None leaves it to the body.
            size: most hits to return; None leaves it to the body.
            lang: `elasticsearch` or `koncorde`.
            call: the caller.
            scroll: for how long further pages can be asked for, such as `30s`; None for no further pages.

        Raises:
            ApiError: a 400 that names the clause, `services.storage.get_limit_exceeded` (413), `unknown_index`,
                `unknown_collection`, what `Scrolling.begin` raises, and what a pipe raised.
        """
        if scroll is not None:
            page = await self._scrolling.begin(Wanted(KIND, targets, body, lang, offset, size), scroll, call)
            return await self._told(_shown_page(page), call)
        search = read_search(body, offset=offset, size=size, lang=lang, limit=self._limit)
        if len(targets) == 1:
            result = await find(self._store, *targets[0], search)
        else:
            result = await self._search_all(targets, search)
        return await self._told(result, call)

    async def scroll(self, id: str, scroll: str | None, call: Call) -> Source:
        """The next page of a search: `{hits, total, remaining, scrollId}`, through the same pipes as the first one.

        Raises:
            ApiError: what `Scrolling.next` raises, and what a pipe raised.
        """
        return await self._told(_shown_page(await self._scrolling.next(KIND, id, scroll, call)), call)

    async def _told(self, result: Source, call: Call) -> Source:
        """A result as the pipes of the generic event left it."""
        if self._events.listens_after("Get"):
            result["hits"] = await self._events.after("Get", result["hits"], call.request)
        return result

    async def count(self, target: Target, body: Source, lang: str) -> int:
        """How many documents match. Raises what `search` raises."""
        check_address(*target)
        search = read_search(body, offset=None, size=0, lang=lang, limit=self._limit)
        return (await self._store.search(*target, replace(search, sort=(), search_after=None))).total

    async def _search_all(self, targets: Sequence[Target], search: Search) -> Source:
        """Search several collections as if they were one: each gives its first hits, the best of all make the page."""
        if search.aggregations:
            raise api_error("api.assert.forbidden_argument", "body.aggregations")
        wide = replace(search, offset=0, size=search.offset + search.size)
        hits: list[LocatedHit] = []
        total = 0
        for start in range(0, len(targets), AT_ONCE):
            some = targets[start : start + AT_ONCE]
            found = await asyncio.gather(*(self._store.search(*target, wide) for target in some))
            pages = [
                [LocatedHit(hit, target) for hit in result.hits] for target, result in zip(some, found, strict=True)
            ]
            hits = merged((hits, *pages), search.sort, wide.size)
            total += sum(result.total for result in found)
        shown = [shown_hit(hit, *target) for hit, target in hits[search.offset :]]
        return shown_result(shown, SearchResult([], total))


def _shown_page(page: ScrollPage) -> Source:
    return page.to_dict([shown_hit(hit, *target) for hit, target in page.hits])
