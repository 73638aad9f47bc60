"""Getting groups, and listing what is in them (device-manager 2.4)."""

from __future__ import annotations

from device_manager.errors import api_error
from device_manager.query.search import Search, Sort
from device_manager.query.tree import Query, Term
from device_manager.storage.contract import Document, Store, is_private
from device_manager.storage.finding import find
from device_manager.twins.call import Call
from device_manager.twins.documents import Source
from device_manager.twins.groups.paths import stored_path, within
from device_manager.twins.listeners import TwinEvents
from device_manager.twins.places import ASSETS, DEVICES, GROUPS

DEFAULT_SIZE = 10


class GroupReading:
    """Reads groups for clients.

    Args:
        store: where they are.
        events: runs the pipes.
        limit: largest page, and largest `from + size`.
    """

    def __init__(self, store: Store, events: TwinEvents, limit: int) -> None:
        self._store = store
        self._events = events
        self._limit = limit

    async def get(self, engine: str, group_id: str, call: Call) -> Source:
        """A group as `{_id, _source, _version}`.

        Raises:
            ApiError: `services.storage.not_found`, `unknown_index` or `unknown_collection`, and what a pipe raised.
        """
        if is_private(engine):
            raise api_error("services.storage.unknown_index", engine)

        async def read(wanted: list[Source]) -> list[Source]:
            return [group_result(await self._store.get(engine, GROUPS, item["_id"])) for item in wanted]

        (found,) = await self._events.around("Get", [{"_id": group_id}], read, call)
        return found

    async def items(
        self, engine: str, group_id: str, *, children: bool, offset: int | None, size: int | None
    ) -> dict[str, Source]:
        """The twins in a group: `{assets: {hits, total}, devices: {hits, total}}`, by id.

        Args:
            engine: where it is.
            group_id: the group.
            children: those in groups below it, too.
            offset: hits to leave out, of each kind.
            size: most hits to return, of each kind.

        Raises:
            ApiError: `services.storage.not_found`, `get_limit_exceeded`, and a 400 for negative numbers.
        """
        if is_private(engine):
            raise api_error("services.storage.unknown_index", engine)
        offset, size = offset or 0, DEFAULT_SIZE if size is None else size
        for name, number in (("from", offset), ("size", size)):
            if number < 0:
                raise api_error("api.assert.invalid_argument", name, "0 or more")
        if offset + size > self._limit:
            raise api_error("services.storage.get_limit_exceeded")
        path = stored_path(group_id, (await self._store.get(engine, GROUPS, group_id)).source)
        query: Query = within("groups.path", (path,)) if children else Term("groups.path", path)
        search = Search(query, sort=(Sort("_id"),), offset=offset, size=size)
        return {collection: await find(self._store, engine, collection, search) for collection in (ASSETS, DEVICES)}


def group_result(group: Document) -> Source:
    """A group as actions answer it."""
    return {"_id": group.id, "_source": group.source, "_version": group.version}
