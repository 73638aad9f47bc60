"""Removing what matches a query, on both stores."""

from __future__ import annotations

from collections.abc import Callable

from device_manager.query.search import Search
from device_manager.query.tree import MATCH_ALL, Term
from device_manager.storage.contract import Document, Key, Store, Transaction
from device_manager.storage.removal import remove_matching

Put = Callable[..., Callable[[Transaction], Document]]


async def test_searches_find_nothing_of_what_was_removed(store: Store, index: str, a: Key, b: Key, put: Put) -> None:
    await store.transact(put(a, model="truck"))
    await store.transact(put(b, model="ship"))
    assert await remove_matching(store, index, "assets", Term("model", "truck")) == 1
    found = await store.search(index, "assets", Search(MATCH_ALL))
    assert [hit.id for hit in found.hits] == ["b"]
    assert list(await store.read([a, b])) == [b]
    assert await remove_matching(store, index, "assets", Term("model", "truck")) == 0
