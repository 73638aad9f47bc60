"""Indices and collections by name (router-protocol 5.3, 5.4): listing, making, changing and dropping them."""

from __future__ import annotations

from device_manager.call import Call
from device_manager.documents.addresses import Target, check_address, check_index
from device_manager.documents.removal import DocumentRemoval
from device_manager.documents.writers import Owner
from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import INTERNAL_INDEX, PRIVATE_PREFIX, Store, is_private
from device_manager.storage.mappings import Mapping, check_collection_name, check_index_name
from device_manager.storage.stamps import INFO, Source

TYPES = ("all", "stored", "realtime")
"""Which collections a list shows."""
PRIVATE_NAMES = frozenset({"kuzzle", INTERNAL_INDEX})
"""What no public index may be called, because a private one is."""


class CollectionAdministration:
    """Lists, makes, changes and drops indices and collections.

    Args:
        store: where they are.
        owner: has rules for some collections.
        removal: empties collections.
    """

    def __init__(self, store: Store, owner: Owner, removal: DocumentRemoval) -> None:
        self._store = store
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
            await self._store.drop_index(index)
        elif index not in await self._store.indices():
            raise api_error("services.storage.unknown_index", index)

    async def create(self, index: str, collection: str, mappings: Source, call: Call) -> None:
        """Add a collection, and its index, or add to the mapping of the existing one.

        Raises:
            ApiError: `services.storage.invalid_index_name`, `invalid_collection_name`, `collection_reserved`,
                `invalid_mapping`, `cannot_change_mapping`, `api.assert.missing_argument`.
        """
        _check_new(index, collection)
        if not call.dry_run:
            await self._store.create_collection(index, collection, mappings)
            return
        check_index_name(index)
        check_collection_name(collection)
        if await self.exists(index, collection):
            Mapping.stored(await self._store.mappings(index, collection)).merge(mappings)
        else:
            Mapping.compile(mappings)

    async def update(self, index: str, collection: str, mappings: Source, call: Call) -> None:
        """Add to the mapping of a collection.

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`, `invalid_mapping`,
                `cannot_change_mapping`.
        """
        check_address(index, collection)
        stored = await self._store.mappings(index, collection)
        if call.dry_run:
            Mapping.stored(stored).merge(mappings)
        else:
            await self._store.create_collection(index, collection, mappings)

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
            type: one of `TYPES`; there are no collections yet that only subscriptions know.
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
        names = await self._store.collections(index)
        shown = [{"name": name, "type": "stored"} for name in names] if type != "realtime" else []
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
