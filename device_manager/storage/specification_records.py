"""Where the specifications of collections stand, as existing data has them (router-protocol 6.1)."""

from __future__ import annotations

from typing import Any

from device_manager.errors import ApiError
from device_manager.query.tree import Term
from device_manager.storage.contract import Document, Key, Store, Transaction
from device_manager.storage.generation import generation_key, raise_generation

SPECIFICATIONS_INDEX = "%kuzzle"
SPECIFICATIONS = "validations"
MAPPING: dict[str, Any] = {
    "dynamic": "false",
    "properties": {
        "index": {"type": "keyword"},
        "collection": {"type": "keyword"},
        "validation": {"type": "object", "enabled": False},
    },
}
GENERATION = generation_key("specifications")


def specification_key(index: str, collection: str) -> Key:
    """The document with the specification of a collection."""
    return Key(SPECIFICATIONS_INDEX, SPECIFICATIONS, f"{index}#{collection}")


async def prepare_specifications(store: Store) -> None:
    """Make the collection if there is none. Raises ApiError when the store does not answer."""
    try:
        await store.create_collection(SPECIFICATIONS_INDEX, SPECIFICATIONS, MAPPING)
    except ApiError as error:
        # Existing data may map a field otherwise; searches by it are then what that mapping allows.
        if error.id != "services.storage.cannot_change_mapping":
            raise


async def remove_specifications(store: Store, index: str, collection: str | None = None) -> None:
    """Forget the specification of a collection that is gone, or those of all collections of an index.

    Raises:
        ApiError: the store does not answer.
    """
    try:
        if collection is None:
            await store.refresh(SPECIFICATIONS_INDEX, SPECIFICATIONS)
            pages = store.scan(SPECIFICATIONS_INDEX, SPECIFICATIONS, Term("index", index))
            keys = [_key(document) async for page in pages for document in page]
        else:
            keys = [specification_key(index, collection)]
        if keys:
            await store.transact(lambda tx: _remove(tx, keys))
    except ApiError as error:
        if not error.is_unknown_place:
            raise


async def remove_leftovers(store: Store) -> list[str]:
    """Forget the specifications of collections that do not exist, because a deletion was cut short.

    Returns:
        The ids of their documents.

    Raises:
        ApiError: the store does not answer.
    """
    try:
        pages = store.scan(SPECIFICATIONS_INDEX, SPECIFICATIONS)
        found = [document async for page in pages for document in page]
    except ApiError as error:
        if not error.is_unknown_place:
            raise
        return []
    known: dict[str, frozenset[str]] = {}
    for index in {str(document.source.get("index")) for document in found}:
        known[index] = await _collections_of(store, index)
    gone = [one for one in found if str(one.source.get("collection")) not in known[str(one.source.get("index"))]]
    return await store.transact(lambda tx: _remove_unchanged(tx, gone)) if gone else []


async def _collections_of(store: Store, index: str) -> frozenset[str]:
    try:
        return frozenset(await store.collections(index))
    except ApiError as error:
        if not error.is_unknown_place:
            raise
        return frozenset()


def _remove_unchanged(tx: Transaction, documents: list[Document]) -> list[str]:
    """Remove those that are as they were read: another one is of a collection that was made meanwhile."""
    now = tx.read([_key(document) for document in documents])
    gone = [one for one in documents if _key(one) in now and now[_key(one)].version == one.version]
    _remove(tx, [_key(document) for document in gone])
    return [document.id for document in gone]


def _key(document: Document) -> Key:
    return Key(SPECIFICATIONS_INDEX, SPECIFICATIONS, document.id)


def _remove(tx: Transaction, keys: list[Key]) -> None:
    found = tx.read((*keys, GENERATION))
    gone = [key for key in keys if key in found]
    for key in gone:
        tx.delete(key)
    if gone:
        raise_generation(tx, GENERATION)
