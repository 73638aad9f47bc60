"""Searches of users, profiles and roles, at once or page by page (router-protocol 5.10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from device_manager.call import Call
from device_manager.query.search import Hit as FoundHit
from device_manager.security.documents import SECURITY_INDEX
from device_manager.storage.contract import Store
from device_manager.storage.finding import read_search
from device_manager.storage.merging import Target
from device_manager.storage.scrolling import Scrolling, ScrollPage, Wanted

Content = dict[str, Any]
Hit = dict[str, Any]
"""`{_id, _source}`."""


def page_size(body: Content, size: int | None, *, offset: int, limit: int) -> int | None:
    """The size of a page: where neither argument nor body says one, all that an answer may hold; None for the body's.

    Args:
        body: a search body.
        size: the argument.
        offset: hits to leave out.
        limit: largest `from + size`.
    """
    return max(0, limit - offset) if size is None and "size" not in body else size


class AccountSearch:
    """Searches one collection.

    Args:
        store: where it is.
        scrolling: reads page by page.
        collection: `users`, `profiles` or `roles`.
        limit: largest page, and largest `from + size`.
        shown: what clients see of a content.
    """

    def __init__(
        self,
        store: Store,
        scrolling: Scrolling,
        collection: str,
        limit: int,
        shown: Callable[[Content], Content] = lambda content: content,
    ) -> None:
        self._store = store
        self._scrolling = scrolling
        self._collection = collection
        self._limit = limit
        self._shown = shown

    async def search(
        self, body: Content, *, lang: str, offset: int, size: int | None, scroll: str | None, call: Call
    ) -> Content:
        """A page: `{hits: [{_id, _source}], total, aggregations?}`, with `scroll` also `scrollId` and `remaining`.

        Args:
            body: a search body.
            lang: of its query, `elasticsearch` or `koncorde`.
            offset: hits to leave out.
            size: most hits; where nobody says how many, all that one answer may hold.
            scroll: how long to wait for the next page, such as `30s`; None when nobody asks for one.
            call: the caller.

        Raises:
            ApiError: what `read_search`, `Store.search` and `Scrolling.begin` raise.
        """
        size = page_size(body, size, offset=offset, limit=self._limit)
        if scroll is not None:
            place = Target(SECURITY_INDEX, self._collection)
            wanted = Wanted(self._collection, [place], body, lang, offset, size)
            return self._page(await self._scrolling.begin(wanted, scroll, call))
        search = read_search(body, offset=offset, size=size, lang=lang, limit=self._limit)
        found = await self._store.search(SECURITY_INDEX, self._collection, search)
        result: Content = {"hits": [self._hit(hit) for hit in found.hits], "total": found.total}
        return result | {"aggregations": found.aggregations} if found.aggregations else result

    async def next(self, id: str, scroll: str | None, call: Call) -> Content:
        """The next page of a scroll. Raises what `Scrolling.next` raises."""
        return self._page(await self._scrolling.next(self._collection, id, scroll, call))

    def _page(self, page: ScrollPage) -> Content:
        return page.to_dict([self._hit(hit) for hit, _ in page.hits])

    def _hit(self, hit: FoundHit) -> Hit:
        return {"_id": hit.id} | ({} if hit.source is None else {"_source": self._shown(hit.source)})
