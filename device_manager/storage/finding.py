"""Searches as clients write them, and hits as they read them (router-protocol 5.6), for every action that searches."""

from __future__ import annotations

from typing import Any

from device_manager.query.elasticsearch import parse_search
from device_manager.query.koncorde import parse_koncorde
from device_manager.query.search import Hit, Search, SearchResult
from device_manager.storage.contract import Store
from device_manager.storage.stamps import Source


def read_search(body: Source, *, offset: int | None, size: int | None, lang: str, limit: int) -> Search:
    """The search that a request describes.

    Args:
        body: a search body; its `query` is written in `lang`.
        offset: hits to leave out; None leaves it to the body.
        size: most hits to return; None leaves it to the body.
        lang: `elasticsearch` or `koncorde`.
        limit: largest page, and largest `from + size`.

    Raises:
        ApiError: a 400 that names the clause, `services.storage.get_limit_exceeded` (413).
    """
    query = parse_koncorde(body.get("query")) if lang == "koncorde" else None
    return parse_search(body, offset=offset, size=size, limit=limit, query=query)


async def find(store: Store, index: str, collection: str, search: Search) -> Source:
    """Run a search on one collection: `{hits: [{_id, _score, _source?, index, collection}], total, aggregations?}`.

    Raises:
        ApiError: what `Store.search` raises.
    """
    found = await store.search(index, collection, search)
    return shown_result([shown_hit(hit, index, collection) for hit in found.hits], found)


def shown_result(hits: list[Source], found: SearchResult) -> Source:
    """A search's result as actions answer it."""
    result: dict[str, Any] = {"hits": hits, "total": found.total}
    return result | {"aggregations": found.aggregations} if found.aggregations else result


def shown_hit(hit: Hit, index: str, collection: str) -> Source:
    """A hit as actions answer it."""
    item: Source = {"_id": hit.id, "_score": hit.score, "index": index, "collection": collection}
    if hit.source is not None:
        item["_source"] = hit.source
    return item
