"""Making documents searchable by a mapping that came after them (router-protocol 6.3)."""

from __future__ import annotations

import contextlib
from typing import Any

from device_manager.errors import ApiError
from device_manager.storage.contract import Key, Store, Transaction
from device_manager.storage.steps import unrecorded

PAGE = 500
"""Documents that one transaction writes again."""


def takes_more(before: dict[str, Any], after: dict[str, Any], above: str = "false") -> bool:
    """Whether a level of a mapping that left unknown fields alone takes them over now; `above` is inherited."""
    was, now = before.get("dynamic", above), after.get("dynamic", above)
    if was == "false" and now == "true":
        return True
    inner = before.get("properties") or {}
    levels = (after.get("properties") or {}).items()
    return any(takes_more(inner[name], level, now) for name, level in levels if name in inner)


async def reindex(store: Store, index: str, collection: str) -> None:
    """Write every document again as it is; those that the mapping refuses stay as they were.

    Raises:
        ApiError: the store does not answer; some documents may be written again by then.
    """
    await store.refresh(index, collection)
    with unrecorded():  # any number of times is as good as once
        async with contextlib.aclosing(store.scan(index, collection, page=PAGE)) as pages:
            async for page in pages:
                keys = [Key(index, collection, document.id) for document in page]
                if not await _written(store, keys):
                    for key in keys:
                        await _written(store, [key])
    await store.refresh(index, collection)


async def _written(store: Store, keys: list[Key]) -> bool:
    """Whether the documents were written again; not when the mapping refuses any of them."""

    def decide(tx: Transaction) -> None:
        for key, document in tx.read(keys).items():
            tx.replace(key, document.source)

    try:
        await store.transact(decide, large=len(keys) > 1)
    except ApiError as error:
        if error.is_fault:
            raise
        return False
    return True
