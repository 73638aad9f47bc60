"""Searching and counting documents (router-protocol 5.6), in one collection or in several."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import cmp_to_key
from typing import NamedTuple

from device_manager.call import Call
from device_manager.documents.addresses import Target, check_address
from device_manager.errors import api_error
from device_manager.events.documents import DocumentEvents
from device_manager.query.search import Hit, Search, SearchResult, Sort
from device_manager.query.tree import Scalar
from device_manager.storage.contract import Store
from device_manager.storage.finding import find, read_search, shown_hit, shown_result
from device_manager.storage.stamps import Source


class DocumentSearching:
    """Searches documents.

    Args:
        store: where they are.
        events: runs the pipes.
        limit: largest page, and largest `from + size`.
    """

    def __init__(self, store: Store, events: DocumentEvents, limit: int) -> None:
        self._store = store
        self._events = events
        self._limit = limit

    async def search(
        self, targets: Sequence[Target], body: Source, *, offset: int | None, size: int | None, lang: str, call: Call
    ) -> Source:
        """Find documents: `{hits: [{_id, _score, _source?, index, collection}], total, aggregations?}`.

        Args:
            targets: what `addresses.search_targets` says.
            body: a search body; its `query` is written in `lang`.
            offset: hits to leave out; None leaves it to the body.
            size: most hits to return; None leaves it to the body.
            lang: `elasticsearch` or `koncorde`.
            call: the caller.

        Raises:
            ApiError: a 400 that names the clause, `services.storage.get_limit_exceeded` (413), `unknown_index`,
                `unknown_collection`, and what a pipe raised.
        """
        search = read_search(body, offset=offset, size=size, lang=lang, limit=self._limit)
        if len(targets) == 1:
            result = await find(self._store, *targets[0], search)
        else:
            result = await self._search_all(targets, search)
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
        found = await asyncio.gather(*(self._store.search(*target, wide) for target in targets))
        hits = [_Located(hit, target) for target, result in zip(targets, found, strict=True) for hit in result.hits]

        def compare(one: _Located, other: _Located) -> int:
            return _compare(search.sort, one.hit, other.hit)

        hits.sort(key=cmp_to_key(compare))
        page = hits[search.offset : search.offset + search.size]
        total = SearchResult([], sum(result.total for result in found))
        return shown_result([shown_hit(hit, *target) for hit, target in page], total)


class _Located(NamedTuple):
    hit: Hit
    target: Target


def _compare(sort: Sequence[Sort], one: Hit, other: Hit) -> int:
    """The order of two hits: by the sort keys, without any by falling score."""
    if not sort:
        return _signum(other.score or 0, one.score or 0)
    for key, mine, theirs in zip(sort, one.sort, other.sort, strict=True):
        if mine == theirs:
            continue
        if _is_missing(mine) or _is_missing(theirs):
            last = _is_missing(mine) == (key.missing == "_last")
            return 1 if last else -1
        order = _signum(mine, theirs)
        return order if key.order == "asc" else -order
    return 0


def _is_missing(value: Scalar) -> bool:
    """Whether a sort value says that there is none; for floating numbers it is a text, beyond all numbers."""
    return value is None or value in ("Infinity", "-Infinity")


def _signum(one: Scalar, other: Scalar) -> int:
    if isinstance(one, str) or isinstance(other, str):
        one, other = str(one), str(other)
    return (one > other) - (one < other)  # type: ignore[operator]  # numbers, or both texts
