"""Removing many documents, some at a time (design 6)."""

from __future__ import annotations

from device_manager.query.tree import Query
from device_manager.storage.contract import Key, Store, Transaction

PAGE = 500
"""Documents that one transaction removes."""


async def remove_matching(store: Store, index: str, collection: str, query: Query) -> int:
    """Remove what matches `query` as of now, so that no search finds it afterwards; how many documents that were.

    Raises:
        ApiError: `services.storage.unknown_index` or `unknown_collection`; a store that fails, some being removed.
    """
    await store.refresh(index, collection)
    removed = 0
    async for page in store.scan(index, collection, query, page=PAGE):
        keys = [Key(index, collection, document.id) for document in page]
        removed += await store.transact(lambda tx, keys=keys: _remove(tx, keys))  # type: ignore[misc]
    if removed:
        await store.refresh(index, collection)
    return removed


def _remove(tx: Transaction, keys: list[Key]) -> int:
    found = tx.read(keys)
    for key in found:
        tx.delete(key)
    return len(found)
