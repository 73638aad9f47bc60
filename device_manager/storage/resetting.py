"""Putting documents back to lower versions, which a put by itself never does (transactions 2, B6)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from device_manager.errors import ApiError, api_error
from device_manager.storage.puts import Put, PutKind, PutResult

if TYPE_CHECKING:
    from device_manager.storage.contract import Store

FORGETTING = 10.0
"""Seconds to wait until a removed document is forgotten; a fraction of one is usual."""


async def reset(store: Store, puts: Sequence[Put]) -> list[PutResult | ApiError]:
    """What `Store.reset` does."""
    await store.put([Put(PutKind.REMOVE, put.key, {}) for put in puts])
    results: list[PutResult | ApiError] = [PutResult.OLDER] * len(puts)
    started = time.monotonic()
    left = list(range(len(puts)))
    while left:
        for index, collection in {puts[place].key[:2] for place in left}:
            await store.refresh(index, collection)
        for place, result in zip(left, await store.put([puts[place] for place in left]), strict=True):
            results[place] = result
        older = [place for place in left if results[place] is PutResult.OLDER]
        present = await store.read([puts[place].key for place in older])
        left = [place for place in older if puts[place].key not in present]
        if left:
            if time.monotonic() - started > FORGETTING:
                raise api_error("services.storage.unavailable", "it does not forget removed documents.")
            await asyncio.sleep(FORGETTING / 100)
    return results
