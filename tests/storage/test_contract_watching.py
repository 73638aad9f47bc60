"""Whoever watches a store sees what it is asked, and nothing changes for those who ask (design 10)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from device_manager.errors import ApiError
from device_manager.query.search import Search
from device_manager.storage.contract import Decide, Document, Key, Put, PutKind, PutResult, Store
from device_manager.storage.watching import StoreWatch

Writes = Callable[..., Decide[Document]]


async def test_a_watch_sees_what_a_store_is_asked(store: Store, a: Key, b: Key, put: Writes) -> None:
    await store.transact(put(a, serial=1))
    under_way: list[str] = []
    ended: list[str] = []

    @contextlib.contextmanager
    def around(operation: str) -> Iterator[None]:
        under_way.append(operation)
        try:
            yield
        finally:
            ended.append(under_way.pop())

    watch = store.watch = StoreWatch(around)
    assert (await store.get(*a)).source["serial"] == 1
    assert await store.put([Put(PutKind.INDEX, b, {"serial": 2})]) == [PutResult.WRITTEN]
    await store.transact(put(a, serial=3))
    await store.refresh(*a[:2])
    assert (await store.search(*a[:2], Search())).total == 2
    with pytest.raises(ApiError):
        await store.search(a.index, "nowhere", Search())
    assert ended == ["read", "put", "commit", "search", "search"]
    assert not under_way
    # One that fails is seen; how long it took says nothing about the store.
    assert {operation: timings.count for operation, timings in watch.timings.items()} == {
        "read": 1,
        "put": 1,
        "commit": 1,
        "search": 1,
    }
    store.watch = None
    assert (await store.get(*a)).source["serial"] == 3
    assert len(ended) == 5
