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


def _key(document: Document) -> Key:
    return Key(SPECIFICATIONS_INDEX, SPECIFICATIONS, document.id)


def _remove(tx: Transaction, keys: list[Key]) -> None:
    found = tx.read((*keys, GENERATION))
    gone = [key for key in keys if key in found]
    for key in gone:
        tx.delete(key)
    if gone:
        raise_generation(tx, GENERATION)
