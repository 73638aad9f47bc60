"""Indices and collections by name (router-protocol 5.3, 5.4): listing, making, changing and dropping them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from device_manager.call import Call
from device_manager.documents.addresses import Target, check_address, check_index
from device_manager.documents.reindexing import reindex, takes_more
from device_manager.documents.removal import DocumentRemoval
from device_manager.documents.writers import Owner
from device_manager.errors import ApiError, api_error
from device_manager.events.bus import EventBus
from device_manager.query.search import Search
from device_manager.storage.administration import CHANGEABLE, read_settings
from device_manager.storage.contract import INTERNAL_INDEX, PRIVATE_PREFIX, Store, is_private
from device_manager.storage.mappings import Mapping, check_collection_name, check_index_name
from device_manager.storage.specification_records import remove_specifications
from device_manager.storage.stamps import INFO, Source

TYPES = ("all", "stored", "realtime")
"""Which collections a list shows."""
PRIVATE_NAMES = frozenset({"kuzzle", INTERNAL_INDEX})
"""What no public index may be called, because a private one is."""

AT_ONCE = 16
"""Collections whose documents are counted at the same time."""
PUBLIC = "public"
"""What indices of clients are called in events."""

Followed = Callable[[str], Awaitable[Sequence[str]]]


class Definition(NamedTuple):
    """What a request says of a collection.

    Attributes:
        mappings: `{dynamic?, properties?, _meta?}`.
        settings: of the cluster.
        reindex: index old documents anew.
    """

    mappings: Source
    settings: Source | None = None
    reindex: bool = False


async def _nothing_followed(index: str) -> Sequence[str]:
    return ()


class CollectionAdministration:
    """Lists, makes, changes and drops indices and collections.

    Attributes:
        followed: tells which collections of an index somebody follows.

    Args:
        store: where they are.
        bus: tells who listens to `core:storage:*`.
        owner: has rules for some collections.
        removal: empties collections.
    """

    def __init__(self, store: Store, bus: EventBus, owner: Owner, removal: DocumentRemoval) -> None:
        self.followed: Followed = _nothing_followed
        self._store = store
        self._bus = bus
        self._owner = owner
        self._removal = removal

    async def create_index(self, index: str, call: Call) -> None:
        """Add an index.

        Raises:
            ApiError: `services.storage.index_already_exists`, `invalid_index_name`, `api.assert.missing_argument`.
        """
        if not index:
            raise api_error("api.assert.missing_argument", "index")
        if index in PRIVATE_NAMES:
            raise api_error("services.storage.index_already_exists", "private", index)
        if not call.dry_run:
            await self._store.create_index(index)
            self._bus.emit("core:storage:index:create:after", {"index": index, "scope": PUBLIC})
            return
        check_index_name(index)
        if index in await self._store.indices():
            raise api_error("services.storage.index_already_exists", "public", index)

    async def has_index(self, index: str) -> bool:
        """Whether there is an index of that name. Raises `api.assert.missing_argument`."""
        if not index:
            raise api_error("api.assert.missing_argument", "index")
        return index in await self._store.indices()

    async def indices(self, call: Call, *, count: bool) -> Source:
        """The indices that the caller has a right to: `{indexes, collections?: {index: number}}`."""
        names = [index for index in await self._store.indices() if call.may_use(index)]
        if not count:
            return {"indexes": names}
        return {"indexes": names, "collections": {name: len(await self._store.collections(name)) for name in names}}

    async def delete_index(self, index: str, call: Call, *, force: bool) -> None:
        """Remove an index with its collections.

        Raises:
            ApiError: `services.storage.unknown_index`, and what the owner of its collections refuses.
        """
        check_index(index)
        self._owner.check_removal(index, None, force=force)
        if not call.dry_run:
            await self._drop_index(index)
            self._bus.emit("core:storage:index:delete:after", {"index": index, "scope": PUBLIC})
        elif index not in await self._store.indices():
            raise api_error("services.storage.unknown_index", index)

    async def delete_indices(self, names: Sequence[str], call: Call, *, force: bool) -> list[str]:
        """Remove indices with their collections; the names of those that there were and that the caller has a right to.

        Raises:
            ApiError: what the owner of a collection refuses, nothing being removed.
        """
        there = frozenset(await self._store.indices())
        found = [name for name in dict.fromkeys(names) if name in there and call.may_use(name)]
        for index in found:
            self._owner.check_removal(index, None, force=force)
        if found and not call.dry_run:
            for index in found:
                await self._drop_index(index)
            self._bus.emit("core:storage:index:mDelete:after", {"indexes": found, "scope": PUBLIC})
        return found

    async def _drop_index(self, index: str) -> None:
        await self._store.drop_index(index)
        await remove_specifications(self._store, index)

    async def stats(self, call: Call) -> Source:
        """Documents and bytes, by index: `{indexes: [{name, size, collections: [{name, documentCount, size}]}], size}`.

        Bytes are what the store says of itself, roughly. What is removed meanwhile does not stand there.
        """
        indices: list[Source] = []
        for index in await self._store.indices():
            if call.may_use(index):
                indices += await _unless_removed(self._measured(index))
        return {"indexes": indices, "size": sum(index["size"] for index in indices)}

    async def _measured(self, index: str) -> Source:
        sizes = await self._store.sizes(index)
        names, collections = sorted(sizes), []
        for start in range(0, len(names), AT_ONCE):
            counted = [
                _unless_removed(self._counted(index, name, sizes[name])) for name in names[start : start + AT_ONCE]
            ]
            collections += [collection for found in await asyncio.gather(*counted) for collection in found]
        return {"name": index, "size": sum(sizes.values()), "collections": collections}

    async def _counted(self, index: str, collection: str, size: int) -> Source:
        found = await self._store.search(index, collection, Search(size=0))
        return {"name": collection, "documentCount": found.total, "size": size}

    async def create(self, index: str, collection: str, wanted: Definition, call: Call) -> None:
        """Add a collection, and its index, or update the existing one.

        Raises:
            ApiError: `services.storage.invalid_index_name`, `invalid_collection_name`, `collection_reserved`,
                `invalid_mapping`, `cannot_change_mapping`, `api.assert.missing_argument`, what `read_settings` raises.
        """
        _check_new(index, collection)
        settings = read_settings(wanted.settings or {}, is_new=True)
        check_index_name(index)
        check_collection_name(collection)
        if await self.exists(index, collection):
            changeable = {name: value for name, value in settings.items() if name in CHANGEABLE}
            await self.update(index, collection, wanted._replace(settings=changeable), call)
        elif call.dry_run:
            Mapping.compile(wanted.mappings)
        else:
            # A deletion that was cut short may have left those of an earlier collection of that name.
            await remove_specifications(self._store, index, collection)
            await self._store.create_collection(index, collection, wanted.mappings, settings=settings)
            place = {"index": index, "collection": collection, "scope": PUBLIC}
            self._bus.emit("core:storage:collection:create:after", place)

    async def update(self, index: str, collection: str, wanted: Definition, call: Call) -> None:
        """Add to the mapping of a collection, and change its settings; searches find old documents by the new mapping.

        That is, once this returns, where levels of the mapping take over any field from now on, or where it is asked
        for: old documents are indexed anew, as they are. Those that the mapping refuses by now stay as they were.

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`, `invalid_mapping`,
                `cannot_change_mapping`, what `read_settings` raises.
        """
        check_address(index, collection)
        settings = read_settings(wanted.settings or {}, is_new=False)
        before = await self._store.mappings(index, collection)
        after = Mapping.stored(before).merge(wanted.mappings)
        if call.dry_run:
            return
        await self._store.change_settings(index, collection, settings)
        await self._store.create_collection(index, collection, wanted.mappings)
        if wanted.reindex or takes_more(before, after.to_dict()):
            await reindex(self._store, index, collection)

    async def settings(self, index: str, collection: str) -> Source:
        """The settings that the store has for a collection.

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`.
        """
        check_address(index, collection)
        return await self._store.settings(index, collection)

    async def exists(self, index: str, collection: str) -> bool:
        """Whether there is a collection of that name."""
        _check_named(index, collection)
        if is_private(index):
            return False
        try:
            return collection in await self._store.collections(index)
        except ApiError as error:
            if error.id == "services.storage.unknown_index":
                return False
            raise

    async def list(self, index: str, type: str, offset: int, size: int) -> Source:
        """The collections of an index by name: `{collections: [{name, type}], type, from?, size?}`.

        Args:
            index: the index.
            type: one of `TYPES`; realtime ones are those that somebody follows.
            offset: how many to leave out.
            size: how many to return, 0 for all.

        Raises:
            ApiError: `services.storage.unknown_index`, `api.assert.invalid_argument`.
        """
        check_index(index)
        if type not in TYPES:
            raise api_error("api.assert.invalid_argument", "type", ", ".join(TYPES))
        for name, number in (("from", offset), ("size", size)):
            if number < 0:
                raise api_error("api.assert.invalid_argument", name, "0 or more")
        shown = []
        stored = await self._store.collections(index)
        if type != "realtime":
            shown = [{"name": name, "type": "stored"} for name in stored]
        if type != "stored":
            followed = [name for name in await self.followed(index) if type == "realtime" or name not in stored]
            shown += [{"name": name, "type": "realtime"} for name in followed]
        shown.sort(key=lambda collection: collection["name"])
        result: Source = {"collections": shown[offset : offset + size if size else None], "type": type}
        return result | ({"from": offset} if offset else {}) | ({"size": size} if size else {})

    async def mapping(self, index: str, collection: str, *, with_info: bool) -> Source:
        """What a collection maps: `{dynamic, properties, _meta?}`.

        Args:
            index: where.
            collection: which.
            with_info: show the fields of `_kuzzle_info` too.

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`.
        """
        check_address(index, collection)
        mapping = await self._store.mappings(index, collection)
        if not with_info:
            mapping["properties"].pop(INFO, None)
        return mapping

    async def refresh(self, index: str, collection: str) -> None:
        """Make all acknowledged writes visible to searches.

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`.
        """
        check_address(index, collection)
        await self._store.refresh(index, collection)

    async def truncate(self, index: str, collection: str, call: Call, *, force: bool) -> None:
        """Delete all documents of a collection.

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`, and what the owner refuses.
        """
        check_address(index, collection)
        self._owner.check_removal(index, collection, force=force)
        await self._removal.all(Target(index, collection), call)

    async def delete(self, index: str, collection: str, call: Call, *, force: bool) -> None:
        """Remove a collection with its documents.

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`, and what the owner refuses.
        """
        check_address(index, collection)
        self._owner.check_removal(index, collection, force=force)
        if collection not in await self._store.collections(index):
            raise api_error("services.storage.unknown_collection", index, collection)
        if not call.dry_run:
            await self._store.drop_collection(index, collection)
            await remove_specifications(self._store, index, collection)
            place = {"index": index, "collection": collection, "scope": PUBLIC}
            self._bus.emit("core:storage:collection:delete:after", place)


def _check_named(index: str, collection: str) -> None:
    for name, value in (("index", index), ("collection", collection)):
        if not value:
            raise api_error("api.assert.missing_argument", name)


def _check_new(index: str, collection: str) -> None:
    """Refuse names under which a client may not make a collection."""
    _check_named(index, collection)
    if index in PRIVATE_NAMES:
        raise api_error("services.storage.index_already_exists", "private", index)
    if index.startswith(PRIVATE_PREFIX):
        raise api_error("services.storage.invalid_index_name", index)


async def _unless_removed(asked: Awaitable[Source]) -> list[Source]:
    try:
        return [await asked]
    except ApiError as error:
        if not error.is_unknown_place:
            raise
        return []
