"""Getting and searching twins (device-manager 2.2, 2.3), with the generic events around them (0.4)."""

from __future__ import annotations

from typing import Any

from device_manager.errors import api_error
from device_manager.query.elasticsearch import parse_search
from device_manager.query.koncorde import parse_koncorde
from device_manager.query.search import Hit
from device_manager.storage.contract import INTERNAL_INDEX, Store
from device_manager.twins.call import Call
from device_manager.twins.documents import Source, twin_result
from device_manager.twins.listeners import TwinEvents


class Reading:
    """Reads twins for clients."""

    def __init__(self, store: Store, events: TwinEvents, search_limit: int) -> None:
        self._store = store
        self._events = events
        self._limit = search_limit

    async def get(self, engine: str, collection: str, id: str, call: Call) -> Source:
        """One twin as `{_id, _source}`.

        Raises:
            ApiError: `services.storage.not_found`, `unknown_index` or `unknown_collection`, and what a pipe raised.
        """
        _refuse_private(engine)

        async def read(wanted: list[Source]) -> list[Source]:
            return [twin_result(await self._store.get(engine, collection, item["_id"])) for item in wanted]

        (found,) = await self._events.around("Get", [{"_id": id}], read, call)
        return found

    async def search(
        self, engine: str, collection: str, body: Source, *, offset: int | None, size: int | None, lang: str, call: Call
    ) -> Source:
        """Search twins; the result of device-manager 0.3.

        Args:
            engine: the engine.
            collection: `assets` or `devices`.
            body: a search body; its `query` is written in `lang`.
            offset: hits to leave out; None leaves it to the body.
            size: most hits to return; None leaves it to the body.
            lang: `elasticsearch` or `koncorde`.
            call: the caller.

        Raises:
            ApiError: a 400 that names the clause, `services.storage.get_limit_exceeded` (413), an unknown engine, and
                what a pipe raised.
        """
        _refuse_private(engine)

        async def find(body: Source) -> Source:
            query = parse_koncorde(body.get("query")) if lang == "koncorde" else None
            search = parse_search(body, offset=offset, size=size, limit=self._limit, query=query)
            found = await self._store.search(engine, collection, search)
            result: dict[str, Any] = {
                "hits": [_hit(hit, engine, collection) for hit in found.hits],
                "total": found.total,
                "fetched": len(found.hits),
            }
            return result | {"aggregations": found.aggregations} if found.aggregations else result

        return await self._events.around("Search", body, find, call)


def _refuse_private(engine: str) -> None:
    """The product's own index does not exist for clients."""
    if engine == INTERNAL_INDEX:
        raise api_error("services.storage.unknown_index", engine)


def _hit(hit: Hit, engine: str, collection: str) -> Source:
    item: Source = {"_id": hit.id, "_score": hit.score, "index": engine, "collection": collection}
    if hit.source is not None:
        item["_source"] = hit.source
    return item
