"""Getting and searching twins (device-manager 2.2, 2.3), with the generic events around them (0.4)."""

from __future__ import annotations

from device_manager.errors import api_error
from device_manager.storage.contract import Store, is_private
from device_manager.storage.finding import find, read_search
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

        async def act(body: Source) -> Source:
            search = read_search(body, offset=offset, size=size, lang=lang, limit=self._limit)
            found = await find(self._store, engine, collection, search)
            return found | {"fetched": len(found["hits"])}

        return await self._events.around("Search", body, act, call)


def _refuse_private(engine: str) -> None:
    """Private indices do not exist for clients."""
    if is_private(engine):
        raise api_error("services.storage.unknown_index", engine)
