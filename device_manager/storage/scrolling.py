"""Scrolls: searches read page by page, by whoever began them, on any server (router-protocol 5.6, 5.10; 9 item 33).

What a scroll needs to go on stands in the internal index, so every server of a cluster can answer the next page.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from device_manager.call import Call
from device_manager.errors import api_error
from device_manager.query.search import POSITION, Hit, Search, Snapshot, Sort
from device_manager.query.tree import Scalar
from device_manager.settings import Settings
from device_manager.storage.contract import Store, is_private
from device_manager.storage.finding import read_search
from device_manager.storage.merging import LocatedHit, Target, merged
from device_manager.storage.scroll_contexts import Place, ScrollContext, ScrollContexts

SLACK = 5.0
"""Seconds that a snapshot is kept longer than its scroll."""

_DURATION = re.compile(r"(\d{1,9})(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


class Wanted(NamedTuple):
    """What a scroll looks for.

    Attributes:
        kind: which action continues it: `document`, `users`... A scroll of one kind is unknown to the others.
        targets: the collections, searched as if they were one.
        body: a search body.
        lang: the language of its query, `elasticsearch` or `koncorde`.
        offset: hits to leave out; None leaves it to the body.
        size: hits of a page; None leaves it to the body.
    """

    kind: str
    targets: Sequence[Target]
    body: dict[str, Any]
    lang: str = "elasticsearch"
    offset: int | None = None
    size: int | None = None


class ScrollPage(NamedTuple):
    """One page.

    Attributes:
        id: of the scroll; unknown from now on when nothing remains.
        hits: the hits of this page, and where each is.
        total: of the whole search.
        remaining: hits of the pages to come.
        aggregations: of the first page.
    """

    id: str
    hits: list[LocatedHit]
    total: int
    remaining: int
    aggregations: dict[str, Any] | None = None

    def to_dict(self, hits: list[dict[str, Any]]) -> dict[str, Any]:
        """The result of an action, with the hits as it shows them."""
        result = {"hits": hits, "total": self.total, "remaining": self.remaining, "scrollId": self.id}
        return result | {"aggregations": self.aggregations} if self.aggregations else result


class Scrolling:
    """Begins and continues scrolls. Objects with the same store can continue each other's.

    Args:
        store: where documents and contexts are.
        settings: limits.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._limit = settings.search_size
        self._longest = settings.scroll_duration
        self._contexts = ScrollContexts(store, settings.scrolls_per_user)

    def duration(self, text: str) -> float:
        """The seconds that a scroll argument such as `30s` stands for.

        Raises:
            ApiError: `api.assert.invalid_argument`, `services.storage.scroll_duration_too_great`.
        """
        match = _DURATION.fullmatch(text)
        if match is None or int(match[1]) == 0:
            raise api_error("api.assert.invalid_argument", "scroll", 'a duration such as "30s" or "1m"')
        seconds = int(match[1]) * _SECONDS[match[2]]
        if seconds > self._longest:
            raise api_error("services.storage.scroll_duration_too_great", text)
        return seconds

    async def begin(self, wanted: Wanted, scroll: str, call: Call) -> ScrollPage:
        """The first page.

        Args:
            wanted: what to look for.
            scroll: how long the scroll waits for the next page, such as `30s`.
            call: the caller, who alone may continue it.

        Raises:
            ApiError: what `duration` and `read_search` raise, `api.assert.invalid_argument` for an empty page,
                `api.assert.mutually_exclusive` with `search_after`, `services.storage.too_many_scrolls` (429),
                `unknown_index`, `unknown_collection`.
        """
        keep = self.duration(scroll)
        search = self._read(wanted.body, wanted.lang, wanted.offset, wanted.size)
        if wanted.body.get("search_after") is not None:
            raise api_error("api.assert.mutually_exclusive", "scroll", "search_after")
        if search.size < 1:
            raise api_error("api.assert.invalid_argument", "size", "1 or more when scrolling")
        if search.aggregations and len(wanted.targets) > 1:
            raise api_error("api.assert.forbidden_argument", "body.aggregations")
        body = {name: value for name, value in wanted.body.items() if name not in ("aggs", "aggregations", "from")}
        context = ScrollContext(wanted.kind, call.user_id, [], body, wanted.lang, search.size)
        try:
            for target in wanted.targets:
                snapshot = await self._store.open_snapshot(*target, keep + SLACK)
                context.places.append(Place(*target, snapshot))
            hits, total, aggregations = await self._page(context, search, keep)
            context.total, context.fetched = total, min(search.offset + len(hits), total)
            id = uuid.uuid4().hex
            if context.remaining:
                await self._contexts.open(id, context, keep)
        except BaseException:
            await self._close(context)
            raise
        if not context.remaining:
            await self._close(context)
        return ScrollPage(id, hits, total, context.remaining, aggregations)

    async def next(self, kind: str, id: str, scroll: str | None, call: Call) -> ScrollPage:
        """The next page of a scroll that the caller began.

        Args:
            kind: see `Wanted`.
            id: of the scroll.
            scroll: how long it waits for the page after that; None for as long as before.
            call: the caller.

        Raises:
            ApiError: `services.storage.unknown_scroll_id` (404) when it has expired or ended, when it is somebody
                else's, or when the caller has lost the right to a collection; what `duration` raises.
        """
        asked = None if scroll is None else self.duration(scroll)
        context = await self._contexts.get(id)
        if context is None or context.kind != kind or context.owner != call.user_id or not _may_see(context, call):
            raise api_error("services.storage.unknown_scroll_id")
        keep = context.keep if asked is None else asked
        search = replace(self._read(context.body, context.lang, 0, context.size), counted=False)
        hits, _, _ = await self._page(context, search, keep)
        context.fetched += len(hits)
        # Without a snapshot documents may have come or gone since the total was counted.
        if len(hits) < context.size or context.fetched > context.total:
            context.total = context.fetched
        if context.remaining:
            await self._contexts.keep(id, context, keep)
        else:
            await self._contexts.end(id, context)
            await self._close(context)
        return ScrollPage(id, hits, context.total, context.remaining)

    def _read(self, body: dict[str, Any], lang: str, offset: int | None, size: int | None) -> Search:
        return read_search(body, offset=offset, size=size, lang=lang, limit=self._limit)

    async def _page(
        self, context: ScrollContext, search: Search, keep: float
    ) -> tuple[list[LocatedHit], int, dict[str, Any] | None]:
        """The next hits, the total and the aggregations; the places in `context` move behind the hits."""
        wanted = search.offset + search.size
        sort = search.sort or (Sort("_score", "desc"),)
        hits: list[LocatedHit] = []
        total = 0
        aggregations = None
        for place in context.places:
            part = replace(
                search,
                offset=0,
                size=wanted,
                sort=(*sort, Sort(POSITION)),
                search_after=place.after,
                snapshot=Snapshot(place.snapshot, keep + SLACK),
            )
            result = await self._store.search(place.index, place.collection, part)
            place.snapshot = result.snapshot
            total += result.total
            aggregations = result.aggregations
            more = [LocatedHit(hit, Target(place.index, place.collection)) for hit in result.hits]
            hits = merged((hits, more), sort, wanted)
        after: dict[Target, tuple[Scalar, ...]] = {target: hit.sort for hit, target in hits}
        for place in context.places:
            place.after = after.get(Target(place.index, place.collection), place.after)
        shown = [LocatedHit(_shown(hit, search), target) for hit, target in hits[search.offset :]]
        return shown, total, aggregations

    async def _close(self, context: ScrollContext) -> None:
        for place in context.places:
            if place.snapshot:
                await self._store.close_snapshot(place.snapshot)


def _shown(hit: Hit, search: Search) -> Hit:
    """A hit as the search would show it without scrolling: its score only when nothing else sorts."""
    return replace(hit, sort=hit.sort[: len(search.sort)])


def _may_see(context: ScrollContext, call: Call) -> bool:
    """Whether the caller still has a right to everything that the scroll reads; to private indices by the action."""
    return all(is_private(place.index) or call.may_see(place.index, place.collection) for place in context.places)
